"""Latents -> text."""

from .decoder import SegmentDecoder, neighbours, with_neighbours

__all__ = ["SegmentDecoder", "neighbours", "with_neighbours"]
