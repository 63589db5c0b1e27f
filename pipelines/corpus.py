"""Reading of corpora: every format becomes a stream of `Document`s, one document in memory at a time."""

from __future__ import annotations

import gzip
import json
import re
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path

Segmenter = Callable[[str], Sequence[object]]

_KNOWN_FIELDS = (
    "`segments` or `sentences` (a list of strings), `text` (a string) or `turns` (a list of speaker and text)"
)
_LINE_BREAKS = re.compile(r"[ \t]*[\r\n\v\f\x1c-\x1e\x85\u2028\u2029]+[ \t]*")


@dataclass(frozen=True)
class Document:
    """A text as its segments in order; `title` where the corpus gives one."""

    segments: tuple[str, ...]
    title: str | None = None


def read_documents(
    path: str | Path,
    segmenter: Segmenter | None = None,
    max_documents: int | None = None,
    wanted: tuple[str, str] | None = None,
) -> Iterator[Document]:
    """Streams the documents of a file or folder.

    Args:
        path: a `.jsonl` file (one object a line with `segments` or `sentences`, `text`, or `turns`; optional
            `title`), plain text (documents separated by blank lines), either of them gzipped, a folder
            written by `datasets.Dataset.save_to_disk` with the same fields as columns, or a folder of files.
        segmenter: cuts text that is not yet cut; `SentenceSegmenter()` by default, made when first needed.
        max_documents: stop after so many.
        wanted: key and value that objects and rows must have; the others are left out, and plain text is refused.

    Segments are stripped, line breaks inside them become one space, empty ones are dropped.

    Raises:
        FileNotFoundError: `path` does not exist.
        ValueError: the file is not UTF-8 text, a line is not a usable JSON object, or there is no document at
            all. Raised while reading; the message names file and line.
    """
    path = Path(path)
    if not path.exists():
        raise FileNotFoundError(f"{path} does not exist; give a .jsonl or text file, or a folder of them")
    if max_documents is not None and max_documents < 1:
        raise ValueError(f"max_documents must be at least 1, got {max_documents}")
    # A generator would raise only when first read; checks above are wanted at the call.
    return _documents(path, segmenter or _LazySegmenter(), max_documents, wanted)


def _documents(
    path: Path, segmenter: Segmenter, max_documents: int | None, wanted: tuple[str, str] | None
) -> Iterator[Document]:
    count = 0
    for document in _read_folder(path, segmenter, wanted) if path.is_dir() else _read_file(path, segmenter, wanted):
        yield document
        count += 1
        if count == max_documents:
            return
    if not count:
        raise ValueError(f"{path} holds no documents" + (f" whose {wanted[0]!r} is {wanted[1]!r}" if wanted else ""))


class _LazySegmenter:
    """Loads spaCy only if a text turns up that has to be cut."""

    def __init__(self) -> None:
        self._segmenter: Segmenter | None = None

    def __call__(self, text: str) -> Sequence[object]:
        if self._segmenter is None:
            from ..encoders.segmenters import SentenceSegmenter

            self._segmenter = SentenceSegmenter()
        return self._segmenter(text)


# ---------------------------------------------------------------------------------------------- folders


def _read_folder(folder: Path, segmenter: Segmenter, wanted: tuple[str, str] | None) -> Iterator[Document]:
    if (folder / "dataset_dict.json").exists() or (folder / "dataset_info.json").exists():
        yield from _read_dataset(folder, segmenter, wanted)
        return
    files = sorted(
        file for file in folder.iterdir() if file.is_file() and file.name.endswith((".jsonl", ".jsonl.gz", ".txt"))
    )
    if not files:
        raise ValueError(f"{folder} holds no .jsonl, .jsonl.gz or .txt file and is no saved dataset")
    for file in files:
        yield from _read_file(file, segmenter, wanted)


def _read_dataset(folder: Path, segmenter: Segmenter, wanted: tuple[str, str] | None) -> Iterator[Document]:
    try:
        from datasets import DatasetDict, load_from_disk
    except ImportError as error:
        raise ValueError(
            f"{folder} is a saved dataset, which needs the package `datasets`: pip install 'segdiff[data]'"
        ) from error
    loaded = load_from_disk(str(folder))
    splits = loaded.values() if isinstance(loaded, DatasetDict) else [loaded]
    for split in splits:
        for number, row in enumerate(split):
            if not _is_wanted(row, wanted):
                continue
            document = _document(row, segmenter, f"{folder} row {number}")
            if document is not None:
                yield document


# ------------------------------------------------------------------------------------------------ files


def _read_file(file: Path, segmenter: Segmenter, wanted: tuple[str, str] | None = None) -> Iterator[Document]:
    if file.name.endswith((".jsonl", ".jsonl.gz")):
        return _read_jsonl(file, segmenter, wanted)
    if wanted is not None:
        raise ValueError(f"{file} is no .jsonl file: its texts have no {wanted[0]!r} to be chosen by")
    if file.name.endswith((".json", ".json.gz")):
        raise ValueError(f"{file} is JSON; give one object a line in a file named .jsonl or .jsonl.gz")
    return _read_text(file, segmenter)


def _read_jsonl(file: Path, segmenter: Segmenter, wanted: tuple[str, str] | None) -> Iterator[Document]:
    for number, line in numbered_lines(file):
        if not line.strip():
            continue
        where = f"{file} line {number}"
        try:
            record = json.loads(line)
        except (json.JSONDecodeError, RecursionError) as error:
            raise ValueError(f"{where} is not valid JSON: {error}") from error
        if not isinstance(record, dict):
            raise ValueError(f"{where} holds {_kind(record)}, not a JSON object; it should have {_KNOWN_FIELDS}")
        if not _is_wanted(record, wanted):
            continue
        document = _document(record, segmenter, where)
        if document is not None:
            yield document


def _is_wanted(record: Mapping[str, object], wanted: tuple[str, str] | None) -> bool:
    return wanted is None or str(record.get(wanted[0])) == wanted[1]


def _read_text(file: Path, segmenter: Segmenter) -> Iterator[Document]:
    paragraph: list[str] = []
    for _, line in numbered_lines(file):
        if line.strip():
            paragraph.append(line)
        elif paragraph:
            yield from _cut("\n".join(paragraph), segmenter)
            paragraph = []
    if paragraph:
        yield from _cut("\n".join(paragraph), segmenter)


def _cut(text: str, segmenter: Segmenter) -> Iterator[Document]:
    segments = _clean(map(str, segmenter(text)))
    if segments:
        yield Document(segments)


_UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")  # text with NUL bytes, but to be called what it is


def numbered_lines(file: Path) -> Iterator[tuple[int, str]]:
    """Yields numbered lines of a UTF-8 file, gzipped or not, without their line breaks."""
    offset = 0
    try:
        with _open(file) as stream:
            for number, raw in enumerate(stream, start=1):
                if b"\0" in raw and not (number == 1 and raw.startswith(_UTF16_MARKS)):
                    raise ValueError(f"{file} line {number} holds NUL bytes: this is a binary file, not text")
                try:
                    line = raw.decode("utf-8-sig" if number == 1 else "utf-8")
                except UnicodeDecodeError as error:
                    raise ValueError(
                        f"{file} is not UTF-8: bad byte 0x{error.object[error.start]:02x} at offset "
                        f"{offset + error.start} (line {number}); convert the file to UTF-8 first"
                    ) from error
                offset += len(raw)
                yield number, line.rstrip("\r\n")
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise ValueError(f"{file} ends in .gz but is no complete gzip file: {error}") from error


def _open(file: Path) -> gzip.GzipFile | BufferedReader:
    return gzip.open(file, "rb") if file.name.endswith(".gz") else file.open("rb")


# ---------------------------------------------------------------------------------------------- records


def _document(record: Mapping[str, object], segmenter: Segmenter, where: str) -> Document | None:
    """Makes a document of one JSON object or dataset row; None where it holds only white space."""
    segments = _clean(_segments(record, segmenter, where))
    title = record.get("title")
    if title is not None and not isinstance(title, str):
        raise ValueError(f"{where}: `title` must be a string, got {_kind(title)}")
    for text in (*segments, title or ""):
        _refuse_surrogates(text, where)
    if not segments:
        return None
    return Document(segments, _one_line(title) or None if title else None)


def _segments(record: Mapping[str, object], segmenter: Segmenter, where: str) -> Iterable[str]:
    for field in ("segments", "sentences"):
        if record.get(field) is not None:
            return _strings(record[field], f"{where}: `{field}`")
    if record.get("text") is not None:
        text = record["text"]
        if not isinstance(text, str):
            raise ValueError(f"{where}: `text` must be a string, got {_kind(text)}")
        _refuse_surrogates(text, where)
        return map(str, segmenter(text))
    if record.get("turns") is not None:
        return _turns(record["turns"], where)
    present = ", ".join(f"`{name}`" for name in record) or "none"
    raise ValueError(f"{where} has no field to read (it has {present}); known fields are {_KNOWN_FIELDS}")


def _strings(value: object, what: str) -> list[str]:
    if not isinstance(value, list):
        raise ValueError(f"{what} must be a list of strings, got {_kind(value)}")
    for item in value:
        if not isinstance(item, str):
            raise ValueError(f"{what} must be a list of strings, but one item is {_kind(item)}")
    return value


def _turns(value: object, where: str) -> list[str]:
    problem = f"{where}: `turns` must be a list of objects with strings `speaker` (may be missing) and `text`"
    if not isinstance(value, list):
        raise ValueError(f"{problem}, got {_kind(value)}")
    lines = []
    for turn in value:
        if not isinstance(turn, dict) or not isinstance(turn.get("text"), str):
            raise ValueError(f"{problem}, but one turn has no such text")
        speaker, text = turn.get("speaker"), turn["text"].strip()
        if speaker is not None and not isinstance(speaker, str):
            raise ValueError(f"{problem}, but one speaker is {_kind(speaker)}")
        if text:
            lines.append(f"{speaker.strip()}: {text}" if speaker and speaker.strip() else text)
    return lines


def _clean(segments: Iterable[str]) -> tuple[str, ...]:
    return tuple(filter(None, map(_one_line, segments)))


def _one_line(text: str) -> str:
    return _LINE_BREAKS.sub(" ", text).strip()


def _refuse_surrogates(text: str, where: str) -> None:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise ValueError(
            f"{where} holds a lone surrogate (\\u{ord(text[error.start]):04x}), which is half a character; "
            "write the character in full"
        ) from error


def _kind(value: object) -> str:
    names = {dict: "an object", list: "a list", str: "a string", int: "a number", float: "a number"}
    names |= {bool: "true or false", type(None): "null"}
    return names.get(type(value), f"a {type(value).__name__}")


# --------------------------------------------------------------------------------------------- keywords

_WORD = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*")


def _words(table: str) -> list[str]:
    return table.split()


_FUNCTION_WORDS = frozenset(
    _words("""
    about above across actually after again against almost alone along already also although always
    among another anybody anyone anything anywhere around away back because became become been before
    began behind being below beside besides better between beyond both bring brought called came cannot
    could decided didn didn't does doesn't doing done don't down during each either else enough even
    ever every everybody everyone everything felt finally find first following found from full gave
    getting give given goes going gone good great hadn't happened hard hasn't have haven't having he'd
    he's here hers herself himself however immediately indeed inside instead into isn't it's itself just
    keep kept knew know last later least less like little long look looked lots made make making many
    maybe might more most much must myself near needed never next nobody none nothing often once only
    onto other others ought ours ourselves outside over perhaps quickly quite rather really right said
    same saw seem seemed several shall she'd she's should since some somebody someone something
    sometimes soon started still such suddenly take taken tell than that that's their theirs them
    themselves then there there's these they they'd thing things this those though thought through thus
    till time today together told tomorrow took toward towards tried under unless until unto upon used
    usually very want wanted wasn't well went were weren't what when where whether which while whom
    whose will with within without won't would wouldn't yesterday you'd your you're yours yourself
""")
)


def extract_keywords(
    segments: Sequence[str], document_frequency: Mapping[str, int] | None = None, limit: int = 8
) -> list[str]:
    """Returns the content words of a document, rarest first.

    Content words are names (capitalised inside a sentence) and words of four letters or more that are no
    function words, in lower case. `document_frequency` tells how many documents hold each lower-case word
    (unknown ones count as rarest); without it, and among equals, words keep their order in the text.
    """
    if limit < 0:
        raise ValueError(f"limit must not be negative, got {limit}")
    names = {word.lower() for segment in segments for word in _inner_names(segment)}
    found: dict[str, str] = {}
    for segment in segments:
        for match in _WORD.finditer(segment):
            word = _without_possessive(match.group())
            key = word.lower()
            if key in names:
                found.setdefault(key, word[0].upper() + word[1:])
            elif len(word) >= 4 and key not in _FUNCTION_WORDS:
                found.setdefault(key, key)
    frequency = document_frequency or {}
    return [found[key] for key in sorted(found, key=lambda key: frequency.get(key, 0))][:limit]


def _inner_names(segment: str) -> Iterator[str]:
    """Yields capitalised words that do not begin a sentence, a quotation or a clause after a colon."""
    for match in _WORD.finditer(segment):
        word = _without_possessive(match.group())
        before = segment[: match.start()].rstrip(" ")
        inside = before and before[-1] not in ".!?:\"'“‘(*-—…"
        if inside and _is_name(word) and word.lower() not in _FUNCTION_WORDS:
            yield word


def _is_name(word: str) -> bool:
    return len(word) > 1 and word[0].isupper() and not word.startswith(("I'", "I’"))


def _without_possessive(word: str) -> str:
    return word[:-2] if word.endswith(("'s", "’s")) and len(word) > 3 else word
