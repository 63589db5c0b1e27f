"""Blind pairs: the key restores them, nothing else does; and what is made of the answers."""

import csv
import io
import json
from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segdiff import cli
from segdiff.pipelines.blind_page import blind_page
from segdiff.pipelines.blind_pairs import BlindPairs, make_pairs, sheet, write_pairs
from segdiff.pipelines.blind_scores import agreement, read_answers, read_key, score_pairs
from segdiff.pipelines.proportions import binomial_test, wilson_interval

LEFT, RIGHT = "diffusionsystem", "baselinesystem"


def write(path: Path, records: Iterable[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
    return path


def records(number: int, text: str, task: str = "title") -> list[dict[str, Any]]:
    return [
        {"task": task, "id": f"story-{index}", "title": f"Title {index}", "segments": [f"{text} {index}.", "End."]}
        for index in range(number)
    ]


@pytest.fixture
def made(tmp_path: Path) -> BlindPairs:
    left = write(tmp_path / f"{LEFT}.jsonl", records(12, "Left wrote") + records(3, "Left ended", "ending"))
    right = write(tmp_path / f"{RIGHT}.jsonl", records(14, "Right wrote") + records(3, "Right ended", "ending"))
    return make_pairs(left, right, num=10, seed=3)


def rows_of(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text.removeprefix("\ufeff"))))


def answers(folder: Path, name: str, made: BlindPairs, values: Iterable[str]) -> Path:
    lines = [f"{pair.pair},{value}" for pair, value in zip(made.pairs, values, strict=True)]
    path = folder / f"{name}.csv"
    path.write_text("\n".join(["pair,answer", *lines]) + "\n", encoding="utf-8")
    return path


# --- blinding

texts = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), min_size=1, max_size=40)
stories = st.lists(st.tuples(texts, texts), min_size=1, max_size=25)


@settings(max_examples=60, deadline=None)
@given(stories, st.integers(1, 30), st.integers(0, 1000))
def test_the_key_restores_and_nothing_else_tells(pairs: list[tuple[str, str]], num: int, seed: int):
    with TemporaryDirectory() as name:
        folder = Path(name)
        both = [[{"id": i, "segments": [pair[side]]} for i, pair in enumerate(pairs)] for side in (0, 1)]
        left, right = write(folder / f"{LEFT}.jsonl", both[0]), write(folder / f"{RIGHT}.jsonl", both[1])
        clean = [[" ".join(text.split()) for text in pair] for pair in pairs]
        different = sum(one != other for one, other in clean)
        if not different:
            with pytest.raises(ValueError, match="have the same text for each"):
                make_pairs(left, right, num, seed)
            return
        made = make_pairs(left, right, num, seed)
        assert len(made.pairs) == min(num, different) and made.identical == len(pairs) - different
        for pair, entry in zip(made.pairs, made.key["pairs"], strict=True):
            shown = (pair.a, pair.b) if entry["a"] == "left" else (pair.b, pair.a)
            assert list(shown) == clean[int(entry["id"])] and entry["pair"] == pair.pair
        assert len({entry["id"] for entry in made.key["pairs"]}) == len(made.pairs), "no story twice"
        left_is_a = sum(entry["a"] == "left" for entry in made.key["pairs"])
        assert abs(2 * left_is_a - len(made.pairs)) <= 1, "balanced"
        again = make_pairs(left, right, num, seed)
        assert again == made
        page, table = blind_page(made.pairs), sheet(made.pairs)
        shown_texts = "".join(text for pair in clean for text in pair)
        for word in (LEFT, RIGHT):
            assert word not in page + table or word in shown_texts


def test_sides_depend_on_the_seed_alone(tmp_path: Path):
    """With the contents of the files exchanged the sides stay: neither names nor texts decide them."""
    one, two = records(9, "One"), records(9, "Two")
    for seed in range(10):
        keys = []
        for texts in ((one, two), (two, one)):
            paths = [write(tmp_path / f"{name}.jsonl", own) for name, own in zip((LEFT, RIGHT), texts, strict=True)]
            keys.append([entry["a"] for entry in make_pairs(*paths, num=8, seed=seed).key["pairs"]])
        assert keys[0] == keys[1]
        assert keys[0].count("left") == 4
    assert len({tuple(keys[0])} | {("left", "right") * 4, ("right", "left") * 4}) == 3, "sides are shuffled"


def test_what_else_a_system_writes_is_not_shown(tmp_path: Path):
    left, right = (
        write(
            tmp_path / f"{name}.jsonl", [{**record, "system": f"{name}-9", "seed": 7_041} for record in records(3, t)]
        )
        for name, t in ((LEFT, "One"), (RIGHT, "Two"))
    )
    made = make_pairs(left, right, 3, seed=123_456)
    for text in (blind_page(made.pairs), sheet(made.pairs)):
        for word in (LEFT, RIGHT, "7041", "123456", "story-0"):
            assert word not in text


def test_a_pair_shows_task_title_and_texts(made: BlindPairs):
    page, rows = blind_page(made.pairs), rows_of(sheet(made.pairs))
    assert [row["pair"] for row in rows] == [pair.pair for pair in made.pairs]
    assert {row["answer"] for row in rows} == {""} and set(rows[0]) == {"pair", "task", "title", "A", "B", "answer"}
    for pair, row in zip(made.pairs, rows, strict=True):
        assert (row["A"], row["B"], row["title"]) == (pair.a, pair.b, pair.title) and pair.a.endswith(" End.")
        assert pair.a in page and pair.title in page
    assert len({pair.pair.split("-")[0] for pair in made.pairs}) == 1
    assert all(pair.pair[:6].isalpha() for pair in made.pairs), "no spreadsheet takes it for a date"


def test_the_page_needs_nothing_else_and_texts_stay_text(tmp_path: Path):
    bad = '<script>alert("x")</script> </section> &amp;'
    left = write(tmp_path / "l.jsonl", [{"id": 1, "title": bad, "segments": [bad]}])
    right = write(tmp_path / "r.jsonl", [{"id": 1, "segments": ["Plain."]}])
    page = blind_page(make_pairs(left, right, 1, 0).pairs)
    assert bad not in page and page.count("<script>") == page.count("</section>") == 1
    assert "&lt;script&gt;" in page
    for word in ("http:", "https:", "src=", "@import", "url("):
        assert word not in page


def test_both_sides_come_first_in_odd_numbers(tmp_path: Path):
    left, right = (write(tmp_path / f"{name}.jsonl", records(3, name)) for name in "lr")
    counts = {
        sum(entry["a"] == "left" for entry in make_pairs(left, right, 3, seed).key["pairs"]) for seed in range(20)
    }
    assert counts == {1, 2}


def test_of_several_samples_the_first(tmp_path: Path):
    left = write(tmp_path / "l.jsonl", [{"id": 1, "segments": [text]} for text in ("First.", "Second.")])
    right = write(tmp_path / "r.jsonl", [{"id": 1, "segments": ["Other."]}])
    (pair,) = make_pairs(left, right, 9, 0).pairs
    assert {pair.a, pair.b} == {"First.", "Other."}


def test_human_stories_without_tasks_go_with_every_task(tmp_path: Path):
    ours = write(tmp_path / "ours.jsonl", records(4, "We wrote") + records(4, "We ended", "ending"))
    corpus = [
        {"id": f"story-{index}", "title": None, "sentences": [f"A human wrote {index}.", "End."]} for index in range(3)
    ]
    human = write(tmp_path / "human.jsonl", corpus)
    for left, right, side in ((ours, human, "left"), (human, ours, "right")):
        made = make_pairs(left, right, 99, 0)
        places = {(entry["task"], entry["id"]) for entry in made.key["pairs"]}
        assert places == {(task, f"story-{index}") for task in ("title", "ending") for index in range(3)}
        for pair, entry in zip(made.pairs, made.key["pairs"], strict=True):
            mine, other = (pair.a, pair.b) if entry["a"] == side else (pair.b, pair.a)
            number = entry["id"].removeprefix("story-")
            assert mine.startswith("We wrote" if entry["task"] == "title" else "We ended")
            assert other == f"A human wrote {number}. End."
            assert (pair.task, pair.title) == (entry["task"], f"Title {number}")


@pytest.mark.parametrize(
    ("record", "message"),
    [
        ({"id": 1, "segments": "text"}, "l.jsonl line 2: `segments` must be a list of strings"),
        ({"segments": ["x"]}, "l.jsonl line 2: `id` is None"),
        ({"id": 1, "segments": ["x"], "title": 5}, "l.jsonl line 2: `title` is 5"),
        ({"id": "story-0", "task": "title", "title": "Another", "segments": ["x"]}, ""),
    ],
)
def test_mistakes_in_texts(tmp_path: Path, record: dict[str, Any], message: str):
    left = write(tmp_path / "l.jsonl", [{"id": "story-9", "segments": ["x"]}, record])
    right = write(tmp_path / "r.jsonl", records(2, "x"))
    message = message or "the id 'story-0' has the titles 'Another' and 'Title 0' in the files"
    with pytest.raises(ValueError, match=message):
        make_pairs(left, right, 5, 0)


def test_files_that_do_not_go_together(tmp_path: Path):
    left, right = write(tmp_path / "l.jsonl", records(2, "x")), write(tmp_path / "r.jsonl", records(2, "x", "ending"))
    with pytest.raises(ValueError, match="have no task and id in common"):
        make_pairs(left, right, 5, 0)
    with pytest.raises(ValueError, match="have the same text for each of 2"):
        make_pairs(left, left, 5, 0)
    with pytest.raises(ValueError, match="holds no texts"):
        make_pairs(write(tmp_path / "empty.jsonl", []), right, 5, 0)


# --- answers


def test_answers_are_counted_for_the_right_system(made: BlindPairs, tmp_path: Path):
    write_pairs(tmp_path / "pairs", made)
    key = read_key(tmp_path / "pairs" / "key.json")
    left_is_a = [entry["a"] == "left" for entry in key["pairs"]]
    values = ["A" if is_a else "B" for is_a in left_is_a[:6]] + ["tie", "tie"]
    values += ["B" if is_a else "A" for is_a in left_is_a[8:]]
    result = score_pairs(key, {"me": read_answers(answers(tmp_path, "me", made, values), key)})
    assert (result["left"], result["right"]) == (f"{LEFT}.jsonl", f"{RIGHT}.jsonl")
    row = result["table"][0]
    assert [row[name] for name in ("row", "pairs", "won", "tied", "lost", "share")] == ["me", 10, 6, 2, 2, 0.7]
    assert (row["low"], row["high"]) == wilson_interval(7, 10)
    assert row["p"] == binomial_test(6, 8) == pytest.approx(2 * (28 + 8 + 1) / 256)
    assert result["agreement"] is None
    assert {row["row"] for row in result["table"][1:]} <= {"task: title", "task: ending"}


def test_several_readers_are_counted_by_pair(made: BlindPairs, tmp_path: Path):
    key = made.key
    for_left = ["A" if entry["a"] == "left" else "B" for entry in key["pairs"]]
    against = ["B" if value == "A" else "A" for value in for_left]
    raters = {
        name: dict(zip([pair.pair for pair in made.pairs], values, strict=True))
        for name, values in {"x": for_left, "y": for_left, "z": against}.items()
    }
    rows = {row["row"]: row for row in score_pairs(key, raters)["table"]}
    assert rows["x"]["won"] == 10 and rows["z"]["lost"] == 10
    assert rows["all readers"]["pairs"] == rows["all readers"]["won"] == 10
    assert rows["all readers"]["share"] == pytest.approx(2 / 3)
    assert rows["x"]["chose_a"] == 0.5, "sides are balanced"
    tasks = {row: values["pairs"] for row, values in rows.items() if row.startswith("task: ")}
    assert sum(tasks.values()) == 10 if tasks else len({entry["task"] for entry in key["pairs"]}) == 1


def test_a_spreadsheet_of_any_country(made: BlindPairs, tmp_path: Path):
    rows = rows_of(sheet(made.pairs))
    for separator, encoding in ((",", "utf-8-sig"), (";", "cp1252"), ("\t", "utf-8")):
        stream = io.StringIO()
        writer = csv.DictWriter(stream, [*rows[0], "note"], delimiter=separator)
        writer.writeheader()
        writer.writerows({**row, "A": "née\nmany lines, ; and\ttabs", "answer": " TIE ", "note": ""} for row in rows)
        (tmp_path / "sheet.csv").write_bytes(stream.getvalue().encode(encoding))
        assert set(read_answers(tmp_path / "sheet.csv", made.key).values()) == {"tie"}


def test_mistakes_in_answers(made: BlindPairs, tmp_path: Path):
    names = [pair.pair for pair in made.pairs]
    complete = [f"{name},A" for name in names]
    for lines, message in [
        (["pair,answer", *complete[:-1], f"{names[-1]},C"], "line 11: the answer is 'C'; it must be A, B or tie"),
        (["pair,answer", *complete[:-2], f"{names[-1]},"], "has no answer to 2 of 10 pairs, the first is"),
        (["pair,answer", *complete, complete[0]], f"line 12: the pair '{names[0]}' comes a second time"),
        (["pair,answer", "zzzzzz-01,A"], "line 2: the key has no pair 'zzzzzz-01'"),
        (["pair;choice", *complete], "has no column 'answer'"),
        ([], "has no column 'pair'"),
    ]:
        (tmp_path / "answers.csv").write_text("\n".join(lines))
        with pytest.raises(ValueError, match=r"answers.csv") as error:
            read_answers(tmp_path / "answers.csv", made.key)
        assert message in str(error.value)
    with pytest.raises(FileNotFoundError, match=r"absent.csv does not exist"):
        read_answers(tmp_path / "absent.csv", made.key)
    with pytest.raises(ValueError, match="no answers"):
        score_pairs(made.key, {})


def test_a_long_text_is_read_again(tmp_path: Path):
    """Longer than csv reads by default."""
    left, right = (
        write(tmp_path / "l.jsonl", records(1, "one")),
        write(tmp_path / "r.jsonl", records(1, "word " * 60_000)),
    )
    made = make_pairs(left, right, 1, 0)
    path = tmp_path / "answers.csv"
    path.write_text(sheet(made.pairs).replace('",\r\n', '",A\r\n').replace(",\r\n", ",A\r\n"), encoding="utf-8")
    assert list(read_answers(path, made.key).values())


def test_half_a_character_in_a_title(tmp_path: Path):
    left = write(tmp_path / "l.jsonl", [{"id": 0, "title": "\ud800", "segments": ["x"]}])
    with pytest.raises(ValueError, match="line 1 holds a lone surrogate"):
        make_pairs(left, left, 1, 0)


def test_mistakes_in_keys(tmp_path: Path):
    unhashable = '{"left": "l", "right": "r", "pairs": [{"pair": "x", "task": [], "a": []}]}'
    for text in (
        unhashable,
        "[" * 200_000,
        "{",
        "[]",
        "{}",
        '{"left": "l", "right": "r", "pairs": []}',
        '{"left": 1, "right": 2, "pairs": [3]}',
    ):
        (tmp_path / "key.json").write_text(text)
        with pytest.raises(ValueError, match=r"key.json is (no key|damaged)"):
            read_key(tmp_path / "key.json")
    with pytest.raises(FileNotFoundError, match=r"give the key.json"):
        read_key(tmp_path / "absent.json")


# --- statistics


def test_cohens_kappa():
    """Two readers, 50 pairs, as in the usual example: 20 and 15 agreeing, 5 and 10 not."""
    rows = [["A", "A"]] * 20 + [["A", "B"]] * 5 + [["B", "A"]] * 10 + [["B", "B"]] * 15
    assert agreement(rows) == {"readers": 2, "agree": 0.7, "kappa": pytest.approx(0.4), "kind": "Cohen"}


def test_fleiss_kappa():
    """Four pairs by three readers, by hand: observed 2/3, expected 1/2."""
    rows = [["A", "A", "A"], ["B", "B", "B"], ["A", "A", "B"], ["B", "A", "B"]]
    found = agreement(rows)
    assert found["agree"] == pytest.approx(2 / 3) and found["kind"] == "Fleiss"
    assert found["kappa"] == pytest.approx((2 / 3 - 0.5) / 0.5)


def test_agreement_at_its_ends():
    assert agreement([["A", "A"], ["B", "B"]])["kappa"] == 1
    assert agreement([["A", "B"], ["B", "A"]])["kappa"] == -1
    assert agreement([["A", "A"]] * 3)["kappa"] is None
    with pytest.raises(ValueError, match="two readers or more"):
        agreement([["A"]])


def test_intervals_and_exact_tests():
    low, high = wilson_interval(8, 10)
    assert (low, high) == (pytest.approx(0.4902, abs=1e-4), pytest.approx(0.9433, abs=1e-4))
    assert wilson_interval(0, 5)[0] == pytest.approx(0) and wilson_interval(5, 5)[1] == pytest.approx(1)
    assert binomial_test(0, 0) == binomial_test(5, 10) == 1
    assert binomial_test(9, 10) == binomial_test(1, 10) == pytest.approx(22 / 1024)
    for wrong in ((3, 2), (-1, 2), (0, 0)):
        with pytest.raises(ValueError, match="is no share"):
            wilson_interval(*wrong)


# --- the commands


def run(code: int, *arguments: object) -> None:
    with pytest.raises(SystemExit) as end:
        cli.main(["evaluate", *map(str, arguments)])
    assert end.value.code == code


def test_commands(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    left = write(tmp_path / f"{LEFT}.jsonl", records(4, "Left"))
    right = write(tmp_path / f"{RIGHT}.jsonl", records(4, "Right"))
    folder = tmp_path / "pairs"
    export = ("export-pairs", "--left", left, "--right", right, "--out", folder)
    run(0, *export)
    out, err = capsys.readouterr()
    assert out.startswith("4 pairs: give readers ") and "only 4 pairs: 4 in common, 0 of them identical" in err
    assert sorted(path.name for path in folder.iterdir()) == ["key.json", "pairs.csv", "pairs.html"]
    for name in ("pairs.csv", "pairs.html"):
        text = (folder / name).read_text(encoding="utf-8")
        assert LEFT not in text and RIGHT not in text
    pairs = [row["pair"] for row in rows_of((folder / "pairs.csv").read_text(encoding="utf-8"))]
    for name, values in (("one", "AABB"), ("two", "ABBB")):
        lines = [f"{pair},{value}" for pair, value in zip(pairs, values, strict=True)]
        (tmp_path / f"{name}.csv").write_text("\n".join(["pair,answer", *lines]))
    run(0, "score-pairs", folder / "key.json", tmp_path / "one.csv", tmp_path / "two.csv")
    printed = capsys.readouterr().out
    assert "all readers" in printed
    assert "Cohen's kappa of 2 readers: 0.500; two of them agree in 75% of pairs" in printed
    run(0, "score-pairs", folder / "key.json", tmp_path / "one.csv", "--json")
    assert json.loads(capsys.readouterr().out)["table"][0]["row"] == "one"
    for arguments, message in [
        (export, "holds the key of other pairs"),
        (("score-pairs", folder / "key.json", tmp_path / "one.csv", tmp_path / "one.csv"), "is given twice"),
        (("score-pairs", folder / "pairs.csv", tmp_path / "one.csv"), "is no key of pairs"),
        (("export-pairs", "--left", left, "--right", tmp_path / "no.jsonl", "--out", folder), "no.jsonl does not"),
        (("export-pairs", "--left", left, "--right", right, "--out", left), "is a file; give a folder"),
    ]:
        run(2, *arguments)
        out, err = capsys.readouterr()
        assert out == "" and err.startswith("segdiff: error: ") and err.count("\n") == 1 and message in err
