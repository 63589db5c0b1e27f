"""Latents -> text."""

from .decoder import SegmentDecoder, neighbours, with_neighbours
from .lexicon import Lexicon, WordTokens

__all__ = ["Lexicon", "SegmentDecoder", "WordTokens", "neighbours", "with_neighbours"]
