"""Copies from the training set are found to the word, across sentences and not across stories."""

import pytest

from segdiff.pipelines.evaluation.memorisation import OVERLAP, copies

TRAINING = [["Tom had a red kite.", "It flew away over the hill."], ["Anna baked bread all day."], ["She ran."]]


def test_copied_partly_copied_and_new():
    copied, across, part, new, empty, short = copies(
        [
            ["Tom had a red kite.", "It flew away over the hill."],
            ["A red kite it flew."],
            ["My dog had a red kite too."],
            ["Nobody came to dinner that evening."],
            [""],
            ["She ran."],
        ],
        TRAINING,
    )
    assert (copied.longest, copied.overlap) == (11, 1.0)
    assert (across.longest, across.overlap) == (5, 1.0)
    assert (part.longest, part.overlap) == (4, 1 / 4)
    assert (new.longest, new.overlap) == (0, 0.0)
    assert (empty.words, empty.longest, empty.overlap) == (0, 0, None)
    assert (short.words, short.longest, short.overlap) == (2, 2, None)


def test_runs_do_not_cross_stories():
    (found,) = copies([["Over the hill Anna baked bread."]], TRAINING)
    assert found.longest == 3
    first, second = copies([["Tom had a"], ["red kite"]], TRAINING)
    assert (first.longest, second.longest) == (3, 2)


def test_agrees_with_a_plain_search(humans):
    training = [story.segments for story in humans[:20]]
    ours = [story.segments[1:4] for story in humans[15:30]]
    from segdiff.pipelines.ladder import ngrams, words

    def flat(story):
        return words(" ".join(story))

    for found, story in zip(copies(ours, training), ours, strict=True):
        for length in (found.longest, found.longest + 1):
            known = {gram for other in training for gram in ngrams(flat(other), length)}
            assert any(gram in known for gram in ngrams(flat(story), length)) == (length == found.longest)
        known = {gram for other in training for gram in ngrams(flat(other), OVERLAP)}
        own = ngrams(flat(story), OVERLAP)
        assert found.overlap == pytest.approx(sum(gram in known for gram in own) / len(own))


def test_nothing_to_compare():
    assert copies([], TRAINING) == []
    assert copies([["Tom had a red kite."]], [])[0].longest == 0
