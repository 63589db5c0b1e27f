"""Topic vectors: what keeps company in documents is alike."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from segdiff.pipelines.prepared import PreparedCorpus, Ragged
from segdiff.pipelines.topics import learn_topics

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


def test_rare_words_are_longer_and_what_is_everywhere_is_nothing(corpus):
    table = learn_topics(corpus, VOCABULARY, SIZE)
    assert not table[3].any() and table[4:36].norm(dim=1).min() > 0.01
    rare = [[3, 39]] + [corpus.segments[row].tolist() for row in range(1, 800)]  # 39 is in one segment alone
    assert learn_topics(replace(corpus, segments=Ragged.of(rare)), VOCABULARY, SIZE)[39].norm() > table[4].norm()


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
