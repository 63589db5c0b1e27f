"""Human stories with ids, the tasks made of them, and the texts that systems wrote, as JSONL."""

import gzip
import json
import os
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

TASKS = ("title", "unconditional", "continuation", "infilling", "ending")
GIVEN = {
    "title": "the title",
    "unconditional": "nothing",
    "continuation": "the first sentence",
    "infilling": "all sentences but the middle one",
    "ending": "the title, where there is one, and the last sentence",
}


@dataclass(frozen=True)
class HumanStory:
    """A story of a corpus."""

    id: str
    title: str | None
    segments: tuple[str, ...]


@dataclass(frozen=True)
class WrittenStory:
    """What a system wrote for one task and one human story, the given segments included.

    Attributes:
        ended: whether each segment came to its end by itself, where the system tells; one cut at its longest did not.
    """

    task: str
    id: str
    segments: tuple[str, ...]
    ended: tuple[bool, ...] | None = None
    seed: int | None = field(default=None, compare=False)


def given_ends(task: str, count: int) -> tuple[int, int]:
    """How many segments of a story of `count` are given at its start and at its end."""
    return {"continuation": (1, 0), "infilling": (count // 2, count - count // 2 - 1), "ending": (0, 1)}.get(
        task, (0, 0)
    )


def written_part(task: str, segments: Iterable[str], count: int) -> tuple[str, ...]:
    """The segments that the system had to write; `count` is the number of segments of the human story."""
    head, tail = given_ends(task, count)
    segments = tuple(segments)
    return segments[head : max(head, len(segments) - tail)]


def given_part(task: str, story: HumanStory) -> tuple[str, ...]:
    """The segments of a human story that a task gives."""
    head, tail = given_ends(task, len(story.segments))
    return story.segments[:head] + (story.segments[-tail:] if tail else ())


def first_texts(task: str, texts: Iterable[WrittenStory]) -> dict[str, WrittenStory]:
    """Of the texts of a task the first of every id."""
    first: dict[str, WrittenStory] = {}
    for text in texts:
        if text.task == task:
            first.setdefault(text.id, text)
    return first


def suits(task: str, story: HumanStory) -> bool:
    """Whether a story has the title and the segments that a task needs."""
    least = {"infilling": 3, "continuation": 2, "ending": 2}.get(task, 1)
    return len(story.segments) >= least and (task != "title" or story.title is not None)


# ------------------------------------------------------------------------------------------------ reading


def read_stories(path: Path, most: int | None = None) -> list[HumanStory]:
    """Stories of a `.jsonl` or `.jsonl.gz` file: `sentences` or `segments`, and `title` and `id` where there are any.

    Args:
        path: the file.
        most: read no more than so many.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: a line is no such object (file and line are named), or there is none at all.
    """
    stories: list[HumanStory] = []
    for where, number, record in read_records(path):
        segments = record.get("segments", record.get("sentences"))
        title = record.get("title")
        if title is not None and not isinstance(title, str):
            raise ValueError(f"{where}: `title` must be a string or null")
        texts = tuple(text for text in segment_texts(segments, where) if text)
        if texts:
            stories.append(HumanStory(str(record.get("id", number)), " ".join((title or "").split()) or None, texts))
        if len(stories) == most:
            break
    if not stories:
        raise ValueError(f"{path} holds no stories")
    return stories


def read_written(path: Path, known: Iterable[HumanStory]) -> list[WrittenStory]:
    """What a system wrote: JSONL of {"task", "id", "segments"}; several lines of one task and id are samples of it.

    Args:
        path: `.jsonl` or `.jsonl.gz`.
        known: the human stories that ids stand for.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: a line is no such object, or names an unknown task; none of the ids is known.
    """
    ids = {story.id for story in known}
    found: list[WrittenStory] = []
    lines = 0
    for where, _, record in read_records(path):
        lines += 1
        task = record.get("task")
        if task not in TASKS:
            raise ValueError(f"{where}: `task` is {task!r}; it must be one of {', '.join(TASKS)}")
        if "id" not in record or not isinstance(record["id"], str | int):
            raise ValueError(f"{where}: `id` must be the id of a story of the data")
        segments = segment_texts(record.get("segments"), where)
        ended = record.get("ended")
        if ended is not None and (not isinstance(ended, list) or len(ended) != len(segments)):
            raise ValueError(f"{where}: `ended` must have one true or false for each segment")
        if str(record["id"]) in ids:
            flags = None if ended is None else tuple(map(bool, ended))
            found.append(WrittenStory(str(task), str(record["id"]), segments, flags, record.get("seed")))
    if not found:
        raise ValueError(f"{path}: none of its {lines} texts has the id of a story that is evaluated")
    return found


def write_texts(path: Path, texts: Iterable[WrittenStory], titles: Mapping[str, str | None]) -> None:
    """Write texts in the format that `read_written` reads, whole or not at all.

    Args:
        path: target.
        texts: what was written.
        titles: of the human stories by id, for the reader of the file.
    """
    temporary = path.with_name(path.name + ".tmp")
    with temporary.open("w", encoding="utf-8") as file:
        for text in texts:
            record: dict[str, Any] = {"task": text.task, "id": text.id}
            if titles.get(text.id):
                record["title"] = titles[text.id]
            record["segments"] = list(text.segments)
            if text.ended is not None:
                record["ended"] = list(text.ended)
            if text.seed is not None:
                record["seed"] = text.seed
            file.write(json.dumps(record, ensure_ascii=False) + "\n")
    os.replace(temporary, path)


def read_records(path: Path) -> Iterator[tuple[str, int, dict[str, Any]]]:
    if not path.is_file():
        raise FileNotFoundError(f"{path} does not exist; give a .jsonl or .jsonl.gz file")
    number = 0
    try:
        with gzip.open(path, "rb") if path.name.endswith(".gz") else path.open("rb") as stream:
            for number, raw in enumerate(stream, start=1):
                if not raw.strip():
                    continue
                where = f"{path} line {number}"
                try:
                    record = json.loads(raw.decode("utf-8-sig"))
                except (json.JSONDecodeError, RecursionError):
                    raise ValueError(f"{where} is not valid JSON") from None
                if not isinstance(record, dict):
                    raise ValueError(f"{where} is no JSON object")
                yield where, number, record
    except UnicodeDecodeError:
        raise ValueError(f"{path} line {number} is not UTF-8; convert the file first") from None
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise ValueError(f"{path} ends in .gz but is no complete gzip file: {error}") from None


def segment_texts(value: Any, where: str) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(text, str) for text in value):
        raise ValueError(f"{where}: `segments` must be a list of strings")
    texts = tuple(" ".join(text.split()) for text in value)
    for text in texts:
        if any("\ud800" <= char <= "\udfff" for char in text):
            raise ValueError(f"{where} holds a lone surrogate, which is half a character")
    return texts
