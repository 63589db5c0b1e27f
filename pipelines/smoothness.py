"""Local and distributional smoothness of a latent space (PLANNER, arXiv 2306.02531).

N segments, K latents per segment, D latent width. Distances are relative: 1 is the norm of the segment's own latents.
"""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ..encoders.corruptions import change_meaning, keep_meaning
from ..encoders.latents import rms
from .codec import Codec
from .ladder import loops, share
from .trigrams import TrigramModel

Edit = Callable[[str, random.Random], str | None]
FILLERS = ("just", "also", "really", "then", "still")
FRACTIONS = (0.25, 0.5, 0.75)


def insert_word(text: str, rng: random.Random) -> str:
    """`text` with a word that says little, put between two of its words or before a single one."""
    tokens = text.split()
    place = rng.randrange(1, max(2, len(tokens)))
    return " ".join([*tokens[:place], rng.choice(FILLERS), *tokens[place:]])


EDITS: dict[str, Edit] = {
    "meaning kept": keep_meaning,
    "word inserted": insert_word,
    "meaning changed": change_meaning,
}


def distance(left: Tensor, right: Tensor) -> Tensor:
    """Norm of the difference of (N, K, D) and (N, K, D) over the norm of the left one, (N,)."""
    return (rms(left - right) / rms(left).clamp_min(1e-12)).flatten()


def local_smoothness(codec: Codec, texts: Sequence[str], latents: Tensor, seed: int) -> list[dict[str, Any]]:
    """How far small edits of N texts move their latents (N, K, D), beside the distance to another text.

    Detects spaces where near-equal sentences lie far apart, as hashes do ("relative" near 1), and slots that all shift
    when one word is inserted. Edits that change the meaning are a control: they should not be nearer than the others.

    Returns:
        A row per edit: segments that it applies to, mean distance, and "relative", its ratio to the random distance.
    """
    rng = random.Random(seed)
    shift = max(1, len(texts) // 2)
    chance = float(distance(latents, latents.roll(shift, 0)).mean())
    rows = []
    for name, edit in EDITS.items():
        edited = {index: changed for index, text in enumerate(texts) if (changed := edit(text, rng)) is not None}
        fits = codec.fits(list(edited.values()))
        edited = {index: text for (index, text), fit in zip(edited.items(), fits, strict=True) if fit}
        if not edited:
            rows.append({"edit": name, "segments": 0, "distance": None, "relative": None})
            continue
        moved = float(distance(latents[list(edited)], codec.encode(list(edited.values()))).mean())
        rows.append({"edit": name, "segments": len(edited), "distance": moved, "relative": moved / max(chance, 1e-12)})
    return [*rows, {"edit": "another segment", "segments": len(texts), "distance": chance, "relative": 1.0}]


@dataclass(frozen=True)
class Interpolations:
    """Rows of numbers, and the texts of every pair: source, decodings, target."""

    rows: list[dict[str, Any]]
    examples: list[dict[str, str]]


def interpolate(source: Tensor, target: Tensor, fraction: float) -> Tensor:
    """The point between (N, K, D) and (N, K, D), at the norm between theirs: the middle of a line is off the shell."""
    point = torch.lerp(source, target, fraction)
    return point * torch.lerp(rms(source), rms(target), fraction) / rms(point).clamp_min(1e-12)


def distributional_smoothness(
    codec: Codec, texts: Sequence[str], latents: Tensor, model: TrigramModel, seed: int
) -> Interpolations:
    """Decodings of the points between two texts, for N // 2 pairs of latents (N, K, D).

    Detects holes between the data: there decodings do not end, loop ("well_formed" falls), or read like shuffled words
    ("log_probability" falls from the human row towards the shuffled one). "on_path" detects decoders that snap to one
    end: it is the share of decodings whose own latents are nearer to the point than both ends are to the decoding.

    Returns:
        Rows "human" and "words shuffled", then one per fraction; "drift" is the distance of the decoding's latents from
        the point, 1 being the distance of the two ends.
    """
    rng = random.Random(seed)
    half = len(texts) // 2
    source, target = latents[:half], latents[half : 2 * half]
    ends = texts[: 2 * half]
    shuffled = [" ".join(rng.sample(text.split(), len(text.split()))) for text in ends]
    rows = [
        {"texts": "human", **_fluency(ends, [True] * len(ends), model)},
        {"texts": "words shuffled", **_fluency(shuffled, [True] * len(ends), model)},
    ]
    examples = [{"source": left, "target": right} for left, right in zip(ends[:half], ends[half:], strict=True)]
    for fraction in FRACTIONS:
        point = interpolate(source, target, fraction)
        decoded = codec.decode(point)
        rows.append(
            {
                "texts": f"at {fraction:g}",
                **_fluency(decoded.texts, decoded.ended, model),
                **_drift(codec, decoded.texts, point, source, target),
            }
        )
        for example, text in zip(examples, decoded.texts, strict=True):
            example[f"{fraction:g}"] = text
    return Interpolations(rows, examples)


def _fluency(texts: Sequence[str], ended: Sequence[bool], model: TrigramModel) -> dict[str, float]:
    return {
        "well_formed": share(end and bool(text) and not loops(text) for text, end in zip(texts, ended, strict=True)),
        "log_probability": sum(map(model.log_probability, texts)) / max(1, len(texts)),
        "known_trigrams": sum(map(model.known_trigrams, texts)) / max(1, len(texts)),
    }


def _drift(
    codec: Codec, texts: Sequence[str], point: Tensor, source: Tensor, target: Tensor
) -> dict[str, float | None]:
    kept = [index for index, fit in enumerate(codec.fits(texts)) if fit]
    if not kept:
        return {"on_path": 0.0, "drift": None}
    found = codec.encode([texts[index] for index in kept])
    to_point, to_source, to_target = (rms(found - other[kept]).flatten() for other in (point, source, target))
    apart = rms(source[kept] - target[kept]).flatten().clamp_min(1e-12)
    on_path = (to_point < to_source) & (to_point < to_target)
    return {"on_path": float(on_path.sum()) / len(texts), "drift": float((to_point / apart).mean())}
