"""The classifier learns to tell stories from spoilt ones, on sentence vectors whose order and topic are known."""

from random import Random

import numpy as np
import pytest
import torch

from segdiff.pipelines.evaluation.coherence import (
    CORRUPTIONS,
    MIN_TRAINING,
    CoherenceClassifier,
    padded,
    probabilities,
    train_classifier,
)


def toy_story(random, length=5):
    """Sentence vectors of one topic, with their place written into them."""
    topic = np.eye(16, dtype=np.float32)[8 + random.randrange(8)]
    rows = [topic + np.eye(16, dtype=np.float32)[place] for place in range(length)]
    story = np.stack(rows) + np.float32(0.02) * np.random.default_rng(random.randrange(10**6)).normal(size=(length, 16))
    return (story / np.linalg.norm(story, axis=1, keepdims=True)).astype(np.float32)


@pytest.fixture(scope="module")
def stories():
    random = Random(0)
    return [toy_story(random) for _ in range(400)]


@pytest.fixture(scope="module")
def trained(stories):
    return train_classifier(stories[:320], seed=0, epochs=10)


def test_it_tells_spoilt_stories_apart(trained, stories):
    model, held_out = trained
    real = probabilities(model, stories[320:])
    assert (real > 0.5).mean() > 0.8
    random = Random(1)
    for name, corrupt in CORRUPTIONS.items():
        spoilt = [corrupt(stories, index, random) for index in range(320, 400)]
        assert (probabilities(model, spoilt) > 0.5).mean() < 0.5, name
    assert [row["stories"] for row in held_out] == ["real", *CORRUPTIONS]
    assert all(row["accuracy"] > 0.7 for row in held_out[1:])


def test_same_seed_same_classifier_and_the_random_state_stays(stories):
    before = torch.get_rng_state()
    first, second = (train_classifier(stories[:30], seed=3, epochs=1)[0] for _ in range(2))
    assert torch.equal(before, torch.get_rng_state())
    assert np.array_equal(probabilities(first, stories), probabilities(second, stories))


def test_corruptions_change_and_do_not_touch_the_story(stories):
    random = Random(0)
    for corrupt in CORRUPTIONS.values():
        copy = stories[0].copy()
        assert not np.array_equal(corrupt(stories, 0, random), copy)
        assert np.array_equal(stories[0], copy)


def test_padding_does_not_matter(trained, stories):
    model, _ = trained
    short = [story[:3] for story in stories[:8]]
    alone = np.concatenate([probabilities(model, [story]) for story in short])
    assert np.allclose(alone, probabilities(model, [*short, *stories[:2]])[:8], atol=1e-5)


def test_empty_short_and_long_stories(trained):
    model, _ = trained
    assert probabilities(model, [np.zeros((0, 16)), np.zeros((2, 16))]).tolist() == [0, 0]
    long = np.tile(toy_story(Random(0)), (30, 1))
    assert np.isfinite(probabilities(model, [long, long[:1]])).all()


def test_too_few_stories(stories):
    with pytest.raises(ValueError, match=f"needs {MIN_TRAINING} judge stories"):
        train_classifier(stories[: MIN_TRAINING - 1])


def test_gradients_reach_every_weight(stories):
    model = CoherenceClassifier(16)
    model(*padded(stories[:4])).sum().backward()
    assert all(parameter.grad is not None for parameter in model.parameters())
