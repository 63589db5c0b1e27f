"""What else a space of sentences is good for: points between two of them, nearest neighbours, directions.

N segments, K latents per segment, D latent width.
"""

import heapq
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice

import torch
from torch import Tensor

from ..encoders.latents import rms
from .latents import RepresentationPipeline, embeddings
from .paraphrase_options import DIRECTION_STRENGTH
from .smoothness import interpolate as between

LINES_AHEAD = 1024


@dataclass(frozen=True)
class Neighbour:
    """A line of a corpus, its number (from 1), and the cosine of its embedding and the query's."""

    similarity: float
    line: int
    text: str


def interpolate(pipeline: RepresentationPipeline, source: str, target: str, steps: int = 5) -> list[str]:
    """Texts at `steps` points from one sentence to another, the ends among them.

    The points are at equal distances, each at a norm between those of the ends (the middle of a line is shorter).

    Raises:
        ValueError: fewer than two steps, or a sentence that is empty or too long.
    """
    if steps < 2:
        raise ValueError(f"steps is {steps}; it must be at least 2, the two sentences themselves")
    ends = pipeline.encode([source, target])
    points = [between(ends[:1], ends[1:], index / (steps - 1)) for index in range(steps)]
    return pipeline.decode(torch.cat(points))


def neighbours(
    pipeline: RepresentationPipeline, text: str, corpus: Iterable[tuple[int, str]], num: int = 5
) -> list[Neighbour]:
    """The lines of a corpus whose embeddings are nearest to a sentence's, nearest first; each text once.

    Args:
        pipeline: of the model.
        text: the sentence; it is left out where the corpus has it.
        corpus: numbers and texts, each short enough for the model; read in parts, so it may be of any length.
        num: how many.

    Raises:
        ValueError: `num` is below 1, or a text is empty or too long.
    """
    if num < 1:
        raise ValueError(f"num is {num}; it must be at least 1")
    meaning = pipeline.encoder.meaning
    query = embeddings(pipeline.encode([text]), meaning)[0]
    rest = iter(corpus)
    best: dict[str, Neighbour] = {}
    while chunk := list(islice(rest, LINES_AHEAD)):
        alike = (embeddings(pipeline.encode([line for _, line in chunk]), meaning) @ query).tolist()
        for (number, line), similarity in zip(chunk, alike, strict=True):
            if line != text and line not in best:
                best[line] = Neighbour(similarity, number, line)
        nearest = heapq.nlargest(num, best.values(), key=lambda one: (one.similarity, -one.line))
        best = {one.text: one for one in nearest}
    return list(best.values())


def direction(pipeline: RepresentationPipeline, source: Sequence[str], target: Sequence[str]) -> Tensor:
    """From what sentences without an attribute have in common to those with it, (K, D): the difference of their means.

    Raises:
        ValueError: no sentence on one side, or one that is empty or too long.
    """
    if not source or not target:
        raise ValueError("a direction needs at least one sentence on each side")
    return pipeline.encode(target).mean(0) - pipeline.encode(source).mean(0)


def apply_direction(
    pipeline: RepresentationPipeline, texts: Sequence[str], moved_by: Tensor, strength: float = DIRECTION_STRENGTH
) -> list[str]:
    """N sentences moved along a direction (K, D) and decoded; strength 1 moves by the whole difference of the means.

    The moved latents keep their norm: strong moves change what is said and not how far from the data it is.

    Raises:
        ValueError: `strength` is no number between -1000 and 1000.
    """
    if not abs(strength) <= 1000:
        raise ValueError(f"strength is {strength}; it must be a number between -1000 and 1000")
    latents = pipeline.encode(texts)
    moved = latents + strength * moved_by
    return pipeline.decode(moved * rms(latents) / rms(moved).clamp_min(1e-12))
