"""Segment-level latent diffusion of text.

The main classes are imported on first use, so that `import segdiff` and `segdiff --help` answer at once.
"""

from typing import TYPE_CHECKING

from .lazy import lazy_names

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
    from .pipelines import ParaphrasePipeline, RepresentationPipeline, StoryPipeline

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
    "ParaphrasePipeline",
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
    "ParaphrasePipeline": "pipelines",
}

__getattr__, __dir__ = lazy_names(__name__, _HOMES)
