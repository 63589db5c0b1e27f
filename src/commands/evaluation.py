"""`segdiff evaluate ...`: measure a model."""

from pathlib import Path
from typing import Annotated

import typer

from ..defaults import DEFAULT_MODEL
from .shared import PLAIN, Device, Model, help_without_command, is_hub_name, load_pipeline, print_table, say
from .shared import load_representation as load_parts

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
    model: Model = DEFAULT_MODEL,
    device: Device = "auto",
) -> None:
    """What each stage keeps of held-out stories, from reconstruction to free writing."""
    if out is not None and not out.parent.is_dir():
        raise FileNotFoundError(f"--out {out}: there is no folder {out.parent}")
    pipeline = load_pipeline(model, device)
    from ..pipelines.corpus import read_documents
    from ..pipelines.files import write_json
    from ..pipelines.ladder import evaluate_ladder

    result = evaluate_ladder(pipeline, read_documents(data), stories, seed)
    if out is not None:
        write_json(out, result)
    print_table(result["table"])


@evaluate.command()
def representation(
    data: Annotated[Path, typer.Option(help="Held-out text: .jsonl, text, or a folder of them.")],
    out: Annotated[Path, typer.Option(help="Folder for report.json, report.html and the pictures.")],
    paraphrases: Annotated[
        list[Path] | None, typer.Option(help='Pairs: .jsonl of {"a", "b"} or {"texts": [...]}; repeatable.')
    ] = None,
    ood: Annotated[Path | None, typer.Option(help="Text of another domain, for the maps.")] = None,
    segments: Annotated[int, typer.Option(min=8, help="How many segments, and pairs a file, to measure on.")] = 500,
    seed: Annotated[int, typer.Option(min=0, max=2**32 - 1, help="Of noise, edits and bootstrap.")] = 0,
    model: Model = DEFAULT_MODEL,
    device: Device = "auto",
) -> None:
    """How good a latent space is: reconstruction, robustness, smoothness, meaning, and its shape, as one report."""
    from ..pipelines.codec import ModelCodec
    from ..pipelines.corpus import read_documents
    from ..pipelines.loading import resolve
    from ..pipelines.paraphrase_auc import read_pairs
    from ..pipelines.report_page import report_page
    from ..pipelines.representation_plots import plots, require_matplotlib
    from ..pipelines.representation_report import (
        PAGE,
        check_folder,
        headlines,
        representation_report,
        write_report,
    )

    folder = check_folder(out)
    require_matplotlib()
    documents = read_documents(data)
    others = read_documents(ood) if ood is not None else ()
    pairs = {file.name.split(".")[0]: read_pairs(file, 2 * segments) for file in paraphrases or ()}
    whole = is_hub_name(model) or (Path(resolve(model)) / "model_index.json").is_file()
    pipeline = load_pipeline(model, device) if whole else None
    parts = (pipeline.encoder, pipeline.decoder, pipeline.tokenizer) if pipeline else load_parts(model, device)
    report = representation_report(ModelCodec(*parts), documents, pairs, others, segments, seed, pipeline)
    report.numbers["settings"] = {"model": model, "data": data.name, **report.numbers["settings"]}
    images = plots(report, seed)
    write_report(folder, report.numbers, images, report_page(report.numbers, images, report.path is not None))
    print_table(headlines(report.numbers))
    say(f"segdiff: wrote {out / PAGE}")
