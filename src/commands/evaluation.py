"""`segdiff evaluate ...`: measure a model."""

from pathlib import Path
from typing import Annotated

import typer

from .shared import PLAIN, Device, Model, help_without_command, load_pipeline, print_table

evaluate = typer.Typer(help="Measure a model.", **PLAIN)


@evaluate.callback()
def _evaluate(context: typer.Context) -> None:
    help_without_command(context)


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
    pipeline = load_pipeline(model, device)
    from ..pipelines.checkpoints import write_json
    from ..pipelines.corpus import read_documents
    from ..pipelines.ladder import evaluate_ladder

    result = evaluate_ladder(pipeline, read_documents(data), stories, seed)
    if out is not None:
        write_json(out, result)
    print_table(result["table"])
