"""Lines and paragraphs."""

import re
from collections.abc import Iterator

from .segment import strip
from .splitting import SpanSegmenter

_LINE = re.compile(r"[^\n\r\f\v\x1c-\x1e\x85\u2028\u2029]+")
_PAGE_BREAKS = frozenset("\f\v\x1c\x1d\x1e\u2029")


def lines(text: str) -> Iterator[tuple[int, int]]:
    """Yields the spans of the lines that are not blank, stripped. Lines end where `str.splitlines` ends them."""
    for match in _LINE.finditer(text):
        start, end = strip(text, *match.span())
        if start < end:
            yield start, end


def paragraphs(text: str) -> Iterator[list[tuple[int, int]]]:
    """Yields the lines of each paragraph; blank lines and page breaks part paragraphs."""
    paragraph: list[tuple[int, int]] = []
    for start, end in lines(text):
        if paragraph and _parts_paragraphs(text[paragraph[-1][1] : start]):
            yield paragraph
            paragraph = []
        paragraph.append((start, end))
    if paragraph:
        yield paragraph


def _parts_paragraphs(gap: str) -> bool:
    return len(f"|{gap}|".splitlines()) > 2 or not _PAGE_BREAKS.isdisjoint(gap)


class LineSegmenter(SpanSegmenter):
    """Cuts text into its lines; blank ones are left out."""

    def _spans(self, text: str) -> Iterator[tuple[int, int]]:
        return lines(text)


class ParagraphSegmenter(SpanSegmenter):
    """Cuts text at blank lines and page breaks."""

    def _spans(self, text: str) -> Iterator[tuple[int, int]]:
        return ((paragraph[0][0], paragraph[-1][1]) for paragraph in paragraphs(text))
