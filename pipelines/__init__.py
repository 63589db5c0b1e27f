"""The verbs: train, write, reconstruct, evaluate."""

from .story import Story, StoryPipeline

__all__ = ["Story", "StoryPipeline"]
