"""`segdiff paraphrase`, `interpolate`, `neighbours` and `direction` as a user meets them."""

import gzip
import io
import json
from pathlib import Path

import pytest

from segdiff.cli import main


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as end:
        main(arguments)
    output = capsys.readouterr()
    return int(end.value.code or 0), output.out, output.err


def test_one_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    options = ("--num", "3", "--oversample", "3")
    code, out, _ = run(capsys, "paraphrase", "Tom wanted to buy a new car.", *options, "--json")
    assert code == 0
    found = json.loads(out)
    assert found["text"] == "Tom wanted to buy a new car." and 0 < len(found["candidates"]) <= 3
    assert found["candidates"][0].keys() >= {"text", "similarity", "source_bleu", "warnings"}
    assert run(capsys, "paraphrase", "Tom wanted to buy a new car.", *options, "--json")[1] == out
    code, out, _ = run(capsys, "paraphrase", "Tom wanted to buy a new car.", *options)
    assert code == 0 and out.startswith("text") and found["candidates"][0]["text"] in out


def test_one_sentence_of_a_text(capsys: pytest.CaptureFixture[str]) -> None:
    text = "Anna lost her keys. She went to the store with her dog."
    code, out, _ = run(capsys, "paraphrase", text, "--sentence", "2", "--num", "1", "--json")
    assert code == 0
    (candidate,) = json.loads(out)["candidates"]
    assert candidate["text"].startswith("Anna lost her keys. ") and candidate["text"] != text
    code, _, err = run(capsys, "paraphrase", text, "--sentence", "3")
    assert code == 2 and "no sentence 3" in err


def test_text_that_the_model_does_not_know_is_announced(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capsys, "paraphrase", "今天天气很好。", "--num", "1", "--oversample", "2", "--json")
    (candidate,) = json.loads(out)["candidates"]
    assert code == 0 and "text hardly known" in candidate["warnings"][-1]
    assert "the model hardly knows this text, and its rewordings mean little: 今天天气很好。" in err


def test_fewer_than_wanted_are_announced(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capsys, "paraphrase", "Tom ran.", "--num", "50", "--oversample", "1", "--json")
    assert code == 0 and len(json.loads(out)["candidates"]) < 50 and "of 50: " in err


def test_a_file(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    source, output = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    source.write_text('{"text": "Tom wanted to buy a new car.", "label": "a"}\n', encoding="utf-8")
    options = ("--input", str(source), "--num", "1", "--oversample", "3", "--augment")
    code, out, err = run(capsys, "paraphrase", *options, "--output", str(output))
    assert code == 0 and out == "" and "1 lines are in" in err
    rows = [json.loads(line) for line in output.read_text().splitlines()]
    assert [row["label"] for row in rows] == ["a", "a"] and [row["copy"] for row in rows] == [0, 1]
    assert run(capsys, "paraphrase", *options)[1].splitlines() == output.read_text().splitlines()
    code, _, err = run(capsys, "paraphrase", *options, "--output", str(output))
    assert code == 2 and "exists; remove it" in err


def test_lines_without_the_sentence_are_announced(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    source, output = tmp_path / "in.txt", tmp_path / "out.jsonl"
    source.write_text("It was late. Tom wanted to go home.\nTom ran.\n\n", encoding="utf-8")
    options = ("paraphrase", "--input", str(source), "--num", "1", "--oversample", "1", "--sentence", "2")
    message = "1 lines have not as many sentences as --sentence asks for, and were not reworded"
    for where in ((), ("--output", str(output))):
        code, _, err = run(capsys, *options, *where)
        assert code == 0 and message in err


def test_a_file_is_never_opened_with_bad_options(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    source = tmp_path / "in.txt"
    source.write_text("Tom left.\n", encoding="utf-8")
    files = ("--input", str(source), "--output", str(tmp_path / "out.jsonl"))
    assert run(capsys, "paraphrase", *files, "--strength", "2")[0] == 2
    assert list(tmp_path.iterdir()) == [source]


def test_jsonl_on_standard_input(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    line = b'{"text": "Tom wanted to buy a new car.", "label": "a"}\n'
    options = ("--input", "-", "--num", "1", "--oversample", "2")
    for packed in (line, gzip.compress(line)):
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(packed)))
        code, out, _ = run(capsys, "paraphrase", *options)
        (row,) = [json.loads(text) for text in out.splitlines()]
        assert code == 0 and row["label"] == "a" and row["text"] == "Tom wanted to buy a new car."


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "either a text or --input FILE"),
        (("hi", "--input", "x"), "either a text or --input FILE"),
        (("--input", "/no/such"), "no file '/no/such'"),
        (("hi", "--output", "x"), "need --input FILE"),
        (("--input", "-", "--output", "x"), "--output needs an --input that is a file"),
        (("hi", "--strength", "0"), "strength is 0: nothing changes"),
        (("hi", "--strength", "1.5"), "strength is 1.5; it must be above 0, up to 1"),
        (("hi", "--format", "xml"), "'xml'"),
        (("--input", __file__, "--output", f"{__file__}/x.jsonl"), "test_cli_paraphrase.py is a file, and"),
        (("hi", "--method", "magic"), "method is 'magic'; known: "),
        (("  ",), "the text is empty"),
        (("hi\ud800",), "lone surrogate"),
    ],
)
def test_mistakes_are_one_line(capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], message: str) -> None:
    code, out, err = run(capsys, "paraphrase", *arguments)
    assert code == 2 and out == "" and message in err and len(err.splitlines()) == 1


def test_latent_tools(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    code, out, _ = run(capsys, "interpolate", "Tom was hungry.", "Anna bought a car.", "--steps", "3", "--json")
    rows = [json.loads(line) for line in out.splitlines()]
    assert code == 0 and [row["fraction"] for row in rows] == [0, 0.5, 1]
    left, right = tmp_path / "left.txt", tmp_path / "right.txt"
    left.write_text("Tom was happy.\n\nShe loved it.\n", encoding="utf-8")
    right.write_text("Tom was sad.\nShe hated it.\n" + "word " * 200 + "\n", encoding="utf-8")
    code, out, err = run(capsys, "neighbours", "Tom was very sad.", "--corpus", str(right), "--num", "1", "--json")
    assert code == 0 and json.loads(out)["text"] == "Tom was sad." and "1 lines are too long" in err
    sides = ("--from", str(left), "--to", str(right))
    code, out, err = run(capsys, "direction", *sides, "--apply", "He was happy.", "--strength", "0")
    assert code == 0 and out.strip() and "nothing changed at strength 0" in err
    far = ("--strength", "20", "--json")
    code, out, err = run(capsys, "direction", *sides, "--apply", "He was happy.", *far)
    assert code == 0 and json.loads(out)["moved"] != "He was happy." and "nothing changed" not in err
    code, _, err = run(capsys, "direction", "--from", "/no/such", "--to", str(right), "--apply", "x")
    assert code == 2 and "no file '/no/such'" in err
