"""Text -> segments, without loss: each segment knows where it stood; only white space lies between them.

A segmenter is any callable from text to `Segment`s. Those here cut into sentences, turns of a dialogue, paragraphs,
lines, or windows of tokens.
"""

from difflib import get_close_matches
from typing import Any

from .lines import LineSegmenter, ParagraphSegmenter
from .segment import Segment, Segmenter, join
from .sentences import SentenceSegmenter
from .splitting import SpanSegmenter, split_long
from .tokens import TokenSegmenter
from .turns import TurnSegmenter

__all__ = [
    "LineSegmenter",
    "ParagraphSegmenter",
    "Segment",
    "Segmenter",
    "SentenceSegmenter",
    "SpanSegmenter",
    "TokenSegmenter",
    "TurnSegmenter",
    "join",
    "make_segmenter",
    "split_long",
]

_SEGMENTERS: dict[str, type[SpanSegmenter]] = {
    "sentence": SentenceSegmenter,
    "turn": TurnSegmenter,
    "paragraph": ParagraphSegmenter,
    "line": LineSegmenter,
    "token": TokenSegmenter,
}


def make_segmenter(by: str, **options: Any) -> SpanSegmenter:
    """The segmenter with the name `by`: sentence, turn, paragraph, line or token; `options` are its arguments.

    Raises:
        ValueError: there is none of this name, or an option has a wrong value.
    """
    if by not in _SEGMENTERS:
        (nearest,) = get_close_matches(by, _SEGMENTERS, n=1, cutoff=0)
        raise ValueError(f"no segmenter {by!r}; did you mean {nearest!r}? There are: {', '.join(_SEGMENTERS)}")
    return _SEGMENTERS[by](**options)
