"""Latents -> text."""

from .decoder import SegmentDecoder, neighbours

__all__ = ["SegmentDecoder", "neighbours"]
