"""`segdiff segment`: what it prints, and one clear line for what it cannot cut."""

import io
import json
import subprocess
import sys
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest
import spacy

from segdiff import cli

Run = Callable[..., tuple[int, str, str]]

STORY = 'Mr. X left. "Why?" she\nasked.\n\n \nTom: Hi.\nAnn: Yes. No.\n'


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    """`run(text, *options)` is `segdiff segment FILE *options`; gives the exit code, stdout and stderr."""

    def run(text: str | bytes, *options: object) -> tuple[int, str, str]:
        content = text.encode() if isinstance(text, str) else text
        file = tmp_path / "text.txt"
        file.write_bytes(content)
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))
        name = [] if "-" in options else [str(file)]
        with pytest.raises(SystemExit) as end:
            cli.main(["segment", *name, *map(str, options)])
        assert isinstance(end.value.code, int)
        return end.value.code, *capsys.readouterr()

    return run


def documents(run: Run, text: str | bytes, *options: object) -> list[list[str]]:
    code, out, err = run(text, "--json", *options)
    assert (code, err) == (0, "")
    return [json.loads(line)["segments"] for line in out.splitlines()]


def error(run: Run, text: str | bytes, *options: object) -> str:
    code, out, err = run(text, *options)
    assert (code, out) == (2, "")
    (line,) = err.splitlines()
    return line.removeprefix("segdiff: error: ")


@pytest.mark.parametrize(
    ("by", "expected"),
    [
        ("sentence", [["Mr. X left.", '"Why?" she\nasked.'], ["Tom: Hi.", "Ann: Yes.", "No."]]),
        ("turn", [['Mr. X left. "Why?" she\nasked.'], ["Tom: Hi.", "Ann: Yes. No."]]),
        ("paragraph", [['Mr. X left. "Why?" she\nasked.', "Tom: Hi.\nAnn: Yes. No."]]),
        ("line", [['Mr. X left. "Why?" she', "asked."], ["Tom: Hi.", "Ann: Yes. No."]]),
        ("token", [['Mr. X left. "Why?" she\nasked.'], ["Tom: Hi.\nAnn: Yes. No."]]),
    ],
)
def test_json(run: Run, by: str, expected: list[list[str]]) -> None:
    assert documents(run, STORY, "--by", by) == expected
    assert documents(run, STORY.replace("\n", "\r\n"), "--by", by, "-") == [
        [text.replace("\n", "\r\n") for text in document] for document in expected
    ]


def test_plain_has_a_segment_a_line_and_a_blank_line_between_documents(run: Run) -> None:
    code, out, err = run(STORY)
    assert (code, err) == (0, "")
    assert out == 'Mr. X left.\n"Why?" she asked.\n\nTom: Hi.\nAnn: Yes.\nNo.\n'
    assert run(STORY, "--by", "paragraph")[1] == 'Mr. X left. "Why?" she asked.\nTom: Hi. Ann: Yes. No.\n'


def test_options(run: Run) -> None:
    assert documents(run, "He left. She came.\n\nYes.\nNo\n", "--document-per-line") == [
        ["He left.", "She came."],
        ["Yes."],
        ["No"],
    ]
    assert documents(run, "a b\nc\n", "--document-per-line", "--by", "paragraph") == [["a b"], ["c"]]
    assert documents(run, "one two three", "--by", "line", "--max-chars", 7) == [["one two", "three"]]
    assert documents(run, "one two three", "--by", "token", "--tokens", 2) == [["one two", "three"]]


def test_pipeline(run: Run, tmp_path: Path) -> None:
    nlp = spacy.blank("en")
    nlp.add_pipe("sentencizer")
    nlp.to_disk(tmp_path / "pipeline")
    assert documents(run, '"Why?" he said.', "--pipeline", tmp_path / "pipeline") == [['"Why?"', "he said."]]
    assert "cannot load pipeline 'en_missing'; install it" in error(run, "A.", "--pipeline", "en_missing")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("שלום לך. מה שלומך?", ["שלום לך.", "מה שלומך?"]),
        ("مرحبا بك. كيف حالك؟ بخير.", ["مرحبا بك.", "كيف حالك؟", "بخير."]),
        ("I won! 👩‍🚀🎉 We all did.", ["I won!", "👩‍🚀🎉 We all did."]),
        ("\ufeffA. b c.", ["A. b c."]),
    ],
    ids=["hebrew", "arabic", "emoji", "byte order mark"],
)
def test_all_scripts(run: Run, text: str, expected: list[str]) -> None:
    assert documents(run, text) == [expected]


@pytest.mark.parametrize("by", ["sentence", "turn", "paragraph", "line", "token"])
@pytest.mark.parametrize("line", ["a" * 100_000, "He went on. " * 8_333], ids=["word", "sentences"])
def test_line_of_100_000_characters(run: Run, by: str, line: str) -> None:
    (segments,) = documents(run, line, "--by", by, "--max-chars", 200)
    assert "".join("".join(segments).split()) == "".join(line.split())
    assert max(map(len, segments)) <= 200


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty; give some text"),
        (b" \n\n\t\n", "is empty; give some text"),
        (b"\x7fELF\x02\x00\x01\n", "line 1 has a zero byte; a text file has none"),
        ("Hi.".encode("utf-16"), "line 1 has a zero byte; a text file has none"),
        (b"\x89PNG\r\n\xff\xd8", "line 1 is not UTF-8 (invalid start byte); convert it first"),
        ("caf\xe9".encode("latin-1"), "line 1 is not UTF-8 (unexpected end of data); convert it first"),
        (
            "\ud800".encode("utf-8", "surrogatepass"),
            "line 1 is not UTF-8 (invalid continuation byte); convert it first",
        ),
    ],
    ids=["empty", "blank", "binary", "utf-16", "image", "latin-1", "surrogate"],
)
def test_what_is_no_text_is_refused(run: Run, content: bytes, message: str) -> None:
    assert error(run, content).endswith(f"text.txt {message}" if "is empty" not in message else message)


def test_wrong_options(run: Run) -> None:
    assert "no segmenter 'sentense'; did you mean 'sentence'" in error(run, "A.", "--by", "sentense")
    assert error(run, "A.", "--by", "line", "--pipeline", "en") == "--pipeline is for --by sentence, got --by line"
    assert error(run, "A.", "--tokens", 3) == "--tokens is for --by token, got --by sentence"
    assert "--max-chars" in error(run, "A.", "--max-chars", 0)
    assert error(run, "", "-") == "standard input is empty; give some text"
    with pytest.raises(SystemExit):
        cli.main(["segment", "missing.txt"])


@pytest.mark.parametrize("by", ["sentence", "token"])
def test_torch_is_not_imported(by: str, tmp_path: Path) -> None:
    """It takes seconds, and spaCy would import it wherever it finds it."""
    file = tmp_path / "text.txt"
    file.write_text("Mr. X left. She came.\n", encoding="utf-8")
    code = f"""
import sys
from segdiff import cli
try:
    cli.main(["segment", {str(file)!r}, "--by", {by!r}])
finally:
    assert "torch" not in sys.modules
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert "Mr. X left." in done.stdout


@pytest.mark.parametrize("by", ["paragraph", "turn"])
def test_memory_does_not_grow_with_the_file(run: Run, by: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    class Nowhere(io.StringIO):
        def write(self, text: str) -> int:
            return len(text)

    peaks = []
    monkeypatch.setattr(sys, "stdout", Nowhere())
    for paragraphs in (300, 300, 3_000):  # the first call imports
        file = tmp_path / "long.txt"
        file.write_text("Tom: Hello there, how are you?\nAnn: Fine.\n\n" * paragraphs, encoding="utf-8")
        tracemalloc.start()
        with pytest.raises(SystemExit):
            cli.main(["segment", str(file), "--by", by, "--json"])
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[2] < peaks[1] + 100_000
