"""MAUVE: known values of its area, high for the same distribution, low for another, intervals that hold the value."""

import math

import numpy as np
import pytest

from segdiff.pipelines.evaluation.distribution import (
    MIN_STORIES,
    SCALE,
    features_of,
    frontier_area,
    histogram,
    mauve,
)


def draw(seed, shift=0.0, count=200):
    """Points around eight directions, each of them moved by `shift` towards the first."""
    random = np.random.default_rng(seed)
    centres = np.eye(16)[:8]
    points = centres[random.integers(0, 8, count)] + 0.1 * random.normal(size=(count, 16))
    return points + shift * np.eye(16)[0]


def test_area_of_known_histograms():
    same, left, right = np.array([0.5, 0.5]), np.array([1.0, 0.0]), np.array([0.0, 1.0])
    assert frontier_area(same, same) == pytest.approx(1)
    # disjoint: x = w^c and y = (1 - w)^c, whose area is the beta integral c B(c, c + 1)
    beta = SCALE * math.gamma(SCALE) * math.gamma(SCALE + 1) / math.gamma(2 * SCALE + 1)
    assert frontier_area(left, right) == pytest.approx(beta, abs=1e-3)
    some = np.array([0.7, 0.2, 0.1])
    other = np.array([0.1, 0.3, 0.6])
    assert frontier_area(some, other) == pytest.approx(frontier_area(other, some))
    assert frontier_area(some, other) < frontier_area(some, np.array([0.6, 0.25, 0.15])) < 1


def test_same_and_other_distributions():
    reference = draw(0)
    same = mauve(draw(1), reference)
    moved = mauve(draw(1, shift=0.5), reference)
    collapsed = mauve(np.repeat(draw(1)[:4], 50, axis=0), reference)
    assert same.value > 0.8 > 0.6 > moved.value
    assert collapsed.value < 0.5
    for found in (same, moved, collapsed):
        assert 0 <= found.low <= found.value <= found.high <= 1
    assert moved.high < same.low
    assert mauve(draw(1), reference) == same


def test_too_few_texts_and_texts_that_are_all_equal():
    assert mauve(draw(0)[: MIN_STORIES - 1], draw(1)) is None
    equal = np.ones((60, 4))
    assert mauve(equal, equal).value == pytest.approx(1)
    assert mauve(np.zeros((60, 16)), draw(0)).value < 0.2  # empty texts


def test_histograms_and_features():
    assert histogram(np.array([0, 2, 2, 2]), 4).tolist() == [0.25, 0, 0.75, 0]
    features = features_of([np.array([[1.0, 0.0], [0.0, 1.0]]), np.zeros((0, 2))])
    assert features.tolist() == [[0.5, 0.5], [0, 0]]
