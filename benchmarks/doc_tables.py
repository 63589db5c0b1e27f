"""Numbers of docs/data as Markdown: the head of docs/results.md, and the tables that docs/experiments.md names.

A table stands between `<!-- table: NAME -->` and `<!-- /table -->`. Most are of the JSON file of their name; `choice`
and `drawing` put several files side by side.
"""

import json
import re
import textwrap
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from segdiff.pipelines.evaluation.markdown import results, table
from segdiff.pipelines.evaluation.tables import cell, headlines, plain_rows

Numbers = dict[str, Any]
Rows = list[dict[str, Any]]

MARKED = re.compile(r"(<!-- table: (\S+) -->\n)(.*?)(<!-- /table -->)", re.DOTALL)
OPENING, CLOSING = "<!-- table:", "<!-- /table -->"
CONTROLS_SHOWN = ("human", "mixed human")  # the others are in docs/results.md
SWEPT = ("perplexity", "entropy", "distinct_2", "taken_for_real", "similarity")
CHOSEN = {"middle": "middle", "left": "middle, nothing after it", "cloze": "cloze"}


def read(folder: Path, name: str) -> Numbers:
    """The numbers `NAME.json` of a folder.

    Raises:
        FileNotFoundError: there are none.
    """
    file = folder / f"{name}.json"
    if not file.is_file():
        raise FileNotFoundError(f"{file} does not exist; add it with --add {name}=FILE")
    return json.loads(file.read_text(encoding="utf-8"))


# ---------------------------------------------------------------------------------------------- the tables


def tasks(name: str) -> Callable[[Path], list[str]]:
    """Every task of a report: people, mixed people, and the systems."""

    def rendered(folder: Path) -> list[str]:
        numbers = read(folder, name)
        shown = (*CONTROLS_SHOWN, *numbers["settings"]["systems"])
        rows = [row for row in headlines(numbers) if row["row"] in shown]
        return _block([numbers], table(plain_rows(rows)))

    return rendered


def systems(name: str) -> Callable[[Path], list[str]]:
    """People and the systems of a report of one task."""

    def rendered(folder: Path) -> list[str]:
        numbers = read(folder, name)
        rows = [row for row in headlines(numbers) if row["row"] in ("human", *numbers["settings"]["systems"])]
        return _block([numbers], table(plain_rows([_without(row, "task", "rouge_l") for row in rows])))

    return rendered


def drawing(folder: Path) -> list[str]:
    """Titles by how texts are drawn and chosen: the rows of every `drawing-*.json`, which have the same stories."""
    drawn = {"temperature": "temperature", "min-p": "min_p", "best of": "num_candidates"}

    def order(numbers: Numbers) -> list[float]:
        return [numbers["settings"].get(key, 1) for key in ("num_candidates", "temperature", "min_p")]

    every = sorted((read(folder, file.stem) for file in folder.glob("drawing-*.json")), key=order)
    rows: Rows = []
    for numbers in every:
        settings = numbers["settings"]
        lines = {row["row"]: row for row in headlines(numbers) if row["task"] == "title"}
        for name in ("human", settings["model"]):
            if name == "human" and numbers is not every[0]:
                continue
            how = {head: "" if name == "human" else _short(settings.get(key, 1)) for head, key in drawn.items()}
            rows.append({"row": name, **how, **_without(lines[name], "task", "row", "overlap_4", "rouge_l")})
    return _block(every, table(rows))


def sweep(folder: Path) -> list[str]:
    """Guidance and temperature, each varied alone."""
    numbers = read(folder, "sweep")
    rows = [
        {"varied": row["varied"], "value": _short(row["value"]), **{name: row[name] for name in SWEPT}}
        for row in numbers["sweep"]
    ]
    return _block([numbers], table(rows))


def choice(folder: Path) -> list[str]:
    """Accuracies of every row, a column for each kind of cases."""
    every = {head: read(folder, f"choice-{name}") for name, head in CHOSEN.items()}
    columns = {
        head: {row["row"]: row for row in numbers["table"] if row["set"] == "all"} for head, numbers in every.items()
    }
    return _block(list(every.values()), _accuracies(columns))


def counterfactual(folder: Path) -> list[str]:
    """Accuracies of every row, a column for each set of the counterfactual cases."""
    numbers = read(folder, "choice-counterfactual")
    columns: dict[str, dict[str, Any]] = {}
    for row in numbers["table"]:
        columns.setdefault(row["set"], {})[row["row"]] = row
    heads = {name: f"{name} ({rows['chance']['cases']} cases)" for name, rows in columns.items()}
    return _block([numbers], _accuracies({heads[name]: rows for name, rows in columns.items()}))


def speed(name: str) -> Callable[[Path], list[str]]:
    """What `benchmarks/generation.py` or `training.py` wrote, with its quartiles beside the medians."""

    def rendered(folder: Path) -> list[str]:
        numbers = read(folder, name)
        rows = []
        for row in numbers["rows"]:
            line = {}
            for column, value in row.items():
                quartiles = row.get(f"{column}, quartiles")
                if not column.endswith(", quartiles"):
                    line[column] = f"{cell(value)} ({quartiles})" if quartiles else value
            rows.append(line)
        return _block([numbers], table(rows), numbers.get("note"))

    return rendered


def first_light(folder: Path) -> list[str]:
    """The parts of `benchmarks/first_light.py`, each with its command."""
    lines = []
    for title, part in read(folder, "first-light")["parts"].items():
        columns = dict.fromkeys(column for row in part["rows"] for column in row)
        rows = [{column: row.get(column, "") for column in columns} for row in part["rows"]]
        lines += [f"**{title}**", "", *_block([part], table(rows)), ""]
    return lines[:-1]


TABLES: dict[str, Callable[[Path], list[str]]] = {
    "stories": tasks("stories"),
    "small-title": systems("small-title"),
    "small-tasks": tasks("small-tasks"),
    "small-choice": systems("small-choice"),
    "where-lost": systems("where-lost"),
    "matched": systems("matched"),
    "drawing": drawing,
    "sweep": sweep,
    "choice": choice,
    "counterfactual": counterfactual,
    "generation": speed("generation"),
    "generation-short": speed("generation-short"),
    "training": speed("training"),
    "first-light": first_light,
}


# ------------------------------------------------------------------------------------------- the documents


def with_tables(text: str, folder: Path) -> str:
    """A document with what stands between its markers rendered again.

    Raises:
        FileNotFoundError: a table has no numbers.
        ValueError: a table is unknown, or a marker lacks its other half.
    """
    found = MARKED.findall(text)
    if not len(found) == text.count(OPENING) == text.count(CLOSING):
        raise ValueError(f"every {OPENING} NAME --> needs its {CLOSING}, and a line of its own")

    def rendered(match: re.Match[str]) -> str:
        if match[2] not in TABLES:
            raise ValueError(f"there is no table {match[2]!r}; there are {', '.join(TABLES)}")
        lines = TABLES[match[2]](folder)
        return "".join((match[1], "\n", "\n".join(lines), "\n\n", match[4]))

    return MARKED.sub(rendered, text)


def results_page(folder: Path) -> str:
    """docs/results.md: every table of the story evaluation."""
    numbers = read(folder, "stories")
    settings = numbers["settings"]
    mauve = ", ".join(f"{name.replace('_', ' ')} {_setting(value)}" for name, value in settings["mauve"].items())
    fluency = ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in settings["fluency"].items())
    head = [
        "# Results",
        "",
        "Rendered by `python benchmarks/results.py` from [data/stories.json](data/stories.json), not typed; what every",
        "measure means is in [evaluation.md](evaluation.md). The numbers are of",
        "",
        *_command(numbers["command"]),
        "",
        f"- Model: {settings.get('model') or 'none'}"
        + (
            f", {settings['num_inference_steps']} steps, guidance {settings['guidance_scale']:g}, temperature "
            f"{settings['temperature']:g}."
            if "num_inference_steps" in settings
            else "."
        ),
        f"- {settings['stories']} test stories of {settings['data']}, {settings['judge_stories']} judge stories, seed "
        f"{settings['seed']}.",
        f"- MAUVE: features of {settings['embedding']['encoder']}; {mauve}.",
        f"- Judge of fluency: {fluency}.",
        "",
    ]
    marker = "| task | what is given |"
    body = results({**numbers, "examples": []})  # texts are on the report's own page
    return "\n".join(head) + "\n" + body[body.index(marker) :]


# --------------------------------------------------------------------------------------------------- parts


def _block(sources: Sequence[Numbers], lines: list[str], note: str | None = None) -> list[str]:
    commands = [line for numbers in sources for line in _command(numbers["command"])]
    return [*commands, "", *([*textwrap.wrap(note, 118), ""] if note else []), *lines]


def _command(command: str) -> list[str]:
    """A command as a block of code, broken before options where a line would be too long."""
    first, *options = re.split(r" (?=--)", command)
    lines = [f"    {first}"]
    for option in options:
        if len(lines[-1]) + len(option) < 116:
            lines[-1] += f" {option}"
        else:
            lines[-1] += " \\"
            lines.append(f"        {option}")
    return lines


def _accuracies(columns: dict[str, dict[str, Any]]) -> list[str]:
    names = dict.fromkeys(name for rows in columns.values() for name in rows)
    return table([{"row": name, **{head: _accuracy(rows[name]) for head, rows in columns.items()}} for name in names])


def _accuracy(row: dict[str, Any]) -> str:
    if row["low"] is None:
        return cell(row["accuracy"])
    return f"{cell(row['accuracy'])} ({cell(row['low'])} to {cell(row['high'])})"


def _without(row: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in names}


def _short(value: float | None) -> str:
    """A setting: 2.0 is 2, and none is nothing."""
    return "" if value is None else f"{value:g}"


def _setting(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
