"""Spans that no sentence crosses: paragraphs, headings, list items. Lines that an editor has wrapped stay together."""

import re
from collections.abc import Iterator

from .lines import paragraphs
from .segment import strip
from .splitting import find_cut

_LIST_ITEM = re.compile(r"[-*+•–#>|]+\s|\(?(?:\d{1,3}|[a-zA-Z])[.)]\s")
_CJK_STOP = re.compile(r"[。！？｡]+[」』”’）】]*")
_MAX_BLOCK = 50_000


def blocks(text: str) -> Iterator[tuple[int, int]]:
    """Yields the spans that no sentence may cross, stripped, of at most 50,000 characters."""
    for lines in paragraphs(text):
        yield from _paragraph_blocks(text, lines)


def _paragraph_blocks(text: str, lines: list[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Cuts a paragraph where a line was ended on purpose."""
    width = max(end - start for start, end in lines)
    block_start, block_end = lines[0]
    for start, end in lines[1:]:
        if _ended_on_purpose(text, block_end, (start, end), width, lines):
            yield from _pieces(text, block_start, block_end)
            block_start = start
        block_end = end
    yield from _pieces(text, block_start, block_end)


def _ended_on_purpose(text: str, end: int, line: tuple[int, int], width: int, lines: list[tuple[int, int]]) -> bool:
    """An editor wraps a line only if the next word does not fit; a line with room was ended by its writer."""
    start, stop = line
    head = text[start : min(stop, start + width + 1)]
    if _LIST_ITEM.match(head):
        return True
    if head[0].islower() and text[end - 1] not in ".!?":
        return False
    line_start = text.rfind("\n", 0, end) + 1
    line_start = max(line_start, lines[0][0])
    first_word = len(head.split(None, 1)[0])
    return (end - line_start) + 1 + first_word <= width


def _pieces(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Cuts after full stops that take no space behind them, and blocks too large for one run of spaCy."""
    for match in _CJK_STOP.finditer(text, start, end):
        yield from _bounded(text, start, match.end())
        start = match.end()
    yield from _bounded(text, start, end)


def _bounded(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    start, end = strip(text, start, end)
    while end - start > _MAX_BLOCK:
        stops = [match.end() for match in re.finditer(r"[.!?]\s", text[start : start + _MAX_BLOCK])]
        cut = start + stops[-1] if stops else find_cut(text, start, start + _MAX_BLOCK)
        yield strip(text, start, cut)
        start, end = strip(text, cut, end)
    if start < end:
        yield start, end
