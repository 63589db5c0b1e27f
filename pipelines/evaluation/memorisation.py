"""What a text shares word for word with the training set. P positions of words in all texts together."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from ..ladder import words

OVERLAP = 4  # words; the n of the overlap that LD4LG (arXiv 2212.09462) calls memorisation
Array = np.ndarray


@dataclass(frozen=True)
class Copies:
    """Of one text.

    Attributes:
        words: of the text.
        longest: words of its longest run that stands in the training set as well.
        overlap: share of its runs of `OVERLAP` words that do; None where it has none.
    """

    words: int
    longest: int
    overlap: float | None


def copies(stories: Sequence[Sequence[str]], training: Iterable[Sequence[str]]) -> list[Copies]:
    """What each story shares with the stories of the training set; runs go across sentences, not across stories.

    Runs of n + 1 words are made of those of n that both sides have, two neighbouring ones at a time, so few are left
    after some rounds.
    """
    numbers: dict[str, int] = {}
    ids: list[int] = []
    starts: list[int] = []
    border = 0
    num_ours = len(stories)
    for story in [*stories, *training]:
        starts.append(len(ids))
        ids.extend(numbers.setdefault(word, len(numbers)) for segment in story for word in words(segment))
        border -= 1
        ids.append(border)  # unlike everything else: no run goes across it
    starts.append(len(ids))
    bounds = np.array(starts)
    owner = np.searchsorted(bounds, np.arange(len(ids)), side="right") - 1
    sizes = (np.diff(bounds) - 1)[:num_ours]
    longest = np.zeros(num_ours, dtype=int)
    shared = np.zeros(num_ours, dtype=int)

    places, keys = _common(np.arange(len(ids)), np.array(ids), owner < num_ours)
    length = 1
    while len(places):
        own = owner[places[owner[places] < num_ours]]
        longest[own] = length
        if length == OVERLAP:
            shared = np.bincount(own, minlength=num_ours)
        follows = np.flatnonzero(np.diff(places) == 1)  # the run of `length` words at the next place is common too
        pairs = keys[follows].astype(np.int64) * (int(keys.max()) + 1) + keys[follows + 1]
        places, keys = _common(places[follows], pairs, owner[places[follows]] < num_ours)
        length += 1
    return [
        Copies(int(size), int(most), int(found) / (size - OVERLAP + 1) if size >= OVERLAP else None)
        for size, most, found in zip(sizes.tolist(), longest, shared, strict=True)
    ]


def _common(places: Array, keys: Array, ours: Array) -> tuple[Array, Array]:
    """The places whose key occurs on both sides, and new, dense keys for them. All arguments are (P,)."""
    _, dense = np.unique(keys, return_inverse=True)
    size = int(dense.max(initial=-1)) + 1
    here, there = (np.bincount(dense[side], minlength=size) > 0 for side in (ours, ~ours))
    kept = (here & there)[dense]
    return places[kept], dense[kept]
