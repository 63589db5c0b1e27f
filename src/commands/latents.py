"""`segdiff encode` and `segdiff decode`."""

import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from ..defaults import DEFAULT_MODEL
from .shared import Device, Json, Model, load_representation, print_json, say

BatchSize = Annotated[int, typer.Option(min=1, max=10_000, help="Segments at once.")]


def encode(
    corpus: Annotated[Path, typer.Argument(help="Text file; blank lines part what belongs together.")],
    out: Annotated[Path, typer.Option(help="Folder of the latents; an interrupted encoding goes on.")],
    by: Annotated[str, typer.Option(help="What is a segment: line, sentence, turn, paragraph or token.")] = "line",
    dtype: Annotated[
        Literal["float32", "float16"], typer.Option(help="Numbers on disk; float16 takes half the space.")
    ] = "float32",
    shard_segments: Annotated[
        int, typer.Option(min=1, help="Segments of a file of latents, which are in memory at once.")
    ] = 10_000,
    batch_size: BatchSize = 256,
    model: Model = DEFAULT_MODEL,
    device: Device = "auto",
) -> None:
    """Encode a text file to latents on disk."""
    from ..encoders.segmenters import make_segmenter

    segmenter = make_segmenter(by)
    if not corpus.is_file():
        raise FileNotFoundError(f"no file {str(corpus)!r}; give a text file")
    parts = load_representation(model, device)
    from tqdm import tqdm

    from ..pipelines.encode_corpus import encode_corpus
    from ..pipelines.latents import RepresentationPipeline

    notes: list[str] = []
    with tqdm(unit=" segments", disable=not sys.stderr.isatty()) as bar:
        index = encode_corpus(
            corpus,
            out,
            RepresentationPipeline(*parts),
            segmenter,
            by,
            dtype,
            shard_segments,
            batch_size,
            show=bar.update,
            warn=notes.append,
        )
    for note in notes:
        say(f"segdiff: {note}")
    say(f"{index.count} segments, {index.num_latents} latents of width {index.latent_dim} each, are in {out}")


def decode(
    latents: Annotated[Path, typer.Argument(help="Folder that `segdiff encode` wrote.")],
    batch_size: BatchSize = 512,
    as_json: Json = False,
    model: Model = DEFAULT_MODEL,
    device: Device = "auto",
) -> None:
    """Decode latents on disk to text, a segment a line."""
    from ..pipelines.latent_store import LatentIndex, read_latents

    index = LatentIndex.load(latents)
    if not index.complete:
        raise ValueError(f"{latents} is unfinished, with {index.count} segments so far; give `segdiff encode` again")
    parts = load_representation(model, device)
    from tqdm import tqdm

    from ..pipelines.latents import RepresentationPipeline

    pipeline = RepresentationPipeline(*parts)
    here = pipeline.encoder.fingerprint()
    if here != index.fingerprint:
        raise ValueError(f"{latents} was encoded by another model than {model}: {index.fingerprint}, not {here}")
    with tqdm(total=index.count, unit=" segments", disable=not sys.stderr.isatty()) as bar:
        for part, lines in read_latents(latents, index, batch_size):
            for line, text in zip(lines, pipeline.decode(part, batch_size), strict=True):
                if as_json:
                    print_json({"line": line, "text": text})
                else:
                    print(text)
            sys.stdout.flush()
            bar.update(len(lines))
