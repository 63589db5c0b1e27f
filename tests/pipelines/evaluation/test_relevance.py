"""Relevance is high for the own text, low for another's, and ROUGE is what it is by hand."""

from difflib import SequenceMatcher

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from segdiff.pipelines.evaluation.relevance import (
    common_subsequence,
    document_frequency,
    keyword_recall,
    keywords,
    rouge,
    similarity,
)


@given(st.lists(st.sampled_from("abc"), max_size=9), st.lists(st.sampled_from("abc"), max_size=9))
def test_common_subsequence(left, right):
    table = [[0] * (len(right) + 1) for _ in range(len(left) + 1)]
    for i, one in enumerate(left):
        for j, other in enumerate(right):
            table[i + 1][j + 1] = table[i][j] + 1 if one == other else max(table[i][j + 1], table[i + 1][j])
    assert common_subsequence(left, right) == table[-1][-1]
    assert common_subsequence(left, right) >= sum(
        block.size for block in SequenceMatcher(None, left, right, False).get_matching_blocks()
    )


def test_rouge_by_hand():
    scores = rouge("The cat sat down.", "the cat lay down")
    assert scores["rouge_1"] == pytest.approx(75)
    assert scores["rouge_2"] == pytest.approx(100 / 3)
    assert scores["rouge_l"] == pytest.approx(75)
    assert rouge("down sat cat the", "the cat sat down")["rouge_l"] == pytest.approx(25)
    assert rouge("", "the cat") == {"rouge_1": 0, "rouge_2": 0, "rouge_l": 0}


def test_keywords():
    stories = [["He was at the lake."]] * 30 + [["The dogs barked."]]
    frequency = document_frequency(stories)
    assert frequency["lake"] == pytest.approx(30 / 31)
    assert keywords("The lost dogs of the lake", frequency) == ["lost", "dogs", "of"]
    frequency["of"] = 1.0
    assert keyword_recall("The lost dogs", "They lost it.", frequency) == 0.5
    assert keyword_recall("Camping", "They camped. I like campsites.", {}) == 0.0
    assert keyword_recall("Camping trip", "We were campingly on trips.", {}) == 1.0
    assert keyword_recall("The dogs", "A dog ran.", {"the": 1.0}) == 1.0
    assert keyword_recall("A dog", "The dogs ran.", {"a": 1.0}) == 1.0
    assert keyword_recall("the", "the", {"the": 1.0}) is None


def test_own_and_other_stories(humans, embedder):
    own = [similarity(embedder([story.title]), embedder(story.segments)) for story in humans]
    others = [
        similarity(embedder([story.title]), embedder(other.segments))
        for story, other in zip(humans, humans[1:] + humans[:1], strict=True)
    ]
    assert np.mean(own) > np.mean(others) + 0.1
    assert similarity(embedder([""]), embedder(["A dog."])) is None
    assert similarity(embedder([]), embedder(["A dog."])) is None
