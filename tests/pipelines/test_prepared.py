"""A prepared corpus holds what the documents hold, and only what fits."""

import numpy as np
import pytest
from transformers import PreTrainedTokenizerFast

from segdiff.pipelines.corpus import Document
from segdiff.pipelines.prepared import FILE, PreparedCorpus, Ragged, document_pieces, prepare
from segdiff.pipelines.tokenization import segment_tokens, token_lists, train_tokenizer

LONG = "word " * 60
DOCUMENTS = [
    Document(("Tom was happy.", "He had a big dog.", "They ran to the park."), "Tom"),
    Document(("Anna did not like rain.", LONG, "She stayed at home.", "She read two books.")),
    Document((LONG,), "Too long"),
]
PARAPHRASES = [("Tom was happy.", "Tom was glad."), (LONG, "A word."), ("It rained.", LONG)]


@pytest.fixture(scope="module")
def tokenizer() -> PreTrainedTokenizerFast:
    return train_tokenizer((text for document in DOCUMENTS for text in document.segments), vocab_size=320)


@pytest.fixture(scope="module")
def corpus(tokenizer: PreTrainedTokenizerFast) -> PreparedCorpus:
    return prepare(DOCUMENTS, PARAPHRASES, tokenizer, max_tokens=30)


def rows(ragged: Ragged) -> list[list[int]]:
    return [ragged[index].tolist() for index in range(len(ragged))]


def test_ragged_rows_come_back():
    values = [[1, 2, 3], [], [4], []]
    ragged = Ragged.of(values)
    assert rows(ragged) == values
    assert len(ragged) == 4 and ragged.lengths.tolist() == [3, 0, 1, 0]
    assert rows(Ragged.of([])) == []


@pytest.mark.parametrize(
    ("lengths", "pieces"),
    [
        ([3, 4, 5], [[0, 1, 2]]),
        ([3, 9, 5, 5], [[0], [2, 3]]),
        ([9, 3, 9, 9, 4, 9], [[1], [4]]),
        ([9, 9], []),
        ([5], [[0]]),
        ([], []),
    ],
)
def test_over_long_segments_cut_the_document(lengths, pieces):
    assert document_pieces(lengths, max_tokens=5) == pieces


def test_documents_keep_order_titles_and_tokens(corpus, tokenizer):
    texts = [["Tom was happy.", "He had a big dog.", "They ran to the park."], ["Anna did not like rain."]]
    texts += [["She stayed at home.", "She read two books."]]  # the document is cut where the long segment was
    found = [[corpus.segments[int(index)].tolist() for index in corpus.documents[d]] for d in range(3)]
    assert found == [segment_tokens(tokenizer, document) for document in texts]
    assert len(corpus.documents) == len(corpus.titles) == len(corpus.document_keywords) == 3
    assert rows(corpus.titles) == [*token_lists(tokenizer, ["Tom"]), [], []]
    assert corpus.segments.lengths.max() <= 30


def test_keywords_are_of_their_document(corpus, tokenizer):
    words = [
        {tokenizer.decode(corpus.keywords[int(k)].tolist()).strip() for k in corpus.document_keywords[d]}
        for d in range(3)
    ]
    assert "park" in words[0] and "rain" in words[1] and "books" in words[2]
    assert all(words)


def test_triples_fit_and_stay_together(corpus, tokenizer):
    assert len(corpus.anchors) == len(corpus.positives) == len(corpus.negatives)
    assert max(column.lengths.max() for column in (corpus.anchors, corpus.positives, corpus.negatives)) <= 30
    pairs = list(zip(rows(corpus.anchors), rows(corpus.positives), strict=True))
    assert tuple(segment_tokens(tokenizer, ["Tom was happy.", "Tom was glad."])) in pairs
    assert all(anchor != positive for anchor, positive in pairs)
    hard = [(anchor, negative) for anchor, negative in zip(rows(corpus.anchors), rows(corpus.negatives), strict=True)]
    assert any(negative for _, negative in hard)
    assert all(anchor != negative for anchor, negative in hard)


def test_paraphrases_come_both_ways_with_every_hard_negative(tokenizer):
    corpus = prepare(DOCUMENTS, [("Tom had 3 dogs.", "There were 3 dogs at his home.")], tokenizer, max_tokens=30)
    given = zip(rows(corpus.anchors), rows(corpus.positives), rows(corpus.negatives), strict=True)
    one, other = segment_tokens(tokenizer, ["Tom had 3 dogs.", "There were 3 dogs at his home."])
    triples = list(given)[: corpus.num_paraphrases]
    assert {(tuple(anchor), tuple(positive)) for anchor, positive, _ in triples} == {
        (tuple(one), tuple(other)),
        (tuple(other), tuple(one)),
    }
    negatives = {tokenizer.decode(negative, skip_special_tokens=True).split()[0] for *_, negative in triples}
    assert len(triples) >= 4 and len(negatives) > 2, "another name, another number, ..."


def test_same_seed_same_corpus(corpus, tokenizer):
    again = prepare(DOCUMENTS, PARAPHRASES, tokenizer, max_tokens=30)
    ragged = [name for name, value in vars(corpus).items() if isinstance(value, Ragged)]
    assert len(ragged) == 9
    assert all(rows(getattr(again, name)) == rows(getattr(corpus, name)) for name in ragged)


def test_nothing_that_fits(tokenizer):
    with pytest.raises(ValueError, match=r"no segment of the corpus has at most 3 tokens; raise data\.max_tokens"):
        prepare(DOCUMENTS, [], tokenizer, max_tokens=3)


def test_save_and_load_are_equal(corpus, tmp_path):
    corpus.save(tmp_path / "deep" / "folder")
    loaded = PreparedCorpus.load(tmp_path / "deep" / "folder")
    assert loaded.num_paraphrases == corpus.num_paraphrases > 0
    for name, ragged in vars(corpus).items():
        if isinstance(ragged, Ragged):
            assert np.array_equal(getattr(loaded, name).flat, ragged.flat), name
            assert np.array_equal(getattr(loaded, name).offsets, ragged.offsets), name
    assert [file.name for file in (tmp_path / "deep" / "folder").iterdir()] == [FILE]


@pytest.mark.parametrize("damage", ["cut", "garbage", "other format"])
def test_damaged_file(corpus, tmp_path, damage):
    corpus.save(tmp_path)
    file = tmp_path / FILE
    if damage == "cut":
        file.write_bytes(file.read_bytes()[:-10])
    elif damage == "garbage":
        file.write_bytes(b"\xff" * 50)
    else:
        from safetensors.numpy import save_file

        save_file({"segments": np.zeros(3, dtype=np.int32)}, file)
    with pytest.raises(ValueError, match=r"is damaged .*delete the folder and prepare again"):
        PreparedCorpus.load(tmp_path)
