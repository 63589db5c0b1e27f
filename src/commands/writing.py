"""`segdiff generate`, `segdiff reconstruct` and `segdiff models`."""

import os
import sys
from contextlib import nullcontext
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..defaults import DEFAULT_MODEL
from .given import MAX_SEGMENTS, given_arguments
from .shared import (
    MAX_SEED,
    Device,
    Json,
    KnownWords,
    Model,
    load_pipeline,
    load_representation,
    print_json,
    print_table,
    say,
)
from .watching import watching

if TYPE_CHECKING:
    from ..pipelines.writing import Passage


def models() -> None:
    """List the bundled models."""
    folder = files("segdiff").joinpath("models")
    found = sorted(path for path in Path(str(folder)).glob("*") if path.is_dir())
    if not found:
        say("no model is bundled; give --model a folder or a hub name")
    rows = []
    for path in found:
        size = sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
        rows.append(
            {
                "model": path.name,
                "size": f"{size / 1e6:.1f} MB",
                "": _first_line(path / "README.md").removeprefix(f"{path.name}: "),
            }
        )
    print_table(rows, head=False)


def _first_line(card: Path) -> str:
    """First line of a model card below its front matter, without the marks of a heading."""
    lines = card.read_text(encoding="utf-8").splitlines() if card.is_file() else []
    if lines[:1] == ["---"] and "---" in lines[1:]:
        lines = lines[lines.index("---", 1) + 1 :]
    return next((line.lstrip("# ").strip() for line in lines if line.strip()), "")


CANDIDATES = 8  # where there is something to choose by


def generate(
    title: Annotated[str | None, typer.Argument(help="Title of the story.")] = None,
    segments: Annotated[
        int | None, typer.Option(min=1, max=MAX_SEGMENTS, help="How many; the model chooses without it.")
    ] = None,
    start: Annotated[list[str] | None, typer.Option(help="A first segment; repeatable, in order.")] = None,
    end: Annotated[list[str] | None, typer.Option(help="A last segment; repeatable, in order.")] = None,
    keep: Annotated[
        list[str] | None, typer.Option(metavar="N=TEXT", help="Segment N, counted from 1, is TEXT; repeatable.")
    ] = None,
    template: Annotated[
        Path | None,
        typer.Option(help="File with a segment a line; a line ___ is written, an empty one parts paragraphs."),
    ] = None,
    strength: Annotated[
        list[str] | None,
        typer.Option(metavar="N=LEVEL", help="Rewrite given segment N from this noise level, 0 to 1; repeatable."),
    ] = None,
    keywords: Annotated[str | None, typer.Option(help='What it is about: "dog, rain".')] = None,
    mention: Annotated[str | None, typer.Option(help='Words that it must have: "bicycle, rain".')] = None,
    mention_scale: Annotated[
        float, typer.Option(min=0, max=10_000, help="How strongly --mention pulls; 0 = not at all.")
    ] = 150.0,
    negative: Annotated[str | None, typer.Option(help='What it is not about: "war, school".')] = None,
    control: Annotated[
        list[str] | None,
        typer.Option(metavar="FOLDER=LABEL", help="Pull every segment to a label of `train control`; repeatable."),
    ] = None,
    control_scale: Annotated[float, typer.Option(min=0, max=1000, help="How strongly.")] = 3.0,
    length: Annotated[str | None, typer.Option(help="Of a segment: short, medium, long, or a number of words.")] = None,
    steps: Annotated[int, typer.Option(min=1, max=1000, help="Denoising steps.")] = 20,
    sampler: Annotated[
        str | None,
        typer.Option(help="ddim, dpm++, dpm++sde, unipc, flow-euler or flow-heun; the model's own without it."),
    ] = None,
    guidance: Annotated[float, typer.Option(min=0, max=100, help="How closely to keep to the title; 1 = off.")] = 2.0,
    guidance_interval: Annotated[
        tuple[float, float], typer.Option(metavar="LOW HIGH", help="Noise levels, 0 to 1, at which there is guidance.")
    ] = (0.0, 1.0),
    temperature: Annotated[
        float | None,
        typer.Option(min=0, max=100, help="Of the decoder; 0 = its likeliest text. The model has its own."),
    ] = None,
    min_p: Annotated[
        float | None,
        typer.Option(min=0, max=1, help="With a temperature: no token below this share of the likeliest one's."),
    ] = None,
    known_words: KnownWords = None,
    decoder_level: Annotated[
        float | None,
        typer.Option(min=0, max=1, help="How little the decoder trusts the latents; the higher, the plainer."),
    ] = None,
    candidates: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=1000,
            help=f"Written to keep the best. The model's own; at least {CANDIDATES} for --mention, --length.",
        ),
    ] = None,
    choose: Annotated[
        str | None,
        typer.Option(help="The best is by: critic, where the model has one, mbr (most like the others) or likelihood."),
    ] = None,
    group: Annotated[
        int | None, typer.Option(min=1, max=64, help="Segments written together; a longer story comes group by group.")
    ] = None,
    window: Annotated[
        int | None, typer.Option(min=0, max=64, help="Finished segments that a group is written to fit.")
    ] = None,
    paragraph_length: Annotated[
        int | None,
        typer.Option(min=0, max=1000, help="Sentences of a paragraph, on average; 0 = one block. 5 for long stories."),
    ] = None,
    watch: Annotated[bool, typer.Option("--watch", help="Show the story emerge from noise.")] = False,
    seed: Annotated[
        int | None, typer.Option(min=0, max=MAX_SEED, help="Of the first story; random without it.")
    ] = None,
    num: Annotated[int, typer.Option(min=1, max=100_000, help="How many stories; the i-th has the seed + i.")] = 1,
    batch_size: Annotated[int, typer.Option(min=1, max=10_000, help="Stories written at once.")] = 16,
    as_json: Json = False,
    model: Model = DEFAULT_MODEL,
    device: Device = "auto",
) -> None:
    """Write stories."""
    for text, what in [
        (title, "the title"),
        (keywords, "--keywords"),
        (mention, "--mention"),
        (negative, "--negative"),
    ]:
        if text is not None and not text.strip(", \t\r\n"):
            raise ValueError(f"{what} is empty; give some text or leave it out")
    if watch and num > 1:
        raise ValueError("--watch shows one story; leave out --num")
    if seed is None:
        seed = int.from_bytes(os.urandom(4), "big")
    if seed + num > MAX_SEED:
        raise ValueError(f"--seed is {seed}; with --num {num} it must be at most {MAX_SEED - num}")
    given = given_arguments(segments, start, end, keep, template, strength)
    scheduler = _scheduler(sampler)
    pipeline = load_pipeline(model, device)
    if scheduler is not None:
        pipeline.scheduler = scheduler
    if candidates is None and (mention or length):
        candidates = max(CANDIDATES, pipeline.config.num_candidates)
    elif candidates is None and watch:
        candidates = 1  # what is seen to emerge is what is told at the end
    from ..pipelines.story import stories_at_once

    written = pipeline.resolved(num_candidates=candidates, known_words=known_words)["num_candidates"]
    batch_size = stories_at_once(batch_size, written)
    live = num == 1 and not as_json and not watch  # the text comes as it is finished

    def show(passage: "Passage") -> None:
        print(passage.text[0], end="", flush=True)

    seconds, calls = 0.0, 0
    with watching() if watch else nullcontext() as watcher:
        for first in range(0, num, batch_size):  # batch by batch, so that stories appear as they are written
            count = min(batch_size, num - first)
            stories = pipeline(
                title,
                **given,
                keywords=_words(keywords),
                mention=_words(mention),
                mention_scale=mention_scale,
                negative=_words(negative),
                controls=_controls(control, control_scale),
                words_per_segment=int(length) if length and length.strip().isdecimal() else length,
                num_stories=count,
                num_inference_steps=steps,
                guidance_scale=guidance,
                guidance_interval=guidance_interval,
                temperature=temperature,
                min_p=min_p,
                known_words=known_words,
                decoder_level=decoder_level,
                num_candidates=candidates,
                choose=choose,
                group=group,
                window=window,
                paragraph_length=paragraph_length,
                seed=seed + first,
                batch_size=batch_size,
                callback_on_draft=watcher.draft if watcher else None,
                callback_on_group_end=watcher.passage if watcher else show if live else None,
            )
            calls += stories[0].denoiser_calls
            for index, story in enumerate(stories, start=first):
                seconds += story.seconds
                if as_json:
                    values = {"title": title, "segments": story.segments, "text": story.text, "seed": story.seed}
                    timing = {"seconds": round(story.seconds, 4), "denoiser_calls": story.denoiser_calls}
                    print_json({**values, **timing})
                elif live:
                    print()
                elif num > 1:
                    head = f"# {title} (seed {story.seed})" if title else f"# seed {story.seed}"
                    print(*([] if index == 0 else [""]), head, story.text, sep="\n")
            sys.stdout.flush()
    if watch and not as_json:
        print(stories[0].text)
    if not as_json:
        seeds = f"seed {seed}" if num == 1 else f"seeds {seed} to {seed + num - 1}"
        say(f"{seeds}, {seconds:.2f} s, {calls} denoiser calls")


def _words(text: str | None) -> list[str]:
    return [word.strip() for word in (text or "").split(",") if word.strip()]


def _scheduler(name: str | None) -> Any:
    if name is None:
        return None
    from ..diffusion.samplers import make_scheduler

    return make_scheduler(name)


def _controls(values: list[str] | None, scale: float) -> list[Any]:
    """FOLDER=LABEL of each control."""
    if not values:
        return []
    from ..pipelines.controls import load_control

    for value in values:
        if not all(value.rpartition("=")):
            raise ValueError(f"--control is {value!r}; it must be FOLDER=LABEL")
    return [load_control(folder, label, scale) for folder, _, label in (value.rpartition("=") for value in values)]


def reconstruct(
    file: Annotated[str, typer.Argument(help="Text file, a document a line; - reads from standard input.")],
    noise: Annotated[float, typer.Option(min=0, help="Noise on the latents, relative to their norm.")] = 0.0,
    seed: Annotated[int, typer.Option(min=0, max=2**62, help="Of the noise.")] = 0,
    as_json: Json = False,
    model: Model = DEFAULT_MODEL,
    device: Device = "auto",
) -> None:
    """Encode each line to latents and decode it again."""
    if file != "-" and not Path(file).is_file():
        raise FileNotFoundError(f"no file {file!r}; give a text file, or - for standard input")
    with sys.stdin.buffer if file == "-" else Path(file).open("rb") as stream:
        encoder, decoder, tokenizer = load_representation(model, device)
        from itertools import tee

        from tqdm import tqdm

        from ..pipelines.reconstruct import reconstruct as run
        from ..pipelines.reconstruct import some_lines

        shown = tqdm(some_lines(stream, file), unit=" lines", disable=not sys.stderr.isatty())

        def warn(message: str) -> None:
            say(f"segdiff: {message}")

        texts, lines = tee(shown)  # holds what `run` has read ahead
        for text, result in zip(texts, run(lines, encoder, decoder, tokenizer, noise, seed, warn=warn), strict=True):
            if not as_json:
                print(result)
            elif text.strip():
                print_json({"text": text, "reconstruction": result})
