"""The rendered documents agree with their numbers, and new numbers are taken over without anybody's texts."""

import json
import shutil
from pathlib import Path

import pytest

DOCS = Path(__file__).resolve().parents[2] / "docs"


@pytest.fixture
def docs(tmp_path: Path) -> Path:
    """A copy of the rendered documents and their numbers."""
    folder = tmp_path / "docs"
    folder.mkdir()
    for name in ("results.md", "experiments.md"):
        shutil.copy(DOCS / name, folder)
    shutil.copytree(DOCS / "data", folder / "data")
    return folder


def run(docs: Path, *arguments: str) -> int:
    from results import main

    return main([*arguments, "--docs", str(docs)])


def error_of(capsys: pytest.CaptureFixture[str], docs: Path, *arguments: str) -> str:
    with pytest.raises(SystemExit) as end:
        run(docs, *arguments)
    assert end.value.code == 2
    return capsys.readouterr().err.splitlines()[-1]


def texts_of(value: object) -> list[str]:
    if isinstance(value, dict):
        value = list(value.values())
    return [text for part in value for text in texts_of(part)] if isinstance(value, list) else [str(value)]


def test_the_documents_are_what_their_numbers_give() -> None:
    assert run(DOCS, "--check") == 0


def test_a_number_changed_by_hand_is_found_and_rendered_again(docs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name, old in (("results.md", "| title | stories-tiny |"), ("experiments.md", "| 250 | 16 | ours |")):
        before = (docs / name).read_text(encoding="utf-8")
        assert old in before
        (docs / name).write_text(before.replace(old, f"{old} 1"), encoding="utf-8")
        assert run(docs, "--check") == 1
        assert name in capsys.readouterr().err
        assert run(docs) == 0 and run(docs, "--check") == 0
        assert (docs / name).read_text(encoding="utf-8") == before


def test_what_is_kept_is_small_and_has_no_texts_and_no_paths() -> None:
    files = sorted((DOCS / "data").iterdir())
    assert files and all(file.suffix == ".json" and file.stat().st_size < 300_000 for file in files)
    for file in files:
        numbers = json.loads(file.read_text(encoding="utf-8"))
        assert numbers["command"].startswith(("segdiff evaluate ", "python benchmarks/"))
        assert not numbers.get("examples") and "examples" not in (numbers.get("ladder") or {})
        assert not [text for text in texts_of(numbers) if text.startswith("/") or " /" in text]


def test_new_numbers_replace_the_old_and_keep_their_command(docs: Path, tmp_path: Path) -> None:
    old = json.loads((docs / "data" / "stories.json").read_text(encoding="utf-8"))
    told = {"examples": [{"text": "Tom ran."}], "ladder": {**old["ladder"], "examples": ["Tom fell."]}}
    tables = json.loads(json.dumps(old["tables"]))
    row = next(row for row in tables["distribution"] if (row["task"], row["row"]) == ("title", "stories-tiny"))
    row["mauve"] = 0.123456
    new = {**{key: value for key, value in old.items() if key != "command"}, **told, "tables": tables}
    report = tmp_path / "report.json"
    report.write_text(json.dumps(new), encoding="utf-8")
    assert run(docs, "--add", f"stories={report}") == 0
    kept = json.loads((docs / "data" / "stories.json").read_text(encoding="utf-8"))
    assert kept["command"] == old["command"] and "Tom" not in json.dumps(kept)
    for name in ("results.md", "experiments.md"):
        assert f"| title | stories-tiny | {row['stories']} | 0.123 |" in (docs / name).read_text(encoding="utf-8")
    assert run(docs, "--add", f"stories={report}", "--command", "segdiff evaluate stories --seed 7") == 0
    assert "    segdiff evaluate stories --seed 7\n" in (docs / "results.md").read_text(encoding="utf-8")


def test_numbers_of_speed_bring_their_plot(docs: Path) -> None:
    assert run(docs, "--add", f"generation={DOCS / 'data' / 'generation.json'}") == 0
    assert (docs / "generation.png").read_bytes().startswith(b"\x89PNG")
    assert run(docs, "--check") == 0


def test_a_new_table_needs_its_numbers_and_its_markers_alone(docs: Path, tmp_path: Path) -> None:
    peak = {"what": "matrix peak", "GFLOP/s": 190.5}
    diffusion = {"what": "diffusion", "segments/s": 2512.25, "segments/s, quartiles": "2400 to 2600", "parameters": 5}
    file = tmp_path / "training.json"
    numbers = {"command": "python benchmarks/training.py --threads 2", "data": {}, "rows": [peak, diffusion]}
    file.write_text(json.dumps(numbers), encoding="utf-8")
    with (docs / "experiments.md").open("a", encoding="utf-8") as document:
        document.write("\n<!-- table: training -->\n<!-- /table -->\n")
    assert run(docs, "--add", f"training={file}") == 0
    end = (docs / "experiments.md").read_text(encoding="utf-8").rpartition("<!-- table: training -->")[2]
    assert end.splitlines() == [
        "",
        "",
        "    python benchmarks/training.py --threads 2",
        "",
        "| what | GFLOP/s | segments/s | parameters |",
        "|---|---:|---|---:|",
        "| matrix peak | 190.5 | – | – |",
        "| diffusion | – | 2512.2 (2400 to 2600) | 5 |",
        "",
        "<!-- /table -->",
    ]


def test_wrong_numbers_are_refused(docs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "numbers.json"
    file.write_text('{"rows": []}', encoding="utf-8")
    assert "no report of `segdiff evaluate stories`" in error_of(capsys, docs, "--add", f"stories={file}")
    assert "generation: the file has no note" in error_of(capsys, docs, "--add", f"generation={file}")
    assert "unknown name" in error_of(capsys, docs, "--add", f"storys={file}", "--command", "x")
    assert "give NAME=FILE" in error_of(capsys, docs, "--add", "stories")
    assert "of one file" in error_of(capsys, docs, "--command", "x")
    file.write_text('{"table": [], "settings": {}}', encoding="utf-8")
    assert "with --command" in error_of(capsys, docs, "--add", f"choice-new={file}")
    file.write_text("{", encoding="utf-8")
    assert "is not JSON" in error_of(capsys, docs, "--add", f"stories={file}")
    assert "No such file" in error_of(capsys, docs, "--add", f"stories={tmp_path / 'none.json'}")
    assert run(docs, "--check") == 0


def test_wrong_markers_are_refused(docs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = docs / "experiments.md"
    text = file.read_text(encoding="utf-8")
    file.write_text(text.replace("<!-- /table -->", "", 1), encoding="utf-8")
    assert "needs its <!-- /table -->" in error_of(capsys, docs)
    file.write_text(text.replace("<!-- table: sweep -->", "<!-- table: swept -->"), encoding="utf-8")
    assert "there is no table 'swept'" in error_of(capsys, docs)
    file.write_text(text, encoding="utf-8")
    (docs / "data" / "sweep.json").unlink()
    assert "--add sweep=FILE" in error_of(capsys, docs)
