"""Segments: pieces of a text that know where they stood."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class Segment:
    """A piece of a text: `text` equals the source from `start` to `end` (in characters)."""

    text: str
    start: int
    end: int

    def __str__(self) -> str:
        return self.text


class Segmenter(Protocol):
    """Cuts a text into segments in order, that do not overlap and leave out nothing but white space."""

    def __call__(self, text: str) -> Sequence[Segment]: ...


def join(text: str, segments: Sequence[Segment]) -> str:
    """Puts segments back into the gaps that `text` has between them; gives `text` for its own segments."""
    pieces, end = [], 0
    for segment in segments:
        pieces += [text[end : segment.start], segment.text]
        end = segment.end
    return "".join([*pieces, text[end:]])


def strip(text: str, start: int, end: int) -> tuple[int, int]:
    """The span without the white space at its ends."""
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    return start, end
