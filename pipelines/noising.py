"""The noise that the decoder learns to read through, and is told of.

K latents per segment, the first G of them gist latents, D latent width; ``...`` is any leading shape.
"""

import torch
from torch import Tensor

from ..configs.schema import NoiseConfig
from ..encoders.latents import add_noise, noise_level


def draw_noise(
    latents: Tensor, gist_latents: int, config: NoiseConfig, grown: Tensor | float = 1.0
) -> tuple[Tensor, Tensor]:
    """Gaussian noise of a strength drawn per segment; some segments stay clean.

    The gist has noise of its own, weaker than that of the other latents, of which some segments show nothing: so the
    gist alone must say what matters most (nested dropout, arXiv 1402.0915, with two nested sets).

    Args:
        latents: normalised latents (..., K, D).
        gist_latents: G; 0 = all latents of a segment get the same noise.
        config: strengths and shares.
        grown: factor of the strengths, at most 1.

    Returns:
        (..., K, D) noised latents and (..., K) noise levels, 1 where a latent is not to be shown.
    """
    shape, device = (*latents.shape[:-2], 1), latents.device
    strength = torch.rand(shape, device=device) * config.max_strength * grown
    strength = strength.masked_fill(torch.rand(shape, device=device) < config.clean_share, 0.0)
    if not gist_latents:
        strength = strength.expand(latents.shape[:-1])
        return add_noise(latents, strength), noise_level(strength)
    hidden = torch.rand(shape, device=device) < config.gist_only_share
    gist = torch.rand(shape, device=device) * config.max_gist_strength * grown
    gist = torch.where(hidden, gist, torch.minimum(gist, strength))
    is_gist = torch.arange(latents.shape[-2], device=device) < gist_latents
    strength = torch.where(is_gist, gist, strength)
    level = noise_level(strength).masked_fill(hidden & ~is_gist, 1.0)
    return add_noise(latents, strength), level
