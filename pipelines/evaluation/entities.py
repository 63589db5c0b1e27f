"""Whether a story stays with its people: names, and he or she. Simple rules for English.

A name is a capitalised word whose lower-case form is rare in human stories; where a sentence begins with it, human
stories have to have it capitalised inside a sentence.
"""

import re
from collections import Counter
from collections.abc import Iterable, Sequence

WORD = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*")
SHE, HE = frozenset({"she", "her", "hers", "herself"}), frozenset({"he", "him", "his", "himself"})
RARE = 0.1  # a name is written in lower case in at most this share of its occurrences
MIN_MENTIONS = 20


class Names:
    """Knows names from human stories.

    Args:
        stories: human ones.
    """

    def __init__(self, stories: Iterable[Sequence[str]]) -> None:
        self.lower: Counter[str] = Counter()
        self.upper: Counter[str] = Counter()
        for story in stories:
            for segment in story:
                for start, word in _words(segment):
                    if word[0].islower():
                        self.lower[word] += 1
                    elif start > 0:
                        self.upper[word.casefold()] += 1

    def names(self, segment: str) -> list[str]:
        """The names in a segment, in order."""
        return [word.casefold() for start, word in _words(segment) if self._is_name(word, start)]

    def _is_name(self, word: str, start: int) -> bool:
        key = word.casefold()
        if not word[0].isupper() or len(word) < 2 or word.startswith(("I'", "I’")):
            return False
        upper, lower = self.upper[key] + (start > 0), self.lower[key]
        return upper > 0 and lower <= RARE * (upper + lower)


def _words(segment: str) -> list[tuple[int, str]]:
    """Words with their place, without a possessive ending."""
    return [
        (number, match.group().removesuffix("'s").removesuffix("’s"))
        for number, match in enumerate(WORD.finditer(segment))
    ]


def names_kept(stories: Sequence[Sequence[str]], names: Names) -> float | None:
    """Share of the later segments with a name that have one which stood before; None with too few such segments.

    "Later" are those after the first segment with a name. Detects people who change from sentence to sentence.
    """
    kept = total = 0
    for story in stories:
        before: set[str] = set()
        for segment in story:
            found = set(names.names(segment))
            if found and before:
                total += 1
                kept += bool(found & before)
            before |= found
    return kept / total if total >= MIN_MENTIONS else None


def gender_kept(stories: Sequence[Sequence[str]]) -> float | None:
    """Share of the segments with he or she (and not both) that go on with that of the last such segment.

    None with too few of them. Detects a "he" that becomes a "she".
    """
    kept = total = 0
    for story in stories:
        last: str | None = None
        for segment in story:
            found = {word.casefold() for _, word in _words(segment)}
            she, he = bool(found & SHE), bool(found & HE)
            if she == he:
                continue
            now = "she" if she else "he"
            total += last is not None
            kept += now == last
            last = now
    return kept / total if total >= MIN_MENTIONS else None
