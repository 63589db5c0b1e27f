"""`segdiff evaluate stories`: written stories against human ones and controls, as one report."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..defaults import DEFAULT_MODEL
from .shared import Device, KnownWords, load_pipeline, print_table, say

if TYPE_CHECKING:
    from ..pipelines.evaluation.texts import HumanStory, WrittenStory

ALL_TASKS = "title,unconditional,continuation,infilling,ending"


def stories(
    data: Annotated[Path, typer.Option(help="Human test stories: .jsonl or .jsonl.gz.")],
    judge_data: Annotated[Path, typer.Option(help="Human stories that no system has seen, to train the judges on.")],
    out: Annotated[Path, typer.Option(help="Folder for report.json, report.html and the pictures.")],
    train_data: Annotated[
        list[Path] | None,
        typer.Option(help="The systems' training stories, to find copies; repeatable. Memorisation needs them."),
    ] = None,
    texts: Annotated[
        list[str] | None, typer.Option(metavar="NAME=FILE", help="What another system wrote, as JSONL; repeatable.")
    ] = None,
    model: Annotated[
        str, typer.Option(help="A bundled model, a folder, a hub name, or none: score --texts alone.")
    ] = DEFAULT_MODEL,
    tasks: Annotated[str, typer.Option(help="What to write and score, separated by commas.")] = ALL_TASKS,
    stories: Annotated[int, typer.Option(min=1, help="How many test stories; MAUVE is uncertain under 1,500.")] = 200,
    write: Annotated[Path | None, typer.Option(help="Keep what the model wrote as JSONL, to be scored again.")] = None,
    judge: Annotated[Path | None, typer.Option(help="Folder to keep the trained judge in, and take it from.")] = None,
    encoder: Annotated[str | None, typer.Option(help="Sentence encoder: a folder or a hub name.")] = None,
    sweep: Annotated[bool, typer.Option("--sweep", help="Vary guidance and temperature as well.")] = False,
    steps: Annotated[int, typer.Option(min=1, max=1000, help="Of the sampler.")] = 20,
    guidance: Annotated[float, typer.Option(min=0, max=100, help="Of the model; 1 = off.")] = 2.0,
    temperature: Annotated[
        float | None, typer.Option(min=0, max=100, help="Of its decoder; the model has its own.")
    ] = None,
    min_p: Annotated[
        float | None, typer.Option(min=0, max=1, help="Of its decoder, where it samples; the model has its own.")
    ] = None,
    known_words: KnownWords = None,
    candidates: Annotated[
        int | None, typer.Option(min=1, max=1000, help="Written of each, the best is scored; the model has its own.")
    ] = None,
    choose: Annotated[
        str | None,
        typer.Option(help="The best is by: critic, where the model has one, mbr (most like the others) or likelihood."),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, max=2**32 - 1, help="Of everything that is drawn.")] = 0,
    device: Device = "auto",
) -> None:
    """How good written stories are: as a set, sentence by sentence, as stories, and for what was given."""
    from ..pipelines.evaluation.texts import read_stories, write_texts

    chosen = _tasks(tasks)
    names = _systems(texts or [], model)
    if model == "none" and (write is not None or sweep):
        raise ValueError("--write and --sweep need a model; --model is none")
    if write is not None and not write.absolute().parent.is_dir():
        raise FileNotFoundError(f"--write {write}: there is no folder {write.absolute().parent}")
    humans = _distinct(read_stories(data, stories), data)
    judge_stories = read_stories(judge_data)
    given = _read(names, humans)
    from ..pipelines.evaluation.embedding import Embedder
    from ..pipelines.evaluation.judge import check_judge_folder, make_judge
    from ..pipelines.evaluation.page import page
    from ..pipelines.evaluation.plots import plots
    from ..pipelines.evaluation.report import evaluation
    from ..pipelines.evaluation.sharing import shared_notes
    from ..pipelines.evaluation.tables import grouped_notes, headlines
    from ..pipelines.evaluation.writing import write_tasks
    from ..pipelines.representation_plots import require_matplotlib
    from ..pipelines.representation_report import PAGE, check_folder, write_report

    folder = check_folder(out)
    if judge is not None:
        check_judge_folder(judge)
    require_matplotlib()
    training = [story.segments for file in train_data for story in read_stories(file)] if train_data else None
    shared = shared_notes(
        {
            "test": [story.segments for story in humans],
            "judge": [story.segments for story in judge_stories],
            "training": training or [],
        }
    )
    for note in shared:
        _progress(f"note: {note}")
    pipeline = None if model == "none" else load_pipeline(model, device)
    embedder = Embedder(encoder)
    options: dict[str, Any] = {
        "num_inference_steps": steps,
        "guidance_scale": guidance,
        "temperature": temperature,
        "min_p": min_p,
        "num_candidates": candidates,
        "choose": choose,
        "known_words": known_words,
    }
    if pipeline is not None:  # what the model decides is recorded, too
        options = pipeline.resolved(**options)
    written = None
    systems: dict[str, list[WrittenStory]] = {}
    if pipeline is not None:
        written = write_tasks(pipeline, humans, chosen, seed, options, _progress)
        systems[_model_name(model)] = written.texts
        if write is not None:
            write_texts(write, written.texts, {story.id: story.title for story in humans})
    systems |= given
    trained = make_judge(judge_stories, embedder, 0, judge, _progress)
    numbers = evaluation(
        humans,
        judge_stories,
        systems,
        chosen,
        trained,
        embedder,
        training,
        seed,
        pipeline,
        written,
        options,
        sweep,
        _progress,
    )
    numbers["notes"] = [*shared, *numbers["notes"]]
    where = {
        "model": model,
        "data": data.name,
        "training_data": [file.name for file in train_data or []],
        "systems": list(systems),
    }
    numbers["settings"] |= where | ({} if pipeline is None else options)
    images = plots(numbers)
    write_report(folder, numbers, images, page(numbers, images))
    print_table(headlines(numbers))
    for note in grouped_notes(numbers["notes"]):
        _progress(f"note: {note}")
    say(f"segdiff: wrote {out / PAGE}")


def _tasks(text: str) -> list[str]:
    known = ALL_TASKS.split(",")
    tasks = list(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))
    for task in tasks:
        if task not in known:
            raise ValueError(f"--tasks: there is no task {task!r}; there are: {', '.join(known)}")
    if not tasks:
        raise ValueError(f"--tasks is empty; there are: {', '.join(known)}")
    return tasks


def _model_name(model: str) -> str:
    return Path(model).name or model


def _systems(texts: list[str], model: str) -> dict[str, Path]:
    """Names and files of `--texts`, checked."""
    from ..pipelines.evaluation.controls import CEILING, CONTROLS

    taken = {*CONTROLS, *CEILING, *([] if model == "none" else [_model_name(model)])}
    found: dict[str, Path] = {}
    for text in texts:
        name, _, file = text.partition("=")
        if not name.strip() or not file:
            raise ValueError(f"--texts {text}: give a name and a file, as in ar=ar.jsonl")
        if name in taken or name in found:
            raise ValueError(f"--texts {text}: the name {name!r} is taken by another row; give another one")
        if not Path(file).is_file():
            raise FileNotFoundError(f"--texts {text}: there is no file {file}")
        found[name] = Path(file)
    return found


def _read(names: dict[str, Path], humans: "list[HumanStory]") -> "dict[str, list[WrittenStory]]":
    from ..pipelines.evaluation.texts import read_written

    return {name: read_written(file, humans) for name, file in names.items()}


def _distinct(humans: "list[HumanStory]", data: Path) -> "list[HumanStory]":
    ids = [story.id for story in humans]
    twice = next((name for number, name in enumerate(ids) if name in ids[:number]), None)
    if twice is not None:
        raise ValueError(f"{data}: the id {twice!r} stands for two stories")
    return humans


def _progress(text: str) -> None:
    say(f"segdiff: {text}")
