"""Sampled latents against those of human sentences. N segments, K latents per segment, D latent width."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ..codec import Codec

DIRECTIONS = 64  # of the human latents' largest variance, in which distances are taken
MIN_PER_DIRECTION = 4  # segments, of the smaller set
MIN_SEGMENTS = 40
MOST = 2_000  # segments a set


@dataclass(frozen=True)
class LatentSpace:
    """The principal directions of human latents, each scaled to a standard deviation of 1 over all of them together.

    Attributes:
        mean: (K * D,).
        directions: (K * D, P).
        reference: (M, P), the projected human latents.
        flat: (M, K * D), the same, not projected.
    """

    mean: Tensor
    directions: Tensor
    reference: Tensor
    flat: Tensor

    @classmethod
    def of(cls, human: Tensor) -> "LatentSpace":
        """From human latents (M, K, D).

        Raises:
            ValueError: fewer than `MIN_SEGMENTS`.
        """
        if len(human) < MIN_SEGMENTS:
            raise ValueError(f"{len(human)} human segments fit the model; latents need {MIN_SEGMENTS}")
        flat = human[:MOST].flatten(1).double().cpu()
        mean = flat.mean(0)
        _, values, right = torch.linalg.svd(flat - mean, full_matrices=False)
        count = min(DIRECTIONS, len(flat) // MIN_PER_DIRECTION, len(values))
        scale = (values[:count].square().mean() / len(flat)).sqrt()
        directions = right[:count].T / scale
        return cls(mean, directions, (flat - mean) @ directions, flat)

    def project(self, latents: Tensor) -> Tensor:
        """(N, K, D) -> (N, P)."""
        return (latents[:MOST].flatten(1).double().cpu() - self.mean) @ self.directions


def latent_distances(space: LatentSpace, latents: Tensor) -> dict[str, Any]:
    """How latents (N, K, D) differ from human ones.

    Returns:
        "frechet" (Heusel et al., arXiv 1706.08500) in the human principal directions, where there are enough
        segments; "mean_shift", the mean over channels of the difference of means in human standard deviations;
        "std_ratio", the median over channels of the ratio of standard deviations; "nearest", the median distance to
        the nearest human latents; "spread", the median distance to the nearest other of the set itself, near 0 where
        it always says the same. None with too few segments.
    """
    names = ("frechet", "mean_shift", "std_ratio", "nearest", "spread")
    if len(latents) < MIN_SEGMENTS:
        return {"segments": len(latents), **dict.fromkeys(names)}
    ours, theirs = space.project(latents), space.reference
    flat = latents[:MOST].flatten(1).double().cpu()
    deviation = space.flat.std(0).clamp_min(1e-6)
    enough = len(ours) >= MIN_PER_DIRECTION * ours.shape[1]
    return {
        "segments": len(latents),
        "frechet": frechet(ours, theirs) if enough else None,
        "mean_shift": float(((flat.mean(0) - space.flat.mean(0)) / deviation).abs().mean()),
        "std_ratio": float((flat.std(0) / deviation).median()),
        "nearest": float(torch.cdist(ours, theirs).amin(1).median()),
        "spread": nearest_other(ours),
    }


def frechet(left: Tensor, right: Tensor) -> float:
    """Fréchet distance (squared) of the Gaussians fitted to (N, P) and (M, P)."""
    shift = (left.mean(0) - right.mean(0)).square().sum()
    one, other = torch.cov(left.T).reshape(2 * left.shape[1:]), torch.cov(right.T).reshape(2 * right.shape[1:])
    values, vectors = torch.linalg.eigh(one)
    root = vectors * values.clamp_min(0).sqrt() @ vectors.T
    cross = torch.linalg.eigvalsh(root @ other @ root).clamp_min(0).sqrt().sum()
    return max(0.0, float(shift + one.trace() + other.trace() - 2 * cross))


def nearest_other(points: Tensor) -> float:
    """Median distance of each of (N, P) to the nearest other one."""
    distances = torch.cdist(points, points)
    distances.fill_diagonal_(torch.inf)
    return float(distances.amin(1).median())


def encoded(codec: Codec, stories: Sequence[Sequence[str]]) -> Tensor:
    """Latents (N, K, D) of the first segments that fit the model, at most `MOST`."""
    texts = [text for story in stories for text in story][: 2 * MOST]
    fitting = [text for text, fit in zip(texts, codec.fits(texts), strict=True) if fit]
    return codec.encode(fitting[:MOST])
