"""Every format becomes the same documents; every broken file is named with its line."""

import gzip
import json
import sys
import types
from collections.abc import Iterator
from pathlib import Path

import pytest

from segdiff.pipelines.corpus import Document, extract_keywords, read_documents


def by_lines(text: str) -> list[str]:
    """A segmenter that needs no spaCy."""
    return text.replace(". ", ".\n").split("\n")


def write_jsonl(file: Path, *records: object) -> Path:
    file.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
    return file


def read(path: Path, **options) -> list[Document]:
    return list(read_documents(path, segmenter=by_lines, **options))


@pytest.mark.parametrize(
    ("record", "document"),
    [
        ({"segments": ["A.", "B."]}, Document(("A.", "B."))),
        ({"sentences": ["A.", "B."], "title": "T", "src": 1}, Document(("A.", "B."), "T")),
        ({"text": "A. B."}, Document(("A.", "B."))),
        (
            {"turns": [{"speaker": "Tom", "text": "Hi."}, {"text": "Ha."}, {"speaker": "Tom", "text": " "}]},
            Document(("Tom: Hi.", "Ha.")),
        ),
        ({"segments": [" A\r\n  b. ", "", "\t", "C\u2028d\n\n\ne"]}, Document(("A b.", "C d e"))),
        ({"segments": ["A."], "title": None}, Document(("A.",))),
        ({"segments": ["A."], "title": " "}, Document(("A.",))),
        ({"segments": None, "text": "A."}, Document(("A.",))),
        ({"segments": ["e\u0301 \ufb01  x \U0001f600"]}, Document(("e\u0301 \ufb01  x \U0001f600",))),
    ],
)
def test_jsonl_records(tmp_path, record, document):
    assert read(write_jsonl(tmp_path / "a.jsonl", record)) == [document]


def test_jsonl_gz_blank_lines_byte_order_mark_and_empty_documents(tmp_path):
    file = tmp_path / "a.jsonl.gz"
    file.write_bytes(gzip.compress('\ufeff{"text": "A."}\n\n{"segments": []}\r\n{"text": "B."}'.encode()))
    assert read(file) == [Document(("A.",)), Document(("B.",))]
    assert read(str(file), max_documents=1) == [Document(("A.",))]


@pytest.mark.parametrize("name", ["a.txt", "a.md", "a.txt.gz", "story"])
def test_plain_text_is_cut_at_blank_lines(tmp_path, name):
    data = b"\xef\xbb\xbf\n\nA. B.\nC.\n \n\nD.\r\n\r\nE."
    (tmp_path / name).write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
    assert read(tmp_path / name) == [Document(("A.", "B.", "C.")), Document(("D.",)), Document(("E.",))]


def test_default_segmenter_cuts_sentences_and_joins_lines(tmp_path):
    (tmp_path / "a.txt").write_text('"Why?" she asked. Mr. Smith left the house\nvery late.\n', encoding="utf-8")
    assert list(read_documents(tmp_path / "a.txt")) == [
        Document(('"Why?" she asked.', "Mr. Smith left the house very late."))
    ]


def test_folder_is_read_in_order(tmp_path):
    write_jsonl(tmp_path / "b.jsonl", {"text": "B."})
    (tmp_path / "a.txt").write_text("A.", encoding="utf-8")
    (tmp_path / "c.jsonl.gz").write_bytes(gzip.compress(b'{"text": "C."}'))
    (tmp_path / "ignored.csv").write_text("no", encoding="utf-8")
    assert [document.segments[0] for document in read(tmp_path)] == ["A.", "B.", "C."]


def test_reading_is_lazy(tmp_path):
    file = tmp_path / "a.jsonl"
    file.write_text('{"text": "A."}\nbroken\n', encoding="utf-8")
    documents = read_documents(file, segmenter=by_lines)
    assert isinstance(documents, Iterator)
    assert next(documents) == Document(("A.",))
    with pytest.raises(ValueError, match="line 2"):
        next(documents)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b'{"text": "A."}\n{"text": ', r"a\.jsonl line 2 is not valid JSON: "),
        (b"[1]", r"line 1 holds a list, not a JSON object; it should have `segments`"),
        (b"null", r"line 1 holds null, not a JSON object"),
        (b'{"story": "A.", "id": 1}', r"no field to read \(it has `story`, `id`\); known fields are `seg"),
        (b"{}", r"\(it has none\)"),
        (b'{"text": 5}', r"line 1: `text` must be a string, got a number"),
        (b'{"segments": "A."}', r"line 1: `segments` must be a list of strings, got a string"),
        (b'{"sentences": ["A.", 1]}', r"`sentences` must be a list of strings, but one item is a number"),
        (b'{"turns": ["A."]}', r"`turns` must be a list of objects .* but one turn has no such text"),
        (b'{"turns": {"text": "A."}}', r"`turns` must be a list of objects .* got an object"),
        (b'{"turns": [{"speaker": 1, "text": "A."}]}', r"one speaker is a number"),
        (b'{"text": "A.", "title": ["T"]}', r"`title` must be a string, got a list"),
        (b'\n{"text": "A\\ud800."}', r"line 2 holds a lone surrogate \(\\ud800\)"),
        (b'{"segments": ["A", "\\udfff"]}', r"line 1 holds a lone surrogate \(\\udfff\)"),
        (b'{"text": "A.", "title": "\\ud800"}', r"lone surrogate"),
        (b'{"text": "A."}\n{"text": "\xe9"}', r"bad byte 0xe9 at offset 25 \(line 2\); convert the file"),
        ("\ufeffA.".encode("utf-16-le"), r"is not UTF-8: bad byte 0xff at offset 0 \(line 1\)"),
        (b"\x89PNG\0\1", r"line 1 holds NUL bytes: this is a binary file"),
        (b"", r"a\.jsonl holds no documents"),
        (b'\n\n{"segments": [" "]}\n', r"holds no documents"),
        (b"[" * 100_000, r"line 1 is not valid JSON"),
    ],
)
def test_broken_jsonl_is_named(tmp_path, data, message):
    file = tmp_path / "a.jsonl"
    file.write_bytes(data)
    with pytest.raises(ValueError, match=message) as caught:
        read(file)
    assert "a.jsonl" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_broken_text_and_gzip_files_are_named(tmp_path):
    (tmp_path / "a.txt").write_bytes(b"fine\n\nna\xefve")
    with pytest.raises(ValueError, match=r"a\.txt is not UTF-8: bad byte 0xef at offset 8 \(line 3\)"):
        read(tmp_path / "a.txt")
    (tmp_path / "b.txt.gz").write_bytes(b"no gzip")
    with pytest.raises(ValueError, match=r"b\.txt\.gz ends in \.gz but is no complete gzip file"):
        read(tmp_path / "b.txt.gz")
    (tmp_path / "c.txt.gz").write_bytes(gzip.compress(b"A. B. C. " * 99)[:-12])
    with pytest.raises(ValueError, match="no complete gzip file"):
        read(tmp_path / "c.txt.gz")


def test_wrong_paths_and_options(tmp_path):
    # Both are told at the call, before anything is read.
    with pytest.raises(FileNotFoundError, match=r"does not exist; give a \.jsonl or text file"):
        read_documents(tmp_path / "missing.txt")
    with pytest.raises(ValueError, match="max_documents must be at least 1, got 0"):
        read_documents(tmp_path, max_documents=0)
    with pytest.raises(ValueError, match=r"holds no \.jsonl, \.jsonl\.gz or \.txt file"):
        read(tmp_path)
    (tmp_path / "a.json").write_text("[]", encoding="utf-8")
    with pytest.raises(ValueError, match=r"one object a line in a file named \.jsonl"):
        read(tmp_path / "a.json")
    (tmp_path / "a.txt").write_text("\n \n", encoding="utf-8")
    with pytest.raises(ValueError, match="holds no documents"):
        read(tmp_path)


def test_saved_dataset_without_the_package(tmp_path, monkeypatch):
    (tmp_path / "dataset_info.json").write_text("{}", encoding="utf-8")
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(ValueError, match=r"pip install 'segdiff\[data\]'"):
        read(tmp_path)


@pytest.mark.parametrize("split", [False, True])
def test_saved_dataset_stand_in(tmp_path, monkeypatch, split):
    """The same path as below with a stand-in, since the package is optional."""
    rows = [{"text": "A. B.", "segments": None, "title": "T"}, {"text": " ", "segments": None, "title": None}]

    class DatasetDict(dict):
        pass

    loaded = DatasetDict(train=rows, test=rows) if split else rows
    stand_in = types.SimpleNamespace(DatasetDict=DatasetDict, load_from_disk=lambda folder: loaded)
    monkeypatch.setitem(sys.modules, "datasets", stand_in)
    (tmp_path / ("dataset_dict.json" if split else "dataset_info.json")).write_text("{}", encoding="utf-8")
    assert read(tmp_path) == [Document(("A.", "B."), "T")] * (2 if split else 1)


def test_saved_dataset(tmp_path):
    datasets = pytest.importorskip("datasets")
    datasets.Dataset.from_list([{"sentences": ["A.", "B."], "title": "T"}]).save_to_disk(str(tmp_path / "one"))
    assert read(tmp_path / "one") == [Document(("A.", "B."), "T")]
    datasets.Dataset.from_list([{"story": "A."}]).save_to_disk(str(tmp_path / "two"))
    with pytest.raises(ValueError, match="row 0 has no field to read"):
        read(tmp_path / "two")


def test_keywords_are_content_words_rarest_first():
    segments = ["Once Anna baked a cake with Tom's sugar.", "She gave the cake to Anna, and Tom cried."]
    assert extract_keywords(segments) == ["Anna", "baked", "cake", "Tom", "sugar", "cried"]
    frequency = {"anna": 5, "baked": 2, "cake": 9, "tom": 7, "sugar": 1}
    assert extract_keywords(segments, frequency) == ["cried", "sugar", "baked", "Anna", "Tom", "cake"]
    assert extract_keywords(segments, frequency, limit=2) == ["cried", "sugar"]


def test_keywords_of_little_text():
    assert extract_keywords([]) == []
    assert extract_keywords(["He was there.", "…", "日本"]) == []
    assert extract_keywords(["I'm here and I'd go to Rome."]) == ["Rome"]
    assert extract_keywords(["Zebras ran."], limit=0) == []
    with pytest.raises(ValueError, match="limit must not be negative"):
        extract_keywords(["a"], limit=-1)


def test_real_corpora_are_read(data_dir):
    stories = list(read_documents(data_dir / "stories" / "roc.test.jsonl.gz"))
    assert len(stories) == 1500
    assert all(len(story.segments) == 5 and story.title for story in stories)
    dialogue = next(read_documents(data_dir / "dialogue" / "sgd.jsonl.gz"))
    assert dialogue.segments[0].startswith("User: ")
