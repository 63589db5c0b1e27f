"""How varied a set of texts is, and how much a story repeats itself.

Distinct n-grams and entropy depend on how much text there is: they are means over windows of a fixed number of words,
so that sets of different size compare.
"""

import math
from collections import Counter
from collections.abc import Sequence
from random import Random
from typing import Any

from ..ladder import ngrams, words

WINDOW = 1000  # words
SELF_BLEU_TEXTS = 60
MIN_SELF_BLEU = 10


def windows(texts: Sequence[str], size: int = WINDOW) -> list[list[str]]:
    """All words of the texts in order, in full windows of `size`; what is left over is dropped."""
    row = [word for text in texts for word in words(text)]
    return [row[start : start + size] for start in range(0, len(row) - size + 1, size)]


def distinct(texts: Sequence[str], length: int, size: int = WINDOW) -> float | None:
    """Share of different n-grams of a `length` (Li et al., arXiv 1510.03055), mean over windows; None without one."""
    shares = [len(set(grams)) / len(grams) for window in windows(texts, size) if (grams := ngrams(window, length))]
    return sum(shares) / len(shares) if shares else None


def entropy(texts: Sequence[str], size: int = WINDOW) -> float | None:
    """Entropy of the words in bits, mean over windows; None without one."""
    values = []
    for window in windows(texts, size):
        counts = Counter(window).values()
        values.append(-sum(count / size * math.log2(count / size) for count in counts))
    return sum(values) / len(values) if values else None


def self_bleu(stories: Sequence[Sequence[str]], seed: int, most: int = SELF_BLEU_TEXTS) -> float | None:
    """Mean BLEU (0 .. 100) of a text against all the others (Zhu et al., arXiv 1802.01886), of `most` drawn texts.

    Detects a system that always writes the same. None with fewer than `MIN_SELF_BLEU` texts that are not empty.
    """
    texts = [" ".join(segment for segment in story if segment.strip()) for story in stories]
    texts = [text for text in texts if text.strip()]
    if len(texts) < MIN_SELF_BLEU:
        return None
    chosen = Random(seed).sample(texts, min(most, len(texts)))
    from sacrebleu import BLEU

    bleu = BLEU(effective_order=True)
    scores = [
        bleu.sentence_score(text, chosen[:number] + chosen[number + 1 :]).score for number, text in enumerate(chosen)
    ]
    return sum(scores) / len(scores)


def repetition(stories: Sequence[Sequence[str]], length: int = 3) -> float | None:
    """Share of a story's n-grams that it has had before, mean over stories; None where no story is long enough.

    Detects stories that say the same again.
    """
    shares = []
    for story in stories:
        grams = [gram for segment in story for gram in ngrams(words(segment), length)]
        if grams:
            shares.append(1 - len(set(grams)) / len(grams))
    return sum(shares) / len(shares) if shares else None


def diversity(written: Sequence[Sequence[str]], seed: int) -> dict[str, Any]:
    """All of them for the written parts of stories."""
    sentences = [segment for story in written for segment in story]
    return {
        "entropy": entropy(sentences),
        "distinct_1": distinct(sentences, 1),
        "distinct_2": distinct(sentences, 2),
        "self_bleu": self_bleu(written, seed),
        "repetition": repetition(written),
    }
