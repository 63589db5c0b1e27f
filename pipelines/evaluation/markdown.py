"""The tables of a report as Markdown."""

from collections.abc import Sequence
from typing import Any

from .metrics import THEMES
from .tables import cell, columns, grouped_notes, headlines, label, measured_with, plain_rows


def results(numbers: dict[str, Any]) -> str:
    """A document with every table of a `report.json`, for people to read; it is made again, never edited."""
    settings = numbers["settings"]
    lines = [
        "# Results",
        "",
        "Made by `python benchmarks/results.py report.json` from what `segdiff evaluate stories` wrote; what every",
        "measure means is in [evaluation.md](evaluation.md).",
        "",
        f"{settings['stories']} test stories, {settings['judge_stories']} judge stories, seed {settings['seed']}; "
        f"model {settings.get('model') or 'none'}. {measured_with(settings)}",
        "",
        "| task | what is given |",
        "|---|---|",
        *(f"| {task} | {given} |" for task, given in numbers["tasks"].items()),
    ]
    lines += ["", "## In short", "", *table(plain_rows(headlines(numbers)))]
    for theme, (text, _) in THEMES.items():
        rows = numbers["tables"][theme]
        if rows:
            lines += ["", f"## {theme.capitalize()}", "", text, "", *table(plain_rows(rows))]
    for title, rows in (
        ("What the coherence classifier tells apart", numbers["classifier"]),
        ("The same condition several times", numbers["conditions"]),
        ("Latents", numbers["latents"]),
        ("Ladder", (numbers["ladder"] or {}).get("table", [])),
        ("Guidance and temperature", numbers["sweep"]),
        ("Examples, not chosen", numbers["examples"]),
    ):
        if rows:
            lines += ["", f"## {title}", "", *table(plain_rows(rows))]
    if numbers["notes"]:
        lines += ["", "## Notes", "", *(f"- {_escaped(note)}" for note in grouped_notes(numbers["notes"]))]
    return "\n".join(lines) + "\n"


def table(rows: Sequence[dict[str, Any]]) -> list[str]:
    """Rows as lines of a Markdown table, numbers to the right."""
    names = columns(rows)
    right = {name: all(isinstance(row.get(name), int | float | None) for row in rows) for name in names}
    return [
        "| " + " | ".join(label(name) for name in names) + " |",
        "|" + "|".join("---:" if right[name] else "---" for name in names) + "|",
        *("| " + " | ".join(_escaped(cell(row.get(name))) for name in names) + " |" for row in rows),
    ]


def _escaped(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;").replace("\n", " ")
