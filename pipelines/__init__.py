"""The verbs: train, write, reconstruct, evaluate."""

from .latents import RepresentationPipeline
from .story import Story, StoryPipeline

__all__ = ["RepresentationPipeline", "Story", "StoryPipeline"]
