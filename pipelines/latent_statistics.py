"""What a set of latents looks like as numbers, without any text: channels, spectrum, shared variance.

N segments, K latents per segment, D latent width.
"""

from typing import Any

import torch
from torch import Tensor

DEAD = 0.5  # a channel that varies by less than this share of the median channel


def channel_statistics(latents: Tensor) -> dict[str, Any]:
    """Mean, standard deviation and excess kurtosis of every channel of normalised latents (N, K, D).

    Detects channels that carry nothing (dead), normalisation that does not fit the texts (mean far from 0, standard
    deviation far from 1), and outlier channels (large kurtosis) that Gaussian noise does not cover.

    Returns:
        "mean", "std", "kurtosis": K lists of D numbers; "summary": their extremes and the number of dead channels.
    """
    mean, std = latents.mean(0), latents.std(0, correction=0)
    centred = (latents - mean) / std.clamp_min(1e-12)
    kurtosis = centred.pow(4).mean(0) - 3
    return {
        "summary": {
            "channels": mean.numel(),
            "dead": int((std < DEAD * std.median()).sum()),
            "largest_absolute_mean": float(mean.abs().max()),
            "smallest_std": float(std.min()),
            "median_std": float(std.median()),
            "largest_std": float(std.max()),
            "median_kurtosis": float(kurtosis.median()),
            "largest_kurtosis": float(kurtosis.max()),
        },
        "mean": mean.tolist(),
        "std": std.tolist(),
        "kurtosis": kurtosis.tolist(),
    }


def spectrum(latents: Tensor) -> Tensor:
    """Shares (K * D,) of the variance of (N, K, D) along its principal directions, largest first.

    Detects latents that live in a few directions: the denoiser would fit noise in all the others.
    """
    flat = latents.flatten(1) - latents.flatten(1).mean(0)
    values = torch.linalg.eigvalsh(flat.T @ flat / len(flat)).clamp_min(0).flip(0)
    return values / values.sum()


def effective_rank(latents: Tensor) -> float:
    """exp of the entropy of the spectrum of (N, K, D) (Roy and Vetterli, 2007): how many directions are in use.

    Detects a collapsed space (near 1) and one without any structure to learn (near K * D). It cannot exceed N - 1.
    """
    share = spectrum(latents)
    return float((-(share * share.clamp_min(1e-12).log()).sum()).exp())


def explained(latents: Tensor, slot: int) -> float | None:
    """Share of a slot's variance that a linear map from the other slots explains, on the last quarter of (N, K, D).

    Detects slots that repeat each other (near 1) and slots that know nothing of each other (near 0). None where there
    are fewer than two segments to fit each weight, or only one slot.
    """
    others = torch.cat([latents[:, :slot], latents[:, slot + 1 :]], dim=1).flatten(1)
    others = torch.cat([others, others.new_ones(len(others), 1)], dim=1)
    cut = len(latents) * 3 // 4
    if latents.shape[1] == 1 or cut < 2 * others.shape[1]:
        return None
    target = latents[:, slot]
    weight = torch.linalg.lstsq(others[:cut], target[:cut]).solution
    error = (target[cut:] - others[cut:] @ weight).square().mean()
    return float(1 - error / target[cut:].var())
