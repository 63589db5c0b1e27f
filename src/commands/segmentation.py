"""`segdiff segment`."""

import json
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, nullcontext
from itertools import chain, groupby
from pathlib import Path
from typing import IO, TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from ..encoders.segmenters import Segment


def segment(
    file: Annotated[str, typer.Argument(help="Text file, documents parted by blank lines; - for standard input.")],
    by: Annotated[str, typer.Option(help="What to cut into: sentence, turn, paragraph, line or token.")] = "sentence",
    as_json: Annotated[bool, typer.Option("--json", help='One object a document: {"segments": [...]}.')] = False,
    document_per_line: Annotated[bool, typer.Option("--document-per-line", help="Each line is a document.")] = False,
    max_chars: Annotated[
        int | None, typer.Option(min=1, help="Longest segment, in characters; 250 for sentences, else no limit.")
    ] = None,
    tokens: Annotated[int | None, typer.Option(min=1, help="With --by token: words in a segment (32).")] = None,
    pipeline: Annotated[
        str | None,
        typer.Option(help="With --by sentence: an installed spaCy pipeline that cuts in place of our rules."),
    ] = None,
) -> None:
    """Cut text into segments: one a line, and a blank line between documents."""
    options: dict[str, Any] = {"max_chars": max_chars, "count": tokens, "pipeline": pipeline}
    for name, option, home in (("--tokens", tokens, "token"), ("--pipeline", pipeline, "sentence")):
        if option is not None and by != home:
            raise ValueError(f"{name} is for --by {home}, got --by {by}")
    if file != "-" and not Path(file).is_file():
        raise FileNotFoundError(f"no file {file!r}; give a text file, or - for standard input")
    from ..encoders.segmenters import make_segmenter

    with _hidden("torch") if pipeline is None else nullcontext():
        segmenter = make_segmenter(by, **{name: value for name, value in options.items() if value is not None})
    with sys.stdin.buffer if file == "-" else Path(file).open("rb") as stream:
        lines = _read_lines(stream, file)
        parts = filter(str.strip, lines if document_per_line else _between_blank_lines(lines))
        first = next(parts, None)
        if first is None:
            raise ValueError(f"{'standard input' if file == '-' else file} is empty; give some text")
        documents: Iterable[Iterable[Segment]] = map(segmenter, chain([first], parts))
        if by == "paragraph" and not document_per_line:  # the file is one document, still read part by part
            documents = [chain.from_iterable(documents)]
        for index, document in enumerate(documents):
            if as_json:
                _print_json(document)
            else:
                _print_plain(document, first=index == 0)


@contextmanager
def _hidden(module: str) -> Iterator[None]:
    """A module that is not imported yet cannot be: spaCy imports torch where it finds it, and our rules need none."""
    if module in sys.modules:
        yield
        return
    sys.modules[module] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        del sys.modules[module]


def _read_lines(stream: IO[bytes], name: str) -> Iterator[str]:
    for number, raw in enumerate(stream, start=1):
        if b"\0" in raw:
            raise ValueError(f"{name} line {number} has a zero byte; a text file has none")
        try:
            yield raw.decode("utf-8-sig" if number == 1 else "utf-8")
        except UnicodeDecodeError as error:
            raise ValueError(f"{name} line {number} is not UTF-8 ({error.reason}); convert it first") from None


def _between_blank_lines(lines: Iterable[str]) -> Iterator[str]:
    for blank, group in groupby(lines, key=lambda line: not line.strip()):
        if not blank:
            yield "".join(group)


def _print_json(document: "Iterable[Segment]") -> None:
    """As `print_json`, a segment at a time, so that no document has to fit into memory."""
    print('{"segments": [', end="")
    for index, segment in enumerate(document):
        print(", " if index else "", json.dumps(segment.text, ensure_ascii=False), sep="", end="")
    print("]}")


def _print_plain(document: "Iterable[Segment]", first: bool) -> None:
    if not first:
        print()
    for segment in document:
        print(*filter(None, map(str.strip, segment.text.splitlines())))
