"""Each measure falls, or rises, on the defect that it is for, and does not depend on how much text there is."""

from random import Random

import pytest

from segdiff.pipelines.evaluation.diversity import (
    WINDOW,
    distinct,
    diversity,
    entropy,
    repetition,
    self_bleu,
    windows,
)


@pytest.fixture(scope="module")
def stories(humans):
    return [story.segments for story in humans]


@pytest.fixture(scope="module")
def sentences(stories):
    return [segment for story in stories for segment in story]


def test_the_same_again_and_again(stories, sentences):
    same = [stories[0]] * len(stories)
    flat = [segment for story in same for segment in story]
    assert entropy(flat, 100) < entropy(sentences, 100) - 0.5
    for length in (1, 2):
        assert distinct(flat, length, 100) < distinct(sentences, length, 100) / 1.5
    assert self_bleu(same, 0) == pytest.approx(100)
    assert self_bleu(stories, 0) < 99  # they share sentences
    random = Random(0)
    varied = [[" ".join(random.sample("abcdefghijklmnopqrstuvwxyz", 12))] for _ in range(12)]
    assert self_bleu(varied, 0) < 50


def test_windows_make_sets_of_different_size_compare():
    varied = [f"w{number}" for number in range(WINDOW)]
    assert distinct(varied, 1) == distinct(varied * 5, 1) == 1.0
    assert entropy(varied) == pytest.approx(entropy(varied * 5))
    assert [len(window) for window in windows(["a b c", "d e"], 2)] == [2, 2]


def test_a_story_that_repeats_itself(stories):
    assert repetition([story * 2 for story in stories]) >= 0.5
    assert repetition(stories) < 0.1


def test_too_little_text():
    assert diversity([["One two."], [""]], 0) == {
        "entropy": None,
        "distinct_1": None,
        "distinct_2": None,
        "self_bleu": None,
        "repetition": None,
    }
