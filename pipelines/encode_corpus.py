"""`segdiff encode`: a text file to a folder of latents."""

import hashlib
import warnings
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path

from torch import Tensor

from ..encoders.segmenters import Segmenter
from .byte_tokens import ByteCounter
from .latent_store import INDEX, SHARDS, LatentIndex, open_store, write_latents
from .latents import BATCHES_AHEAD, RepresentationPipeline
from .reconstruct import fitting_pieces, read_lines
from .rendering import encode_texts
from .runs import locked
from .tokenization import segment_tokens

MAX_BLOCK = 100_000  # characters; of more without a blank line no more than twice as many are in memory
SENTENCE_ENDS = tuple(".!?…\"'”’)")


def blocks(lines: Iterable[str]) -> Iterator[tuple[int, str]]:
    """What stands between blank lines, with the number (from 1) of its first line.

    Long ones are parted after a line that ends a sentence, where there is one.
    """
    start, held, size = 1, list[str](), 0
    for number, line in enumerate(lines, start=1):
        if line.strip():
            if not held:
                start, size = number, 0
            held.append(line)
            size += len(line)
        ends = size > MAX_BLOCK and (line.rstrip().endswith(SENTENCE_ENDS) or size > 2 * MAX_BLOCK)
        if held and (ends or not line.strip()):
            yield start, "\n".join(held)
            held = []
    if held:
        yield start, "\n".join(held)


def numbered_segments(lines: Iterable[str], segmenter: Segmenter, first: int = 1) -> Iterator[tuple[int, str]]:
    """Number (from 1) of the line that it begins in, and text on one line, of each segment from line `first` on."""
    for start, block in blocks(lines):
        if start + block.count("\n") < first:
            continue
        number, seen = start, 0
        for segment in segmenter(block):
            number += block.count("\n", seen, segment.start)
            seen = segment.start
            if number >= first:
                yield number, " ".join(filter(None, map(str.strip, segment.text.splitlines())))


def fitting_segments(
    segments: Iterator[tuple[int, str]], pipeline: RepresentationPipeline, read_ahead: int
) -> Iterator[tuple[int, str]]:
    """The segments, cut where they are too long for the model."""
    tokenizer, limit = pipeline.tokenizer, pipeline.encoder.config.max_tokens
    while chunk := list(islice(segments, read_ahead)):
        rows = segment_tokens(tokenizer, [text for _, text in chunk])
        for (number, text), row in zip(chunk, rows, strict=True):
            pieces = [text] if len(row) <= limit else fitting_pieces(text, tokenizer, limit)
            yield from ((number, piece) for piece in pieces if piece.strip())


def encode_corpus(
    corpus: Path,
    folder: Path,
    pipeline: RepresentationPipeline,
    segmenter: Segmenter,
    by: str,
    dtype: str = "float32",
    shard_segments: int = 10_000,
    batch_size: int = 256,
    show: Callable[[int], object] = lambda count: None,
    warn: Callable[[str], object] = warnings.warn,
) -> LatentIndex:
    """Encode every segment of a text file; goes on where an interrupted encoding of the same file stopped.

    Args:
        corpus: UTF-8 text.
        folder: of the latents.
        pipeline: of the encoder.
        segmenter: cuts what stands between blank lines into segments; what is too long for the model is cut again.
        by: the segmenter's name, kept in the index.
        dtype: "float32" or "float16".
        shard_segments: segments of a shard.
        batch_size: segments at once.
        show: told the segments of every batch, and first those that were there.
        warn: told, after the last segment, where the tokenizer knows some of them by their bytes alone.

    Raises:
        ValueError: the file is empty or no text, or `folder` holds another encoding or is being written to.
    """
    with corpus.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    num_latents, latent_dim = pipeline.encoder.latent_mean.shape
    new = LatentIndex(pipeline.encoder.fingerprint(), num_latents, latent_dim, dtype, shard_segments, by, digest)
    ahead = BATCHES_AHEAD * batch_size
    with locked(folder, INDEX, SHARDS), corpus.open("rb") as stream:
        lines = read_lines(stream, str(corpus))
        if not any(line.strip() for line in lines):
            raise ValueError(f"{corpus} holds no text")
        stream.seek(0)
        index = open_store(folder, new)
        show(index.count)
        if index.complete:
            return index
        lines = read_lines(stream, str(corpus))
        segments = numbered_segments(lines, segmenter, index.line)
        rest = islice(fitting_segments(segments, pipeline, ahead), index.line_segments, None)

        counter = ByteCounter(pipeline.tokenizer)

        def parts() -> Iterator[tuple[Tensor, list[int]]]:
            while chunk := list(islice(rest, ahead)):
                texts = [text for _, text in chunk]
                latents = encode_texts(pipeline.encoder, pipeline.tokenizer, texts, batch_size).float().cpu()
                counter.count(texts)
                show(len(chunk))
                yield latents, [number for number, _ in chunk]

        for _ in write_latents(folder, index, parts()):
            pass
    if counter.warning is not None:
        warn(counter.warning)
    return index
