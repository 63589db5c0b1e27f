"""Turns of a dialogue."""

import re
from collections.abc import Iterator

from .lines import lines
from .splitting import SpanSegmenter

_LABEL = re.compile(
    r"""
    [\[(<*_#]{0,3}                         # [Tom]  **Tom**  #Person1#
    (?P<name>[^\W_][^\s:：,;!?"“”\[\]()<>*\#]*(?:[ ][^\s:：,;!?"“”\[\]()<>*\#]+){0,3})
    [\])>*_#]{0,3}
    (?:[ ]?\([^()]{1,40}\))?               # Tom (laughing)
    (?::[*_]{0,3}(?=\s|$)|：)
    """,
    re.VERBOSE,
)
_PARTICLES = frozenset(["a", "al", "and", "bin", "de", "del", "der", "di", "du", "la", "le", "of", "the", "van", "von"])


class TurnSegmenter(SpanSegmenter):
    """Cuts a dialogue into turns, which begin with a label at the start of a line: `Tom: Hi.`, `#Person1#: Hi.`

    The label is part of the turn. Lines without a label belong to the turn before; what stands before the first
    label is a segment. A label is one word, or up to four capitalised ones, before a colon and white space.
    """

    def _spans(self, text: str) -> Iterator[tuple[int, int]]:
        turn: tuple[int, int] | None = None
        for start, end in lines(text):
            if turn and not _has_label(text, start, end):
                turn = turn[0], end
                continue
            if turn:
                yield turn
            turn = start, end
        if turn:
            yield turn


def _has_label(text: str, start: int, end: int) -> bool:
    label = _LABEL.match(text, start, end)
    if label is None or not any(map(str.isalpha, label["name"])):
        return False
    words = label["name"].split(" ")
    return len(words) == 1 or all(word in _PARTICLES or not word[0].islower() for word in words)
