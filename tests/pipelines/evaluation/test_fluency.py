"""The n-gram judge is a probability distribution, and spoilt sentences surprise it."""

import math
from random import Random

import pytest

from segdiff.pipelines.evaluation.fluency import (
    END,
    OPEN_VOCABULARY,
    NgramJudge,
    perplexity,
    tokens,
    unknown_words,
)


@pytest.fixture(scope="module")
def sentences(humans):
    return [segment for story in humans[:32] for segment in story.segments]


@pytest.fixture(scope="module")
def held_out(humans):
    return [segment for story in humans[32:] for segment in story.segments]


@pytest.fixture(scope="module")
def ngrams(sentences):
    return NgramJudge(sentences)


def test_probabilities_sum_to_one(ngrams):
    unseen = OPEN_VOCABULARY - len(ngrams.vocabulary)
    for context in (("tom", "wanted", "a"), ("never", "seen", "this"), ("<s>", "<s>", "<s>"), ("x", "the", "lake")):
        known = sum(ngrams._probability((*context, word)) for word in ngrams.vocabulary)
        assert known + unseen * ngrams._probability((*context, "qqqq")) == pytest.approx(1)


def test_kneser_ney_by_hand():
    model = NgramJudge(["a b", "a c"], order=2)
    # bigrams: <s>a 2, ab 1, ac 1, b</s> 1, c</s> 1; one with count 2, four with count 1
    discount = 4 / (4 + 2 * 1)
    lower = NgramJudge(["a b", "a c"], order=2).levels[0]
    assert lower.counts == {("a",): 1, ("b",): 1, ("c",): 1, (END,): 2}
    continuation = (1 - lower.discount + lower.discount * 4 / OPEN_VOCABULARY) / 5
    assert model._probability(("a", "b")) == pytest.approx((1 - discount) / 2 + discount * 2 / 2 * continuation)


def test_spoilt_sentences_surprise_it(ngrams, held_out):
    def shuffled(text):
        row = tokens(text)
        return " ".join(Random(0).sample(row, len(row)))

    clean = perplexity(ngrams, held_out)
    assert clean < perplexity(ngrams, [shuffled(text) for text in held_out]) / 2
    assert clean < perplexity(ngrams, [" ".join(tokens(text)[:-2]) for text in held_out]) / 1.5
    assert clean < perplexity(ngrams, ["Zorp blims quaxly.", "Flarn vexed gwib."]) / 10
    assert perplexity(ngrams, [held_out[0]] * 20) == pytest.approx(perplexity(ngrams, held_out[:1]))


def test_unknown_words(ngrams, held_out):
    assert unknown_words(ngrams, ["The zorp was calm."]) == pytest.approx(1 / 4)
    assert unknown_words(ngrams, held_out) < 0.2


def test_nothing_to_measure(ngrams):
    assert perplexity(ngrams, ["", "  "]) is None
    assert unknown_words(ngrams, ["..."]) is None
    assert math.isfinite(perplexity(ngrams, ["物語が始まる。", "🙂"]))
    with pytest.raises(ValueError, match="no words"):
        NgramJudge([])
