"""The lines that are to be reworded: text or JSONL, gzipped or not, from a file or standard input."""

import gzip
import io
import json
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import IO, Any, Literal

from .reconstruct import read_lines
from .rendering import check_text

Format = Literal["auto", "text", "jsonl"]

LINE = "line"
RESERVED = {"candidates", "copies", "copy", LINE}  # what rows of the output have of their own
JSONL_ENDINGS = {".jsonl", ".ndjson", ".json"}
GZIP_MARK = b"\x1f\x8b"


@dataclass(frozen=True)
class Record:
    """A line of the input: its number (from 1), its text, and what else it carries, such as a label."""

    line: int
    text: str
    carried: dict[str, Any] = field(default_factory=dict)


def read_records(stream: IO[bytes], name: str, form: Format = "auto") -> Iterator[Record]:
    """Records of text, one a line, or of JSONL with a "text" and anything else; what is gzipped is unpacked.

    Args:
        stream: the bytes; it needs no seeking.
        name: of the file, or "-" for standard input.
        form: "auto" takes .jsonl, .ndjson and .json (and .gz of them) as JSONL, and whatever else has a JSON object as
            its first line that is not blank.

    Raises:
        ValueError: a line is not UTF-8, is no such JSON, or its text is no valid Unicode; the gzip file is damaged; at
            the end, where all lines are blank.
    """
    as_json = None if form == "auto" else form == "jsonl"
    if as_json is None and PurePath(name.removesuffix(".gz")).suffix.lower() in JSONL_ENDINGS:
        as_json = True
    called = "standard input" if name == "-" else name
    found = False
    for number, line in enumerate(_unpacked_lines(stream, called), start=1):
        if not line.strip():
            yield Record(number, "")
            continue
        found = True
        if as_json is None:
            as_json = _is_object(line)
        yield _record(number, line, f"{called} line {number}", as_json)
    if not found:
        raise ValueError(f"{called} is empty; give some text")


def _unpacked_lines(stream: IO[bytes], name: str) -> Iterator[str]:
    buffered = stream if isinstance(stream, io.BufferedReader) else io.BufferedReader(stream)  # type: ignore[type-var]
    packed = buffered.peek(2)[:2] == GZIP_MARK
    unpacked: Any = gzip.GzipFile(fileobj=buffered) if packed else buffered
    try:
        yield from read_lines(unpacked, name)
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise ValueError(f"{name} is gzipped and damaged or cut short: {error}") from None


def _is_object(line: str) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except (ValueError, RecursionError):
        return False


def _record(number: int, line: str, where: str, as_json: bool) -> Record:
    record = Record(number, line.strip())
    if as_json:
        try:
            carried = json.loads(line)
            if not isinstance(carried, dict):
                raise TypeError("no object")
            record = Record(number, carried.pop("text"), carried)
            json.dumps(carried, ensure_ascii=False, allow_nan=False).encode()  # no lone surrogates
        except (ValueError, TypeError, KeyError, RecursionError) as error:
            raise ValueError(
                f'{where} is not a JSON object with a "text" ({error}); mend it, or give --format text'
            ) from None
    if taken := sorted(RESERVED & set(record.carried)):
        raise ValueError(f'{where} has a field "{taken[0]}", as the output has; give it another name')
    if not isinstance(record.text, str):
        raise ValueError(f'{where}: "text" is {record.text!r:.40}; it must be text')
    if "\0" in record.text:
        raise ValueError(f"{where} holds NUL bytes: this is a binary file, not text")
    if record.text.strip():
        check_text(record.text, f"the text of {where}")
    return record
