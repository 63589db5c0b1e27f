"""Pairs of texts by two systems for blind reading: shuffled, unlabelled, with a key that is kept apart."""

import csv
import hashlib
import io
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from typing import Any

from .blind_page import blind_page
from .evaluation.texts import read_records, segment_texts
from .files import write_json, write_text

PAGE, SHEET, KEY = "pairs.html", "pairs.csv", "key.json"
SIDES = ("left", "right")
Texts = dict[tuple[str, str], "Text"]
LETTERS = "abcdefghijkmnopqrstuvwxyz"


@dataclass(frozen=True)
class Text:
    """What a system wrote for a task and an id."""

    task: str
    id: str
    title: str
    text: str


@dataclass(frozen=True)
class BlindPair:
    """What a reader sees of a pair: nothing that tells the systems apart but the texts."""

    pair: str
    task: str
    title: str
    a: str
    b: str


@dataclass(frozen=True)
class BlindPairs:
    """Pairs for readers and, apart, the key: for each pair its task, its id, and whose text is A."""

    pairs: list[BlindPair]
    key: dict[str, Any]
    available: int
    identical: int


def read_texts(path: Path) -> dict[tuple[str, str], Text]:
    """Texts of a system by task and id; of several samples the first.

    Args:
        path: `.jsonl` or `.jsonl.gz` of {"task"?, "id", "title"?, "segments": [...]}; a corpus says "sentences" in
            place of "segments".

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: a line is no such object (file and line are named), or there is none.
    """
    texts: dict[tuple[str, str], Text] = {}
    for where, _, record in read_records(path):
        task, name, title = record.get("task"), record.get("id"), record.get("title")
        if not isinstance(name, str | int) or isinstance(name, bool):
            raise ValueError(f"{where}: `id` is {name!r}; it must be a string or a number")
        for value, field in ((task, "task"), (title, "title")):
            if value is not None and not isinstance(value, str):
                raise ValueError(f"{where}: `{field}` is {value!r}; it must be a string, or be left out")
        if any("\ud800" <= char <= "\udfff" for char in f"{task}{name}{title}"):
            raise ValueError(f"{where} holds a lone surrogate, which is half a character")
        segments = record.get("segments", record.get("sentences"))
        text = " ".join(segment for segment in segment_texts(segments, where) if segment)
        one = Text(task or "", str(name), " ".join((title or "").split()), text)
        texts.setdefault((one.task, one.id), one)
    if not texts:
        raise ValueError(f"{path} holds no texts")
    return texts


def make_pairs(left: Path, right: Path, num: int, seed: int) -> BlindPairs:
    """Draw pairs of one task and id and shuffle them and their sides; each system is A in half of them.

    A file without tasks, such as human stories, goes with every task of the other. Pairs whose two texts are equal
    are left out: nobody can prefer either.

    Args:
        left, right: files of the two systems; the names in the key.
        num: how many pairs; all where there are fewer.
        seed: of the draw, the order and the sides.

    Raises:
        FileNotFoundError, ValueError: as `read_texts`; the files share no task and id, or their titles differ.
    """
    systems = _with_tasks(read_texts(left), read_texts(right))
    shared = [place for place in systems[0] if place in systems[1]]
    if not shared:
        raise ValueError(f"{left} and {right} have no task and id in common; give texts written for the same stories")
    for place in shared:
        titles = {system[place].title for system in systems} - {""}
        if len(titles) > 1:
            raise ValueError(
                f"the id {place[1]!r} has the titles {' and '.join(map(repr, sorted(titles)))} in the files"
            )
    different = [place for place in shared if systems[0][place].text != systems[1][place].text]
    if not different:
        raise ValueError(f"{left} and {right} have the same text for each of {len(shared)} tasks and ids")
    random = Random(seed)
    chosen = random.sample(different, min(num, len(different)))
    first = (
        [index % 2 for index in range(len(chosen))]
        if random.random() < 0.5
        else [1 - index % 2 for index in range(len(chosen))]
    )
    random.shuffle(first)
    shown = [(systems[side][place], systems[1 - side][place]) for side, place in zip(first, chosen, strict=True)]
    name = _name_of([(a.text, b.text) for a, b in shown])
    digits = len(str(len(shown)))
    pairs = [
        BlindPair(f"{name}-{number:0{digits}d}", a.task, a.title or b.title, a.text, b.text)
        for number, (a, b) in enumerate(shown, start=1)
    ]
    entries = [
        {"pair": pair.pair, "task": place[0], "id": place[1], "a": SIDES[side]}
        for pair, place, side in zip(pairs, chosen, first, strict=True)
    ]
    key = {"left": left.name, "right": right.name, "seed": seed, "pairs": entries}
    return BlindPairs(pairs, key, len(shared), len(shared) - len(different))


def _with_tasks(left: Texts, right: Texts) -> tuple[Texts, Texts]:
    """Both, the one without any task repeated for every task that the other has for its ids."""
    one, other = ({task for task, _ in texts} for texts in (left, right))
    if one == {""} != other:
        left = _for_places(left, right)
    elif other == {""} != one:
        right = _for_places(right, left)
    return left, right


def _for_places(texts: Texts, places: Texts) -> Texts:
    return {(task, name): replace(texts["", name], task=task) for task, name in places if ("", name) in texts}


def write_pairs(folder: Path, made: BlindPairs) -> None:
    """Write the page and the table for readers, and the key.

    Raises:
        ValueError: the folder holds the key of other pairs, whose answers would be lost with it.
    """
    if folder.exists() and not folder.is_dir():
        raise ValueError(f"--out {folder} is a file; give a folder")
    if (folder / KEY).exists():
        raise ValueError(f"--out {folder} holds the key of other pairs; give another folder, or delete {folder / KEY}")
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / KEY, made.key)  # first: what readers fill in is worth nothing without it
    for name, text in ((PAGE, blind_page(made.pairs)), (SHEET, sheet(made.pairs))):
        write_text(folder / name, text)


def sheet(pairs: Sequence[BlindPair]) -> str:
    """A CSV table with an empty column for the answers; a byte order mark makes spreadsheets read it as UTF-8."""
    stream = io.StringIO()
    writer = csv.writer(stream)
    writer.writerow(["pair", "task", "title", "A", "B", "answer"])
    writer.writerows([pair.pair, pair.task, pair.title, pair.a, pair.b, ""] for pair in pairs)
    return "\ufeff" + stream.getvalue()


def _name_of(texts: Sequence[tuple[str, str]]) -> str:
    """Six letters for what the readers see, so that answers to other pairs are told; letters are no date or number."""
    digest = hashlib.sha256(repr(texts).encode("utf-8")).digest()
    return "".join(LETTERS[byte % len(LETTERS)] for byte in digest[:6])
