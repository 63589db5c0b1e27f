"""Turns, paragraphs, lines and windows of tokens; segmenters by name; spaCy pipelines of the user."""

import gzip
import json
from functools import cache
from pathlib import Path

import pytest
import spacy
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from segdiff.encoders.segmenters import (
    LineSegmenter,
    ParagraphSegmenter,
    SentenceSegmenter,
    TokenSegmenter,
    TurnSegmenter,
    join,
    make_segmenter,
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Tom: Hi.\nAnna: Hello. How are you?", ["Tom: Hi.", "Anna: Hello. How are you?"]),
        ("#Person1#: Hi.\n#Person2#: Hello.", ["#Person1#: Hi.", "#Person2#: Hello."]),
        ("Tom: Hi.\nIt is me.\n\nYour Tom.\nAnna: Oh.", ["Tom: Hi.\nIt is me.\n\nYour Tom.", "Anna: Oh."]),
        ("Act one\nA room.\nTom: Hi.", ["Act one\nA room.", "Tom: Hi."]),
        ("  Tom: Hi.\r\n\tAnna:\r\nOh.", ["Tom: Hi.", "Anna:\r\nOh."]),
        (
            "Dr. A. Smith: Sit.\nO'Neill-Brown: No.\nMan 2: Go.",
            ["Dr. A. Smith: Sit.", "O'Neill-Brown: No.", "Man 2: Go."],
        ),
        ("MR. X (laughing): Ha.\nThe Queen of Hearts: Off!", ["MR. X (laughing): Ha.", "The Queen of Hearts: Off!"]),
        ("**Tom:** Hi.\n[Ann]: Yes.\n<bob>: no", ["**Tom:** Hi.", "[Ann]: Yes.", "<bob>: no"]),
        ("user_1: hi\nuser_2: yo", ["user_1: hi", "user_2: yo"]),
        ("小明：你好\n小红：早", ["小明：你好", "小红：早"]),
        ("דנה: שלום\nיוסי: היי", ["דנה: שלום", "יוסי: היי"]),
        (
            "Tom: See\nhttp://a.b/c: it is good\n12:30 is late\n5: no",
            ["Tom: See\nhttp://a.b/c: it is good\n12:30 is late\n5: no"],
        ),
        (
            "Tom: Hi.\nthen he told me: go\nand so, my friends: no",
            ["Tom: Hi.\nthen he told me: go\nand so, my friends: no"],
        ),
        ("Tom:Hi.", ["Tom:Hi."]),
    ],
)
def test_turns(text, expected):
    assert [str(turn) for turn in TurnSegmenter()(text)] == expected


@pytest.mark.parametrize("corpus", ["dialogsum", "dailydialog", "topicalchat"])
def test_turns_of_real_dialogues(data_dir, corpus):
    count = 0
    with gzip.open(data_dir / "dialogue" / f"{corpus}.jsonl.gz", "rt", encoding="utf-8") as lines:
        for line, _ in zip(lines, range(300), strict=False):
            turns = [f"#{turn['speaker']}#: {turn['text'].strip()}" for turn in json.loads(line)["turns"]]
            assert [str(turn) for turn in TurnSegmenter()("\n".join(turns))] == turns
            count += len(turns)
    assert count > 1000


def test_long_turn_is_cut():
    assert [str(turn) for turn in TurnSegmenter(max_chars=12)("Tom: Yes, I do.\nAnn: No.")] == [
        "Tom: Yes,",
        "I do.",
        "Ann: No.",
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a\nb\n\nc\n", ["a\nb", "c"]),
        ("a\r\nb\r\n \t\r\nc", ["a\r\nb", "c"]),
        ("\n\n  a\n\n\n\nb", ["a", "b"]),
        ("a\fb", ["a", "b"]),
        ("a\u2028b\u2028\u2028c", ["a\u2028b", "c"]),
        (" \n", []),
    ],
)
def test_paragraphs(text, expected):
    assert [str(paragraph) for paragraph in ParagraphSegmenter()(text)] == expected


def test_lines():
    assert [str(line) for line in LineSegmenter()(" a b \r\n\nc\u2028d\re\n")] == ["a b", "c", "d", "e"]


def test_windows_of_words():
    assert [str(window) for window in TokenSegmenter(2)(" a  b\nc d e ")] == ["a  b", "c d", "e"]
    assert [str(window) for window in TokenSegmenter(9, max_chars=4)("one two three")] == ["one", "two", "thre", "e"]


@cache
def tokenizer(kind: str) -> PreTrainedTokenizerFast:
    """A byte-level BPE, a Unigram with the marks of SentencePiece, or a WordPiece that drops characters."""
    corpus = ["the cat sat on the mat", "hello there, cat!"]
    if kind == "bytes":
        core = Tokenizer(models.BPE())
        core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        core.decoder = decoders.ByteLevel()
        trainer = trainers.BpeTrainer(vocab_size=280, initial_alphabet=pre_tokenizers.ByteLevel.alphabet())
    elif kind == "pieces":
        core = Tokenizer(models.Unigram())
        core.normalizer = normalizers.NFKC()
        core.pre_tokenizer = pre_tokenizers.Metaspace()
        trainer = trainers.UnigramTrainer(vocab_size=40, unk_token="<unk>", special_tokens=["<unk>"])
    else:
        core = Tokenizer(models.WordPiece(unk_token="[UNK]"))
        core.normalizer = normalizers.BertNormalizer()
        core.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
        trainer = trainers.WordPieceTrainer(vocab_size=60, special_tokens=["[UNK]"], show_progress=False)
    trainer.show_progress = False
    core.train_from_iterator(corpus, trainer)
    return PreTrainedTokenizerFast(tokenizer_object=core, unk_token=None if kind == "bytes" else core.id_to_token(0))


@pytest.mark.parametrize("kind", ["bytes", "pieces", "words"])
@settings(deadline=None)
@given(
    text=st.one_of(st.text(), st.text("the cat, \n\x00\ud800\u0301éﬁ😀"), st.just("\U0001f469\u200d\U0001f680" * 5)),
    count=st.integers(1, 9),
)
def test_windows_of_tokens_are_lossless(kind, text, count):
    windows = TokenSegmenter(count, tokenizer(kind))(text)
    assert join(text, windows) == text
    end = 0
    for window in windows:
        assert text[end : window.start].strip() == "" and text[window.start : window.end] == window.text != ""
        end = window.end
    assert text[end:].strip() == ""


def test_windows_hold_their_number_of_tokens():
    byte_level = tokenizer("bytes")
    text = "hello there, cat! the cat sat on the mat"
    windows = TokenSegmenter(3, byte_level)(text)
    tokens = byte_level(text, add_special_tokens=False)["input_ids"]
    assert len(windows) == -(-len(tokens) // 3)
    assert [str(window) for window in TokenSegmenter(1, byte_level)("😀é")] == ["😀", "é"]  # several tokens each


def test_tokenizers_without_offsets_are_refused():
    class Slow:
        is_fast = False

    with pytest.raises(ValueError, match="tokenizer must be a fast one, which knows offsets; got Slow"):
        TokenSegmenter(tokenizer=Slow())


@pytest.mark.parametrize(
    ("by", "kind"),
    [
        ("sentence", SentenceSegmenter),
        ("turn", TurnSegmenter),
        ("paragraph", ParagraphSegmenter),
        ("line", LineSegmenter),
        ("token", TokenSegmenter),
    ],
)
def test_segmenters_by_name(by, kind):
    segmenter = make_segmenter(by, max_chars=7)
    assert type(segmenter) is kind and segmenter.max_chars == 7
    with pytest.raises(ValueError, match="max_chars must be at least 1, got 0"):
        make_segmenter(by, max_chars=0)


def test_wrong_arguments():
    with pytest.raises(ValueError, match="no segmenter 'sentances'; did you mean 'sentence'"):
        make_segmenter("sentances")
    with pytest.raises(ValueError, match="did you mean"):
        make_segmenter("")
    with pytest.raises(ValueError, match="count must be at least 1, got 0"):
        make_segmenter("token", count=0)


def blank_pipeline(folder: Path, *components: str) -> str:
    nlp = spacy.blank("en")
    for component in components:
        nlp.add_pipe(component)
    nlp.to_disk(folder)
    return str(folder)


def test_pipeline_of_the_user_decides_alone(tmp_path):
    segmenter = SentenceSegmenter(pipeline=blank_pipeline(tmp_path, "sentencizer"))
    text = '"Why?" she asked.\n\nHe \ud800 left.'
    assert [str(sentence) for sentence in segmenter(text)] == ['"Why?"', "she asked.", "He \ud800 left."]


def test_unusable_pipelines_are_refused_in_one_line(tmp_path):
    with pytest.raises(ValueError, match=r"cannot load pipeline 'en_missing'; install it \(`python -m spacy") as error:
        SentenceSegmenter(pipeline="en_missing")
    assert "\n" not in str(error.value)
    with pytest.raises(ValueError, match="finds no sentences; add a parser, senter or sentencizer"):
        SentenceSegmenter(pipeline=blank_pipeline(tmp_path))
