"""What is given of a story: files with blanks, and how segments are put together again."""

import pytest

from segdiff.pipelines.template import Joiner, join_segments, make_template, read_template


def test_a_template_file(tmp_path):
    file = tmp_path / "story.txt"
    file.write_text("Anna lost  her keys. \n___\n\n_____\nShe laughed.\n\n\n\n  The end\n", encoding="utf-8")
    segments, separators = read_template(file)
    assert segments == ["Anna lost  her keys. ", None, None, "She laughed.", "  The end"]  # byte for byte
    assert separators == [" ", "\n\n", " ", "\n\n"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"", "template .* is empty; write a segment a line"),
        (b"\n \n", "is empty"),
        (b"Tom went to ___ again.\n", "line 1: a blank inside a segment"),
        (b"Tom.\n\xff\n", "is no UTF-8 text"),
    ],
)
def test_unfit_templates(tmp_path, text, message):
    file = tmp_path / "story.txt"
    file.write_bytes(text)
    with pytest.raises(ValueError, match=message):
        read_template(file)


def test_no_template_file(tmp_path):
    with pytest.raises(FileNotFoundError, match="no template file"):
        read_template(tmp_path / "nowhere.txt")


def test_template_of_kept_segments():
    template = make_template(6, start=["A."], end=["E."], keep={2: "C."})
    assert template.texts(6) == ["A.", None, "C.", None, None, "E."]
    assert template.starts(6) == [0, 1, 0, 1, 1, 0]
    free = make_template(keep={2: "C."})
    assert free.count is None and free.least == 3 and free.texts(4) == [None, None, "C.", None]
    assert make_template(start=["A."], end=["E."]).least == 3


def test_joints_of_head_and_tail():
    options = {"start": ["A.", "B."], "end": ["Y.", "Z."], "separators": ["\n\n"], "end_separators": ["\n"]}
    assert make_template(**options).joints(5) == ["\n\n", " ", " ", "\n"]
    assert make_template(1).joints(1) == []


def test_an_empty_segment_leaves_no_gap_and_the_paragraph_stays():
    assert join_segments(["A.", "", "B."], []) == "A. B."
    assert join_segments(["A.", "", "B.", "C."], ["\n\n", " ", " "]) == "A.\n\nB. C."
    assert join_segments(["", "A.", ""], []) == "A."


def test_pieces_make_up_the_text():
    segments, separators = ["A.", "", "B.", "C.", "D."], [" ", "\n\n", " ", "\n"]
    joiner = Joiner(separators)
    pieces = [joiner.add(segments[:2]), joiner.add([]), joiner.add(segments[2:3]), joiner.add(segments[3:])]
    assert "".join(pieces) == join_segments(segments, separators) == "A.\n\nB. C.\nD."


def test_a_lone_carriage_return_stays_in_its_segment(tmp_path):
    file = tmp_path / "story.txt"
    file.write_bytes(b"A one.\r\n___\r\nTwo\rthree.\r\n")
    assert read_template(file)[0] == ["A one.", None, "Two\rthree."]
