"""A small language model of words, to tell sentences from word salad."""

import math
from collections import Counter
from collections.abc import Iterable

from .ladder import ngrams, share, words

START, END = "<s>", "</s>"
WEIGHTS = (0.2, 0.3, 0.5)  # of unigram, bigram and trigram estimates


class TrigramModel:
    """Interpolated trigrams of lower-case words without punctuation.

    Args:
        texts: human sentences; what is measured must not be among them.
    """

    def __init__(self, texts: Iterable[str]) -> None:
        self.counts: list[Counter[tuple[str, ...]]] = [Counter(), Counter(), Counter()]
        self.contexts: list[Counter[tuple[str, ...]]] = [Counter(), Counter(), Counter()]
        for text in texts:
            for size, count in enumerate(self.counts, start=1):
                found = ngrams(self._padded(text), size)[3 - size :]  # every size predicts the same words
                count.update(found)
                self.contexts[size - 1].update(gram[:-1] for gram in found)

    @staticmethod
    def _padded(text: str) -> list[str]:
        return [START, START, *words(text), END]

    def log_probability(self, text: str) -> float:
        """Mean natural logarithm of the probability of its words and its end; higher is more fluent."""
        grams = ngrams(self._padded(text), 3)
        return sum(map(self._log_probability, grams)) / len(grams)

    def known_trigrams(self, text: str) -> float:
        """Share of its trigrams, start and end included, that the model has seen."""
        return share(gram in self.counts[2] for gram in ngrams(self._padded(text), 3))

    def _log_probability(self, gram: tuple[str, ...]) -> float:
        total, distinct = self.contexts[0][()], len(self.counts[0])
        probability = WEIGHTS[0] * (self.counts[0][gram[2:]] + 1) / (total + distinct + 1)
        for size in (2, 3):
            part = gram[3 - size :]
            context = self.contexts[size - 1][part[:-1]]
            probability += WEIGHTS[size - 1] * self.counts[size - 1][part] / max(1, context)
        return math.log(probability)
