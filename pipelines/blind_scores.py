"""What blind readers preferred: shares with intervals, exact tests, and how far the readers agree."""

import csv
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from .proportions import binomial_test, wilson_interval

ANSWERS = {"a": "A", "b": "B", "tie": "tie"}
Answers = dict[str, str]
"""Pair -> "A", "B" or "tie"."""


def read_key(path: Path) -> dict[str, Any]:
    """The key that `segdiff evaluate export-pairs` wrote.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is no such key.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path} does not exist; give the key.json that export-pairs wrote")
    try:
        key = json.loads(path.read_text(encoding="utf-8"))
        names, sides = [key["left"], key["right"]], {entry["pair"]: entry["a"] for entry in key["pairs"]}
        names += [entry["task"] for entry in key["pairs"]]
        known = set(sides.values()) <= {"left", "right"}
    except (ValueError, KeyError, TypeError, RecursionError):
        raise ValueError(f"{path} is no key of pairs; give the key.json that export-pairs wrote") from None
    if not sides or len(sides) != len(key["pairs"]) or not known:
        raise ValueError(f"{path} is damaged: pairs are missing, double, or without a side")
    if not all(isinstance(name, str) for name in [*names, *sides]):
        raise ValueError(f"{path} is damaged: names must be strings")
    return key


def read_answers(path: Path, key: Mapping[str, Any]) -> Answers:
    """A reader's answers to all pairs of a key: CSV with the columns `pair` and `answer`, others being ignored.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: a column is missing; an answer is unknown, double, missing, or of other pairs.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path} does not exist; give a CSV file of answers")
    text = path.read_text(encoding="utf-8-sig", errors="replace")  # pairs and answers are ASCII in any code page
    head = text.partition("\n")[0]
    separator = max(",;\t", key=head.count)  # spreadsheets of some countries write semicolons
    csv.field_size_limit(max(csv.field_size_limit(), len(text) + 1))  # our own sheets hold whole texts
    rows = csv.DictReader(text.splitlines(keepends=True), delimiter=separator)
    columns = {(name or "").strip().lower(): name for name in rows.fieldnames or []}
    for name in ("pair", "answer"):
        if name not in columns:
            raise ValueError(f"{path} has no column {name!r}; its first line must name the columns pair and answer")
    known = [entry["pair"] for entry in key["pairs"]]
    answers: Answers = {}
    empty: set[str] = set()
    for row in rows:
        where = f"{path} line {rows.line_num}"
        pair, answer = ((row[columns[name]] or "").strip() for name in ("pair", "answer"))
        if not pair and not answer:
            continue
        if pair not in known:
            raise ValueError(
                f"{where}: the key has no pair {pair!r} (its first is {known[0]!r}); these are other pairs"
            )
        if pair in answers or pair in empty:
            raise ValueError(f"{where}: the pair {pair!r} comes a second time; keep one line for each")
        if answer and answer.lower() not in ANSWERS:
            raise ValueError(f"{where}: the answer is {answer!r}; it must be A, B or tie")
        if answer:
            answers[pair] = ANSWERS[answer.lower()]
        else:
            empty.add(pair)
    missing = [pair for pair in known if pair not in answers]
    if missing:
        raise ValueError(f"{path} has no answer to {len(missing)} of {len(known)} pairs, the first is {missing[0]!r}")
    return answers


def score_pairs(key: Mapping[str, Any], raters: Mapping[str, Answers]) -> dict[str, Any]:
    """Preferences of every reader and of all together, and their agreement.

    Returns:
        "left" and "right", the systems. "table": rows per reader, for all readers together, and by task; each with
        pairs, won, tied and lost (as seen from the left system), "share" = (won + tied / 2) / pairs with its 95%
        interval "low" and "high" (Wilson), "p", exact binomial test of won against lost, ties left out, and "chose_a",
        the share of A among decided answers (0.5 but for a habit). For all readers a pair is won or lost by majority
        and "share" is the mean over readers and pairs; n is the number of pairs. "agreement": see `agreement`.

    Raises:
        ValueError: no reader.
    """
    if not raters:
        raise ValueError("no answers; give one CSV file or more")
    entries = key["pairs"]
    values = {
        name: [_value(answers[entry["pair"]], entry["a"]) for entry in entries] for name, answers in raters.items()
    }
    together = [sum(column) / len(values) for column in zip(*values.values(), strict=True)]
    table = [
        {"row": name, **_preference(row), "chose_a": _share_of_a(raters[name].values())} for name, row in values.items()
    ]
    if len(raters) > 1:
        every = [answer for answers in raters.values() for answer in answers.values()]
        table.append({"row": "all readers", **_preference(together), "chose_a": _share_of_a(every)})
    tasks = list(dict.fromkeys(entry["task"] for entry in entries))
    for task in tasks if len(tasks) > 1 else []:
        rows = [index for index, entry in enumerate(entries) if entry["task"] == task]
        every = [answers[entries[index]["pair"]] for answers in raters.values() for index in rows]
        found = _preference([together[index] for index in rows])
        table.append({"row": f"task: {task or 'none'}", **found, "chose_a": _share_of_a(every)})
    shown = [[answers[entry["pair"]] for answers in raters.values()] for entry in entries]
    return {
        "left": key["left"],
        "right": key["right"],
        "table": table,
        "agreement": agreement(shown) if len(raters) > 1 else None,
    }


def agreement(answers: Sequence[Sequence[str]]) -> dict[str, Any]:
    """How far two readers or more agree on A, B or tie, as shown (sides are balanced, so that chance is not).

    Cohen's kappa (1960) of two readers, Fleiss' (1971) of more; None where all answers are the same. "agree" is the
    share of agreeing pairs of readers.

    Args:
        answers: for each pair the answers of all readers.

    Raises:
        ValueError: fewer than two readers.
    """
    count = len(answers[0])
    if count < 2:
        raise ValueError(f"agreement needs two readers or more; got {count}")
    counts = [Counter(row) for row in answers]
    agree = sum(sum(n * (n - 1) for n in row.values()) for row in counts) / (count * (count - 1) * len(answers))
    if count == 2:
        first, second = (Counter(column) for column in zip(*answers, strict=True))
        expected = sum(first[name] * second[name] for name in first) / len(answers) ** 2
    else:
        total = Counter(answer for row in answers for answer in row)
        expected = sum((n / (count * len(answers))) ** 2 for n in total.values())
    kappa = None if expected == 1 else (agree - expected) / (1 - expected)
    return {"readers": count, "agree": agree, "kappa": kappa, "kind": "Cohen" if count == 2 else "Fleiss"}


def _value(answer: str, a: str) -> float:
    """1 where the left system is preferred, 0 where the right one is, 1/2 for a tie."""
    return 0.5 if answer == "tie" else float((answer == "A") == (a == "left"))


def _preference(values: Sequence[float]) -> dict[str, Any]:
    won, lost = sum(value > 0.5 for value in values), sum(value < 0.5 for value in values)
    low, high = wilson_interval(sum(values), len(values))
    return {
        "pairs": len(values),
        "won": won,
        "tied": len(values) - won - lost,
        "lost": lost,
        "share": sum(values) / len(values),
        "low": low,
        "high": high,
        "p": binomial_test(won, won + lost),
    }


def _share_of_a(answers: Any) -> float | None:
    count = Counter(answers)
    decided = count["A"] + count["B"]
    return count["A"] / decided if decided else None
