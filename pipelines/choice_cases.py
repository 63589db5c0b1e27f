"""Choice tests: of several whole texts that differ in one place, which one is the true one?

Read from story cloze records, from counterfactual rewrites, or made of plain stories.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from .corpus import Document
from .evaluation.texts import read_records

TASKS = {
    "ending": "the last sentence",
    "middle": "the middle sentence",
    "left": "the middle sentence, without what follows it",
}
FORMATS = "`context`, `endings` and `right`, or `premise`, `initial`, `counterfactual`, `original_ending`, ..."


@dataclass(frozen=True)
class Option:
    """A whole text; its segments `start` up to `stop` are the candidate, the others its context."""

    segments: tuple[str, ...]
    start: int
    stop: int

    @property
    def candidate(self) -> tuple[str, ...]:
        return self.segments[self.start : self.stop]

    @property
    def context(self) -> tuple[str, ...]:
        return self.segments[: self.start] + self.segments[self.stop :]


@dataclass(frozen=True)
class Case:
    """Options of which number `right` is the true one.

    Attributes:
        id: with `set` the name of the case.
        set: the group that it is counted in.
        where: file and line, for messages.
    """

    id: str
    set: str
    options: tuple[Option, ...]
    right: int
    where: str


def read_cases(path: Path) -> list[Case]:
    """Cases of a `.jsonl` or `.jsonl.gz` file; the format is told by the fields of each line.

    - Story cloze: {"id", "set"?, "context": [...], "endings": [..., ...], "right": number of the true ending}; any
      number of sentences and of endings.
    - Counterfactual rewrites: {"id", "premise", "initial", "counterfactual", "original_ending": [...],
      "edited_endings": [[...], ...]}. A line makes three cases, each a set of its own:
      "context: initial or counterfactual", the original ending after either, the initial context being right;
      "initial: original or edited" and "counterfactual: original or edited", both endings after that context, the
      original one and the edited one being right. The first edited ending is used.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: a line is of no such format (file and line are named), a case comes twice, or there is none.
    """
    cases: list[Case] = []
    seen: dict[tuple[str, str], str] = {}
    for where, number, record in read_records(path):
        name = str(record.get("id", number))
        if "endings" in record or "context" in record:
            found = [_cloze(record, name, where)]
        elif "original_ending" in record:
            found = list(_counterfactual(record, name, where))
        else:
            raise ValueError(f"{where} has no `endings` and no `original_ending`; it must have {FORMATS}")
        for case in found:
            if (case.set, case.id) in seen:
                raise ValueError(
                    f"{where} has the id and the set of {seen[case.set, case.id]}; each case needs its own"
                )
            seen[case.set, case.id] = where
        cases += found
    if not cases:
        raise ValueError(f"{path} holds no cases; a line must have {FORMATS}")
    return cases


def draw_cases(cases: Sequence[Case], most: int | None, seed: int) -> list[Case]:
    """`most` cases drawn by `seed`, in their order; all of them where there are no more, or `most` is None."""
    if most is None or most >= len(cases):
        return list(cases)
    return [cases[index] for index in sorted(Random(seed).sample(range(len(cases)), most))]


def cases_of_stories(documents: Iterable[Document], task: str, seed: int, most: int | None = None) -> list[Case]:
    """A sentence of each story against one of another story with like length, at the same place.

    Each story's sentence is the wrong option of one other story, the nearest in words, so that neither length nor the
    sentence alone tells which is right.

    Args:
        documents: stories; those with fewer than three segments are passed over.
        task: a name in `TASKS`.
        seed: of the order of options, and of which of equally long sentences are paired.
        most: use no more than so many stories.

    Raises:
        ValueError: unknown task, or fewer than two stories are long enough.
    """
    if task not in TASKS:
        raise ValueError(f"task is {task!r}; known: {', '.join(TASKS)}")
    stories: list[tuple[str, ...]] = []
    for document in documents:
        if len(document.segments) >= 3:
            stories.append(document.segments)
        if len(stories) == most:
            break
    if len(stories) < 2:
        raise ValueError(f"{len(stories)} stories have three sentences or more; at least two are required")
    random = Random(seed)
    places = [len(story) - 1 if task == "ending" else len(story) // 2 for story in stories]
    texts = [story[place] for story, place in zip(stories, places, strict=True)]
    order = sorted(random.sample(range(len(texts)), len(texts)), key=lambda index: len(texts[index].split()))
    other = dict(zip(order, [*order[1:], order[0]], strict=True))  # the longest gets the shortest
    cases = []
    for index, (story, place) in enumerate(zip(stories, places, strict=True)):
        right = random.randrange(2)
        candidates = [texts[other[index]]] * 2
        candidates[right] = texts[index]
        after = () if task == "left" else story[place + 1 :]
        options = tuple(Option((*story[:place], text, *after), place, place + 1) for text in candidates)
        cases.append(Case(str(index + 1), task, options, right, f"story {index + 1}"))
    return cases


def _cloze(record: dict[str, Any], name: str, where: str) -> Case:
    context, endings = (_sentences(record, key, where) for key in ("context", "endings"))
    if not context:
        raise ValueError(f"{where}: `context` is empty; at least one sentence is required")
    if len(endings) < 2:
        raise ValueError(f"{where}: `endings` has {len(endings)} texts; at least two are required")
    right = record.get("right")
    if isinstance(right, bool) or not isinstance(right, int) or not 0 <= right < len(endings):
        raise ValueError(f"{where}: `right` is {right!r}; it must be a number from 0 to {len(endings) - 1}")
    options = tuple(Option((*context, ending), len(context), len(context) + 1) for ending in endings)
    return Case(name, str(record.get("set", "all")), options, right, where)


def _counterfactual(record: dict[str, Any], name: str, where: str) -> Iterator[Case]:
    premise, initial, counterfactual = (
        _sentence(record.get(key), f"{where}: `{key}`") for key in ("premise", "initial", "counterfactual")
    )
    original = _sentences(record, "original_ending", where)
    if not original:
        raise ValueError(f"{where}: `original_ending` is empty; at least one sentence is required")
    several = record.get("edited_endings")
    if not isinstance(several, list) or not several:
        raise ValueError(f"{where}: `edited_endings` must be a list of lists of sentences, at least one")
    edited = _sentences({"edited_endings": several[0]}, "edited_endings", where)
    if not edited:
        raise ValueError(f"{where}: the first of `edited_endings` is empty; at least one sentence is required")

    def option(second: str, ending: tuple[str, ...]) -> Option:
        return Option((premise, second, *ending), 2, 2 + len(ending))

    both = option(initial, original), option(counterfactual, original)
    yield Case(name, "context: initial or counterfactual", both, 0, where)
    both = option(initial, original), option(initial, edited)
    yield Case(name, "initial: original or edited", both, 0, where)
    both = option(counterfactual, original), option(counterfactual, edited)
    yield Case(name, "counterfactual: original or edited", both, 1, where)


def _sentences(record: dict[str, Any], key: str, where: str) -> tuple[str, ...]:
    value = record.get(key)
    if not isinstance(value, list):
        raise ValueError(f"{where}: `{key}` must be a list of sentences; got {type(value).__name__}")
    return tuple(_sentence(text, f"{where}: a sentence of `{key}`") for text in value)


def _sentence(value: Any, what: str) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"{what} must be text that is not empty; got {value!r}")
    if any("\ud800" <= char <= "\udfff" for char in value):
        raise ValueError(f"{what} holds a lone surrogate, which is half a character")
    return " ".join(value.split())
