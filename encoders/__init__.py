"""Text -> segments -> token states -> fixed latents; and the condition encoder.

The encoders are imported on first use, so that text is cut into segments without waiting for torch.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

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


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f".{_HOMES[name]}", __name__), name)
    globals()[name] = value  # the next access no longer comes here
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
