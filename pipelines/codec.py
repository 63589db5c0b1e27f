"""Segments to latents and back, each segment on its own: what the measures of a representation work on.

N segments, K latents per segment, D latent width.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor
from transformers import PreTrainedTokenizerFast

from ..decoders import SegmentDecoder
from ..encoders import SegmentEncoder
from .ladder import recorded_endings
from .rendering import encode_texts, render
from .tokenization import pad_tokens, segment_tokens


@dataclass(frozen=True)
class Decoded:
    """Free-running decodings of N segments, and which of them came to an end token."""

    texts: list[str]
    ended: list[bool]


class Codec(Protocol):
    """A representation as its measures see it; the tests have toy ones."""

    @property
    def meaning(self) -> slice:
        """Which of the latents texts are compared by."""

    def fits(self, texts: Sequence[str]) -> list[bool]:
        """Which texts can be encoded."""

    def encode(self, texts: Sequence[str]) -> Tensor:
        """N texts -> normalised latents (N, K, D)."""

    def decode(self, latents: Tensor, level: float = 0.0) -> Decoded:
        """(N, K, D) -> N texts, decoded free-running; `level` is the noise level that the decoder is told."""

    def loss(self, latents: Tensor, texts: Sequence[str], level: float = 0.0) -> Tensor:
        """Summed loss, in nats, of decoding N texts from (N, K, D); differentiable."""


@dataclass(frozen=True)
class ModelCodec:
    """The `Codec` of an encoder, a decoder and a tokenizer of one model."""

    encoder: SegmentEncoder
    decoder: SegmentDecoder
    tokenizer: PreTrainedTokenizerFast

    @property
    def meaning(self) -> slice:
        return self.encoder.meaning

    def fits(self, texts: Sequence[str]) -> list[bool]:
        limit = min(self.encoder.config.max_tokens, self.decoder.config.max_tokens)
        rows = segment_tokens(self.tokenizer, texts)
        return [bool(text.strip()) and len(row) <= limit for text, row in zip(texts, rows, strict=True)]

    def encode(self, texts: Sequence[str]) -> Tensor:
        return encode_texts(self.encoder, self.tokenizer, texts)

    def decode(self, latents: Tensor, level: float = 0.0) -> Decoded:
        mask = torch.ones(len(latents), 1, dtype=torch.bool, device=latents.device)
        with recorded_endings(self.decoder) as ended:
            grid = render(self.decoder, self.tokenizer, latents.unsqueeze(1), mask, level=level)
        return Decoded([text for (text,) in grid], ended)

    def loss(self, latents: Tensor, texts: Sequence[str], level: float = 0.0) -> Tensor:
        ids, mask = (t.to(latents.device) for t in pad_tokens(segment_tokens(self.tokenizer, texts), 0))
        memory, memory_mask = self.decoder.memory(latents, level=level)
        return self.decoder.loss(ids, mask, memory, memory_mask).sum()
