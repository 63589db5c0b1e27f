"""`segdiff evaluate choice`: pick the true ending by likelihood, without writing anything."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from ..defaults import DEFAULT_MODEL
from .shared import Device, Json, Model, load_pipeline, print_json, print_table, say


def choice(
    cases: Annotated[
        Path | None, typer.Option(help="Cases with their options: .jsonl, see docs/choice.md; or give --data.")
    ] = None,
    data: Annotated[Path | None, typer.Option(help="Plain stories to make cases of.")] = None,
    task: Annotated[
        str | None,
        typer.Option(help="What is to be chosen in the stories of --data: middle (the default), left or ending."),
    ] = None,
    samples: Annotated[int, typer.Option(min=1, max=1000, help="Noise levels of the likelihood bound.")] = 16,
    max_cases: Annotated[int | None, typer.Option(min=1, help="Use so many, drawn by the seed.")] = None,
    scores: Annotated[
        list[str] | None, typer.Option(metavar="NAME=FILE", help='Row of another system: {"id", "scores"}; repeatable.')
    ] = None,
    scores_out: Annotated[Path | None, typer.Option(help="JSONL file for the scores of every option.")] = None,
    out: Annotated[Path | None, typer.Option(help="JSON file for the table.")] = None,
    seed: Annotated[int, typer.Option(min=0, max=2**62, help="Of all noise.")] = 0,
    model: Model = DEFAULT_MODEL,
    device: Device = "auto",
    as_json: Json = False,
) -> None:
    """Choose the true ending, or middle sentence, by how likely the model finds it; nothing is written."""
    if (cases is None) == (data is None):
        raise ValueError("give either --cases, a file of cases, or --data, stories to make cases of")
    if cases is not None and task is not None:
        raise ValueError(f"--task {task} is for the stories of --data; leave it out with --cases")
    for option, file in (("--out", out), ("--scores-out", scores_out)):
        if file is not None and not file.parent.is_dir():
            raise FileNotFoundError(f"{option} {file}: there is no folder {file.parent}")
    named = [_name_and_file(one) for one in scores or []]
    from tqdm import tqdm

    from ..pipelines.choice import evaluate_choice, fitting_cases, main_row
    from ..pipelines.choice_cases import cases_of_stories, draw_cases, read_cases
    from ..pipelines.choice_scores import read_scores, write_scores
    from ..pipelines.corpus import read_documents
    from ..pipelines.files import write_json

    if cases is not None:
        found = draw_cases(read_cases(cases), max_cases, seed)
    else:
        assert data is not None
        found = cases_of_stories(read_documents(data), task or "middle", seed, max_cases)
    pipeline = load_pipeline(model, device)
    kept, reasons = fitting_cases(pipeline, found)
    if not kept:
        raise ValueError(f"no case fits the model; {reasons[0]}")
    if reasons:
        say(f"segdiff: {len(reasons)} of {len(found)} cases left out; {reasons[0]}")
    others = {name: read_scores(file, kept) for name, file in named}
    with tqdm(total=len(kept), unit=" cases", disable=not sys.stderr.isatty()) as bar:
        result, all_scores = evaluate_choice(pipeline, kept, samples, seed, others, bar.update)
    settings = {"model": model, "data": (cases or data or Path()).name, "left_out": len(reasons)}
    result["settings"] = {**settings, **({"task": task or "middle"} if data else {}), **result["settings"]}
    if scores_out is not None:
        write_scores(scores_out, kept, all_scores, main_row(all_scores))
    if out is not None:
        write_json(out, result)
    if not as_json:
        print_table(result["table"])
        return
    for row in result["table"]:
        print_json(row)


def _name_and_file(text: str) -> tuple[str, Path]:
    name, _, file = text.partition("=")
    if not name.strip() or not file:
        raise ValueError(f"--scores is {text!r}; give NAME=FILE")
    return name.strip(), Path(file)
