"""What writing costs against the length of the text: ours, autoregressive with a key-value cache, masked, passage.

    python benchmarks/generation.py --threads 2 --out generation.json --plot generation.png

All have the same number of parameters, but that of the passage model grows with its latents; the baselines' weights are
random. Lengths are forced: every text has exactly so many tokens. Ours writes it in segments of unlike length, decoded
together until the longest ends (real decoding leaves those that have ended: it is cheaper), and with guidance, which
doubles the denoiser's batch. The passage model has as many latents, of one segment, which it decodes token by token.
Rounds are interleaved; ratios are of the runs of one round.
"""

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import cache, partial
from pathlib import Path
from random import Random
from typing import Annotated, Any

import torch
import typer
from baselines import ar, masked, transformer
from baselines.sequences import Vocabulary
from measure import Row, cell, flops, interleaved, peak_of, quartiles, shown, spread, table
from torch import Tensor

from segdiff import StoryPipeline
from segdiff.decoders import SegmentDecoder, with_neighbours
from segdiff.diffusion import SegmentDenoiser, sample
from segdiff.pipelines.story import LIKELIEST

OURS, AR, COMPILED, MASKED, PASSAGE = "ours", "autoregressive", "autoregressive, compiled", "masked", "passage"
TITLE_TOKENS, RENDERED_AT_ONCE = 6, 512
SHAPE = transformer.WIDTH, transformer.NUM_LAYERS


def segment_lengths(num_tokens: int, seed: int = 0) -> list[int]:
    """Tokens of the segments of a text: like those of the stories (13.6 on average), `num_tokens` in all."""
    rng, lengths = Random(seed), []
    while sum(lengths) < num_tokens:
        lengths.append(min(28, max(5, round(rng.gauss(13.6, 4)))))
    lengths[-1] -= sum(lengths) - num_tokens
    return lengths


Parts = tuple[SegmentDenoiser, SegmentDecoder, list[int]]
"""Denoiser and decoder of a text, and the tokens of its segments."""


def ours(pipeline: StoryPipeline) -> Callable[[int], Parts]:
    """Tokens of a text -> the parts as they are, but that no segment ends before its forced length."""
    never_ends(pipeline.decoder)
    return lambda num_tokens: (pipeline.denoiser, pipeline.decoder, segment_lengths(num_tokens))


def passage(pipeline: StoryPipeline) -> Callable[[int], Parts]:
    """Tokens of a text -> untrained parts for one segment a text (`baselines/passage.py`), with as many latents."""

    @cache
    def parts(num_tokens: int) -> Parts:
        like, own = (_options(part) for part in (pipeline.decoder, pipeline.denoiser))
        latents = {"num_latents": len(segment_lengths(num_tokens)) * like["num_latents"]}
        denoiser = SegmentDenoiser(**{**own, **latents, "max_count": 1})
        decoder = SegmentDecoder(**{**like, **latents, "gist_latents": 0, "max_tokens": num_tokens})
        never_ends(decoder)
        return denoiser.eval(), decoder.eval(), [num_tokens]

    return parts


def _options(part: SegmentDenoiser | SegmentDecoder) -> dict[str, Any]:
    """What a part was made with."""
    return {name: value for name, value in part.config.items() if not name.startswith("_")}


def never_ends(decoder: SegmentDecoder) -> None:
    """Let a decoder write as many tokens as it may."""
    plain, end = decoder.logits, torch.tensor([decoder.config.eos_token_id])
    decoder.logits = lambda states: plain(states).index_fill(-1, end, -torch.inf)


class LatentDiffusion:
    """Denoise all segments, then decode them together.

    Args:
        pipeline: its condition encoder, scheduler and decoder level are used.
        parts: tokens of a text -> denoiser, decoder and tokens of the segments.
        num_steps: of the sampler.
        guidance: classifier-free guidance; 1 = off.
    """

    def __init__(self, pipeline: StoryPipeline, parts: Callable[[int], Parts], num_steps: int, guidance: float) -> None:
        self.pipeline, self.parts, self.num_steps, self.guidance = pipeline, parts, num_steps, guidance

    @torch.no_grad()
    def __call__(self, num_tokens: int, batch: int) -> str:
        """Write `batch` texts; the denoiser's calls and the decoder's."""
        pipeline = self.pipeline
        denoiser, decoder, lengths = self.parts(num_tokens)
        shape = (batch, len(lengths), decoder.config.num_latents, decoder.config.latent_dim)
        exists = torch.ones(shape[:2], dtype=torch.bool)
        ids = torch.full((batch, TITLE_TOKENS), 10)
        condition, seen = pipeline.condition_encoder(ids, torch.ones_like(ids))
        without, unseen = pipeline.condition_encoder(ids, torch.zeros_like(ids))
        output = sample(
            denoiser,
            pipeline.scheduler,
            self.num_steps,
            torch.randn(shape),
            exists,
            condition,
            seen,
            without,
            unseen,
            guidance_scale=self.guidance,
        )
        level = torch.full(shape[:3], float(pipeline.config.decoder_level))
        grids = with_neighbours(output.latents, exists, level, decoder.config.context_window)
        for start in range(0, len(grids[0]), RENDERED_AT_ONCE):
            memory = decoder.memory(*(grid[start : start + RENDERED_AT_ONCE] for grid in grids))
            decoder.generate(*memory, max_tokens=max(lengths))
        return f"{output.denoiser_calls} + {max(lengths)}"


def autoregressive(model: Any, vocabulary: Vocabulary) -> Callable[[int, int], str]:
    """(tokens, batch) -> its forward passes, of a decoder with a key-value cache."""

    def run(num_tokens: int, batch: int) -> str:
        left = num_tokens

        def pick(logits: Tensor) -> Tensor | None:
            nonlocal left
            left -= 1
            return logits.argmax(-1) if left > 0 else None  # the last token needs no pass of its own

        return str(ar.decode(model, [[vocabulary.bos]] * batch, pick))

    return run


def masked_diffusion(model: Any, vocabulary: Vocabulary, num_passes: int) -> Callable[[int, int], str]:
    """(tokens, batch) -> its forward passes."""

    def run(num_tokens: int, batch: int) -> str:
        row = [vocabulary.bos, *[vocabulary.mask] * num_tokens]
        canvas = masked.canvas_batch([(row, [False, *[True] * num_tokens])] * batch)
        masked.unmask(model, vocabulary, canvas, num_passes, temperature=0.0, order_noise=0.0)
        return str(min(num_passes, num_tokens))

    return run


def measure(
    systems: Mapping[str, Callable[[int, int], str]],
    sizes: Sequence[tuple[int, int]],
    repetitions: int,
    seconds_per_size: float,
    masked_limit: int,
    say: Callable[[str], Any],
) -> list[Row]:
    """Rows of (tokens, batch) and system.

    Args:
        systems: what writes, by name.
        sizes: (tokens, batch).
        repetitions: runs behind each median.
        seconds_per_size: no round begins later, after the second.
        masked_limit: tokens x texts above which the masked baseline is left out: it takes minutes.
        say: called with each size.
    """
    rows: list[Row] = []
    lengths = sorted({tokens for tokens, _ in sizes})
    work = {
        tokens: {name: flops(partial(run, tokens, 1)) for name, run in systems.items() if name != COMPILED}
        for tokens in lengths
    }
    for tokens, batch in sizes:
        say(f"{tokens} tokens, {batch} at once")
        chosen = {name: run for name, run in systems.items() if name != MASKED or tokens * batch <= masked_limit}
        runs = {name: partial(run, tokens, batch) for name, run in chosen.items()}
        first = {name: peak_of(run) for name, run in runs.items()}  # this warms up, too
        taken = interleaved(runs, repetitions, seconds_per_size)
        for name, seconds in taken.items():
            ratios = [other / own for own, other in zip(seconds, taken[AR], strict=True)]
            rows.append(
                {
                    "tokens": tokens,
                    "batch": batch,
                    "system": name,
                    **spread("seconds", seconds),
                    "tokens/s": tokens * batch / quartiles(seconds)[1],
                    "passes": first[name][0],
                    "GFLOP a text": work[tokens].get(name, work[tokens][AR]) / 1e9,
                    "peak MiB": first[name][1],
                    **spread("times as fast as AR", ratios),
                    "runs": len(seconds),
                }
            )
    return rows


def plot(rows: Sequence[Row], file: Path) -> None:
    """Seconds of a batch and operations of a text against its length, for ours and the autoregressive one."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot
    from matplotlib.ticker import LogLocator, NullFormatter

    batches = sorted({row["batch"] for row in rows})
    figure, axes = pyplot.subplots(1, len(batches) + 1, figsize=(4 * (len(batches) + 1), 3.6), layout="constrained")
    panels = [(f"seconds, {batch} at once", "seconds", batch) for batch in batches]
    panels.append(("GFLOP a text", "GFLOP a text", batches[0]))
    for axis, (title, column, batch) in zip(axes, panels, strict=True):
        for name, colour in ((OURS, "C0"), (AR, "C1")):
            line = [row for row in rows if row["system"] == name and row["batch"] == batch]
            axis.plot([row["tokens"] for row in line], [row[column] for row in line], "o-", color=colour, label=name)
        axis.set(title=title, xlabel="tokens of the text", xscale="log", yscale="log")
        axis.set_xticks(sorted({row["tokens"] for row in rows}))
        axis.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        for part in (axis.xaxis, axis.yaxis):
            part.set_major_formatter("{x:g}")
            part.set_minor_formatter(NullFormatter())
        axis.legend()
    figure.savefig(file, dpi=120)
    pyplot.close(figure)


def main(
    model: Annotated[str, typer.Option(help="Bundled model or folder that is measured.")] = "stories-tiny",
    threads: Annotated[int, typer.Option(min=1, help="Threads of torch.")] = 2,
    lengths: Annotated[str, typer.Option(help="Tokens of a text.")] = "60,250,1000",
    batches: Annotated[str, typer.Option(help="Texts at once.")] = "1,16,64",
    steps: Annotated[int, typer.Option(min=1, help="Steps of our sampler.")] = 20,
    guidance: Annotated[float, typer.Option(min=1, help="Our guidance; 1: off.")] = 2.0,
    masked_passes: Annotated[int, typer.Option(min=1, help="Forward passes of masked diffusion.")] = 64,
    masked_limit: Annotated[int, typer.Option(min=1, help="Tokens x texts that it is still measured at.")] = 4000,
    repetitions: Annotated[int, typer.Option(min=1, help="Runs behind each median.")] = 7,
    seconds_per_size: Annotated[float, typer.Option(min=0, help="No round of runs begins later.")] = 120,
    compiled: Annotated[bool, typer.Option("--compile", help="A row of the decoder by torch.compile, too.")] = False,
    width: Annotated[int, typer.Option(min=32, help="Of the baselines; a multiple of 32.")] = transformer.WIDTH,
    layers: Annotated[int, typer.Option(min=1, help="Of the baselines.")] = transformer.NUM_LAYERS,
    out: Annotated[Path | None, typer.Option(help="JSON file for all numbers.")] = None,
    plot_file: Annotated[Path | None, typer.Option("--plot", help="PNG file for the curves.")] = None,
    quick: Annotated[bool, typer.Option("--quick", help="Smoke run: one repetition, tiny sizes.")] = False,
) -> None:
    """Measure, print Markdown, write JSON and a plot."""
    torch.set_num_threads(threads)
    if quick:
        lengths, batches, steps, masked_passes, repetitions = "20,40", "1,2", 3, 3, 1
    try:
        sizes = [(int(tokens), int(batch)) for tokens in lengths.split(",") for batch in batches.split(",")]
    except ValueError:
        raise typer.BadParameter(f"--lengths {lengths} and --batches {batches} must be numbers with commas") from None
    torch.manual_seed(0)
    pipeline = StoryPipeline.from_pretrained(model)
    pipeline.register_to_config(**LIKELIEST)
    modules = (pipeline.encoder, pipeline.condition_encoder, pipeline.denoiser, pipeline.decoder)
    size = sum(map(transformer.num_parameters, modules))
    vocabulary = Vocabulary.of(pipeline.tokenizer)
    plain = transformer.build(vocabulary.size, size, width, layers).eval()
    passage_parts = passage(pipeline)
    systems: dict[str, Callable[[int, int], str]] = {
        OURS: LatentDiffusion(pipeline, ours(pipeline), steps, guidance),
        AR: autoregressive(plain, vocabulary),
        MASKED: masked_diffusion(plain, vocabulary, masked_passes),
        PASSAGE: LatentDiffusion(pipeline, passage_parts, steps, guidance),
    }
    if compiled:
        systems[COMPILED] = autoregressive(torch.compile(plain, dynamic=True), vocabulary)
    rows = measure(
        systems, sizes, repetitions, seconds_per_size, masked_limit, lambda line: print(line, file=sys.stderr)
    )
    command = ["python", "benchmarks/generation.py", "--model", model, "--threads", str(threads)]
    sizes_of = ["--lengths", lengths, "--batches", batches, "--steps", str(steps), "--guidance", cell(guidance)]
    sizes_of += ["--repetitions", str(repetitions), "--masked-passes", str(masked_passes)]
    sizes_of += ["--masked-limit", str(masked_limit), "--seconds-per-size", cell(seconds_per_size)]
    command += ["--quick"] if quick else sizes_of
    command += ["--width", str(width), "--layers", str(layers)] if (width, layers) != SHAPE else []
    command += ["--compile"] if compiled else []
    grown = [
        sum(map(transformer.num_parameters, (*passage_parts(tokens)[:2], pipeline.condition_encoder, pipeline.encoder)))
        for tokens in sorted({tokens for tokens, _ in sizes})
    ]
    note = (
        f"Parameters: {size:,} ours, {transformer.num_parameters(plain):,} the token models', the passage model's by "
        f"length {', '.join(f'{number:,}' for number in grown)}. Passes of ours and passage: denoiser + decoder. "
        f"{steps} steps, guidance {cell(guidance)}; masked: {masked_passes} passes, at most {masked_limit:,} tokens "
        "at once."
    )
    print(f"## Writing against length\n\n`{shown(command)}`\n\n{note}\n\n{table(rows)}\n")
    if out is not None:
        about = {"model": model, "threads": threads, "torch": torch.__version__, "quick": quick, "note": note}
        out.write_text(
            json.dumps({**about, "command": shown(command), "rows": rows}, indent=2) + "\n", encoding="utf-8"
        )
    if plot_file is not None:
        plot(rows, plot_file)


if __name__ == "__main__":
    typer.run(main)
