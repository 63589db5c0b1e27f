"""Texts -> latents -> noise -> texts: how much of a text its latents keep, and what noise does to it.

B lines, S segments of the longest line, K latents per segment, D latent width.
"""

import math
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import IO

import torch
from transformers import PreTrainedTokenizerFast

from ..decoders import SegmentDecoder
from ..encoders import SegmentEncoder
from ..encoders.latents import add_noise, noise_level
from ..encoders.segmenters import SentenceSegmenter, split_long
from .byte_tokens import ByteCounter
from .rendering import encode_texts, render
from .tokenization import token_lists

GRID = 512  # places of the grid (lines times segments of the longest) that are rendered at once


def read_lines(stream: IO[bytes], name: str) -> Iterator[str]:
    """Lines of UTF-8 text without their line breaks.

    Raises:
        ValueError: a line is not UTF-8, or holds NUL bytes.
    """
    for number, raw in enumerate(stream, start=1):
        if b"\0" in raw:
            raise ValueError(f"{name} line {number} holds NUL bytes: this is a binary file, not text")
        try:
            yield raw.decode("utf-8-sig" if number == 1 else "utf-8").rstrip("\r\n")
        except UnicodeDecodeError as error:
            raise ValueError(f"{name} line {number} is not UTF-8 ({error.reason}); convert it first") from None


def some_lines(stream: IO[bytes], name: str) -> Iterator[str]:
    """`read_lines` of a text that is more than blank lines.

    Raises:
        ValueError: there is nothing but those; at the end.
    """
    found = False
    for line in read_lines(stream, name):
        found = found or bool(line.strip())
        yield line
    if not found:
        raise ValueError(f"{'standard input' if name == '-' else name} is empty; give some text")


def fitting_pieces(text: str, tokenizer: PreTrainedTokenizerFast, max_tokens: int) -> list[str]:
    """`text`, cut where it has more than `max_tokens` tokens, its end token included."""
    count = len(token_lists(tokenizer, [text])[0]) + 1
    if count <= max_tokens or len(text) == 1:
        return [text]
    pieces = split_long(text, max(1, len(text) * max_tokens // count))
    return [part for piece in pieces for part in fitting_pieces(piece.text, tokenizer, max_tokens)]


def reconstruct(
    lines: Iterable[str],
    encoder: SegmentEncoder,
    decoder: SegmentDecoder,
    tokenizer: PreTrainedTokenizerFast,
    noise: float = 0.0,
    seed: int = 0,
    segmenter: Callable[[str], Sequence[object]] | None = None,
    warn: Callable[[str], object] = warnings.warn,
) -> Iterator[str]:
    """Encode and decode each line as a document of its own.

    Reads ahead no further than one batch, so any number of lines takes the memory of a few.

    Args:
        lines: texts; a blank one gives an empty string.
        encoder, decoder, tokenizer: of one model.
        noise: strength of the noise on the latents, relative to their norm; 0 = none.
        seed: of the noise; line i (from 0, blank ones counted) draws from a generator with the seed `seed + i`, so
            its noise depends on no other line.
        segmenter: cuts a line into segments; `SentenceSegmenter()` when None. What is too long is cut again.
        warn: told, after the last line, where the tokenizer knows some segments by their bytes alone.

    Yields:
        The reconstruction of each line, in order.

    Raises:
        ValueError: `noise` is negative or not finite.
    """
    if not (math.isfinite(noise) and noise >= 0):
        raise ValueError(f"noise is {noise}; it must be a finite number, 0 or more")
    return _reconstruct(lines, encoder, decoder, tokenizer, noise, seed, segmenter or SentenceSegmenter(), warn)


def _reconstruct(
    lines: Iterable[str],
    encoder: SegmentEncoder,
    decoder: SegmentDecoder,
    tokenizer: PreTrainedTokenizerFast,
    noise: float,
    seed: int,
    segmenter: Callable[[str], Sequence[object]],
    warn: Callable[[str], object],
) -> Iterator[str]:
    counter = ByteCounter(tokenizer)
    batch: list[tuple[int, list[str]]] = []  # number and segments of each line
    longest = 1
    for number, line in enumerate(lines):
        segments = [
            piece
            for sentence in (segmenter(line) if line.strip() else ())
            for piece in fitting_pieces(str(sentence), tokenizer, encoder.config.max_tokens)
        ]
        counter.count(segments)
        longest = max(longest, len(segments))
        if batch and longest * (len(batch) + 1) > GRID:
            yield from _batch(batch, encoder, decoder, tokenizer, noise, seed)
            batch, longest = [], max(1, len(segments))
        batch.append((number, segments))
    yield from _batch(batch, encoder, decoder, tokenizer, noise, seed)
    if counter.warning is not None:
        warn(counter.warning)


@torch.no_grad()
def _batch(
    batch: list[tuple[int, list[str]]],
    encoder: SegmentEncoder,
    decoder: SegmentDecoder,
    tokenizer: PreTrainedTokenizerFast,
    noise: float,
    seed: int,
) -> list[str]:
    counts = [len(segments) for _, segments in batch]
    if not any(counts):
        return [""] * len(batch)
    latents = encode_texts(encoder, tokenizer, [text for _, segments in batch for text in segments])
    if noise > 0:
        drawn = [
            torch.randn(len(segments), *latents.shape[1:], generator=torch.Generator().manual_seed(seed + number))
            for number, segments in batch
        ]
        latents = add_noise(latents, noise, torch.cat(drawn).to(latents))
    segment_mask = torch.arange(max(counts), device=latents.device) < torch.tensor(
        counts, device=latents.device
    ).unsqueeze(1)
    grid = latents.new_zeros(*segment_mask.shape, *latents.shape[1:])  # (B, S, K, D)
    grid[segment_mask] = latents
    level = noise_level(noise)
    return [" ".join(segments) for segments in render(decoder, tokenizer, grid, segment_mask, level=level)]
