"""Stories and texts are read and written without loss, and every mistake in a file is one line that names its place."""

import gzip
import json

import pytest

from segdiff.pipelines.evaluation.texts import (
    TASKS,
    HumanStory,
    WrittenStory,
    given_ends,
    given_part,
    read_stories,
    read_written,
    suits,
    write_texts,
    written_part,
)

FIVE = HumanStory("a", "T", ("1.", "2.", "3.", "4.", "5."))


@pytest.mark.parametrize(
    ("task", "given", "written"),
    [
        ("title", (), ("1.", "2.", "3.", "4.", "5.")),
        ("unconditional", (), ("1.", "2.", "3.", "4.", "5.")),
        ("continuation", ("1.",), ("2.", "3.", "4.", "5.")),
        ("infilling", ("1.", "2.", "4.", "5."), ("3.",)),
        ("ending", ("5.",), ("1.", "2.", "3.", "4.")),
    ],
)
def test_what_is_given_and_what_is_written(task, given, written):
    assert given_part(task, FIVE) == given
    assert written_part(task, FIVE.segments, 5) == written
    head, tail = given_ends(task, 5)
    assert FIVE.segments[:head] + written + FIVE.segments[5 - tail :] == FIVE.segments


@pytest.mark.parametrize("task", TASKS)
def test_texts_of_another_length_do_not_break(task):
    for length in range(8):
        assert len(written_part(task, ["x"] * length, 5)) <= length


def test_what_suits():
    assert not suits("title", HumanStory("a", None, ("1.", "2.")))
    assert not suits("infilling", HumanStory("a", "T", ("1.", "2.")))
    assert not suits("continuation", HumanStory("a", "T", ("1.",)))
    assert all(suits(task, FIVE) for task in TASKS)


def test_written_texts_come_back(tmp_path):
    texts = [
        WrittenStory("title", "a", ("Été.", ""), (True, False), 3),
        WrittenStory("title", "a", ("Another one.",)),
        WrittenStory("ending", "a", ("物語。",)),
    ]
    write_texts(tmp_path / "texts.jsonl", texts, {"a": "T"})
    assert read_written(tmp_path / "texts.jsonl", [FIVE]) == texts
    assert json.loads((tmp_path / "texts.jsonl").read_text(encoding="utf-8").splitlines()[0])["title"] == "T"
    assert [file.name for file in tmp_path.iterdir()] == ["texts.jsonl"]


def test_texts_of_other_stories_are_left_out(tmp_path):
    file = tmp_path / "t.jsonl"
    lines = [{"task": "title", "id": name, "segments": ["x."]} for name in ("a", "z")]
    file.write_text("\n".join(map(json.dumps, lines)))
    assert [text.id for text in read_written(file, [FIVE])] == ["a"]


def test_stories_of_both_spellings_gzipped_and_without_ids(tmp_path):
    file = tmp_path / "s.jsonl.gz"
    records = [{"sentences": [" A  b. ", ""], "title": " "}, {"id": 7, "segments": ["C."], "title": "T"}]
    file.write_bytes(gzip.compress("\n\n".join(map(json.dumps, records)).encode()))
    assert read_stories(file) == [HumanStory("1", None, ("A b.",)), HumanStory("7", "T", ("C.",))]
    assert len(read_stories(file, 1)) == 1


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", "line 2 is not valid JSON"),
        ("[1]", "line 2 is no JSON object"),
        ('{"task": "titel", "id": "a", "segments": []}', "`task` is 'titel'"),
        ('{"task": "title", "segments": []}', "`id` must be"),
        ('{"task": "title", "id": "a", "segments": "x"}', "`segments` must be a list of strings"),
        ('{"task": "title", "id": "a", "segments": [1]}', "`segments` must be a list of strings"),
        ('{"task": "title", "id": "a", "segments": ["\\ud800"]}', "lone surrogate"),
        ('{"task": "title", "id": "a", "segments": ["x"], "ended": []}', "`ended` must have"),
    ],
)
def test_bad_lines(tmp_path, line, message):
    file = tmp_path / "t.jsonl"
    file.write_text('{"task": "title", "id": "a", "segments": ["x."]}\n' + line + "\n")
    with pytest.raises(ValueError, match=r"t\.jsonl line 2") as error:
        read_written(file, [FIVE])
    assert message in str(error.value)


def test_bad_files(tmp_path):
    with pytest.raises(FileNotFoundError, match="does not exist"):
        read_stories(tmp_path / "none.jsonl")
    (tmp_path / "empty.jsonl").write_text("\n")
    with pytest.raises(ValueError, match="holds no stories"):
        read_stories(tmp_path / "empty.jsonl")
    (tmp_path / "bad.jsonl.gz").write_bytes(b"no gzip")
    with pytest.raises(ValueError, match="no complete gzip"):
        read_stories(tmp_path / "bad.jsonl.gz")
    (tmp_path / "latin.jsonl").write_bytes(b'{"segments": ["\xe9"]}\n')
    with pytest.raises(ValueError, match="line 1 is not UTF-8"):
        read_stories(tmp_path / "latin.jsonl")
    (tmp_path / "title.jsonl").write_text('{"segments": ["x"], "title": 3}\n')
    with pytest.raises(ValueError, match="`title` must be"):
        read_stories(tmp_path / "title.jsonl")
    (tmp_path / "other.jsonl").write_text('{"task": "title", "id": "z", "segments": ["x"]}\n')
    with pytest.raises(ValueError, match="none of its 1 texts"):
        read_written(tmp_path / "other.jsonl", [FIVE])
