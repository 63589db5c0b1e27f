"""Where a paraphrase starts: latents of a sentence, moved by a strength in one of three ways.

N segments, S segments of a window, K latents per segment, the first G of them gist latents, D latent width.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ..diffusion import SegmentDenoiser, sample
from ..encoders.latents import add_noise, noise_level

MAX_SHARE = 0.5  # of the word latents, at strength 1
DROWNING_NOISE = 1.5  # of their norm


@dataclass(frozen=True)
class Draws:
    """The random numbers of N candidates; each has its own, so that it depends on no other.

    Attributes:
        noise: (N, K, D), standard normal.
        order: (N, K) in [0, 1): which latents move first ("meaning").
        uniforms: (N, T) in [0, 1), for the decoder's sampling.
    """

    noise: Tensor
    order: Tensor
    uniforms: Tensor

    @staticmethod
    def of(seed: int, count: int, shape: Sequence[int], max_tokens: int) -> "Draws":
        """The first `count` candidates of a seed, whatever comes after them; `shape` is (K, D)."""
        generator = torch.Generator().manual_seed(seed)
        drawn = [
            (
                torch.randn(*shape, generator=generator),
                torch.rand(shape[0], generator=generator),
                torch.rand(max_tokens, generator=generator),
            )
            for _ in range(count)
        ]
        return Draws(*(torch.stack(parts) for parts in zip(*drawn, strict=True)))

    @staticmethod
    def joined(parts: Sequence["Draws"]) -> "Draws":
        """Candidates of several seeds below one another."""
        return Draws(*(torch.cat([getattr(part, name) for part in parts]) for name in ("noise", "order", "uniforms")))


def gaussian(latents: Tensor, strength: float, draws: Draws) -> tuple[Tensor, Tensor]:
    """Noise on all latents (N, K, D), `strength` of their norm; the noised latents and their levels (N, K)."""
    level = torch.full(latents.shape[:2], noise_level(strength), dtype=latents.dtype, device=latents.device)
    return add_noise(latents, strength, draws.noise.to(latents)), level


def keeping_meaning(latents: Tensor, strength: float, draws: Draws, gist_latents: int) -> tuple[Tensor, Tensor]:
    """Change the words and not what sentence embeddings are made of.

    With a gist, that is the gist: it stays as it is, and a share of the other latents is drowned: in every second
    candidate or so in noise, in the others they are not shown at all. The decoder is told so, and fills their stretch
    of the sentence from the gist and from the latents beside them. The share is `MAX_SHARE * strength` on average and
    at least one latent; what is drowned at one strength is drowned at every greater one.

    Without a gist, sentence embeddings are the mean of the latents: noise of `strength` on all of them, less its mean.

    Args:
        latents: (N, K, D), normalised.
        strength: in (0, 1].
        draws: of N candidates.
        gist_latents: G.

    Returns:
        (N, K, D) and the levels (N, K) that the decoder is to be told, 1 for a latent that is not shown.

    Raises:
        ValueError: one latent and no gist: all of it is meaning.
    """
    num_latents = latents.shape[1]
    if not gist_latents:
        if num_latents == 1:
            raise ValueError("method 'meaning' needs more than one latent a segment; use the method 'gaussian'")
        noise = draws.noise.to(latents)
        moved = add_noise(latents, strength, noise - noise.mean(dim=1, keepdim=True))
        return moved, torch.full_like(latents[..., 0], noise_level(strength))
    order = draws.order.to(latents)
    words = torch.arange(num_latents, device=latents.device) >= gist_latents
    first = order.masked_fill(~words, 2.0).amin(dim=1, keepdim=True)
    drowned = words & ((order < MAX_SHARE * strength) | (order == first))
    noise = drowned * DROWNING_NOISE
    moved = add_noise(latents, noise.to(latents), draws.noise.to(latents))
    hidden = drowned & (order[:, :1] < 0.5)  # the gist's own number, which decides nothing else
    return moved, noise_level(noise.to(latents)).masked_fill(hidden, 1.0)


def denoising_level(strength: float) -> float:
    """The noise level that "denoise" starts from: below 0.4 little changes, above 0.8 little is left."""
    return 0.4 + 0.4 * strength


def denoised(
    denoiser: SegmentDenoiser,
    scheduler: Any,
    condition: tuple[Tensor, Tensor],
    grid: Tensor,
    segment_mask: Tensor,
    place: Tensor,
    before: Tensor,
    after: Tensor,
    level: float,
    draws: Draws,
    num_inference_steps: int,
) -> Tensor:
    """Noise one segment of each window to `level` and denoise it again, its neighbours clean.

    Args:
        denoiser, scheduler: of the model.
        condition: states (N, C, H) and mask (N, C).
        grid: (N, S, K, D) clean latents of the windows.
        segment_mask: (N, S).
        place: (N,) which segment of its window is meant.
        before, after: (N, S) segments of the document before and after each.
        level: noise level in (0, 1] that it starts from.
        draws: of N candidates.
        num_inference_steps: of the scheduler, counted from pure noise.

    Returns:
        (N, K, D).
    """
    rows = torch.arange(len(place), device=place.device)
    levels = torch.zeros(segment_mask.shape, dtype=grid.dtype, device=grid.device)
    levels[rows, place] = level
    noise = torch.zeros_like(grid)
    noise[rows, place] = draws.noise.to(grid)
    output = sample(
        denoiser,
        scheduler,
        num_inference_steps,
        noise,
        segment_mask,
        *condition,
        latents=grid,
        start_level=levels,
        before=before,
        after=after,
        generator=[torch.Generator().manual_seed(int(row[0] * 2**24)) for row in draws.order],  # of noisy schedulers
    )
    return output.latents[rows, place]
