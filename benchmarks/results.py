"""Measured numbers -> docs: keeps JSON files in docs/data, renders docs/results.md and docs/experiments.md from them.

    python benchmarks/results.py                                    # render both again
    python benchmarks/results.py --check                            # exit 1 where one differs from its numbers
    python benchmarks/results.py --add stories=report/report.json --add choice-middle=middle.json    # new numbers

The names of --add: `stories`, `where-lost`, `matched`, `small-...`, `sweep` and `drawing-...` (report.json
of `segdiff evaluate stories`), `choice-middle`, `-left`, `-cloze` and `-counterfactual` (--out of
`segdiff evaluate choice`), `generation` and `generation-short` (--out of `benchmarks/generation.py`; the first draws
docs/generation.png again, too), `training` and `first-light` (--out of `benchmarks/training.py` and
`benchmarks/first_light.py`). Texts are left out. The command that is shown beside a table is that of --command, else
the file's own, else that of the numbers which it replaces: with new weights the same commands need not be told again.
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))

from doc_tables import results_page, with_tables

DOCS = Path(__file__).resolve().parents[1] / "docs"
TABLES_ALONE = ("settings", "tables")
REPORT_KEYS = {
    "sweep": ("settings", "sweep"),
    "where-lost": TABLES_ALONE,
    "matched": TABLES_ALONE,
    "small-title": TABLES_ALONE,
    "small-tasks": TABLES_ALONE,
    "small-choice": TABLES_ALONE,
    "drawing": TABLES_ALONE,
}


def kept(name: str, numbers: dict[str, Any]) -> dict[str, Any]:
    """What docs/data keeps of a file of numbers: no texts, and of the smaller reports only what is shown.

    Raises:
        ValueError: the file is not what the name stands for.
    """
    kind = "drawing" if name.startswith("drawing-") else name
    if kind == "stories" or kind in REPORT_KEYS:
        if not {"tables", "classifier", "settings"} <= set(numbers):
            raise ValueError(f"{name}: that is no report of `segdiff evaluate stories`")
        if kind == "sweep" and not numbers["sweep"]:
            raise ValueError("sweep: the report has none; run it with --sweep")
        if kind in REPORT_KEYS:
            return {key: numbers[key] for key in REPORT_KEYS[kind]}
        ladder = {key: value for key, value in (numbers["ladder"] or {}).items() if key != "examples"}
        return {**numbers, "examples": [], "ladder": ladder}
    of_kind = {
        "choice": {"table", "settings"},
        "generation": {"rows", "note"},
        "training": {"rows", "data"},
        "first": {"parts"},
    }
    wanted = of_kind.get(name.partition("-")[0])
    if wanted is None:
        raise ValueError(f"--add {name}: unknown name; see the head of this script")
    if not wanted <= set(numbers):
        raise ValueError(f"{name}: the file has no {' and '.join(sorted(wanted - set(numbers)))}")
    return numbers


def add(name: str, source: Path, command: str | None, docs: Path) -> None:
    """Keep a file of numbers as docs/data/NAME.json; draw the plot of speed again.

    Raises:
        OSError: the file cannot be read.
        ValueError: it is no JSON, not what the name stands for, or nobody says which command made it.
    """
    try:
        numbers = json.loads(source.read_text(encoding="utf-8"))
    except ValueError:
        raise ValueError(f"{source} is not JSON") from None
    if not isinstance(numbers, dict):
        raise ValueError(f"{source} is no JSON object")
    target = docs / "data" / f"{name}.json"
    before = json.loads(target.read_text(encoding="utf-8")) if target.is_file() else {}
    command = command or numbers.get("command") or before.get("command")
    if command is None:
        raise ValueError(f"{name}: give the command that made {source.name} with --command")
    smaller = {"command": command, **{key: value for key, value in kept(name, numbers).items() if key != "command"}}
    target.parent.mkdir(exist_ok=True)
    target.write_text(json.dumps(smaller, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    if name == "generation":
        from generation import plot

        plot(smaller["rows"], docs / "generation.png")


def rendered(docs: Path) -> dict[Path, str]:
    """Every rendered document with its text.

    Raises:
        FileNotFoundError: numbers or documents are missing.
        ValueError: a document's markers are wrong.
    """
    experiments = docs / "experiments.md"
    return {
        docs / "results.md": results_page(docs / "data"),
        experiments: with_tables(experiments.read_text(encoding="utf-8"), docs / "data"),
    }


def main(arguments: list[str] | None = None) -> int:
    """Add numbers, render or check; the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--add", action="append", default=[], metavar="NAME=FILE", help="new numbers; repeatable")
    parser.add_argument("--command", help="the command that made them, as it is to be shown")
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 where a document differs")
    parser.add_argument("--docs", type=Path, default=DOCS, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.check and options.add:
        parser.error("--check writes nothing: leave out --add")
    if options.command and len(options.add) != 1:
        parser.error("--command is of one file: give one --add")
    try:
        for one in options.add:
            name, _, file = one.partition("=")
            if not file:
                parser.error(f"--add is {one!r}; give NAME=FILE")
            add(name, Path(file), options.command, options.docs)
        texts = rendered(options.docs)
    except (OSError, ValueError) as error:
        parser.error(" ".join(str(error).split()))
    differing = [file for file, text in texts.items() if not file.is_file() or file.read_text("utf-8") != text]
    for file in differing:
        if options.check:
            print(f"{file.name} differs from docs/data: run python benchmarks/results.py", file=sys.stderr)
        else:
            file.write_text(texts[file], encoding="utf-8")
            print(f"rendered {file.name}", file=sys.stderr)
    return int(options.check and bool(differing))


if __name__ == "__main__":
    sys.exit(main())
