"""Reconstruction of segments from their latents: clean, by length, and from latents that were moved.

N segments, K latents per segment, D latent width. BLEU and chrF are 0 .. 100, shares 0 .. 1.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor

from ..encoders.latents import add_noise, noise_level, unit_direction
from ..encoders.objectives import adversarial_perturbation
from .codec import Codec, Decoded
from .ladder import agreement, share

LENGTH_EDGES = (0, 4, 8, 12, 16, 24, 32)  # words; the last group is open
STRENGTHS = (0.0, 0.1, 0.2, 0.3, 0.5, 0.7, 1.0)
ASCENT_STEPS = 5
ASCENT_SEGMENTS = 128


def reconstruction(texts: Sequence[str], decoded: Decoded) -> dict[str, Any]:
    """BLEU, chrF, exact and ended share of N reconstructions, over all and by words of the segment.

    Detects latents that lose the wording; by length, a fixed number of latents that is too few for long segments.
    """
    rows = []
    for low, high in pairwise([*LENGTH_EDGES, 10**9]):
        chosen = [index for index, text in enumerate(texts) if low < len(text.split()) <= high]
        if chosen:
            name = f"{low + 1}–{high}" if high < 10**9 else f"over {low}"
            rows.append({"words": name, **_scores(texts, decoded, chosen)})
    return {"overall": _scores(texts, decoded, range(len(texts))), "by_length": rows}


def _scores(texts: Sequence[str], decoded: Decoded, chosen: Sequence[int]) -> dict[str, float]:
    return {
        "segments": len(chosen),
        **agreement([decoded.texts[index] for index in chosen], [texts[index] for index in chosen]),
        "ended": share(decoded.ended[index] for index in chosen),
    }


def robustness(codec: Codec, texts: Sequence[str], latents: Tensor, seed: int) -> list[dict[str, float]]:
    """Reconstruction from latents (N, K, D) that were moved by a share of their norm; the decoder is told how far.

    In a random direction this detects a decoder that needs latents more exact than a denoiser gives. In the worst
    direction (gradient ascent on the decoder's loss) it detects thin walls between segments that random noise, which
    is nearly orthogonal to everything, does not find.

    Returns:
        A row per strength: `strength`, then BLEU and exact share for either direction of that very length.
    """
    noise = torch.randn(latents.shape, generator=torch.Generator().manual_seed(seed)).to(latents)
    rows = []
    for strength in STRENGTHS:
        row = {"strength": strength}
        worst = worst_case(codec, texts, latents, strength) if strength else noise
        for name, direction in (("random", noise), ("worst", worst)):
            moved = add_noise(latents, strength, unit_direction(direction))
            scores = agreement(codec.decode(moved, noise_level(strength)).texts, texts)
            row |= {f"{name}_bleu": scores["bleu"], f"{name}_exact": scores["exact"]}
        rows.append(row)
    return rows


def worst_case(
    codec: Codec, texts: Sequence[str], latents: Tensor, strength: float, num_steps: int = ASCENT_STEPS
) -> Tensor:
    """Perturbations (N, K, D) of about the relative norm `strength` that raise the decoder's loss of N texts."""
    level = noise_level(strength)
    found = []
    for start in range(0, len(latents), ASCENT_SEGMENTS):
        part, own = latents[start : start + ASCENT_SEGMENTS], texts[start : start + ASCENT_SEGMENTS]

        def loss(point: Tensor, own: Sequence[str] = own) -> Tensor:
            return codec.loss(point, own, level)

        found.append(adversarial_perturbation(loss, part, strength, num_steps))
    return torch.cat(found)
