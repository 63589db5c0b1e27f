"""Segments with rare names and words in place of their own, from which a decoder learns to spell what it never saw."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from random import Random

from ..encoders.word_tables import NAMES

COMMON = 3  # a word that a corpus has so often needs no practice
LENGTHS = range(4, 14)  # letters
MADE_UP = 0.3  # share of words made of the halves of two others: there are more of those than any text holds
WORD = re.compile(r"[^\W\d_]+")
NAME = re.compile(r"\b[A-Z][a-z]+\b(?!['’]t)")
PLAIN = re.compile(r"(?<= )[a-z]{4,}\b(?!['’])")


class RareWords:
    """Names and words of `sources` that `corpus` has fewer than `COMMON` times.

    Args:
        sources: texts to take them from.
        corpus: texts that know the others.

    Raises:
        ValueError: there are no such names, or no such words.
    """

    def __init__(self, sources: Iterable[str], corpus: Iterable[str]) -> None:
        known: Counter[str] = Counter()
        for text in corpus:
            known.update(WORD.findall(text))
        names: dict[str, None] = {}
        words: dict[str, None] = {}
        for text in sources:
            for index, word in enumerate(WORD.findall(text)):
                if len(word) in LENGTHS and known[word] < COMMON:
                    if word.islower():
                        words[word] = None
                    elif index and word.istitle() and not known[word.lower()]:
                        names[word] = None
        self.words = list(words)
        self.names = [name for name in names if name.lower() not in words]
        if not self.words or not self.names:
            raise ValueError(
                f"data.rare_words has {len(self.names)} names and {len(self.words)} words that data.train knows too "
                "little; each must be at least 1: name other texts, or none"
            )

    def draw(self, pool: Sequence[str], rng: Random) -> str:
        """One of a pool, or the beginning of one and the end of another."""
        one, other = rng.choice(pool), rng.choice(pool)
        return one if rng.random() >= MADE_UP else one[: (len(one) + 1) // 2] + other[len(other) // 2 :]

    def put_into(self, text: str, rng: Random) -> str | None:
        """`text` with other names, and another word in some texts and in those without names; None: it has neither."""
        changed = text
        for name in dict.fromkeys(word for word in NAME.findall(text) if word in NAMES):
            changed = re.sub(rf"\b{name}\b(?!['’]t)", self.draw(self.names, rng), changed)
        places = list(PLAIN.finditer(changed))
        if places and (changed == text or rng.random() < 0.4):
            place = rng.choice(places)
            word = self.draw(self.names if rng.random() < 0.2 else self.words, rng)
            changed = changed[: place.start()] + word + changed[place.end() :]
        return changed if changed != text else None
