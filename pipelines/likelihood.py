"""How likely latents are to a denoiser: the variational bound of diffusion models, per example and per latent.

With l = log SNR, alpha^2 = sigmoid(l), sigma^2 = sigmoid(-l), z_l = alpha x + sigma e and an estimate x'(z_l) of x, for
each of the numbers of x (Kingma et al., arXiv 2107.00630, the signal-to-noise ratio integrated directly):

    -log p(x) <=   1/2 (log 2 pi e - l_high)                            what noise of level l_high hides
                 + 1/2 (alpha_low^2 (x^2 - 1) - log sigma_low^2)        KL of the noisiest state from N(0, 1)
                 + 1/2 int from l_low to l_high of e^l E|x - x'|^2 dl   what denoising gets wrong

The integral is a weighted sum over fixed levels, the expectation one draw at each. With an optimal estimate the bound
exceeds -log p(x) by what x has to say below the noise of l_high: nothing where that is finer than p.

B examples, S segments, K latents per segment, D latent width, C condition states, M noise levels.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from ..diffusion import SegmentDenoiser
from ..diffusion.noise import LOG_SNR_LIMIT

Estimate = Callable[[Tensor, Tensor], Tensor]
"""Noised latents (B, S, K, D) and log-SNR (B, S) -> estimate of the clean latents (B, S, K, D)."""


@dataclass(frozen=True)
class LevelGrid:
    """Levels at which the integral is evaluated.

    Attributes:
        log_snr: (M,), rising: from the noisiest to the cleanest.
        weight: (M,), d log-SNR that each level stands for; their sum is about `high - low`.
        low, high: ends of the integral.
    """

    log_snr: Tensor
    weight: Tensor
    low: float
    high: float


def level_grid(
    samples: int, low: float = -8.0, high: float = 6.0, spread: float | None = 1.5, center: float = 1.0
) -> LevelGrid:
    """The middles of `samples` strata of equal probability.

    Args:
        samples: M.
        low, high: log-SNR of the ends.
        spread: scale of the logistic density, cut off at the ends, that levels are placed by (importance sampling with
            weight 1 / density); None: a uniform density. The defaults are near the levels at which the context of a
            story sentence changes its error, which makes differences of bounds less noisy.
        center: of that density.

    Raises:
        ValueError: no level, ends in the wrong order, or a spread that is not positive.
    """
    if samples < 1:
        raise ValueError(f"samples is {samples}; at least one noise level is required")
    if not low < high:
        raise ValueError(f"low is {low} and high {high}; the log-SNR of low must be smaller")
    if spread is not None and not spread > 0:
        raise ValueError(f"spread is {spread}; it must be positive")
    middle = (torch.arange(samples, dtype=torch.float64) + 0.5) / samples
    if spread is None:
        levels = low + middle * (high - low)
        return LevelGrid(levels.float(), torch.full((samples,), (high - low) / samples), low, high)
    below, above = (1 / (1 + math.exp((center - end) / spread)) for end in (low, high))
    share = below + middle * (above - below)
    levels = center + spread * torch.logit(share)
    density = share * (1 - share) / spread / (above - below)
    return LevelGrid(levels.float(), (1 / (samples * density)).float(), low, high)


@torch.no_grad()
def diffusion_bound(
    estimate: Estimate,
    latents: Tensor,
    scored: Tensor,
    grid: LevelGrid,
    noise: Tensor,
    hidden: Tensor | None = None,
) -> Tensor:
    """Upper bound of -log p(scored segments | what the estimate knows), in nats.

    All scored segments of an example are noised to the same level; `estimate` gets the others as they are, or as noise
    alone where they are hidden.

    Args:
        estimate: the denoiser with all that it is given; see `given_context`.
        latents: (B, S, K, D) clean latents.
        scored: (B, S), True where a segment counts.
        grid: M levels.
        noise: (M, B, S, K, D) standard normal; the same for two examples makes their difference less noisy.
        hidden: (B, S), True where a segment that does not count is unknown too; None: nowhere.

    Returns:
        (B, K): the part of each latent, summed over its D numbers and the scored segments. Sum over K for the bound;
        a latent's part alone is its share of that, not a bound of its own, as the estimate sees all latents.

    Raises:
        ValueError: noise of another shape, or a segment both scored and hidden.
    """
    if noise.shape != (len(grid.log_snr), *latents.shape):
        raise ValueError(f"noise has the shape {tuple(noise.shape)}; required: {(len(grid.log_snr), *latents.shape)}")
    unknown = torch.zeros_like(scored) if hidden is None else hidden
    if bool((scored & unknown).any()):
        raise ValueError("a segment is both scored and hidden; it can be only one of them")
    wanted = scored[..., None, None]
    clean = latents.float()
    low = torch.tensor(grid.low)
    bound = (math.log(2 * math.pi * math.e) - grid.high) / 2 + (
        torch.sigmoid(low) * (clean.square() - 1) - torch.nn.functional.logsigmoid(-low)
    ) / 2
    for level, weight, drawn in zip(grid.log_snr.tolist(), grid.weight.tolist(), noise, strict=True):
        alpha, sigma = (1 / math.sqrt(1 + math.exp(-sign * level)) for sign in (1, -1))
        noised = torch.where(wanted, alpha * latents + sigma * drawn, latents)
        noised = torch.where(unknown[..., None, None], drawn, noised)
        levels = latents.new_full(latents.shape[:2], level).masked_fill(unknown, -LOG_SNR_LIMIT)
        found = estimate(noised, levels)
        bound = bound + weight * math.exp(level) / 2 * (found.float() - clean).square()
    return (bound * wanted).sum((1, 3))


def given_context(
    denoiser: SegmentDenoiser,
    segment_mask: Tensor,
    given: Tensor,
    condition: Tensor,
    condition_mask: Tensor,
    before: Tensor,
    after: Tensor,
) -> Estimate:
    """The denoiser's estimate with its context fixed.

    Args:
        denoiser: in eval mode.
        segment_mask: (B, S), True where a segment exists.
        given: (B, S), True where a segment is clean.
        condition, condition_mask: (B, C, condition_dim) and (B, C).
        before, after: (B, S) int, segments of the text before and after each.
    """
    keys = denoiser.condition_keys(condition)

    def estimate(noised: Tensor, log_snr: Tensor) -> Tensor:
        return denoiser(noised, log_snr, segment_mask, given, before, after, keys, condition_mask)

    return estimate
