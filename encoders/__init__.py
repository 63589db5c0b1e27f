"""Text -> segments -> token states -> fixed latents; and the condition encoder."""

from .condition import ConditionEncoder
from .encoder import SegmentEncoder
from .segmenters import (
    LineSegmenter,
    ParagraphSegmenter,
    Segment,
    SentenceSegmenter,
    TokenSegmenter,
    TurnSegmenter,
    make_segmenter,
)

__all__ = [
    "ConditionEncoder",
    "LineSegmenter",
    "ParagraphSegmenter",
    "Segment",
    "SegmentEncoder",
    "SentenceSegmenter",
    "TokenSegmenter",
    "TurnSegmenter",
    "make_segmenter",
]
