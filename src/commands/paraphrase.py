"""`segdiff paraphrase`, and what else the latents of sentences can do: `interpolate`, `neighbours`, `direction`."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from ..defaults import DEFAULT_MODEL
from ..pipelines.files import check_folder_of
from ..pipelines.paraphrase_options import DIRECTION_STRENGTH, check_options
from .shared import (
    Device,
    Json,
    Model,
    is_hub_name,
    load_representation,
    may_be_on_the_hub,
    offline,
    print_json,
    print_table,
    say,
    usable_device,
)

if TYPE_CHECKING:
    from ..pipelines.latents import RepresentationPipeline
    from ..pipelines.paraphrase import ParaphrasePipeline
    from ..pipelines.paraphrase_input import Format

Text = Annotated[str, typer.Argument(help="A sentence.")]


def paraphrase(
    text: Annotated[str | None, typer.Argument(help="A sentence, or a text of several.")] = None,
    strength: Annotated[float, typer.Option(help="Above 0, up to 1; more strength, more change.")] = 0.4,
    num: Annotated[int, typer.Option(min=1, max=1000, help="Candidates wanted.")] = 5,
    method: Annotated[
        str, typer.Option(help="What moves them: denoise, meaning, gaussian, or mixed: the first two, and rules.")
    ] = "mixed",
    sentence: Annotated[
        list[int] | None,
        typer.Option(min=1, help="Reword this sentence alone, from 1; the whole text is returned with it; repeatable."),
    ] = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="Drop what has a warning, such as a number, name or negation lost.")
    ] = False,
    similarity: Annotated[
        str | None, typer.Option(help="Rank by this sentence-transformers model (folder or hub name).")
    ] = None,
    change_weight: Annotated[
        float | None, typer.Option(min=0, max=100, help="What change of wording is worth against similarity.")
    ] = None,
    temperature: Annotated[float, typer.Option(min=0, max=100, help="Of the decoder.")] = 0.5,
    oversample: Annotated[int, typer.Option(min=1, max=100, help="Candidates written for each that is wanted.")] = 4,
    seed: Annotated[int, typer.Option(min=0, max=2**62, help="The same seed gives the same candidates.")] = 0,
    source: Annotated[
        str | None,
        typer.Option(
            "--input", help="A file in place of TEXT, a text a line, or JSONL, or either gzipped; - is stdin."
        ),
    ] = None,
    output: Annotated[Path | None, typer.Option(help="JSONL file; an interrupted one goes on.")] = None,
    augment: Annotated[
        bool, typer.Option("--augment", help="Output a row for each line and each rewording, labels carried along.")
    ] = False,
    form: Annotated[
        Literal["auto", "text", "jsonl"],
        typer.Option("--format", help="Of --input: text a line, or JSONL; auto tells by its name or first line."),
    ] = "auto",
    batch_size: Annotated[int, typer.Option(min=1, max=100_000, help="Candidates decoded at once.")] = 512,
    as_json: Json = False,
    model: Model = DEFAULT_MODEL,
    device: Device = "auto",
) -> None:
    """Say sentences in other words."""
    if (text is None) == (source is None):
        raise ValueError("give either a text or --input FILE")
    if source is not None and source != "-" and not Path(source).is_file():
        raise FileNotFoundError(f"no file {source!r}; give a text file, a JSONL file, or - for standard input")
    if (output is not None or augment) and source is None:
        raise ValueError("--output and --augment need --input FILE")
    if output is not None and source == "-":
        raise ValueError("--output needs an --input that is a file, to go on after an interruption; or redirect stdout")
    if output is not None:
        if output.exists():
            raise ValueError(f"{output} exists; remove it or give another --output")
        check_folder_of(output)
    options: dict[str, Any] = {
        "num": num,
        "strength": strength,
        "method": method,
        "strict": strict,
        "temperature": temperature,
        "oversample": oversample,
        "seed": seed,
        "which": None if sentence is None else [number - 1 for number in sentence],
        **({} if change_weight is None else {"change_weight": change_weight}),
    }
    check_options(batch_size=batch_size, **options)
    pipeline = _load(model, device, similarity)
    if similarity is not None:
        from ..pipelines.candidates import similarity_model

        options["similarity"] = similarity_model(similarity, pipeline.device)
    if source is None:
        assert text is not None
        _one(pipeline, text, as_json, batch_size=batch_size, **options)
    elif output is None:
        _stream(pipeline, source, form, augment, batch_size=batch_size, **options)
    else:
        from tqdm import tqdm

        from ..pipelines.paraphrase_file import paraphrase_file

        beside = {"model": model, "encoder": pipeline.encoder.fingerprint(), "similarity": similarity}
        with tqdm(unit=" lines", disable=not sys.stderr.isatty()) as bar:
            done = paraphrase_file(
                pipeline, Path(source), output, augment, beside, bar.update, form, batch_size=batch_size, **options
            )
        before = f" ({done.resumed} from before)" if done.resumed else ""
        _say_unknown(done.unknown)
        _say_lacking(done.lacking)
        say(f"{done.lines} lines{before} are in {output}; {done.short} have fewer than {num} rewordings")


def _load(model: str, device: str, similarity: str | None) -> "ParaphrasePipeline":
    if not is_hub_name(model) and not may_be_on_the_hub(similarity):
        offline()
    from ..pipelines.paraphrase import ParaphrasePipeline

    return ParaphrasePipeline.from_pretrained(model).to(usable_device(device))


def _one(pipeline: "ParaphrasePipeline", text: str, as_json: bool, **options: Any) -> None:
    from ..pipelines.paraphrase_file import document_candidates, hardly_known
    from ..pipelines.rendering import check_text

    check_text(text, "the text")
    document = pipeline.document(text, **options)
    candidates = document_candidates(document)
    if as_json:
        print_json({"text": text, "candidates": candidates})
    else:
        print_table([{**one, "warnings": "; ".join(one["warnings"])} for one in candidates])
    for segment in (document.segments[place] for place in hardly_known(document)):
        say(f"the model hardly knows this text, and its rewordings mean little: {segment.text}")
    wanted = options["num"]
    if len(candidates) < wanted:
        say(
            f"{len(candidates)} of {wanted}: the others were copies{' or had warnings' if options['strict'] else ''}; "
            "try more --strength or --oversample"
        )


def _stream(pipeline: "ParaphrasePipeline", source: str, form: "Format", augment: bool, **options: Any) -> None:
    from ..pipelines.paraphrase_file import hardly_known, is_short, lacks, output_rows, paraphrase_records
    from ..pipelines.paraphrase_input import read_records

    short, unknown, lacking = 0, 0, 0
    with sys.stdin.buffer if source == "-" else Path(source).open("rb") as stream:
        records = read_records(stream, source, form)
        for record, document in paraphrase_records(pipeline, records, **options):
            for row in output_rows(record, document, augment):
                print_json(row)
            sys.stdout.flush()
            short += is_short(record, len(document), options["num"])
            unknown += bool(hardly_known(document))
            lacking += lacks(record, document, options["which"])
    if short:
        say(f"{short} lines have fewer than {options['num']} rewordings")
    _say_unknown(unknown)
    _say_lacking(lacking)


def _say_lacking(lines: int) -> None:
    if lines:
        say(f"{lines} lines have not as many sentences as --sentence asks for, and were not reworded")


def _say_unknown(lines: int) -> None:
    if lines:
        say(f"{lines} lines of this run have text that the model hardly knows; --strict leaves its rewordings out")


def interpolate(
    source: Annotated[str, typer.Argument(help="The sentence to start from.")],
    target: Annotated[str, typer.Argument(help="The sentence to arrive at.")],
    steps: Annotated[int, typer.Option(min=2, max=1000, help="Sentences, the two ends among them.")] = 5,
    as_json: Json = False,
    model: Model = DEFAULT_MODEL,
    device: Device = "auto",
) -> None:
    """Write the sentences between two sentences."""
    pipeline = _representation(model, device)
    from ..pipelines.latent_tools import interpolate as run

    texts = run(pipeline, source, target, steps)
    for index, text in enumerate(texts):
        if as_json:
            print_json({"fraction": round(index / (steps - 1), 4), "text": text})
        else:
            print(text)


def neighbours(
    text: Text,
    corpus: Annotated[Path, typer.Option(help="Text file, a sentence a line.")],
    num: Annotated[int, typer.Option(min=1, max=100_000, help="How many.")] = 5,
    as_json: Json = False,
    model: Model = DEFAULT_MODEL,
    device: Device = "auto",
) -> None:
    """Find the sentences of a file that mean nearly the same."""
    lines = _lines(corpus, "--corpus")
    pipeline = _representation(model, device)
    from ..pipelines.latent_tools import neighbours as run

    fitting, left_out = _fitting(pipeline, lines, corpus)
    found = run(pipeline, text, fitting, num)
    rows = [{"similarity": round(one.similarity, 4), "line": one.line, "text": one.text} for one in found]
    if as_json:
        for row in rows:
            print_json(row)
    else:
        print_table(rows)
    if left_out:
        say(f"{left_out} lines are too long for the model and were left out")


def direction(
    apply: Annotated[list[str], typer.Option(help="Sentence to change; repeatable.")],
    source: Annotated[Path, typer.Option("--from", help="Text file, a sentence a line, such as in the past tense.")],
    target: Annotated[Path, typer.Option("--to", help="Text file of sentences as they are to become.")],
    strength: Annotated[
        float, typer.Option(help="1 moves by the difference of the two files' means.")
    ] = DIRECTION_STRENGTH,
    as_json: Json = False,
    model: Model = DEFAULT_MODEL,
    device: Device = "auto",
) -> None:
    """Change an attribute of sentences: move them from what one file has in common to what another has."""
    sides = [_lines(source, "--from"), _lines(target, "--to")]
    pipeline = _representation(model, device)
    from ..pipelines.latent_tools import apply_direction
    from ..pipelines.latent_tools import direction as difference

    fitting = [_fitting(pipeline, *side) for side in zip(sides, (source, target), strict=True)]
    found = difference(pipeline, *([text for _, text in lines] for lines, _ in fitting))
    after_all, plain = apply_direction(pipeline, apply, found, strength), pipeline.decode(pipeline.encode(apply))
    for before, after in zip(apply, after_all, strict=True):
        if as_json:
            print_json({"text": before, "moved": after})
        else:
            print(after)
    if after_all == plain:
        say(f"nothing changed at strength {strength:g}: this is what comes back unmoved; try more --strength")
    if left_out := sum(count for _, count in fitting):
        say(f"{left_out} lines are too long for the model and were left out")


def _representation(model: str, device: str) -> "RepresentationPipeline":
    parts = load_representation(model, device)
    from ..pipelines.latents import RepresentationPipeline

    return RepresentationPipeline(*parts)


def _lines(file: Path, option: str) -> list[tuple[int, str]]:
    """Numbers (from 1) and texts of the lines of a file that are not blank."""
    if not file.is_file():
        raise FileNotFoundError(f"no file {str(file)!r}; give {option} a text file, a sentence a line")
    from ..pipelines.reconstruct import read_lines

    with file.open("rb") as stream:
        lines = [
            (number, line.strip()) for number, line in enumerate(read_lines(stream, str(file)), start=1) if line.strip()
        ]
    if not lines:
        raise ValueError(f"{file} holds no text; give {option} a text file, a sentence a line")
    return lines


def _fitting(
    pipeline: "RepresentationPipeline", lines: list[tuple[int, str]], file: Path
) -> tuple[list[tuple[int, str]], int]:
    """The lines of a file that are short enough for the model, and how many are not."""
    from ..pipelines.tokenization import segment_tokens

    rows = segment_tokens(pipeline.tokenizer, [text for _, text in lines])
    limit = pipeline.encoder.config.max_tokens
    kept = [line for line, row in zip(lines, rows, strict=True) if len(row) <= limit]
    if not kept:
        raise ValueError(f"all lines of {file} are longer than the {limit} tokens that the model reads; cut them")
    return kept, len(lines) - len(kept)
