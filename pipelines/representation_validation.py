"""Held-out reconstruction while a representation or its decoder trains."""

from collections.abc import Sequence

import numpy as np
import torch

from ..decoders import SegmentDecoder, with_neighbours
from ..encoders import SegmentEncoder
from ..encoders.latents import add_noise, noise_level
from .batches import SegmentBatch, segment_batch
from .prepared import PreparedCorpus
from .representation import encode_chunks

VALIDATION_SEGMENTS = 250


@torch.no_grad()
def validation_metrics(
    encoder: SegmentEncoder,
    decoder: SegmentDecoder,
    batches: list[SegmentBatch],
    noise: Sequence[float] = (0.0, 0.3),
) -> dict[str, float]:
    """Free-running reconstruction of held-out segments: loss and share that comes back token for token."""
    device = encoder.latent_mean.device
    generator = torch.Generator().manual_seed(0)
    metrics: dict[str, float] = {}
    for strength in noise:
        exact = ended = total = tokens = 0
        loss = 0.0
        for held_out in batches:
            batch = held_out.to(device)
            assert isinstance(batch, SegmentBatch)
            latents = encoder.normalize(encode_chunks(encoder, batch.tokens, batch.token_mask, 1))
            drawn = torch.randn(latents.shape, generator=generator).to(latents)
            latents = add_noise(latents, strength, drawn)
            grid = latents.new_zeros(*batch.segment_mask.shape, *latents.shape[1:])
            grid[batch.segment_mask] = latents
            level = grid.new_full(grid.shape[:-1], noise_level(strength))
            parts = with_neighbours(grid, batch.segment_mask, level, decoder.config.context_window)
            memory, mask = decoder.memory(*parts)
            loss += float(decoder.loss(batch.tokens, batch.token_mask, memory, mask).sum())
            tokens += int(batch.token_mask.sum())
            out = decoder.generate(memory, mask)
            width = max(out.shape[1], batch.tokens.shape[1])
            pad = decoder.config.pad_token_id
            padded = [
                torch.nn.functional.pad(ids, (0, width - ids.shape[1]), value=pad)
                for ids in (out, batch.tokens.masked_fill(batch.token_mask == 0, pad))
            ]
            exact += int((padded[0] == padded[1]).all(dim=1).sum())
            ended += int((out == decoder.config.eos_token_id).any(dim=1).sum())
            total += out.shape[0]
        name = f"valid_noise_{strength:g}"
        metrics |= {
            f"{name}_loss": loss / tokens,
            f"{name}_exact": exact / total,
            f"{name}_ended": ended / total,
        }
    return metrics


def validation_batches(corpus: PreparedCorpus | None, max_segments: int, count: int) -> list[SegmentBatch]:
    """The first documents of a held-out corpus, about `count` segments, in small batches."""
    if corpus is None:
        return []
    sizes = np.minimum(corpus.documents.lengths, max_segments)
    documents = range(int(np.searchsorted(sizes.cumsum(), count)) + 1)
    windows = [(index, 0, int(sizes[index])) for index in documents if index < len(sizes)]
    rng = np.random.default_rng(0)
    return [segment_batch(corpus, windows[start : start + 50], 0, rng) for start in range(0, len(windows), 50)]
