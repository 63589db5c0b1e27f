"""Fluency of sentences under a judge that no writer has seen, an n-gram model with interpolated Kneser-Ney smoothing.

A repeated common sentence has a low perplexity: entropy and distinct n-grams (`diversity`) have to stand beside it.
"""

import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

TOKEN = re.compile(r"\w+(?:['’]\w+)*|[^\w\s]")
START, END = "<s>", "</s>"
ORDER = 4
OPEN_VOCABULARY = 100_000  # words there might be: an unknown one is one of so many
Gram = tuple[str, ...]


def tokens(text: str) -> list[str]:
    """Lower-case words and punctuation marks."""
    return TOKEN.findall(text.casefold())


class NgramJudge:
    """Interpolated Kneser-Ney (Kneser and Ney 1995; Chen and Goodman 1999, section 2.7), a discount for each order.

    Args:
        sentences: human ones; what is judged must not be among them.
        order: longest n-gram.

    Raises:
        ValueError: there are no words in the sentences.
    """

    def __init__(self, sentences: Iterable[str], order: int = ORDER) -> None:
        self.order = order
        highest: Counter[Gram] = Counter()
        self.vocabulary: set[str] = set()
        for sentence in sentences:
            row = self._padded(sentence)
            self.vocabulary.update(row[order - 1 :])
            highest.update(tuple(row[place : place + order]) for place in range(len(row) - order + 1))
        if len(self.vocabulary) < 2:
            raise ValueError("the judge's sentences hold no words")
        self.levels: list[_Level] = []  # of the orders 1, 2, ...
        counts: Counter[Gram] = highest
        for _ in range(order):
            self.levels.insert(0, _Level(counts))
            counts = Counter(gram[1:] for gram in counts)  # in how many contexts: continuation counts

    def _padded(self, text: str) -> list[str]:
        return [START] * (self.order - 1) + tokens(text) + [END]

    def log_probability(self, text: str) -> tuple[float, int]:
        """Natural logarithm of the probability of a sentence with its end, and the number of tokens it is of."""
        row = self._padded(text)
        places = range(self.order - 1, len(row))
        total = sum(math.log(self._probability(tuple(row[place - self.order + 1 : place + 1]))) for place in places)
        return total, len(places)

    def _probability(self, gram: Gram) -> float:
        """The last word's, given those before it."""
        probability = 1 / OPEN_VOCABULARY
        for size, level in enumerate(self.levels, start=1):
            part = gram[self.order - size :]
            total = level.totals.get(part[:-1])
            if total is None:  # the longer contexts are unknown as well
                break
            kept = max(level.counts.get(part, 0) - level.discount, 0.0)
            probability = (kept + level.discount * level.followers[part[:-1]] * probability) / total
        return probability


class _Level:
    """Counts of n-grams of one length, and of their contexts."""

    def __init__(self, counts: Counter[Gram]) -> None:
        self.counts = dict(counts)
        self.totals: dict[Gram, int] = defaultdict(int)
        self.followers: dict[Gram, int] = defaultdict(int)
        for gram, count in counts.items():
            self.totals[gram[:-1]] += count
            self.followers[gram[:-1]] += 1
        self.totals, self.followers = dict(self.totals), dict(self.followers)
        once, twice = (sum(count == times for count in counts.values()) for times in (1, 2))
        self.discount = once / (once + 2 * twice) if once else 0.5


def perplexity(judge: NgramJudge, sentences: Sequence[str]) -> float | None:
    """exp of the mean negative log-probability per token, over all sentences that have any; None without one."""
    scored = [judge.log_probability(text) for text in sentences if text.strip()]
    count = sum(size for _, size in scored)
    return math.exp(-sum(total for total, _ in scored) / count) if count else None


def unknown_words(judge: NgramJudge, sentences: Sequence[str]) -> float | None:
    """Share of the words that are not among the judge's; None where there are no words.

    Detects misspelt and invented words.
    """
    found = [word for text in sentences for word in tokens(text) if word[0].isalnum()]
    return sum(word not in judge.vocabulary for word in found) / len(found) if found else None
