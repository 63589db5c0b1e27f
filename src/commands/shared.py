"""What the commands share: options, models, devices, printing. Light to import: torch comes when a model is loaded."""

import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

    from ..decoders import SegmentDecoder
    from ..encoders import SegmentEncoder
    from ..pipelines import StoryPipeline

MAX_SEED = 2**63 - 2

PLAIN: dict[str, Any] = {"rich_markup_mode": None, "add_completion": False, "invoke_without_command": True}

Model = Annotated[str, typer.Option(help="A bundled model (see `segdiff models`), a folder, or a hub name.")]
Device = Annotated[str, typer.Option(help="Where to run: auto, cpu, cuda, cuda:1, ...")]
KnownWords = Annotated[
    bool | None,
    typer.Option(
        "--known-words/--any-words",
        help="Whether only words that the model has read or been given are written; as the model has it without.",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="One JSON object a line, and nothing else.")]
Config = Annotated[str | None, typer.Option(help="A bundled config or a YAML file; the defaults without it.")]
Data = Annotated[list[str] | None, typer.Argument(help="Corpora to train on, in place of the config's.")]
Out = Annotated[Path, typer.Option(help="Folder of the run; an interrupted run is resumed.")]
Set = Annotated[list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Override an option; repeatable.")]
Minutes = Annotated[float | None, typer.Option("--max-minutes", help="Train for about so long, in place of steps.")]
Init = Annotated[str | None, typer.Option(help="Model to start from, in place of random weights.")]


def help_without_command(context: typer.Context) -> None:
    if context.invoked_subcommand is None:
        print(context.get_help())


def say(text: str) -> None:
    """One line on stderr, of the main one of several processes."""
    if os.environ.get("RANK", "0") == "0":
        print(text, file=sys.stderr, flush=True)


def is_hub_name(model: str) -> bool:
    """Whether a model has to be looked for on the hub: OWNER/NAME, and there is no such folder."""
    return model.count("/") == 1 and not model.startswith((".", "/", "~")) and not Path(model).exists()


def may_be_on_the_hub(name: str | None) -> bool:
    """Whether a text model is neither a folder nor the packaged one: hub names need no owner (t5-small)."""
    from ..pipelines.sentence_encoders import PACKAGE

    return name is not None and name != PACKAGE and not Path(name).exists()


def offline() -> None:
    """Keep the hub out of it. Read when the hub's library is imported."""
    os.environ["HF_HUB_OFFLINE"] = "1"


def load_pipeline(model: str, device: str) -> "StoryPipeline":
    remote = is_hub_name(model)
    if not remote:
        offline()
    from ..pipelines.story import StoryPipeline

    where = usable_device(device)
    try:
        return StoryPipeline.from_pretrained(model).to(where)
    except (OSError, ValueError) as error:
        if not remote:
            raise
        why = str(error).split("(")[0].splitlines()[0].strip() if str(error).strip() else type(error).__name__
        raise ValueError(f"no folder {model!r}, and it cannot be fetched from the hub either: {why}") from error


def load_representation(
    model: str, device: str
) -> tuple["SegmentEncoder", "SegmentDecoder", "PreTrainedTokenizerFast"]:
    if is_hub_name(model):
        pipeline = load_pipeline(model, device)
        return pipeline.encoder, pipeline.decoder, pipeline.tokenizer
    offline()
    from ..pipelines import loading

    where = usable_device(device)
    encoder, decoder, tokenizer = loading.load_representation(model)
    return encoder.to(where), decoder.to(where), tokenizer


def usable_device(name: str) -> str:
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


def print_json(value: Any) -> None:
    print(json.dumps(value, ensure_ascii=False))


def print_table(rows: Sequence[dict[str, Any]], head: bool = True) -> None:
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
