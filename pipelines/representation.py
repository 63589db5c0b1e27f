"""The representation stage: encoder and decoder learn a smooth latent space together. No diffusion here.

B documents, S segments, N flat segments, T tokens, K latents per segment, D latent width, P pairs, W neighbours.
"""

import torch
from torch import Tensor, nn

from ..configs.schema import RepresentationConfig
from ..decoders import SegmentDecoder, with_neighbours
from ..encoders import SegmentEncoder
from ..encoders.objectives import (
    adversarial_perturbation,
    info_nce,
    similarity_distillation,
    sliced_wasserstein,
    token_divergence,
    virtual_adversarial_perturbation,
)
from .batches import SegmentBatch
from .noising import draw_noise

STATISTICS_MOMENTUM = 0.99


def length_chunks(mask: Tensor, num_chunks: int) -> list[tuple[Tensor, int]]:
    """Row indices of (N, T) `mask` in chunks of like length, and the tokens each chunk needs: less padding is run."""
    if num_chunks == 1:
        return [(torch.arange(mask.shape[0], device=mask.device), mask.shape[1])]
    lengths = mask.sum(dim=1)
    return [(rows, int(lengths[rows].max())) for rows in lengths.argsort(stable=True).chunk(num_chunks)]


def encode_chunks(encoder: SegmentEncoder, tokens: Tensor, mask: Tensor, num_chunks: int) -> Tensor:
    """(N, T) ids and mask -> raw latents (N, K, D)."""
    chunks = length_chunks(mask, num_chunks)
    parts = [encoder(tokens[rows, :width], mask[rows, :width]) for rows, width in chunks]
    order = torch.cat([rows for rows, _ in chunks])
    return torch.cat(parts)[order.argsort()]


class RepresentationObjective(nn.Module):
    """Reconstruction from noised latents, contrast, a teacher, worst-case perturbation and prior, each with its weight.

    Args:
        encoder, decoder: the pair to be trained.
        config: weights and strengths; `config.tie_embeddings` makes the two share their token embedding.

    Raises:
        ValueError: embeddings of different widths to be tied; `segment_dropout` for a decoder without neighbours.
    """

    batches_seen: Tensor

    def __init__(
        self,
        encoder: SegmentEncoder,
        decoder: SegmentDecoder,
        config: RepresentationConfig,
    ) -> None:
        super().__init__()
        self.encoder = encoder
        self.decoder = decoder
        self.config = config
        self.register_buffer("batches_seen", torch.zeros((), dtype=torch.long))  # a buffer: resumed with the weights
        if config.segment_dropout and not decoder.config.context_window:
            raise ValueError("segment_dropout needs a decoder that sees neighbours; decoder.context_window is 0")
        if config.tie_embeddings:
            widths = [model.embed_tokens.weight.shape for model in (encoder.text_encoder, decoder.transformer)]
            if widths[0] != widths[1]:
                raise ValueError(
                    f"tie_embeddings needs encoder and decoder of one width; they are {widths[0][1]} and {widths[1][1]}"
                )
            decoder.transformer.embed_tokens.weight = encoder.text_encoder.embed_tokens.weight

    def forward(self, batch: SegmentBatch) -> dict[str, Tensor]:
        """Losses of a batch: "loss" (weighted sum) and its terms, in nats per token or per pair."""
        config = self.config
        raw = encode_chunks(self.encoder, batch.tokens, batch.token_mask, config.length_chunks)
        if self.training:
            flat = raw.detach().float()
            self.encoder.set_statistics(flat.mean(0), flat.std(0, correction=0), STATISTICS_MOMENTUM)
            self.batches_seen += 1
        latents = self.encoder.normalize(raw)
        noised, level = self.noised(latents)
        num_tokens = batch.token_mask.sum()
        terms = {"reconstruction": self.reconstruction(batch, noised, level).sum() / num_tokens}
        total = terms["reconstruction"]
        if config.contrastive.weight and batch.triples is not None:
            terms["contrastive"] = self.contrast(batch)
            total = total + config.contrastive.weight * terms["contrastive"]
        if config.distillation.weight and batch.teacher is not None:
            terms["distillation"] = self.distillation(batch)
            total = total + config.distillation.weight * terms["distillation"]
        if config.adversarial.weight:
            terms["adversarial"] = self.adversarial(batch, latents)
            total = total + config.adversarial.weight * terms["adversarial"]
        if config.prior.weight:
            terms["prior"] = sliced_wasserstein(latents, config.prior.projections)
            total = total + config.prior.weight * terms["prior"]
        return {"loss": total, **terms}

    def noised(self, latents: Tensor) -> tuple[Tensor, Tensor]:
        """Latents (N, K, D) with noise drawn for each segment, and its levels (N, K)."""
        warmup = self.config.noise_warmup_steps * self.config.loop.accumulate
        grown = (self.batches_seen / warmup).clamp_max(1) if warmup else 1.0
        return draw_noise(latents, self.encoder.config.gist_latents, self.config.noise, grown)

    def reconstruction(self, batch: SegmentBatch, latents: Tensor, level: Tensor) -> Tensor:
        """Summed cross-entropy of each segment (N), shortest first, given its own and some neighbours' latents.

        Segments that are dropped see none of their own latents, and their neighbours, which learn from it.
        """
        grid = latents.new_zeros(*batch.segment_mask.shape, *latents.shape[1:])
        levels = latents.new_zeros(*batch.segment_mask.shape, latents.shape[1])
        grid[batch.segment_mask], levels[batch.segment_mask] = latents, level
        window = self.decoder.config.context_window
        own, around, seen, level, around_level = with_neighbours(grid, batch.segment_mask, levels, window)
        kept = torch.rand(seen.shape[0], 1, device=seen.device) >= self.config.context_dropout
        if self.config.segment_dropout:
            dropped = torch.rand(level.shape[0], 1, device=level.device) < self.config.segment_dropout
            level, kept = level.masked_fill(dropped, 1.0), kept | dropped
        memory, memory_mask = self.decoder.memory(own, around, seen & kept, level, around_level)
        losses = []
        chunks = length_chunks(batch.token_mask, self.config.length_chunks)
        for rows, width in chunks:
            tokens, mask = batch.tokens[rows, :width], batch.token_mask[rows, :width]
            losses.append(self.decoder.loss(tokens, mask, memory[rows], memory_mask[rows]))
        return torch.cat(losses)

    def contrast(self, batch: SegmentBatch) -> Tensor:
        """InfoNCE of what anchors and positives mean (`SegmentEncoder.meaning`), with in-batch and hard negatives."""
        assert batch.triples is not None and batch.triple_mask is not None and batch.has_negative is not None
        num_pairs = batch.triples.shape[1]
        kinds = 3 if self.config.contrastive.hard_negatives else 2
        mask = batch.triple_mask[:kinds].flatten(0, 1).clone()
        mask[:, 0] = 1  # an absent negative still needs a token; it is left out below
        raw = self.encoder(batch.triples[:kinds].flatten(0, 1), mask)
        meaning = self.encoder.normalize(raw)[:, self.encoder.meaning]
        anchor, positive, *negative = meaning.split(num_pairs)
        hard = negative[0][batch.has_negative] if negative else None
        config = self.config.contrastive
        own = batch.has_negative.nonzero().squeeze(1)
        return info_nce(anchor, positive, hard, config.temperature, config.similarity, own, config.hard_weight)

    def distillation(self, batch: SegmentBatch) -> Tensor:
        """Divergence of what the meanings of texts are like from what a teacher's vectors of them are like."""
        assert batch.taught is not None and batch.taught_mask is not None and batch.teacher is not None
        raw = encode_chunks(self.encoder, batch.taught, batch.taught_mask, self.config.length_chunks)
        meaning = self.encoder.normalize(raw)[:, self.encoder.meaning]
        temperature, kind = self.config.distillation.temperature, self.config.contrastive.similarity
        return similarity_distillation(meaning, batch.teacher, temperature, kind)

    def adversarial(self, batch: SegmentBatch, latents: Tensor) -> Tensor:
        """Worst-case perturbation of some segments, each decoded on its own: its cross-entropy or its divergence."""
        config = self.config.adversarial
        rows = torch.randperm(latents.shape[0], device=latents.device)[: config.segments]
        tokens, mask, attacked = batch.tokens[rows], batch.token_mask[rows], latents[rows]
        width = int(mask.sum(1).max())
        tokens, mask = tokens[:, :width], mask[:, :width]
        if config.kind == "virtual":
            return self.virtual_adversarial(tokens, mask, attacked) / mask.sum()

        def loss(point: Tensor) -> Tensor:
            return self.decoder.loss(tokens, mask, *self.decoder.memory(point)).sum()

        delta = adversarial_perturbation(loss, attacked, config.radius, config.num_steps)
        return loss(attacked + delta) / mask.sum()

    def virtual_adversarial(self, tokens: Tensor, mask: Tensor, latents: Tensor) -> Tensor:
        """Summed divergence of the decoder's distributions at the clean and the worst latents, without dropout."""
        config = self.config.adversarial
        start = torch.full_like(tokens[:, :1], self.decoder.config.bos_token_id)
        inputs = torch.cat([start, tokens[:, :-1]], dim=1)
        training = self.decoder.training
        self.decoder.eval()
        with torch.no_grad():
            clean = self.decoder(inputs, *self.decoder.memory(latents))

        def change(point: Tensor) -> Tensor:
            return token_divergence(clean, self.decoder(inputs, *self.decoder.memory(point)), mask).sum()

        delta = virtual_adversarial_perturbation(change, latents, config.radius, config.num_steps)
        divergence = change(latents + delta)
        self.decoder.train(training)
        return divergence
