"""Paraphrases of a file, line by line: in order, in the memory of a few lines, and resumable.

While it is being written the output is `NAME.part`, beside `NAME.part.json` with the settings it is made with; when
it is complete it is renamed.
"""

import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import IO, Any

from .candidates import source_bleu
from .files import check_folder_of, write_json
from .paraphrase import HARDLY_KNOWN_WARNING, ParaphrasePipeline
from .paraphrase_document import DocumentParaphrases
from .paraphrase_input import LINE, Format, Record, read_records
from .paraphrase_options import check_options

LINES_AHEAD = 32  # lines whose sentences share batches; what an interruption loses at most


@dataclass(frozen=True)
class Summary:
    """Lines that were read, those that an earlier run did, lines of both with fewer candidates than wanted, and lines
    of this run with text that the model hardly knows and without any of the sentences that were to be reworded."""

    lines: int
    resumed: int
    short: int
    unknown: int = 0
    lacking: int = 0


def paraphrase_records(
    pipeline: ParaphrasePipeline, records: Iterable[Record], **options: Any
) -> Iterator[tuple[Record, DocumentParaphrases]]:
    """Each record with the rewordings of its text; the sentences of some lines are batched together.

    Args:
        pipeline: of the model.
        records: read no further ahead than `LINES_AHEAD`.
        options: of `ParaphrasePipeline.documents`.

    Raises:
        ValueError: as `ParaphrasePipeline.documents`, naming the line where one line is at fault.
    """
    rest = iter(records)
    while True:
        chunk: list[Record] = []
        broken: ValueError | None = None
        try:
            chunk.extend(islice(rest, LINES_AHEAD))
        except ValueError as error:
            broken = error
        yield from zip(chunk, pipeline.documents([record.text for record in chunk], **options), strict=True)
        if broken is not None:
            raise broken
        if len(chunk) < LINES_AHEAD:
            return


def is_short(record: Record, found: int, num: int) -> bool:
    """Whether a line that is not blank has fewer rewordings than wanted."""
    return bool(record.text.strip()) and found < num


def hardly_known(document: DocumentParaphrases) -> list[int]:
    """Numbers (from 0) of the segments that the model hardly knows, of those that have candidates."""
    return [
        place
        for place, some in sorted(document.candidates.items())
        if any(warning.startswith(HARDLY_KNOWN_WARNING) for one in some for warning in one.warnings)
    ]


def lacks(record: Record, document: DocumentParaphrases, which: Sequence[int] | None) -> bool:
    """Whether a line that is not blank has none of the sentences (from 0) that were to be reworded."""
    count = len(document.segments)
    return bool(record.text.strip()) and which is not None and all(number >= count for number in which)


def document_candidates(document: DocumentParaphrases) -> list[dict[str, Any]]:
    """Rewordings of a whole text, best first: `{"text", "similarity", "source_bleu", "edit_distance", "warnings"}`.

    Of several sentences, similarity and edit distance are means over those that were reworded, and BLEU is the whole
    text's.
    """
    found = []
    for number in range(len(document)):
        text = document.rewrite(number)
        chosen = [document.chosen(place, number) for place, some in sorted(document.candidates.items()) if some]
        found.append(
            {
                "text": text,
                "similarity": round(sum(one.similarity for one in chosen) / len(chosen), 4),
                "source_bleu": round(source_bleu(document.text, text), 4),
                "edit_distance": round(sum(one.edit_distance for one in chosen) / len(chosen), 4),
                "warnings": [warning for one in chosen for warning in one.warnings],
            }
        )
    return found


def output_rows(record: Record, document: DocumentParaphrases, augment: bool) -> list[dict[str, Any]]:
    """What a line of input becomes: one row with its candidates; or, to augment data, the text itself and a row for
    each rewording, all with what the line carries. A blank line has a row without candidates, or none."""
    candidates = document_candidates(document)
    if not augment:
        return [{**record.carried, "text": record.text, "candidates": candidates, LINE: record.line}]
    if not record.text.strip():
        return []
    texts = [record.text, *(candidate["text"] for candidate in candidates)]
    of = {LINE: record.line, "copies": len(candidates)}
    return [{**record.carried, "text": text, **of, "copy": copy} for copy, text in enumerate(texts)]


def paraphrase_file(
    pipeline: ParaphrasePipeline,
    source: Path,
    output: Path,
    augment: bool = False,
    settings: dict[str, Any] | None = None,
    show: Callable[[int], object] = lambda lines: None,
    form: Format = "auto",
    **options: Any,
) -> Summary:
    """Reword a file; goes on where an interrupted run with the same settings stopped.

    Args:
        pipeline: of the model.
        source: UTF-8 text or JSONL, gzipped or not; see `read_records`.
        output: JSONL.
        augment: write the lines and their rewordings as rows of their own, see `output_rows`.
        settings: what else decides the output and is compared when a run goes on, such as the model's name, or the
            name of what `options` have as a function.
        show: told the lines of each chunk, and first those that were there.
        form: of the input; see `read_records`.
        options: of `ParaphrasePipeline.documents`.

    Raises:
        ValueError: an option is out of range; `output` exists, is being written, or was begun with other settings or
            from another file; a line of the input is damaged (what comes before it is kept).
    """
    check_options(**options)
    check_folder_of(output)
    if output.exists():
        raise ValueError(f"{output} exists; remove it or give another --output")
    part, beside = (output.with_name(output.name + end) for end in (".part", ".part.json"))
    output.parent.mkdir(parents=True, exist_ok=True)
    decisive = {key: value for key, value in options.items() if key != "batch_size"}
    wanted = json.loads(json.dumps({**decisive, **(settings or {}), "augment": augment}, default=str))
    with _sole_writer(part) as stream, source.open("rb") as lines:
        _check_settings(part, beside, wanted)
        num = options.get("num", 5)
        resumed, short, records = _skip_done(stream, part, read_records(lines, str(source), form), num)
        show(resumed)
        num_lines, unknown, lacking = resumed, 0, 0
        for record, document in paraphrase_records(pipeline, records, **options):
            rows = output_rows(record, document, augment)
            stream.write("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode())
            stream.flush()
            num_lines += 1
            short += is_short(record, len(document), num)
            unknown += bool(hardly_known(document))
            lacking += lacks(record, document, options.get("which"))
            show(1)
        os.fsync(stream.fileno())
        os.replace(part, output)
        beside.unlink(missing_ok=True)
    return Summary(num_lines, resumed, short, unknown, lacking)


@contextmanager
def _sole_writer(part: Path) -> Iterator[IO[bytes]]:
    """The unfinished output, open for this process alone."""
    with part.open("a+b") as stream:
        if sys.platform != "win32":
            import fcntl

            try:
                fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise ValueError(f"another process is writing {part}; wait for it, or give another --output") from None
        yield stream


def _check_settings(part: Path, beside: Path, wanted: dict[str, Any]) -> None:
    """Keep the settings beside a new output; refuse to go on with one that has others."""
    if part.stat().st_size and beside.exists():
        try:
            known = dict(json.loads(beside.read_text(encoding="utf-8")))
        except (ValueError, TypeError, RecursionError):
            raise ValueError(f"{beside} is damaged; remove it and {part}, or give another --output") from None
        for key in known.keys() | wanted.keys():
            if known.get(key) != wanted.get(key):
                raise ValueError(
                    f"{part} was begun with {key} {known.get(key)!r}, not {wanted.get(key)!r}; "
                    "give the same options, remove it, or give another --output"
                )
    elif part.stat().st_size:
        raise ValueError(f"{part} has no settings beside it ({beside.name}); remove it or give another --output")
    else:
        write_json(beside, wanted)


def _skip_done(stream: IO[bytes], part: Path, records: Iterator[Record], num: int) -> tuple[int, int, Iterator[Record]]:
    """Take the records that the unfinished output has and cut off what is half written: a line without its end, and
    the rows of a line that has not all of them.

    Returns:
        How many records are done, how many of them have fewer than `num` rewordings, and the records that are left.
    """
    stream.seek(0)
    end, start, done = 0, 0, 0  # of the rows read so far; where the last record's rows start; records
    record: Record | None = None
    missing, short = 0, 0
    for raw in iter(stream.readline, b""):
        if not raw.endswith(b"\n"):
            break
        row = _row(raw, part)
        if record is None or row[LINE] != record.line:
            start = end
            while record is None or record.line < row[LINE]:
                record = next(records, None)
                if record is None:
                    raise ValueError(f"{part} has more lines than the input: it was made of another file; remove it")
                if record.line < row[LINE] and record.text.strip():
                    raise ValueError(f"{part} is damaged: line {record.line} of the input is missing; remove it")
                done += 1
            if row["text"] != record.text:
                raise ValueError(
                    f"{part} has another text for line {record.line} of the input: it was made of another file; "
                    "remove it, or give another --output"
                )
        missing = row["copies"] - row["copy"]
        short += not missing and is_short(record, row["copies"], num)
        end += len(raw)
    if record is not None and missing:
        end, done, records = start, done - 1, chain([record], records)
    stream.truncate(end)
    stream.seek(0, os.SEEK_END)
    return done, short, records


def _row(raw: bytes, part: Path) -> dict[str, Any]:
    """Line number and text of a row of the output, how many rewordings the line has, and which of them it is, or the
    last one where it holds all."""
    try:
        row = json.loads(raw)
        copies = int(row["copies"]) if "copies" in row else len(row["candidates"])
        return {"text": row["text"], LINE: int(row[LINE]), "copies": copies, "copy": int(row.get("copy", copies))}
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
        raise ValueError(f"{part} is damaged; remove it or give another --output") from None
