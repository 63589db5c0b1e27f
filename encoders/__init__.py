"""Text -> segments -> token states -> fixed latents; and the condition encoder.

The encoders are imported on first use, so that text is cut into segments without waiting for torch.
"""

from typing import TYPE_CHECKING

from ..lazy import lazy_names
from .segmenters import (
    LineSegmenter,
    ParagraphSegmenter,
    Segment,
    SentenceSegmenter,
    TokenSegmenter,
    TurnSegmenter,
    make_segmenter,
)

if TYPE_CHECKING:
    from .condition import ConditionEncoder
    from .encoder import SegmentEncoder

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

_HOMES = {"ConditionEncoder": "condition", "SegmentEncoder": "encoder"}

__getattr__, __dir__ = lazy_names(__name__, _HOMES)
