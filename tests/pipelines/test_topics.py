"""Topic vectors: words are alike that tell the same of the rest of their document."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from segdiff.pipelines.prepared import PreparedCorpus, Ragged
from segdiff.pipelines.topics import company, learn_topics

VOCABULARY, SIZE = 40, 4


@pytest.fixture(scope="module")
def corpus() -> PreparedCorpus:
    """Documents of two segments about one of four themes; 3 is in all, 4 .. 35 in those of their theme."""
    rng = np.random.default_rng(0)
    segments, documents = [], []
    for number in range(400):
        words = 4 + 8 * (number % 4) + rng.permutation(8)[:6]
        documents.append([len(segments), len(segments) + 1])
        segments += [[3, *words[:3].tolist()], [3, *words[3:].tolist()]]
    empty = Ragged.of([[]] * len(documents))
    none = Ragged.of([])
    return PreparedCorpus(Ragged.of(segments), Ragged.of(documents), empty, none, empty, none, none, none)


def test_words_of_a_theme_are_alike(corpus):
    table = learn_topics(corpus, VOCABULARY, SIZE)
    assert table.shape == (VOCABULARY, SIZE)
    themes = torch.nn.functional.normalize(table[4:36].unflatten(0, (4, 8)).sum(1), dim=-1)
    words = torch.nn.functional.normalize(table[4:36], dim=-1)
    alike = words @ themes.T
    theme = torch.arange(32) // 8
    own = alike[torch.arange(32), theme]
    alike[torch.arange(32), theme] = -1
    assert own.min() > 0.8 and alike.max() < 0.3


def test_what_is_everywhere_says_nothing(corpus):
    table = learn_topics(corpus, VOCABULARY, SIZE - 1)
    assert table[3].norm() < 0.05 * table[4:36].norm(dim=1).min()
    assert not table[36:].any(), "tokens that the corpus does not have"


def test_a_title_is_one_of_the_segments(corpus):
    alone = [[2 * document] for document in range(400)]  # one segment each, the other becomes the title
    titles = Ragged.of([corpus.segments[2 * document + 1].tolist() for document in range(400)])
    titled = replace(corpus, documents=Ragged.of(alone), titles=titles)
    np.testing.assert_allclose(company(titled, VOCABULARY), company(corpus, VOCABULARY))
    with pytest.raises(ValueError, match="documents of two or more segments"):
        learn_topics(replace(corpus, documents=Ragged.of(alone)), VOCABULARY, SIZE)


def test_company_by_hand():
    """Two documents of three and two segments: each pair of different segments counts, one over the others' number."""
    none = Ragged.of([])
    segments, documents = Ragged.of([[0, 1, 1], [1], [2], [0], [0, 2]]), Ragged.of([[0, 1, 2], [3, 4]])
    corpus = PreparedCorpus(segments, documents, Ragged.of([[], []]), none, Ragged.of([[], []]), none, none, none)
    expected = np.array([[2, 0.5, 0.5 + 1], [0.5, 1, 1], [0.5 + 1, 1, 0]])
    np.testing.assert_allclose(company(corpus, 3), expected)


def test_same_seed_same_topics_and_the_generator_is_left_alone(corpus):
    torch.manual_seed(5)
    wanted = torch.rand(3)
    torch.manual_seed(5)
    first = learn_topics(corpus, VOCABULARY, SIZE)
    assert torch.equal(torch.rand(3), wanted)
    assert torch.equal(first, learn_topics(corpus, VOCABULARY, SIZE))


def test_too_small_a_vocabulary(corpus):
    with pytest.raises(ValueError, match="40 topic numbers need a larger vocabulary than 40"):
        learn_topics(corpus, VOCABULARY, VOCABULARY)
