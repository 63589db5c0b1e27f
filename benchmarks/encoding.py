"""What encoding costs on this machine: segments/s beside plain `transformers`, and peak memory by corpus size.

    python benchmarks/encoding.py --threads 2 --out encoding.json

The plain model is the T5 encoder of the model's own options, and one whose feed-forward width makes up for the
compressor's parameters. All read the same padded batches in the same run, rounds interleaved; numbers are medians.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random
from typing import Annotated, Any

import torch
import typer
from torch import Tensor, nn
from transformers import T5Config, T5EncoderModel

from segdiff.encoders import SegmentEncoder
from segdiff.pipelines.latents import RepresentationPipeline
from segdiff.pipelines.tokenization import pad_tokens, segment_tokens

WORDS = "the a to and his her was in of it he she they had dog cat house garden walked found kite boat home rain"
Row = dict[str, Any]
Batches = list[tuple[Tensor, Tensor]]


def sentences(count: int, seed: int = 0) -> list[str]:
    """Made-up sentences of 4 to 12 words."""
    rng = Random(seed)
    return [f"{' '.join(rng.choices(WORDS.split(), k=rng.randint(4, 12))).capitalize()}." for _ in range(count)]


def padded_batches(pipeline: RepresentationPipeline, count: int, batch_size: int) -> Batches:
    """Token ids and masks (N, T) of sentences that fit, those of like length together."""
    rows = sorted(segment_tokens(pipeline.tokenizer, sentences(count)), key=len)
    rows = [row for row in rows if len(row) <= pipeline.encoder.config.max_tokens]
    return [pad_tokens(rows[start : start + batch_size], 0) for start in range(0, len(rows), batch_size)]


def plain_encoders(encoder: SegmentEncoder) -> dict[str, nn.Module]:
    """T5 encoders of the same options, and of the same number of parameters.

    Raises:
        ValueError: the model's text encoder is no T5.
    """
    options = dict(encoder.config.text_config)
    if options.get("model_type", "t5") != "t5":
        raise ValueError(f"the model's text encoder is {options['model_type']}; the benchmark needs a T5")
    small = T5EncoderModel(T5Config(**options)).eval()
    gated = 3 if "gated" in small.config.feed_forward_proj else 2
    missing = parameters(encoder) - parameters(small)
    wider = options["d_ff"] + round(missing / (gated * options["d_model"] * options["num_layers"]))
    return {
        "plain T5, same options": small,
        "plain T5, same parameters": T5EncoderModel(T5Config(**{**options, "d_ff": wider})).eval(),
    }


def parameters(model: nn.Module) -> int:
    return sum(parameter.numel() for parameter in model.parameters())


@torch.inference_mode()
def measure_speed(model: str, segments: int, batch_size: int, repetitions: int) -> list[Row]:
    """Segments/s of a pass over all batches, and the share of the plain models' speed that ours reaches."""
    pipeline = RepresentationPipeline.from_pretrained(model)
    encoder = pipeline.encoder
    batches = padded_batches(pipeline, segments, batch_size)
    total = sum(len(ids) for ids, _ in batches)
    runs: dict[str, tuple[nn.Module, Callable[[Tensor, Tensor], Any]]] = {
        name: (plain, lambda ids, mask, plain=plain: plain(input_ids=ids, attention_mask=mask))
        for name, plain in plain_encoders(encoder).items()
    }
    runs["SegmentEncoder.encode"] = (encoder, encoder.encode)
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    for repetition in range(repetitions + 1):  # the first warms up
        for name, (_, forward) in runs.items():
            began = time.perf_counter()
            for ids, mask in batches:
                forward(ids, mask)
            if repetition:
                seconds[name].append(time.perf_counter() - began)
    speed = {name: total / statistics.median(taken) for name, taken in seconds.items()}
    return [
        {
            "what": name,
            "parameters": parameters(module),
            "segments/s": speed[name],
            "ours, of this": speed["SegmentEncoder.encode"] / speed[name],
        }
        for name, (module, _) in runs.items()
    ]


PEAK = (
    "import resource, sys; from segdiff.cli import main\n"
    "try: main(sys.argv[1:])\n"
    "finally: print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
)


def measure_memory(model: str, counts: Sequence[int], threads: int) -> list[Row]:
    """Peak memory and segments/s of `segdiff encode`, each size in a process of its own.

    Raises:
        RuntimeError: it failed.
    """
    rows = []
    for count in counts:
        with tempfile.TemporaryDirectory() as folder:
            corpus = Path(folder, "corpus.txt")
            with corpus.open("w", encoding="utf-8") as file:
                file.writelines(f"{text}\n" for text in sentences(count))
            began = time.perf_counter()
            done = subprocess.run(
                [sys.executable, "-c", PEAK, "encode", str(corpus), "--out", f"{folder}/latents", "--model", model],
                env={**os.environ, "OMP_NUM_THREADS": str(threads)},
                capture_output=True,
                text=True,
            )
            if done.returncode:
                raise RuntimeError(f"segdiff encode failed: {done.stderr.strip()[-500:]}")
            row = {"segments": count, "peak MB": int(done.stdout.split()[-1]) / 1024}
            rows.append({**row, "segments/s, start included": count / (time.perf_counter() - began)})
    return rows


def main(
    model: Annotated[str, typer.Option(help="Bundled model or folder.")] = "stories-tiny",
    threads: Annotated[int, typer.Option(min=1, help="Threads of torch.")] = 2,
    segments: Annotated[int, typer.Option(min=1, help="Segments of a timed pass.")] = 5000,
    batch_size: Annotated[int, typer.Option(min=1, help="Segments of a batch.")] = 256,
    repetitions: Annotated[int, typer.Option(min=1, help="Passes behind each median.")] = 5,
    sizes: Annotated[str, typer.Option(help="Corpus sizes whose memory is measured.")] = "10000,100000",
    out: Annotated[Path | None, typer.Option(help="JSON file for all numbers.")] = None,
) -> None:
    """Measure, print, write JSON."""
    torch.set_num_threads(threads)
    counts = [int(size) for size in sizes.split(",")]
    result = {
        "model": model,
        "threads": threads,
        "batch size": batch_size,
        "torch": torch.__version__,
        "speed": measure_speed(model, segments, batch_size, repetitions),
        "memory": measure_memory(model, counts, threads),
    }
    for row in [*result["speed"], *result["memory"]]:
        print(
            "  ".join(
                f"{name}: {value:.4g}" if isinstance(value, float) else f"{name}: {value}"
                for name, value in row.items()
            )
        )
    if out is not None:
        out.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    typer.run(main)
