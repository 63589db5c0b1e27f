"""The `segdiff` command.

Nothing heavy is imported at the top: help and wrong options answer at once; torch and its relatives take seconds and
are imported by the commands that need them.
"""

import errno
import json
import os
import sys
import traceback
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from . import __version__

if TYPE_CHECKING:
    from pydantic import BaseModel
    from transformers import PreTrainedTokenizerFast

    from .decoders import SegmentDecoder
    from .encoders import SegmentEncoder
    from .pipelines import StoryPipeline

MAX_SEED = 2**63 - 2

_PLAIN = {"rich_markup_mode": None, "add_completion": False, "invoke_without_command": True}
app = typer.Typer(help="Segment-level latent diffusion of text.", **_PLAIN)  # type: ignore[arg-type]
train = typer.Typer(help="Train one stage, or a whole model.", **_PLAIN)  # type: ignore[arg-type]
evaluate = typer.Typer(help="Measure a model.", **_PLAIN)  # type: ignore[arg-type]
app.add_typer(train, name="train")
app.add_typer(evaluate, name="evaluate")

Model = Annotated[str, typer.Option(help="A bundled model (see `segdiff models`), a folder, or a hub name.")]
Device = Annotated[str, typer.Option(help="Where to run: auto, cpu, cuda, cuda:1, ...")]
Json = Annotated[bool, typer.Option("--json", help="One JSON object a line, and nothing else.")]
Config = Annotated[str | None, typer.Option(help="A bundled config or a YAML file; the defaults without it.")]
Data = Annotated[list[str] | None, typer.Argument(help="Corpora to train on, in place of the config's.")]
Out = Annotated[Path, typer.Option(help="Folder of the run; an interrupted run is resumed.")]
Set = Annotated[list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Override an option; repeatable.")]
Minutes = Annotated[float | None, typer.Option("--max-minutes", help="Train for about so long, in place of steps.")]
Init = Annotated[str | None, typer.Option(help="Model to start from, in place of random weights.")]


# --- the command as a whole


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and exit: 0, 2 after an error (one line on stderr), 130 after Ctrl-C.

    SEGDIFF_DEBUG=1 shows tracebacks.
    """
    debug = os.environ.get("SEGDIFF_DEBUG", "") not in ("", "0")
    code = 0
    try:
        _quiet(debug)
        command = typer.main.get_command(app)
        with command.make_context("segdiff", list(sys.argv[1:] if arguments is None else arguments)) as context:
            command.invoke(context)
        sys.stdout.flush()  # a full disk or a closed pipe shows here, not when Python exits
    except typer.Exit as end:
        code = end.exit_code
    except (Exception, KeyboardInterrupt) as error:
        code = 130 if isinstance(error, KeyboardInterrupt) else 2
        message = _message(error)
        if debug or message is None:
            raise
        traceback.clear_frames(error.__traceback__)  # a progress bar in there ends its line now, not after ours
        _drop_output()
        print(f"segdiff: error: {message}", file=sys.stderr)
    sys.exit(code)


def _quiet(debug: bool) -> None:
    """Silence what other libraries say about themselves. They read this when they are imported."""
    if debug:
        return
    for name in ("TRANSFORMERS_VERBOSITY", "DIFFUSERS_VERBOSITY"):
        os.environ.setdefault(name, "error")
    os.environ.setdefault("TRANSFORMERS_NO_ADVISORY_WARNINGS", "1")
    if not sys.warnoptions:
        warnings.simplefilter("ignore")


def _message(error: BaseException) -> str | None:
    """One line for a mistake of the user or the machine; None for one of ours, which keeps its traceback."""
    text = " ".join(str(error).split()) or type(error).__name__
    if isinstance(error, KeyboardInterrupt):
        return " ".join(str(error).split()) or "interrupted"
    if hasattr(error, "format_message"):  # click's usage errors, which typer exports under changing names
        return " ".join(error.format_message().split())
    if getattr(error, "errno", None) == errno.ENOSPC or "No space left on device" in text:
        file = getattr(error, "filename", None)
        return f"the disk is full{f' (writing {file})' if file else ''}; free some space and try again"
    if isinstance(error, BrokenPipeError):
        return "whoever read the output has closed it"
    if isinstance(error, OSError) and error.strerror:
        return f"{error.strerror}: {error.filename}" if error.filename else error.strerror
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return f"out of memory; give a smaller batch ({text})"
    if isinstance(error, ValueError | OSError) or type(error).__name__ == "SafetensorError":
        return text
    return None


def _drop_output() -> None:
    """Flush stdout; where that fails, throw the rest away, so that Python does not complain again at exit."""
    try:
        sys.stdout.flush()
    except (OSError, ValueError):
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, sys.stdout.fileno())
        os.close(null)


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _help_without_command(context: typer.Context) -> None:
    if context.invoked_subcommand is None:
        print(context.get_help())


@app.callback()
def _root(
    context: typer.Context, version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False
) -> None:
    if version:
        print(f"segdiff {__version__}")
        raise typer.Exit()
    _help_without_command(context)


@train.callback()
def _train(context: typer.Context) -> None:
    _help_without_command(context)


@evaluate.callback()
def _evaluate(context: typer.Context) -> None:
    _help_without_command(context)


# --- models and devices


def _is_hub_name(model: str) -> bool:
    return model.count("/") == 1 and not model.startswith((".", "/", "~")) and not Path(model).exists()


def _offline() -> None:
    """Keep the hub out of it. Read when the hub's library is imported."""
    os.environ["HF_HUB_OFFLINE"] = "1"


def _load_pipeline(model: str, device: str) -> "StoryPipeline":
    remote = _is_hub_name(model)
    if not remote:
        _offline()
    from .pipelines.story import StoryPipeline

    where = _device(device)
    try:
        return StoryPipeline.from_pretrained(model).to(where)
    except (OSError, ValueError) as error:
        if not remote:
            raise
        why = str(error).split("(")[0].splitlines()[0].strip() if str(error).strip() else type(error).__name__
        raise ValueError(f"no folder {model!r}, and it cannot be fetched from the hub either: {why}") from error


def _load_representation(
    model: str, device: str
) -> tuple["SegmentEncoder", "SegmentDecoder", "PreTrainedTokenizerFast"]:
    if _is_hub_name(model):
        pipeline = _load_pipeline(model, device)
        return pipeline.encoder, pipeline.decoder, pipeline.tokenizer
    _offline()
    from .pipelines.loading import load_representation

    where = _device(device)
    encoder, decoder, tokenizer = load_representation(model)
    return encoder.to(where), decoder.to(where), tokenizer


def _device(name: str) -> str:
    """The device to use; "auto" is the first GPU where there is one.

    Raises:
        ValueError: no such device here.
    """
    import torch

    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        torch.empty(0, device=name).cpu()  # "meta" makes tensors, without numbers in them
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        raise ValueError(f"device {name!r} cannot be used here: {str(error).splitlines()[0]}") from None
    return name


@app.command()
def models() -> None:
    """List the bundled models."""
    folder = files("segdiff").joinpath("models")
    found = sorted(path for path in Path(str(folder)).glob("*") if path.is_dir())
    if not found:
        _say("no model is bundled; give --model a folder or a hub name")
    rows = []
    for path in found:
        size = sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
        rows.append({"model": path.name, "size": f"{size / 1e6:.1f} MB", "": _first_line(path / "README.md")})
    _print_table(rows, head=False)


def _first_line(card: Path) -> str:
    """First line of a model card below its front matter, without the marks of a heading."""
    lines = card.read_text(encoding="utf-8").splitlines() if card.is_file() else []
    if lines[:1] == ["---"] and "---" in lines[1:]:
        lines = lines[lines.index("---", 1) + 1 :]
    return next((line.lstrip("# ").strip() for line in lines if line.strip()), "")


def _print_table(rows: Sequence[dict[str, Any]], head: bool = True) -> None:
    """Rows with aligned columns, numbers to the right."""

    def cell(value: Any) -> str:
        if isinstance(value, float):
            return f"{value:.3f}".rstrip("0").rstrip(".")
        return "-" if value is None else str(value)

    columns = list(dict.fromkeys(key for row in rows for key in row))
    lines = [[cell(row.get(column)) for column in columns] for row in rows]
    widths = [
        max(map(len, [column if head else "", *texts]))
        for column, texts in zip(columns, zip(*lines, strict=True), strict=True)
    ]
    right = [any(isinstance(row.get(column), int | float) for row in rows) for column in columns]
    for line in [columns, *lines] if head else lines:
        padded = [
            text.rjust(width) if to_right else text.ljust(width)
            for text, width, to_right in zip(line, widths, right, strict=True)
        ]
        print("  ".join(padded).rstrip())


# --- writing and reconstructing


@app.command()
def generate(
    title: Annotated[str | None, typer.Argument(help="Title of the story.")] = None,
    segments: Annotated[int | None, typer.Option(min=1, max=64, help="How many; the model chooses without it.")] = None,
    start: Annotated[list[str] | None, typer.Option(help="A first segment; repeatable, in order.")] = None,
    end: Annotated[list[str] | None, typer.Option(help="A last segment; repeatable, in order.")] = None,
    keywords: Annotated[str | None, typer.Option(help='In place of a title: "dog, rain".')] = None,
    steps: Annotated[int, typer.Option(min=1, max=1000, help="Denoising steps.")] = 20,
    guidance: Annotated[float, typer.Option(min=0, max=100, help="How closely to keep to the title; 1 = off.")] = 2.0,
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
    pipeline = _load_pipeline(model, device)
    chosen = {} if decoder_level is None else {"decoder_level": decoder_level}
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
            seed=seed + first,
            batch_size=batch_size,
            **chosen,
        )
        calls += stories[0].denoiser_calls
        for index, story in enumerate(stories, start=first):
            seconds += story.seconds
            if as_json:
                values = {"title": title, "segments": story.segments, "text": story.text, "seed": story.seed}
                timing = {"seconds": round(story.seconds, 4), "denoiser_calls": story.denoiser_calls}
                _print_json({**values, **timing})
            elif num == 1:
                print(story.text)
            else:
                head = f"# {title} (seed {story.seed})" if title else f"# seed {story.seed}"
                print(*([] if index == 0 else [""]), head, story.text, sep="\n")
        sys.stdout.flush()
    if not as_json:
        seeds = f"seed {seed}" if num == 1 else f"seeds {seed} to {seed + num - 1}"
        _say(f"{seeds}, {seconds:.2f} s, {calls} denoiser calls")


def _sentences(texts: list[str] | None, option: str) -> list[str]:
    """What the user gave as sentences; spaCy is loaded only when there is something to cut."""
    if not texts:
        return []
    if not all(text.strip() for text in texts):
        raise ValueError(f"{option} is empty; give some text or leave it out")
    from .encoders import SentenceSegmenter

    segmenter = SentenceSegmenter()
    return [segment.text for text in texts for segment in segmenter(text)]


def _print_json(value: Any) -> None:
    print(json.dumps(value, ensure_ascii=False))


@app.command()
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
        encoder, decoder, tokenizer = _load_representation(model, device)
        from itertools import tee

        from tqdm import tqdm

        from .pipelines.reconstruct import read_lines
        from .pipelines.reconstruct import reconstruct as run

        shown = tqdm(read_lines(stream, file), unit=" lines", disable=not sys.stderr.isatty())
        texts, lines = tee(shown)  # holds what `run` has read ahead
        for text, result in zip(texts, run(lines, encoder, decoder, tokenizer, noise, seed), strict=True):
            if not as_json:
                print(result)
            elif text.strip():
                _print_json({"text": text, "reconstruction": result})


# --- training


def _run_stage(out: Path, config: "BaseModel", run: Callable[[], Any], init: str | None = None) -> None:
    """Open the run folder and train, unless the run is finished.

    Args:
        out: run folder.
        config: of the run.
        run: trains; imports what it needs after the checks.
        init: model that the run starts from.
    """
    from .pipelines.checkpoints import latest_checkpoint
    from .pipelines.runs import is_finished, locked, open_run

    with _interruptible(out), locked(out):
        open_run(out, config, init=init)
        if is_finished(out):
            _say(f"segdiff: {out} is finished: its model is in {out / 'model'}; to train again, use another --out")
            return
        checkpoint = latest_checkpoint(out)
        if checkpoint is not None:
            _say(f"segdiff: resuming from {checkpoint}")
        run()
    _say(f"segdiff: finished; the model is in {out / 'model'}")


@contextmanager
def _interruptible(out: Path) -> Iterator[None]:
    """Ctrl-C says where the run stands and how to go on."""
    try:
        yield
    except KeyboardInterrupt as interrupt:
        from .pipelines.runs import progress_of

        interrupt.args = (f"interrupted; {progress_of(out)}",)
        raise


def _overrides(
    data: list[str] | None, minutes: float | None, sets: list[str] | None, **values: str | None
) -> list[str]:
    """Options of the command line as overrides; `--set` comes last and wins."""
    given = {"data.train": data or None, **values, "loop.max_minutes": minutes}
    overrides = [f"{key}={json.dumps(value, ensure_ascii=False)}" for key, value in given.items() if value is not None]
    if minutes is not None:
        overrides.append("loop.max_steps=null")  # steps would come before minutes
    return [*overrides, *(sets or [])]


@train.command()
def representation(
    out: Out,
    data: Data = None,
    config: Config = None,
    set_: Set = None,
    max_minutes: Minutes = None,
    init: Init = None,
) -> None:
    """Encoder and decoder: text to latents and back."""
    from .configs import load_config
    from .configs.schema import RepresentationConfig

    values = load_config(RepresentationConfig, config, _overrides(data, max_minutes, set_))
    pretrained = values.encoder.pretrained
    if pretrained is None or Path(pretrained).exists():
        _offline()

    def run() -> None:
        from .pipelines.train_representation import train_representation

        train_representation(values, out, init)

    _run_stage(out, values, run, init)


@train.command()
def diffusion(
    out: Out,
    data: Data = None,
    representation: Annotated[str | None, typer.Option(help="Trained representation: its run's model/.")] = None,
    config: Config = None,
    set_: Set = None,
    max_minutes: Minutes = None,
    init: Init = None,
) -> None:
    """Denoiser and condition encoder, on a trained representation."""
    from .configs import load_config
    from .configs.schema import DiffusionConfig

    overrides = _overrides(data, max_minutes, set_, representation=representation)
    values = load_config(DiffusionConfig, config, overrides)
    _offline()

    def run() -> None:
        from .pipelines.train_diffusion import train_diffusion

        train_diffusion(values, out, init)

    _run_stage(out, values, run, init)


@train.command()
def adaptation(
    out: Out,
    data: Data = None,
    model: Annotated[str | None, typer.Option(help="Trained model whose decoder is adapted.")] = None,
    config: Config = None,
    set_: Set = None,
    max_minutes: Minutes = None,
) -> None:
    """Teach the decoder to read what the denoiser writes."""
    from .configs import load_config
    from .configs.schema import AdaptationConfig

    values = load_config(AdaptationConfig, config, _overrides(data, max_minutes, set_, model=model))
    _offline()

    def run() -> None:
        from .pipelines.train_adaptation import train_adaptation

        train_adaptation(values, out)

    _run_stage(out, values, run)


@train.command("story-model")
def story_model(
    data: Annotated[Path, typer.Option(help="Folder that the config's corpora are in.")],
    out: Out,
    config: Annotated[str, typer.Option(help="A bundled config or a YAML file.")] = "stories-tiny",
    set_: Set = None,
) -> None:
    """Every stage in turn, and the finished model."""
    if not data.is_dir():
        raise FileNotFoundError(f"--data {data} is no folder")
    _offline()
    from .pipelines.runs import locked

    with _interruptible(out), locked(out):
        from .pipelines.driver import build_story_model

        build_story_model(config, data, out, set_ or [], say=_say)


# --- measuring


@evaluate.command()
def ladder(
    data: Annotated[Path, typer.Option(help="Held-out stories: .jsonl, text, or a folder of them.")],
    out: Annotated[Path | None, typer.Option(help="JSON file for all numbers and some examples.")] = None,
    stories: Annotated[int, typer.Option(min=1, help="How many stories of the corpus to measure on.")] = 200,
    seed: Annotated[int, typer.Option(min=0, max=2**62, help="Of all noise.")] = 0,
    model: Model = "stories-tiny",
    device: Device = "auto",
) -> None:
    """What each stage keeps of held-out stories, from reconstruction to free writing."""
    if out is not None and not out.parent.is_dir():
        raise FileNotFoundError(f"--out {out}: there is no folder {out.parent}")
    pipeline = _load_pipeline(model, device)
    from .pipelines.checkpoints import write_json
    from .pipelines.corpus import read_documents
    from .pipelines.ladder import evaluate_ladder

    result = evaluate_ladder(pipeline, read_documents(data), stories, seed)
    if out is not None:
        write_json(out, result)
    _print_table(result["table"])
