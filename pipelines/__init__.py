"""The verbs: train, write, paraphrase, reconstruct, evaluate.

The pipelines are imported on first use, so that what needs no model does not wait for torch.
"""

from typing import TYPE_CHECKING

from ..lazy import lazy_names

if TYPE_CHECKING:
    from .latents import RepresentationPipeline
    from .paraphrase import ParaphrasePipeline
    from .story import Story, StoryPipeline

__all__ = ["ParaphrasePipeline", "RepresentationPipeline", "Story", "StoryPipeline"]

_HOMES = {
    "ParaphrasePipeline": "paraphrase",
    "RepresentationPipeline": "latents",
    "Story": "story",
    "StoryPipeline": "story",
}

__getattr__, __dir__ = lazy_names(__name__, _HOMES)
