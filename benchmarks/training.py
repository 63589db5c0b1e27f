"""How fast every system trains, and what share of the machine's matrix peak that is.

    python benchmarks/training.py --threads 2 --out training.json

Both of our long stages, and the autoregressive and the masked baseline with as many parameters as all our parts
together, each on its own batches of one synthetic corpus. The peak is that of large single-precision matrix products,
measured in every round; operations are counted, those of matrix products alone.
"""

import json
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
import typer
from baselines import ar, masked, tokens, transformer
from baselines.config import BaselineConfig
from baselines.sequences import Vocabulary, WindowSampler
from first_light import QUICK_DIFFUSION, QUICK_REPRESENTATION, diffusion_contenders, representation_contenders
from measure import (
    Contender,
    Row,
    flops,
    interleaved,
    loss_of,
    matrix_peak,
    quartiles,
    shown,
    spread,
    synthetic_corpus,
    table,
)
from transformers import PreTrainedTokenizerFast

from segdiff.configs.loader import load_config
from segdiff.configs.schema import DiffusionConfig, RepresentationConfig
from segdiff.pipelines.latent_batches import ConditionDrawer
from segdiff.pipelines.prepared import PreparedCorpus

REPRESENTATION, DIFFUSION, AR, MASKED = "representation", "diffusion", "autoregressive", "masked"


def baseline(
    config: BaselineConfig, size: int, corpus: PreparedCorpus, tokenizer: PreTrainedTokenizerFast
) -> Contender:
    """A token baseline of `size` parameters, with its batches."""
    vocabulary = Vocabulary.of(tokenizer)
    model = transformer.build(vocabulary.size, size, config.width, config.num_layers)
    sampler = WindowSampler(corpus, config.batch_tokens, config.data.max_segments, config.loop.seed)
    draw = ConditionDrawer(corpus, tokenizer, config.condition, config.condition.max_tokens)

    def batch_at(step: int) -> Any:
        rng = np.random.default_rng([0, step])
        return tokens.batch(config, corpus, sampler(step), draw, vocabulary, rng, config.fragment_share)

    def count(batch: Any) -> int:
        return int((batch.ids == vocabulary.eos).sum())

    objective = ar.ArObjective(model) if config.kind == "ar" else masked.MaskedObjective(model, vocabulary)
    return Contender(objective, batch_at, loss_of(objective), config.loop, clip=True, count=count)


def contenders(quick: bool, width: int, layers: int) -> tuple[dict[str, Contender], float, Row]:
    """What is measured, the tokens of a segment, and what it is measured on."""
    representation = load_config(RepresentationConfig, "representation-tiny", QUICK_REPRESENTATION if quick else [])
    diffusion = load_config(DiffusionConfig, "diffusion-tiny", QUICK_DIFFUSION if quick else [])
    data = representation.data
    corpus, tokenizer = synthetic_corpus(20 if quick else 1000, data.vocab_size, data.max_tokens)
    first = representation_contenders(representation, corpus, tokenizer)["all three"]
    second = diffusion_contenders(diffusion, representation, corpus, tokenizer)["diffusion"]
    size = first.num_parameters() + second.num_parameters()
    found = {REPRESENTATION: first, DIFFUSION: second}
    tokens_per_segment = float(corpus.segments.lengths.mean())
    for name, kind in ((AR, "ar"), (MASKED, "masked")):
        options = BaselineConfig(kind=kind, width=width, num_layers=layers, data=data)
        found[name] = baseline(options, size, corpus, tokenizer)
    about = {"segments": len(corpus.segments), "tokens of a segment": tokens_per_segment, "vocabulary": len(tokenizer)}
    return found, tokens_per_segment, about


def measure(
    found: Mapping[str, Contender], tokens_per_segment: float, repetitions: int, block: int, peak_size: int
) -> list[Row]:
    """Speeds, operations and shares of the peak of interleaved rounds of `block` steps."""
    work: dict[str, float] = {}
    seen: dict[str, list[int]] = {name: [] for name in found}
    place = dict.fromkeys(found, 0)

    def steps(name: str, contender: Contender) -> None:
        first = place[name]
        place[name] += block
        seen[name].append(sum(contender.step(index) for index in range(first, first + block)))

    for name, contender in found.items():
        steps(name, contender)  # warms up
        counted: list[int] = []
        operations = flops(lambda contender=contender, counted=counted: counted.append(contender.step(0)))
        work[name] = operations / counted[0]
        seen[name].clear()
    peaks: list[float] = []
    runs: dict[str, Callable[[], Any]] = {name: partial(steps, name, contender) for name, contender in found.items()}
    runs["peak"] = lambda: peaks.append(matrix_peak(peak_size))
    taken = interleaved(runs, repetitions)
    peak = quartiles(peaks)[1]
    rows: list[Row] = [{"what": "matrix peak", "GFLOP/s": peak / 1e9}]
    for name, contender in found.items():
        speeds = [count / seconds for count, seconds in zip(seen[name], taken[name], strict=True)]
        middle = quartiles(speeds)[1]
        rows.append(
            {
                "what": name,
                **spread("segments/s", speeds),
                "tokens/s": middle * tokens_per_segment,
                "MFLOP a segment": work[name] / 1e6,
                "GFLOP/s": middle * work[name] / 1e9,
                "share of the peak": middle * work[name] / peak,
                "parameters": contender.num_parameters(),
            }
        )
    return rows


def main(
    threads: Annotated[int, typer.Option(min=1, help="Threads of torch.")] = 2,
    repetitions: Annotated[int, typer.Option(min=1, help="Rounds behind each median.")] = 7,
    block: Annotated[int, typer.Option(min=1, help="Training steps of a round.")] = 4,
    width: Annotated[int, typer.Option(min=32, help="Of the baselines; a multiple of 32.")] = transformer.WIDTH,
    layers: Annotated[int, typer.Option(min=1, help="Of the baselines.")] = transformer.NUM_LAYERS,
    out: Annotated[Path | None, typer.Option(help="JSON file for all numbers.")] = None,
    quick: Annotated[bool, typer.Option("--quick", help="Smoke run: one repetition, tiny sizes.")] = False,
) -> None:
    """Measure, print Markdown, write JSON."""
    torch.set_num_threads(threads)
    torch.set_flush_denormal(True)  # as in the training loop; both sides profit
    torch.manual_seed(0)
    if quick:
        repetitions, block, width, layers = 1, 1, 32, 1
    found, tokens_per_segment, about = contenders(quick, width, layers)
    rows = measure(found, tokens_per_segment, repetitions, block, peak_size=256 if quick else 2048)
    command = ["python", "benchmarks/training.py", "--threads", str(threads)]
    command += ["--quick"] if quick else ["--repetitions", str(repetitions), "--block", str(block)]
    print(f"## Training\n\n`{shown(command)}`\n\n{table(rows)}\n")
    if out is not None:
        result = {
            "command": shown(command),
            "threads": threads,
            "torch": torch.__version__,
            "data": about,
            "rows": rows,
        }
        out.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    typer.run(main)
