"""Whether a text has to do with what was given, and how near it comes to the human one. D dimensions of embeddings."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from ..ladder import ngrams, words

Array = np.ndarray
COMMON = 0.05  # a word that more than this share of stories have is no keyword
STEM = 5  # letters by which forms of a word are taken for the same


def document_frequency(stories: Iterable[Sequence[str]]) -> dict[str, float]:
    """Share of stories that have each word."""
    listed = [set(word for segment in story for word in words(segment)) for story in stories]
    counts = Counter(word for story in listed for word in story)
    return {word: count / len(listed) for word, count in counts.items()}


def keywords(text: str, frequency: Mapping[str, float]) -> list[str]:
    """The different words of a text that are not common in stories, in order."""
    return [word for word in dict.fromkeys(words(text)) if frequency.get(word, 0.0) <= COMMON]


def keyword_recall(condition: str, text: str, frequency: Mapping[str, float]) -> float | None:
    """Share of the keywords of the condition that the text has; None where it has no keyword.

    A word is found when one of the text has the same first five letters, or is the same but for an s at its end.
    """
    wanted = keywords(condition, frequency)
    found = words(text)
    stems = {word[:STEM] for word in found if len(word) >= STEM} | {word.removesuffix("s") for word in found}
    hits = [(word if len(word) >= STEM else word.removesuffix("s"))[:STEM] in stems for word in wanted]
    return sum(hits) / len(hits) if hits else None


def similarity(one: Array, other: Array) -> float | None:
    """Cosine of the means of two sets of sentence vectors, (S, D) and (T, D); None where one is all zeros."""
    if not len(one) or not len(other):
        return None
    left, right = one.mean(0), other.mean(0)
    norm = float(np.linalg.norm(left) * np.linalg.norm(right))
    return float(left @ right) / norm if norm else None


def rouge(text: str, reference: str) -> dict[str, float]:
    """ROUGE-1, ROUGE-2 and ROUGE-L (Lin 2004) as F1 in 0 .. 100, on lower-case words without stemming."""
    ours, theirs = words(text), words(reference)
    result = {}
    for size in (1, 2):
        left, right = Counter(ngrams(ours, size)), Counter(ngrams(theirs, size))
        result[f"rouge_{size}"] = _f1((left & right).total(), left.total(), right.total())
    return {**result, "rouge_l": _f1(common_subsequence(ours, theirs), len(ours), len(theirs))}


def _f1(hits: int, ours: int, theirs: int) -> float:
    return 200 * hits / (ours + theirs) if hits else 0.0


def common_subsequence(left: Sequence[str], right: Sequence[str]) -> int:
    """Length of the longest common subsequence, a bit of an integer for each word of `left` (Hyyrö 2004)."""
    places: dict[str, int] = {}
    for place, word in enumerate(left):
        places[word] = places.get(word, 0) | 1 << place
    full = (1 << len(left)) - 1
    row = full
    for word in right:
        matched = row & places.get(word, 0)
        row = ((row + matched) | (row - matched)) & full
    return len(left) - row.bit_count()
