"""Files line by line: order, labels, resuming, damage. A stand-in, fast and predictable, rewords."""

import gzip
import io
import json
from pathlib import Path
from typing import Any

import pytest

from segdiff.encoders.segmenters import Segment
from segdiff.pipelines import paraphrase_file as module
from segdiff.pipelines.candidates import Candidate
from segdiff.pipelines.paraphrase_document import DocumentParaphrases
from segdiff.pipelines.paraphrase_file import Summary, paraphrase_file
from segdiff.pipelines.paraphrase_input import Record, read_records


class Numbering:
    """Rewords a text by putting numbers before it; may be interrupted."""

    def __init__(self, stop_at: str = "") -> None:
        self.stop_at = stop_at

    def documents(self, texts: list[str], num: int = 2, **options: Any) -> list[DocumentParaphrases]:
        return [self.document(text, num) for text in texts]

    def document(self, text: str, num: int) -> DocumentParaphrases:
        if self.stop_at and self.stop_at in text:
            raise KeyboardInterrupt
        if not text.strip():
            return DocumentParaphrases(text, [], {})
        found = [Candidate(f"{i} {text}", 0.9, 50.0, 0.5, *[0.0] * 4, 1.0, ["number added"]) for i in range(num)]
        return DocumentParaphrases(text, [Segment(text, 0, len(text))], {0: found})


def run(source: Path, output: Path, pipeline: Any = None, **options: Any) -> Summary:
    return paraphrase_file(pipeline or Numbering(), source, output, **{"num": 2, **options})


def rows(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]


@pytest.fixture
def few_ahead(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LINES_AHEAD", 2)


@pytest.mark.usefixtures("few_ahead")
def test_an_object_a_line_in_order(tmp_path: Path) -> None:
    source, output = tmp_path / "in.txt", tmp_path / "out.jsonl"
    source.write_text("Tom left.\n\nÄnn stayed.\nIt rained.\n", encoding="utf-8")
    assert run(source, output) == Summary(lines=4, resumed=0, short=0)
    found = rows(output)
    assert [row["text"] for row in found] == ["Tom left.", "", "Änn stayed.", "It rained."]
    assert [row["line"] for row in found] == [1, 2, 3, 4]
    assert found[1]["candidates"] == []
    (first, second) = found[2]["candidates"]
    assert first["text"] == "0 Änn stayed." and second["text"] == "1 Änn stayed."
    assert first.keys() >= {"text", "similarity", "source_bleu", "warnings"} and first["warnings"] == ["number added"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.txt", "out.jsonl"]


@pytest.mark.usefixtures("few_ahead")
def test_augmentation_carries_labels(tmp_path: Path) -> None:
    source, output = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    source.write_text('{"text": "Good.", "label": 1}\n{"label": 0, "text": "Bad.", "id": "x"}\n', encoding="utf-8")
    run(source, output, augment=True)
    assert [(row["text"], row["label"], row["copy"]) for row in rows(output)] == [
        ("Good.", 1, 0),
        ("0 Good.", 1, 1),
        ("1 Good.", 1, 2),
        ("Bad.", 0, 0),
        ("0 Bad.", 0, 1),
        ("1 Bad.", 0, 2),
    ]
    assert rows(output)[-1]["id"] == "x"


@pytest.mark.usefixtures("few_ahead")
@pytest.mark.parametrize("augment", [False, True])
def test_an_interrupted_run_goes_on_to_the_same_file(tmp_path: Path, augment: bool) -> None:
    source = tmp_path / "in.txt"
    source.write_text("".join(f"Line {number} here.\n" for number in range(9)), encoding="utf-8")
    run(source, tmp_path / "whole.jsonl", augment=augment)
    output = tmp_path / "out.jsonl"
    with pytest.raises(KeyboardInterrupt):
        run(source, output, Numbering(stop_at="Line 5"), augment=augment)
    part = tmp_path / "out.jsonl.part"
    assert not output.exists() and {row["line"] for row in rows(part)} == {1, 2, 3, 4}
    with part.open("ab") as file:  # killed in the middle of a line
        file.write(b'{"text": "Line 4 here.", "li')
    done = run(source, output, augment=augment)
    assert done.resumed == 4 and done.lines == 9
    assert output.read_bytes() == (tmp_path / "whole.jsonl").read_bytes()


def test_rows_of_a_line_that_are_not_complete_are_written_again(tmp_path: Path) -> None:
    source, output = tmp_path / "in.txt", tmp_path / "out.jsonl"
    source.write_text("One.\nTwo.\n", encoding="utf-8")
    run(source, tmp_path / "whole.jsonl", augment=True)
    whole = (tmp_path / "whole.jsonl").read_bytes()
    with pytest.raises(KeyboardInterrupt):
        run(source, output, Numbering(stop_at="One"), augment=True)
    (tmp_path / "out.jsonl.part").write_bytes(b"".join(whole.splitlines(keepends=True)[:5]))
    assert run(source, output, augment=True).resumed == 1
    assert output.read_bytes() == whole


def interrupted(tmp_path: Path) -> tuple[Path, Path]:
    """An input and the output of a run that was stopped after its second line."""
    source, output = tmp_path / "in.txt", tmp_path / "out.jsonl"
    source.write_text("One.\nTwo.\nThree.\n", encoding="utf-8")
    with pytest.raises(KeyboardInterrupt):
        run(source, output, Numbering(stop_at="Three"))
    return source, output


@pytest.mark.usefixtures("few_ahead")
def test_other_settings_or_another_input_are_refused(tmp_path: Path) -> None:
    source, output = interrupted(tmp_path)
    with pytest.raises(ValueError, match="was begun with num 2, not 3"):
        run(source, output, num=3)
    with pytest.raises(ValueError, match="was begun with model None, not 'other'"):
        run(source, output, settings={"model": "other"})
    source.write_text("One.\nToo.\nThree.\n", encoding="utf-8")
    with pytest.raises(ValueError, match="another text for line 2 of the input"):
        run(source, output)
    source.write_text("One.\n", encoding="utf-8")
    with pytest.raises(ValueError, match="more lines than the input"):
        run(source, output)
    source.write_text("One.\nTwo.\nFour.\n", encoding="utf-8")  # what is not done yet may change
    assert run(source, output, batch_size=7).lines == 3


def test_a_complete_output_is_never_overwritten(tmp_path: Path) -> None:
    source, output = tmp_path / "in.txt", tmp_path / "out.jsonl"
    source.write_text("One.\n", encoding="utf-8")
    run(source, output)
    with pytest.raises(ValueError, match=r"out\.jsonl exists"):
        run(source, output)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (b"{oops", r'line 3 is not a JSON object with a "text"'),
        (b"[1]", "line 3 is not a JSON object"),
        (b'{"label": 1}', "line 3 is not a JSON object"),
        (b'{"text": 5}', 'line 3: "text" is 5; it must be text'),
        (b'{"text": "a\\ud800"}', "line 3 has a lone surrogate"),
        (b'{"text": "Three.", "line": 7}', 'line 3 has a field "line", as the output has; give it another name'),
        (b'{"text": "Three.", "copies": "two"}', 'line 3 has a field "copies", as the output has'),
        (b"\xff\xfe", "line 3 is not UTF-8"),
    ],
)
def test_a_damaged_line_stops_with_its_number_and_what_is_done_is_kept(
    tmp_path: Path, line: bytes, message: str
) -> None:
    source, output = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    source.write_bytes(b'{"text": "One."}\n{"text": "Two."}\n' + line + b'\n{"text": "Four."}\n')
    with pytest.raises(ValueError, match=message):
        run(source, output)
    assert [row["text"] for row in rows(tmp_path / "out.jsonl.part")] == ["One.", "Two."]
    source.write_bytes(b'{"text": "One."}\n{"text": "Two."}\n{"text": "Three."}\n{"text": "Four."}\n')
    assert run(source, output).resumed == 2
    assert [row["text"] for row in rows(output)] == ["One.", "Two.", "Three.", "Four."]


class Poor(Numbering):
    """Finds one rewording of a text, or none of a text with "none" in it."""

    def document(self, text: str, num: int) -> DocumentParaphrases:
        return super().document(text, 0 if "none" in text else 1)


@pytest.mark.usefixtures("few_ahead")
@pytest.mark.parametrize("augment", [False, True])
def test_lines_with_too_few_rewordings_are_counted(tmp_path: Path, augment: bool) -> None:
    source, output = tmp_path / "in.txt", tmp_path / "out.jsonl"
    source.write_text("One.\nTwo none.\n\nFour.\nFive.\n", encoding="utf-8")
    assert run(source, tmp_path / "whole.jsonl", Poor(), augment=augment).short == 4
    with pytest.raises(KeyboardInterrupt):
        run(source, output, Poor(stop_at="Four"), augment=augment)
    done = run(source, output, Poor(), augment=augment)  # those of the interrupted run as well
    assert done.short == 4 and done.resumed == 2
    assert run(source, tmp_path / "enough.jsonl", Poor(), augment=augment, num=1).short == 1


LABELLED = b'\n{"text": "Tom left.", "label": 1}\n{"text": "It rained.", "label": 0}\n'


@pytest.mark.parametrize("name", ["in.jsonl", "in.ndjson", "in.json", "in.jsonl.gz", "in.txt", "in", "-"])
def test_jsonl_is_known_by_its_name_or_its_first_line(name: str) -> None:
    stream = io.BytesIO(gzip.compress(LABELLED) if name.endswith(".gz") else LABELLED)
    assert list(read_records(stream, name)) == [
        Record(1, ""),
        Record(2, "Tom left.", {"label": 1}),
        Record(3, "It rained.", {"label": 0}),
    ]


def test_text_is_not_taken_for_jsonl() -> None:
    text = b'"Tom left."\n{"text": "Braces."}\n'
    for name in ("in.txt", "-", "in.txt.gz"):
        stream = io.BytesIO(gzip.compress(text) if name.endswith(".gz") else text)
        assert [record.text for record in read_records(stream, name)] == ['"Tom left."', '{"text": "Braces."}']
    as_text = list(read_records(io.BytesIO(LABELLED), "in.jsonl", "text"))
    assert as_text[1] == Record(2, '{"text": "Tom left.", "label": 1}')
    with pytest.raises(ValueError, match="standard input line 1 is not a JSON object"):
        list(read_records(io.BytesIO(b"Tom left.\n"), "-", "jsonl"))
    with pytest.raises(ValueError, match=r"line 1 is not a JSON object .* or give --format text"):
        list(read_records(io.BytesIO(b'{"sentence": "Tom left."}\n'), "in.txt"))


@pytest.mark.parametrize(
    "line", ['["text", "Tom left."]', '[["text", "Tom left."]]', '{"text": "Tom left.", "x": NaN}']
)
def test_what_is_no_json_object_is_refused(line: str) -> None:
    with pytest.raises(ValueError, match=r"in\.jsonl line 1 is not a JSON object with a \"text\""):
        list(read_records(io.BytesIO(line.encode()), "in.jsonl"))


def test_an_empty_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "in.txt").write_text(" \n\n")
    with pytest.raises(ValueError, match=r"in\.txt is empty; give some text"):
        run(tmp_path / "in.txt", tmp_path / "out.jsonl")


@pytest.mark.usefixtures("few_ahead")
@pytest.mark.parametrize("damage", ["a line is missing", "no number"])
def test_a_damaged_part_is_not_gone_on_with(tmp_path: Path, damage: str) -> None:
    source, output, part = tmp_path / "in.txt", tmp_path / "out.jsonl", tmp_path / "out.jsonl.part"
    source.write_text("".join(f"Line {number} here.\n" for number in range(9)), encoding="utf-8")
    with pytest.raises(KeyboardInterrupt):
        run(source, output, Numbering(stop_at="Line 5"))
    lines = part.read_text().splitlines(keepends=True)
    part.write_text(
        "".join([lines[0], *lines[2:]] if damage == "a line is missing" else lines).replace(
            *('"line": 2', '"line": 1e999') if damage == "no number" else ("", "")
        )
    )
    with pytest.raises(ValueError, match=r"out\.jsonl\.part is damaged"):
        run(source, output)


def test_a_damaged_gzip_file_is_one_error() -> None:
    whole = gzip.compress(b"Tom left. It rained.\n" * 50)
    for damaged in (whole[:-9], whole[:-8] + b"\0\0\0\0" + whole[-4:]):
        with pytest.raises(ValueError, match=r"in\.txt\.gz is gzipped and damaged or cut short"):
            list(read_records(io.BytesIO(damaged), "in.txt.gz"))


def test_mistakes_leave_nothing_behind(tmp_path: Path) -> None:
    source = tmp_path / "in.txt"
    source.write_text("One.\n", encoding="utf-8")
    with pytest.raises(ValueError, match=r"strength is 7; it must be above 0, up to 1"):
        run(source, tmp_path / "out.jsonl", strength=7)
    for output in (source / "x.jsonl", source / "deeper" / "x.jsonl"):
        with pytest.raises(ValueError, match=r"in\.txt is a file, and .* would need a folder of that name"):
            run(source, output)
    assert list(tmp_path.iterdir()) == [source]
