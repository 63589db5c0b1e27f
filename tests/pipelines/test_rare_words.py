"""RareWords: other names and words in the place of a segment's own, and nothing else changed."""

from random import Random

import pytest

from segdiff.pipelines.corpus import Document
from segdiff.pipelines.prepared import RARE_SHARE, prepare
from segdiff.pipelines.rare_words import COMMON, RareWords
from segdiff.pipelines.tokenization import train_tokenizer

CORPUS = ["Tom bought a green lamp.", "Anna went home.", "It was late.", *["They saw Paris again."] * COMMON]
SOURCES = ["We met Xanthe and Quillon in Paris.", "The zeppelin and the gryphon; a gryphon again.", "Ynez slept."]


@pytest.fixture
def rare() -> RareWords:
    return RareWords(SOURCES, CORPUS)


def test_words_are_those_that_the_corpus_lacks(rare):
    assert rare.names == ["Xanthe", "Quillon"]  # Paris is known, and what begins a sentence may be no name
    assert rare.words == ["zeppelin", "gryphon", "slept"]


def test_names_are_exchanged_and_the_rest_stays(rare):
    rng = Random(0)
    found = {rare.put_into("Anna went home.", rng) for _ in range(200)}
    names = {text.split()[0] for text in found}
    assert {"Xanthe", "Quillon"} < names  # and words of their halves
    assert all(text.endswith(".") and len(text.split()) == 3 and "Anna" not in text for text in found)
    assert {text for text in found if text.endswith(" went home.")}


def test_every_mention_of_a_name_becomes_the_same(rare):
    rng = Random(1)
    for _ in range(50):
        first, *_, last = rare.put_into("Anna is in. I, Anna, say: Anna", rng).split()
        assert first == last != "Anna"


def test_a_segment_without_names_gets_a_word(rare):
    changed = rare.put_into("We all went home.", Random(0))
    assert changed.startswith("We all ") or changed.endswith(" home.")
    assert changed != "We all went home."


def test_nothing_to_put_it_in(rare):
    assert rare.put_into("It is so.", Random(0)) is None
    assert rare.put_into("!", Random(0)) is None


def test_sources_without_rare_words_are_refused():
    with pytest.raises(ValueError, match=r"data\.rare_words has 0 names and 0 words"):
        RareWords(["They saw Paris again."], CORPUS)


def test_a_prepared_corpus_has_a_share_of_such_segments(tmp_path):
    documents = [Document(("Tom bought a green lamp.", "Anna went home again."), None)] * 40
    tokenizer = train_tokenizer(["Tom bought a green lamp. Anna went home again."], 300)
    corpus = prepare(documents, [], tokenizer, 40, rare_words=[Document(tuple(SOURCES))])
    assert 0.8 * RARE_SHARE * 80 <= len(corpus.rare) <= RARE_SHARE * 80
    texts = [tokenizer.decode(corpus.rare[row][:-1]).strip() for row in range(len(corpus.rare))]
    assert not {"Tom bought a green lamp.", "Anna went home again."} & set(texts)
    corpus.save(tmp_path)
    loaded = type(corpus).load(tmp_path)
    assert loaded.rare.flat.tolist() == corpus.rare.flat.tolist()
    assert len(prepare(documents, [], tokenizer, 40).rare) == 0
