"""Spans that are too long are cut where it hurts least."""

import re
import unicodedata
from abc import ABC, abstractmethod
from collections.abc import Iterator

from .segment import Segment, strip

_STRONG_CUT = re.compile(r"[;:—](?=\s)|[。！？；]")
_WEAK_CUT = re.compile(r",(?=\s)|[，、]")
_SPACE_CUT = re.compile(r"(?=\s)")


def split_long(text: str, max_chars: int) -> list[Segment]:
    """Cuts `text` into pieces of at most `max_chars` characters, without white space at their ends.

    Prefers a semicolon or colon, then a comma, then a space, each as late as fits; a word is cut only where
    it is longer than `max_chars`.
    """
    if max_chars < 1:
        raise ValueError(f"max_chars must be at least 1, got {max_chars}")
    pieces = []
    start, end = strip(text, 0, len(text))
    while end - start > max_chars:
        cut = find_cut(text, start, start + max_chars)
        _, piece_end = strip(text, start, cut)
        pieces.append(Segment(text[start:piece_end], start, piece_end))
        start, end = strip(text, cut, end)
    if start < end:
        pieces.append(Segment(text[start:end], start, end))
    return pieces


def find_cut(text: str, start: int, limit: int) -> int:
    """The best place to cut after `start` and not after `limit`."""
    # Punctuation close to the start would leave a scrap; a space there is still better than a cut word.
    earliest = start + (limit - start) // 3
    for pattern, lowest in ((_STRONG_CUT, earliest), (_WEAK_CUT, earliest), (_SPACE_CUT, start)):
        # One character more than the piece may have, so that the space behind it is seen.
        cuts = [match.end() for match in pattern.finditer(text, lowest, limit + 1) if match.end() <= limit]
        if cuts and cuts[-1] > start:
            return cuts[-1]
    cut = limit
    while cut > start + 1 and _continues_character(text, cut):
        cut -= 1
    return cut if cut > start + 1 else limit


def _continues_character(text: str, index: int) -> bool:
    """True where a cut before `text[index]` would part an accent, joiner or modifier from its character."""
    return (
        unicodedata.combining(text[index]) != 0
        or "\u200d" in text[index - 1 : index + 1]
        or text[index] in "\ufe0e\ufe0f"
        or "\U0001f3fb" <= text[index] <= "\U0001f3ff"
    )


class SpanSegmenter(ABC):
    """A segmenter that finds spans; white space at their ends is left out, and too long ones are cut.

    Args:
        max_chars: longest segment, in characters; None = no limit.

    Raises:
        ValueError: `max_chars` is below 1.
    """

    def __init__(self, max_chars: int | None = None) -> None:
        if max_chars is not None and max_chars < 1:
            raise ValueError(f"max_chars must be at least 1, got {max_chars}")
        self.max_chars = max_chars

    def __call__(self, text: str) -> list[Segment]:
        return [
            Segment(piece.text, start + piece.start, start + piece.end)
            for start, end in self._spans(text)
            for piece in split_long(text[start:end], self.max_chars or max(1, end - start))
        ]

    @abstractmethod
    def _spans(self, text: str) -> Iterator[tuple[int, int]]:
        """Yields spans in order, that do not overlap and leave out nothing but white space."""
