"""What steers the denoised estimate: conditions (classifier-free) and gradients of classifiers on latents.

B documents, S segments, K latents per segment, D latent width, C condition states.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Condition:
    """One more thing that a text is to be about.

    Attributes:
        states: (B, C, condition_dim) of the condition encoder.
        mask: (B, C).
        scale: of its guidance, as `guidance_scale` is that of the first condition.
    """

    states: Tensor
    mask: Tensor
    scale: float


@dataclass(frozen=True)
class Gradient:
    """A pull towards latents that a classifier likes.

    Attributes:
        log_probability: estimates of clean latents (B, S, K, D) and log signal-to-noise ratios (B, S) that they were
            made at -> log probability of what is wanted, (B, S) of each segment or of any shape; they add up.
        scale: 1 = the classifier as it is; more = more sure of itself than it is.
    """

    log_probability: Callable[[Tensor, Tensor], Tensor]
    scale: float = 1.0


def combine(estimates: Tensor, scales: Sequence[float]) -> Tensor:
    """Classifier-free guidance (arXiv 2207.12598) by one or several conditions (arXiv 2206.01714).

    Args:
        estimates: ((1 + N) * B, S, K, D): with each of the N conditions, and last without any.
        scales: N numbers.

    Returns:
        (B, S, K, D): without + sum of scale * (with - without).
    """
    *conditional, without = estimates.chunk(len(scales) + 1)
    return without + sum(
        (scale * (estimate - without) for scale, estimate in zip(scales, conditional, strict=True)),
        start=torch.zeros_like(without),
    )


def pulled(estimate: Tensor, log_snr: Tensor, gradients: Sequence[Gradient]) -> Tensor:
    """Classifier guidance (arXiv 2105.05233) of the estimate of the clean latents.

    Its exact form adds sigma^2 / alpha times the gradient by the noised latents. Through the estimate, whose derivative
    is Cov[z | x] * alpha / sigma^2, that is Cov[z | x] times the gradient by the estimate. The covariance is taken as
    sigma^2, that of Gaussian latents of unit variance; no gradient runs through the denoiser.

    Args:
        estimate: (B, S, K, D).
        log_snr: (B, S), of the latents that it was made from.
        gradients: their pulls add up.
    """
    with torch.enable_grad():
        leaf = estimate.detach().requires_grad_()
        wanted = sum((one.scale * one.log_probability(leaf, log_snr).sum() for one in gradients), start=leaf.sum() * 0)
        (gradient,) = torch.autograd.grad(wanted, leaf)
    return estimate + (-log_snr).sigmoid()[..., None, None] * gradient
