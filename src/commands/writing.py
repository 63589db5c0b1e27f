"""`segdiff generate`, `segdiff reconstruct` and `segdiff models`."""

import os
import sys
from importlib.resources import files
from pathlib import Path
from typing import Annotated

import typer

from .shared import MAX_SEED, Device, Json, Model, load_pipeline, load_representation, print_json, print_table, say


def models() -> None:
    """List the bundled models."""
    folder = files("segdiff").joinpath("models")
    found = sorted(path for path in Path(str(folder)).glob("*") if path.is_dir())
    if not found:
        say("no model is bundled; give --model a folder or a hub name")
    rows = []
    for path in found:
        size = sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
        rows.append({"model": path.name, "size": f"{size / 1e6:.1f} MB", "": _first_line(path / "README.md")})
    print_table(rows, head=False)


def _first_line(card: Path) -> str:
    """First line of a model card below its front matter, without the marks of a heading."""
    lines = card.read_text(encoding="utf-8").splitlines() if card.is_file() else []
    if lines[:1] == ["---"] and "---" in lines[1:]:
        lines = lines[lines.index("---", 1) + 1 :]
    return next((line.lstrip("# ").strip() for line in lines if line.strip()), "")


def generate(
    title: Annotated[str | None, typer.Argument(help="Title of the story.")] = None,
    segments: Annotated[int | None, typer.Option(min=1, max=64, help="How many; the model chooses without it.")] = None,
    start: Annotated[list[str] | None, typer.Option(help="A first segment; repeatable, in order.")] = None,
    end: Annotated[list[str] | None, typer.Option(help="A last segment; repeatable, in order.")] = None,
    keywords: Annotated[str | None, typer.Option(help='In place of a title: "dog, rain".')] = None,
    steps: Annotated[int, typer.Option(min=1, max=1000, help="Denoising steps.")] = 20,
    guidance: Annotated[float, typer.Option(min=0, max=100, help="How closely to keep to the title; 1 = off.")] = 4.0,
    temperature: Annotated[float, typer.Option(min=0, max=100, help="Of the decoder; 0 = its likeliest text.")] = 0.0,
    decoder_level: Annotated[
        float | None,
        typer.Option(min=0, max=1, help="How little the decoder trusts the latents; the higher, the plainer."),
    ] = None,
    seed: Annotated[
        int | None, typer.Option(min=0, max=MAX_SEED, help="Of the first story; random without it.")
    ] = None,
    num: Annotated[int, typer.Option(min=1, max=100_000, help="How many stories; the i-th has the seed + i.")] = 1,
    batch_size: Annotated[int, typer.Option(min=1, max=10_000, help="Stories written at once.")] = 16,
    as_json: Json = False,
    model: Model = "stories-tiny",
    device: Device = "auto",
) -> None:
    """Write stories."""
    for text, what in [(title, "the title"), (keywords, "--keywords")]:
        if text is not None and not text.strip(", \t\r\n"):
            raise ValueError(f"{what} is empty; give some text or leave it out")
    if title is not None and keywords is not None:
        raise ValueError("give either a title or --keywords, not both")
    words = [word.strip() for word in (keywords or "").split(",") if word.strip()]
    if seed is None:
        seed = int.from_bytes(os.urandom(4), "big")
    if seed + num > MAX_SEED:
        raise ValueError(f"--seed is {seed}; with --num {num} it must be at most {MAX_SEED - num}")
    pipeline = load_pipeline(model, device)
    seconds, calls = 0.0, 0
    for first in range(0, num, batch_size):  # batch by batch, so that stories appear as they are written
        count = min(batch_size, num - first)
        stories = pipeline(
            title,
            segments,
            start=_sentences(start, "--start"),
            end=_sentences(end, "--end"),
            keywords=words,
            num_stories=count,
            num_inference_steps=steps,
            guidance_scale=guidance,
            temperature=temperature,
            decoder_level=decoder_level,
            seed=seed + first,
            batch_size=batch_size,
        )
        calls += stories[0].denoiser_calls
        for index, story in enumerate(stories, start=first):
            seconds += story.seconds
            if as_json:
                values = {"title": title, "segments": story.segments, "text": story.text, "seed": story.seed}
                timing = {"seconds": round(story.seconds, 4), "denoiser_calls": story.denoiser_calls}
                print_json({**values, **timing})
            elif num == 1:
                print(story.text)
            else:
                head = f"# {title} (seed {story.seed})" if title else f"# seed {story.seed}"
                print(*([] if index == 0 else [""]), head, story.text, sep="\n")
        sys.stdout.flush()
    if not as_json:
        seeds = f"seed {seed}" if num == 1 else f"seeds {seed} to {seed + num - 1}"
        say(f"{seeds}, {seconds:.2f} s, {calls} denoiser calls")


def _sentences(texts: list[str] | None, option: str) -> list[str]:
    """What the user gave as sentences; spaCy is loaded only when there is something to cut."""
    if not texts:
        return []
    if not all(text.strip() for text in texts):
        raise ValueError(f"{option} is empty; give some text or leave it out")
    from ..encoders import SentenceSegmenter

    segmenter = SentenceSegmenter()
    return [segment.text for text in texts for segment in segmenter(text)]


def reconstruct(
    file: Annotated[str, typer.Argument(help="Text file, a document a line; - reads from standard input.")],
    noise: Annotated[float, typer.Option(min=0, help="Noise on the latents, relative to their norm.")] = 0.0,
    seed: Annotated[int, typer.Option(min=0, max=2**62, help="Of the noise.")] = 0,
    as_json: Json = False,
    model: Model = "stories-tiny",
    device: Device = "auto",
) -> None:
    """Encode each line to latents and decode it again."""
    if file != "-" and not Path(file).is_file():
        raise FileNotFoundError(f"no file {file!r}; give a text file, or - for standard input")
    with sys.stdin.buffer if file == "-" else Path(file).open("rb") as stream:
        encoder, decoder, tokenizer = load_representation(model, device)
        from itertools import tee

        from tqdm import tqdm

        from ..pipelines.reconstruct import read_lines
        from ..pipelines.reconstruct import reconstruct as run

        shown = tqdm(read_lines(stream, file), unit=" lines", disable=not sys.stderr.isatty())
        texts, lines = tee(shown)  # holds what `run` has read ahead
        for text, result in zip(texts, run(lines, encoder, decoder, tokenizer, noise, seed), strict=True):
            if not as_json:
                print(result)
            elif text.strip():
                print_json({"text": text, "reconstruction": result})
