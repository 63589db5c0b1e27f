"""Segment-level latent diffusion of text.

The main classes are imported on first use, so that `import segdiff` and `segdiff --help` answer at once.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .decoders import SegmentDecoder
    from .diffusion import SegmentDenoiser
    from .encoders import (
        ConditionEncoder,
        LineSegmenter,
        ParagraphSegmenter,
        SegmentEncoder,
        SentenceSegmenter,
        TokenSegmenter,
        TurnSegmenter,
        make_segmenter,
    )
    from .pipelines import RepresentationPipeline, StoryPipeline

__version__ = "0.1.0"

__all__ = [
    "SentenceSegmenter",
    "TurnSegmenter",
    "ParagraphSegmenter",
    "LineSegmenter",
    "TokenSegmenter",
    "make_segmenter",
    "SegmentEncoder",
    "ConditionEncoder",
    "SegmentDenoiser",
    "SegmentDecoder",
    "RepresentationPipeline",
    "StoryPipeline",
    "__version__",
]

_HOMES = {
    "SentenceSegmenter": "encoders",
    "TurnSegmenter": "encoders",
    "ParagraphSegmenter": "encoders",
    "LineSegmenter": "encoders",
    "TokenSegmenter": "encoders",
    "make_segmenter": "encoders",
    "SegmentEncoder": "encoders",
    "ConditionEncoder": "encoders",
    "SegmentDenoiser": "diffusion",
    "SegmentDecoder": "decoders",
    "RepresentationPipeline": "pipelines",
    "StoryPipeline": "pipelines",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f".{_HOMES[name]}", __name__), name)
    globals()[name] = value  # the next access no longer comes here
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
