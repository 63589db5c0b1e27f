"""Arithmetic on segment latents. K latents per segment, D latent width; ``...`` is any leading shape.

All noise strengths in this project are relative: a strength of 0.3 moves a segment's latents by 0.3 of their norm,
whatever their scale or width.
"""

import math
from typing import Any

import torch
from torch import Tensor


def rms(latents: Tensor) -> Tensor:
    """Root mean square of each segment's latents: (..., K, D) -> (..., 1, 1)."""
    return latents.square().mean(dim=(-2, -1), keepdim=True).sqrt()


def add_noise(latents: Tensor, strength: float | Tensor, noise: Tensor | None = None) -> Tensor:
    """z + s * rms(z) * noise, with Gaussian noise unless given.

    Args:
        latents: normalised latents (..., K, D).
        strength: relative strength s >= 0: a number, one per segment (...) or one per latent (..., K).
        noise: unit-variance noise (..., K, D); drawn from the global generator when None.
    """
    if noise is None:
        noise = torch.randn_like(latents)
    if isinstance(strength, Tensor):
        strength = strength[..., None] if strength.dim() == latents.dim() - 1 else strength[..., None, None]
    return latents + strength * rms(latents).detach() * noise


def noise_level(strength: float | Tensor) -> Any:
    """The noise level s / (1 + s) in [0, 1) of noise of strength s: that of the straight path with the same ratio."""
    return strength / (1 + strength)


def unit_direction(gradient: Tensor) -> Tensor:
    """Scale each segment's gradient (..., K, D) to a root mean square of one; a zero gradient stays zero.

    A power of two comes first, which changes no digit, so that squares neither vanish nor overflow: the gradient of a
    distribution that is all but certain is smaller than the root of the smallest float.
    """
    finfo = torch.finfo(gradient.dtype)
    limit = math.frexp(finfo.max)[1] - 2
    _, exponent = torch.frexp(gradient.abs().amax(dim=(-2, -1), keepdim=True))
    gradient = torch.ldexp(gradient, -exponent.clamp(-limit, limit))
    return gradient / rms(gradient).clamp_min(finfo.tiny)


def within(delta: Tensor, radius: Tensor) -> Tensor:
    """Each segment's `delta` (..., K, D), shortened to a root mean square of at most `radius` (..., 1, 1)."""
    return delta * (radius / rms(delta).clamp_min(torch.finfo(delta.dtype).tiny)).clamp_max(1)
