"""Text -> segments -> token states -> fixed latents; and the condition encoder."""

from .condition import ConditionEncoder
from .encoder import SegmentEncoder
from .segmenters import Segment, SentenceSegmenter

__all__ = ["ConditionEncoder", "Segment", "SegmentEncoder", "SentenceSegmenter"]
