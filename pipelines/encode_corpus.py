"""`segdiff encode`: a text file to a folder of latents."""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path

from torch import Tensor

from .latent_store import INDEX, SHARDS, LatentIndex, open_store, write_latents
from .latents import BATCHES_AHEAD, RepresentationPipeline
from .reconstruct import fitting_pieces, read_lines
from .runs import locked
from .tokenization import segment_tokens

Segmenter = Callable[[str], Sequence[object]]


def numbered_segments(lines: Iterable[str], segmenter: Segmenter, first: int = 1) -> Iterator[tuple[int, str]]:
    """Line number (from 1) and text of each segment, from line `first` on; blank lines have none."""
    for number, line in enumerate(lines, start=1):
        if number >= first and line.strip():
            yield from ((number, str(segment)) for segment in segmenter(line.strip()))


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
) -> LatentIndex:
    """Encode every segment of a text file; goes on where an interrupted encoding of the same file stopped.

    Args:
        corpus: UTF-8 text.
        folder: of the latents.
        pipeline: of the encoder.
        segmenter: cuts a line into segments; what is too long for the model is cut again.
        by: the segmenter's name, kept in the index.
        dtype: "float32" or "float16".
        shard_segments: segments of a shard.
        batch_size: segments at once.
        show: told the segments of every batch, and first those that were there.

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

        def parts() -> Iterator[tuple[Tensor, list[int]]]:
            while chunk := list(islice(rest, ahead)):
                latents = pipeline.encode([text for _, text in chunk], batch_size)
                show(len(chunk))
                yield latents, [number for number, _ in chunk]

        for _ in write_latents(folder, index, parts()):
            pass
    return index
