"""Rows of numbers as people read them: what the page and the Markdown share."""

from collections.abc import Sequence
from typing import Any

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
