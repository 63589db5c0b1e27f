"""Sentence boundaries in hard places, and losslessness everywhere."""

import math
import pickle
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segdiff.encoders.segmenters import (
    LineSegmenter,
    ParagraphSegmenter,
    Segment,
    SentenceSegmenter,
    TokenSegmenter,
    TurnSegmenter,
    join,
    split_long,
)

# One a line; " | " marks a boundary, "|" one without a space.
CASES = (Path(__file__).parent / "sentence_cases.txt").read_text(encoding="utf-8").splitlines()
NOT_YET = {
    "The vitamin is called B. | Vitamin C is another.": "an initial, by all that the rules see",
    "Sign here: X. | Thank you.": "an initial, by all that the rules see",
    "At 5 a.m. Mr. Smith went to the bank. | He left the bank at 6 p.m. | Mr. Smith then went to the store.": "a.m.",
    '"Bohr [...] used the analogy of parallel stairways [...]" (Smith 55).': "a citation behind a quotation",
}


@pytest.fixture(scope="module")
def segmenter() -> SentenceSegmenter:
    return SentenceSegmenter()


def texts(segments: list[Segment]) -> list[str]:
    return [str(segment) for segment in segments]


@pytest.mark.parametrize(
    "case",
    [pytest.param(case, marks=pytest.mark.xfail(reason=NOT_YET[case])) if case in NOT_YET else case for case in CASES],
)
def test_sentences(segmenter, case):
    expected = [sentence.strip() for sentence in case.split("|")]
    assert texts(segmenter(case.replace(" | ", " ").replace("|", ""))) == expected


def test_there_are_many_cases():
    assert len(set(CASES)) == len(CASES) >= 60
    assert set(CASES) > set(NOT_YET)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Chapter One\n\nIt began", ["Chapter One", "It began"]),
        ("Chapter One\r\n\r\nIt began", ["Chapter One", "It began"]),
        ("# Title\nIt was a long line of text.", ["# Title", "It was a long line of text."]),
        (
            "The brown fox jumps over the\nLazy Dog and runs.",
            ["The brown fox jumps over the\nLazy Dog and runs."],
        ),
        ("the quick brown fox\njumps over it", ["the quick brown fox\njumps over it"]),
        (
            "Dear Nina,\nThank you very much for the letter.",
            ["Dear Nina,", "Thank you very much for the letter."],
        ),
        ("- one\n- two\n- three", ["- one", "- two", "- three"]),
        ("1. One thing\n2. Another", ["1. One thing", "2. Another"]),
        ("a\n \n\nb\fc", ["a", "b", "c"]),
        ("今天天气很好。我很高兴！「好。」他说", ["今天天气很好。", "我很高兴！", "「好。」", "他说"]),
    ],
)
def test_paragraphs_and_lines(segmenter, text, expected):
    assert texts(segmenter(text)) == expected


@pytest.mark.parametrize("text", ["", " ", "\n\n\t", "\u2028\u3000"])
def test_nothing_gives_nothing(segmenter, text):
    assert segmenter(text) == []


def assert_lossless(text: str, segments: list[Segment], max_chars: float = math.inf) -> None:
    end = 0
    for segment in segments:
        assert text[end : segment.start].strip() == "", "only white space lies between segments"
        assert segment.start >= end
        assert text[segment.start : segment.end] == segment.text == segment.text.strip() != ""
        assert len(segment.text) <= max_chars
        end = segment.end
    assert text[end:].strip() == ""
    assert join(text, segments) == text


PIECES = st.sampled_from(
    [
        *"\"'“”.…()I;#。",
        *"\n\f\x85 \u200d\x00\ud800",
        "...",
        "?!",
        ". ",
        "! ",
        "\n\n",
        "\r\n",
        "Mr. ",
        "U.S.",
        "etc. ",
    ]
    + ["et al. (", "No. 5", "[1]", "he said", "The ", "Tom asked", "- ", "1. ", "！」", "e\u0301", ": ", ", "]
    + ["Tom: ", "#Person1#: ", "\nAnn:", "小明：", "שלום ", "مرحبا"]
    + ["\U0001f469\u200d\U0001f680", "http://a.b/c?d", "a" * 60, "3.14"]
)


@settings(max_examples=300, deadline=None)
@given(st.one_of(st.text(), st.lists(PIECES).map("".join)), st.integers(1, 60))
def test_any_text_is_cut_without_loss(segmenter, text, max_chars):
    segmenter.max_chars, usual = max_chars, segmenter.max_chars
    try:
        assert_lossless(text, segmenter(text), max_chars)
    finally:
        segmenter.max_chars = usual


@pytest.mark.parametrize("kind", [TurnSegmenter, ParagraphSegmenter, LineSegmenter, TokenSegmenter])
@settings(deadline=None)
@given(st.one_of(st.text(), st.lists(PIECES).map("".join)), st.integers(1, 60))
def test_any_text_is_cut_without_loss_by_all(kind, text, max_chars):
    assert_lossless(text, kind()(text))
    assert_lossless(text, kind(max_chars=max_chars)(text), max_chars)


@settings(deadline=None)
@given(st.one_of(st.text(), st.text("ab ,;:."), st.lists(PIECES).map("".join)), st.integers(1, 40))
def test_split_long_is_lossless(text, max_chars):
    assert_lossless(text, split_long(text, max_chars), max_chars)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("short", ["short"]),
        ("one two three; four, five six", ["one two three;", "four, five six"]),
        ("one two three, four five six", ["one two three,", "four five six"]),
        ("one two three four five six", ["one two three four", "five six"]),
        ("a" * 45, ["a" * 20, "a" * 20, "a" * 5]),
        ("a" * 20 + " b", ["a" * 20, "b"]),
        ("a" * 19 + "e\u0301" + "a" * 5, ["a" * 19, "e\u0301" + "a" * 5]),
    ],
)
def test_split_long_prefers_strong_places(text, expected):
    assert texts(split_long(text, 20)) == expected


def test_long_sentence_is_cut(segmenter):
    text = "He went on, " * 100 + "and stopped."
    pieces = segmenter(text)
    assert len(pieces) > 4
    assert all(piece.text.endswith(",") for piece in pieces[:-1])


def test_over_a_million_characters(segmenter):
    paragraphs = "\n\n".join(["He went home. She stayed."] * 20_000) + "\n\n"
    one_block = "He went home. She stayed. " * 25_000
    for text in (paragraphs, one_block):
        assert len(text) > 500_000
    segments = segmenter(paragraphs + one_block)
    assert len(segments) == 90_000
    assert set(texts(segments)) == {"He went home.", "She stayed."}


@pytest.mark.parametrize(
    "text",
    [
        "(" * 100_000,
        "( " * 50_000,
        "a b\n" * 25_000,
        '. " ' * 25_000,
        "a" + " " * 100_000 + "\nb",
        "." * 100_000,
    ],
    ids=["run", "brackets", "lines", "quotes", "spaces", "stops"],
)
def test_hostile_text_takes_linear_time(segmenter, text):
    start = time.perf_counter()
    assert_lossless(text, segmenter(text), segmenter.max_chars)
    assert time.perf_counter() - start < 20  # about one second; quadratic time would be minutes


def test_other_languages():
    german = SentenceSegmenter(language="de")
    assert texts(german("Er ging z.B. heim. Sie blieb.")) == ["Er ging z.B. heim.", "Sie blieb."]


def test_survives_pickling(segmenter):
    copy = pickle.loads(pickle.dumps(segmenter))
    assert texts(copy("Mr. X left. He did.")) == ["Mr. X left.", "He did."]


def test_wrong_arguments():
    with pytest.raises(ValueError, match="max_chars must be at least 1, got 0"):
        SentenceSegmenter(max_chars=0)
    with pytest.raises(ValueError, match="max_chars must be at least 1, got -1"):
        split_long("a", -1)
    with pytest.raises(ValueError, match="language 'qq'"):
        SentenceSegmenter(language="qq")


@pytest.mark.parametrize(("file", "least_f1"), [("ewt.dev.jsonl.gz", 0.90), ("gum.dev.jsonl.gz", 0.97)])
def test_finds_gold_boundaries(data_dir, file, least_f1):
    import gzip
    import json

    segmenter = SentenceSegmenter(max_chars=10_000)
    right = found = gold = 0
    with gzip.open(data_dir / "segmentation" / file, "rt", encoding="utf-8") as lines:
        for line in lines:
            document = json.loads(line)
            predicted = {segment.end for segment in segmenter(document["text"])}
            wanted = {end for _, end in document["spans"]}
            right, found, gold = right + len(predicted & wanted), found + len(predicted), gold + len(wanted)
    f1 = 2 * right / (found + gold)
    assert f1 > least_f1, f"F1 of sentence ends on {file} is {f1:.3f}"
