"""Paragraphs begin where the topic turns, about as often as asked, and given white space stays."""

from itertools import pairwise

import pytest
import torch

from segdiff.pipelines.paragraphs import LONGEST, Paragraphs

NUM_TOPICS, SENTENCES = 40, 5


def begins(vectors: torch.Tensor, mean_length: int) -> list[int]:
    paragraphs = Paragraphs(mean_length)
    return [index for index, vector in enumerate(vectors) if paragraphs.begins(vector)]


def topics(noise: float) -> torch.Tensor:
    """Vectors of stories of five sentences, one after the other."""
    torch.manual_seed(0)
    topic = torch.randn(NUM_TOPICS, 1, 16).expand(-1, SENTENCES, -1)
    return (topic + noise * torch.randn(NUM_TOPICS, SENTENCES, 16)).flatten(0, 1)


def test_they_begin_where_the_topic_turns():
    found = begins(topics(0.5), SENTENCES)
    true = [place for place in found if place % SENTENCES == 0]
    assert len(true) >= 0.8 * len(found) and len(true) >= 0.8 * (NUM_TOPICS - 1)
    assert 0 not in found


@pytest.mark.parametrize("mean_length", [1, 2, 5, 9])
def test_lengths_without_any_topic(mean_length):
    torch.manual_seed(0)
    found = begins(torch.randn(1000, 16), mean_length)
    lengths = [right - left for left, right in pairwise([0, *found])]
    assert min(lengths) >= max(1, mean_length // 2)
    assert max(lengths) <= LONGEST * mean_length
    assert mean_length - 1 <= sum(lengths) / len(lengths) <= mean_length + 1


def test_the_last_paragraph_of_a_story_is_not_shorter_than_others():
    torch.manual_seed(0)
    for count in (5, 8, 12, 30):
        for _ in range(20):
            paragraphs = Paragraphs(5, count)
            found = [place for place in range(count) if paragraphs.begins(torch.randn(8))]
            assert min(right - left for left, right in pairwise([0, *found, count])) >= 3


def test_given_breaks_count():
    paragraphs = Paragraphs(2)
    given = [None, False, False, False, True, False]
    assert [paragraphs.begins(torch.ones(2), one) for one in given] == [False, False, False, False, True, False]
    assert not Paragraphs(1).begins(torch.ones(2))
    assert paragraphs.length == 2


def test_vectors_of_zeros():
    assert begins(torch.zeros(30, 4), 5)  # no topic at all: by length


def test_what_follows_changes_nothing():
    vectors = topics(0.5)
    assert begins(vectors, 5)[:5] == begins(vectors[: begins(vectors, 5)[4] + 1], 5)
