"""Decoder adaptation: the decoder learns to read latents as the denoiser leaves them.

B documents, S segments, N flat segments, K latents per segment, D latent width, T tokens.
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ..configs.schema import AdaptationConfig
from ..decoders import SegmentDecoder, with_neighbours
from ..diffusion import SegmentDenoiser, sample
from ..encoders import ConditionEncoder
from .batches import TensorBatch
from .latent_batches import LatentBatch
from .noising import draw_noise
from .representation import length_chunks

LENGTH_CHUNKS = 4


@dataclass
class AdaptationBatch(TensorBatch):
    """Latents of document windows and the tokens (N, T) of their existing segments, in document order.

    Attributes:
        alone: latents (M, K, D) of other segments, which are shown on their own, or None.
        alone_tokens, alone_mask: their tokens (M, U).
    """

    documents: LatentBatch
    tokens: Tensor
    token_mask: Tensor
    alone: Tensor | None = None
    alone_tokens: Tensor | None = None
    alone_mask: Tensor | None = None


class AdaptationObjective(nn.Module):
    """Reconstruction from a mix of clean, noised and denoised latents; only the decoder learns.

    Args:
        decoder: trained.
        denoiser, condition_encoder: frozen, and kept out of this module's parameters.
        scheduler: of the sampler.
        config: shares, noise and noise levels.
    """

    def __init__(
        self,
        decoder: SegmentDecoder,
        denoiser: SegmentDenoiser,
        condition_encoder: ConditionEncoder,
        scheduler: Any,
        config: AdaptationConfig,
    ) -> None:
        super().__init__()
        self.decoder = decoder
        self.frozen = (denoiser, condition_encoder)  # a tuple: not registered, not trained
        self.scheduler = scheduler
        self.config = config

    @torch.no_grad()
    def denoised(self, batch: LatentBatch, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Latents (R, S, K, D) of R rows, noised to a level drawn for each and denoised again; the levels (R, 1)."""
        denoiser, condition_encoder = self.frozen
        low, high = self.config.min_level, self.config.max_level
        latents = batch.latents[rows]
        level = low + (high - low) * torch.rand(len(rows), 1, device=latents.device)
        condition, condition_mask = condition_encoder(batch.condition_ids[rows], batch.condition_mask[rows])
        output = sample(
            denoiser,
            self.scheduler,
            self.config.denoising_steps,
            torch.randn_like(latents),
            batch.segment_mask[rows],
            condition,
            condition_mask,
            latents=latents,
            start_level=level.expand(-1, latents.shape[1]),
            before=batch.before[rows],
            after=batch.after[rows],
        )
        return output.latents, level

    def forward(self, batch: AdaptationBatch) -> dict[str, Tensor]:
        """Losses of a batch: "loss" in nats per token."""
        latents = batch.documents.latents
        mask = batch.documents.segment_mask
        mixed, level = draw_noise(latents, self.decoder.config.gist_latents, self.config.noise)
        rows = (torch.rand(mask.shape[0], device=mask.device) < self.config.denoised_share).nonzero().squeeze(1)
        if len(rows):
            mixed[rows], from_level = self.denoised(batch.documents, rows)
            hidden = level[rows] == 1  # of these the gist is told alone, as in a story that is written from nothing
            level[rows] = from_level.unsqueeze(-1).expand_as(level[rows]).masked_fill(hidden, 1.0)
        own, around, seen, level, around_level = with_neighbours(mixed, mask, level, self.decoder.config.context_window)
        kept = torch.rand(seen.shape[0], 1, device=mask.device) >= self.config.context_dropout
        memory, memory_mask = self.decoder.memory(own, around, seen & kept, level, around_level)
        total = self.loss(batch.tokens, batch.token_mask, memory, memory_mask)
        count = batch.token_mask.sum()
        if batch.alone is not None and batch.alone_tokens is not None and batch.alone_mask is not None:
            noised, told = draw_noise(batch.alone, self.decoder.config.gist_latents, self.config.alone_noise)
            memory, memory_mask = self.decoder.memory(noised, level=told)
            total = total + self.loss(batch.alone_tokens, batch.alone_mask, memory, memory_mask)
            count = count + batch.alone_mask.sum()
        return {"loss": total / count}

    def loss(self, tokens: Tensor, token_mask: Tensor, memory: Tensor, memory_mask: Tensor) -> Tensor:
        """Summed cross-entropy in nats of (N, T) tokens."""
        chunks = [
            self.decoder.loss(tokens[rows, :width], token_mask[rows, :width], memory[rows], memory_mask[rows]).sum()
            for rows, width in length_chunks(token_mask, LENGTH_CHUNKS)
        ]
        return torch.stack(chunks).sum()
