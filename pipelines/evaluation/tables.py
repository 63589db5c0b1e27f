"""Rows of numbers as people read them: what the page and the Markdown share."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from .texts import TASKS

MOST_NAMED = 3  # rows of a task in a note
LABELS = {
    "mauve": "MAUVE",
    "rouge_1": "ROUGE-1",
    "rouge_2": "ROUGE-2",
    "rouge_l": "ROUGE-L",
    "self_bleu": "self-BLEU",
    "overlap_4": "4-word overlap",
    "longest_mean": "longest run, mean",
    "longest_most": "longest run, most",
    "interval": "95% interval",
    "bleu": "BLEU",
    "chrf": "chrF",
    "frechet": "Fréchet",
    "std_ratio": "ratio of deviations",
    "share_real": "taken for real",
}


def cell(value: Any) -> str:
    """A number, an interval or a text as it stands in a table."""
    if value is None:
        return "–"
    if isinstance(value, float):
        return f"{value:.1f}" if abs(value) >= 10 else f"{value:.3f}"
    if isinstance(value, list):
        return " – ".join(cell(part) for part in value)
    return str(value)


def label(name: str) -> str:
    """The heading of a column."""
    return LABELS.get(name, name.replace("_", " "))


def columns(rows: Sequence[dict[str, Any]]) -> list[str]:
    """The names of all columns, in order."""
    return list(dict.fromkeys(name for row in rows for name in row))


def plain_rows(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows without the columns that none of them has a value for."""
    empty = {name for name in columns(rows) if all(row.get(name) is None for row in rows)}
    return [{name: value for name, value in row.items() if name not in empty} for row in rows]


def headlines(numbers: dict[str, Any]) -> list[dict[str, Any]]:
    """A measure or two of each theme for every row: what a system is first judged by."""
    tables = numbers["tables"]
    wanted = (
        ("distribution", ("mauve", "taken_for_real")),
        ("fluency", ("perplexity", "entropy")),
        ("memorisation", ("overlap_4",)),
        ("relevance", ("similarity", "rouge_l")),
    )
    found = []
    for row in tables["distribution"]:
        line = {name: row[name] for name in ("task", "row", "stories")}
        for theme, measures in wanted:
            same = [other for other in tables[theme] if (other["task"], other["row"]) == (row["task"], row["row"])]
            line |= {measure: same[0][measure] if same else None for measure in measures}
        found.append(line)
    return found


def grouped_notes(notes: Sequence[str]) -> list[str]:
    """Notes "task, row: why" that give the same reason as one line, the others as they are."""
    places: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for note in notes:
        task, comma, row = note.partition(": ")[0].partition(", ")
        if comma and task in TASKS and ": " in note:
            places[note.partition(": ")[2].removesuffix(".")][task].append(row)
        else:
            places[note]  # keeps its place among them
    return [
        f"{why}: {'; '.join(_rows_of_task(*item) for item in tasks.items())}." if tasks else why
        for why, tasks in places.items()
    ]


def _rows_of_task(task: str, rows: Sequence[str]) -> str:
    return f"{task} ({', '.join(rows) if len(rows) <= MOST_NAMED else f'{len(rows)} rows'})"


def measured_with(settings: dict[str, Any]) -> str:
    """The settings of a report that its numbers depend on, as a sentence."""
    embedding, mauve = settings["embedding"], settings["mauve"]
    return (
        f"Sentence encoder {embedding['encoder']} ({embedding['dimensions']} dimensions), sentence-transformers "
        f"{embedding['sentence_transformers']}; MAUVE: scaling constant {mauve['scale']:g}, "
        f"{mauve['explained_variance']:.0%} of the variance, a cluster for every {mauve['texts_per_cluster']} texts."
    )
