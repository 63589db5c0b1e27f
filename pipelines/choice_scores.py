"""Scores of options, ours and other systems', as files and as a table of accuracies."""

import json
import math
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from .choice_cases import Case
from .evaluation.texts import read_records
from .proportions import wilson_interval

CHANCE = "chance"

Scores = list[list[float]]
"""Of every case a number for each option; the highest is the choice."""


def read_scores(path: Path, cases: Sequence[Case]) -> Scores:
    """Scores of another system: JSONL of {"id", "set"?, "scores": a number for each option, the highest its choice}.

    Lines of cases that are not asked for are passed over; `set` is needed only where an id is of several sets.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: a line is no such object, has another number of scores than the case has options, another option as
            the right one, or comes twice; a case has no scores.
    """
    wanted: dict[str, dict[str, int]] = {}
    for number, case in enumerate(cases):
        wanted.setdefault(case.id, {})[case.set] = number
    found: dict[int, list[float]] = {}
    for where, _, record in read_records(path):
        sets = wanted.get(str(record.get("id")))
        if sets is None:
            continue
        if "set" not in record and len(sets) > 1:
            raise ValueError(f"{where}: the id {record['id']!r} is of the sets {', '.join(sets)}; say which in `set`")
        index = sets.get(str(record["set"])) if "set" in record else next(iter(sets.values()))
        if index is None:
            continue
        if record.get("right", cases[index].right) != cases[index].right:
            raise ValueError(
                f"{where}: the case {record['id']!r} has other options; score with the same seed and cases"
            )
        values, count = record.get("scores"), len(cases[index].options)
        if not isinstance(values, list) or len(values) != count or not all(map(_finite, values)):
            raise ValueError(f"{where}: `scores` must be {count} finite numbers, one for each option; got {values!r}")
        if index in found:
            raise ValueError(f"{where}: the case {record['id']!r} has had its scores already; give one line for each")
        found[index] = [float(value) for value in values]
    missing = [case.id for index, case in enumerate(cases) if index not in found]
    if missing:
        raise ValueError(f"{path} has no scores of {len(missing)} of {len(cases)} cases, the first is {missing[0]!r}")
    return [found[index] for index in range(len(cases))]


def write_scores(path: Path, cases: Sequence[Case], scores: Mapping[str, Scores], main: str) -> None:
    """Write what `read_scores` reads, whole or not at all: as "scores" those of the row `main`, as "rows" all."""
    temporary = path.with_name(path.name + ".tmp")
    with temporary.open("w", encoding="utf-8") as file:
        for index, case in enumerate(cases):
            rows = {row: values[index] for row, values in scores.items()}
            record = {"id": case.id, "set": case.set, "right": case.right, "scores": rows[main], "rows": rows}
            file.write(json.dumps(record, ensure_ascii=False) + "\n")
    os.replace(temporary, path)


def _finite(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def accuracy_table(cases: Sequence[Case], scores: Mapping[str, Scores]) -> list[dict[str, Any]]:
    """Accuracy of every row with its 95% interval (Wilson), beside that of chance; overall, then by set."""
    sets = list(dict.fromkeys(case.set for case in cases))
    table = []
    for name in ["all", *(sets if len(sets) > 1 else [])]:
        chosen = [index for index, case in enumerate(cases) if name == "all" or case.set == name]
        chance = sum(1 / len(cases[index].options) for index in chosen) / len(chosen)
        table.append({"set": name, "row": CHANCE, "cases": len(chosen), "accuracy": chance, "low": None, "high": None})
        for row, values in scores.items():
            right = sum(credit(values[index], cases[index].right) for index in chosen)
            low, high = wilson_interval(right, len(chosen))
            accuracy = right / len(chosen)
            table.append(
                {"set": name, "row": row, "cases": len(chosen), "accuracy": accuracy, "low": low, "high": high}
            )
    return table


def credit(scores: Iterable[float], right: int) -> float:
    """1 where the right option alone has the highest score, 1/n where n share it, else 0."""
    values = list(scores)
    best = [index for index, value in enumerate(values) if value == max(values)]
    return 1 / len(best) if right in best else 0.0
