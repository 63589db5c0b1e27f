"""MAUVE (Pillutla et al., arXiv 2102.01454) on sentence embeddings, with bootstrap intervals on fixed clusters.

It compares two sets of texts; it cannot tell whether any one text makes sense, so coherence stands beside it.
N, M stories, S segments, D dimensions of an embedding.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

Array = np.ndarray

SCALE = 5.0  # c of the paper
POINTS = 100  # of the divergence curve
EXPLAINED = 0.9  # share of the variance that is clustered
MIN_STORIES = 50
ENOUGH_STORIES = 1500  # with fewer the interval is wide
PER_CLUSTER = 10  # texts of the smaller set for each cluster, as in the paper
RESAMPLES = 200


@dataclass(frozen=True)
class Interval:
    """A value and its 95% interval."""

    value: float
    low: float
    high: float


def features_of(stories: Sequence[Array]) -> Array:
    """N stories (S, D) -> (N, D) means of their sentences: blind to order, which is what coherence is measured for."""
    return np.stack([story.mean(0) if len(story) else np.zeros(story.shape[1]) for story in stories])


def mauve(features: Array, reference: Array, seed: int = 0, resamples: int = RESAMPLES) -> Interval | None:
    """How near two sets of texts are: 1 = the same distribution.

    Args:
        features: (N, D) of the texts to judge.
        reference: (M, D) of human texts; the value depends on N and M, so keep them equal in all rows of a table.
        seed: of clustering and bootstrap.
        resamples: of the texts, for the interval; the clusters stay.

    Returns:
        None with fewer than `MIN_STORIES` in either set. The interval is that of the resampled values moved so that
        their mean is the value: resampling alone lowers every value, as it makes histograms rougher.
    """
    smaller = min(len(features), len(reference))
    if smaller < MIN_STORIES:
        return None
    clusters = max(2, round(smaller / PER_CLUSTER))
    labels = quantised(np.concatenate([features, reference]), clusters, seed)
    ours, theirs = labels[: len(features)], labels[len(features) :]
    value = frontier_area(histogram(ours, clusters), histogram(theirs, clusters))
    random = np.random.default_rng(seed)
    drawn = np.array(
        [
            frontier_area(*(histogram(random.choice(some, len(some)), clusters) for some in (ours, theirs)))
            for _ in range(resamples)
        ]
    )
    low, high = np.quantile(drawn, (0.025, 0.975)) + value - drawn.mean()
    return Interval(value, max(0.0, float(low)), min(1.0, float(high)))


def quantised(features: Array, clusters: int, seed: int) -> Array:
    """The cluster (N,) of each row of (N, D): scaled to length one, projected to 90% of the variance, k-means."""
    from sklearn.cluster import KMeans
    from sklearn.decomposition import PCA
    from sklearn.preprocessing import normalize

    points = normalize(features.astype(np.float64))
    distinct = len(np.unique(points, axis=0))
    if distinct < 2:
        return np.zeros(len(points), dtype=int)
    projected = PCA(EXPLAINED, svd_solver="full").fit_transform(points)
    model = KMeans(min(clusters, distinct), n_init=3, max_iter=100, random_state=seed)
    labels: Array = model.fit_predict(projected)
    return labels


def histogram(labels: Array, clusters: int) -> Array:
    """Shares (clusters,) of the labels."""
    return np.bincount(labels, minlength=clusters) / max(1, len(labels))


def frontier_area(p: Array, q: Array) -> float:
    """Area under the divergence curve of two histograms (equations 1 and 2 of the paper).

    For every mixture r = w p + (1 - w) q it holds the point (exp(-c KL(q|r)), exp(-c KL(p|r))); the mean of the area
    over x and over y, so that the two sets can be exchanged.
    """
    weights = np.linspace(0, 1, POINTS + 2)[1:-1, None]
    mixtures = weights * p + (1 - weights) * q
    x = np.concatenate([[1.0], np.exp(-SCALE * _divergence(q, mixtures)), [0.0]])  # falls with w
    y = np.concatenate([[0.0], np.exp(-SCALE * _divergence(p, mixtures)), [1.0]])  # rises
    over_x = np.trapezoid(y[::-1], x[::-1])
    over_y = np.trapezoid(x, y)
    return float((over_x + over_y) / 2)


def _divergence(p: Array, mixtures: Array) -> Array:
    """KL(p | r) for each row r of (W, clusters); every r is positive where p is."""
    some = p > 0
    return (p[some] * np.log(p[some] / mixtures[:, some])).sum(1)


def settings() -> dict[str, Any]:
    """What to write beside its numbers."""
    return {"scale": SCALE, "points": POINTS, "explained_variance": EXPLAINED, "texts_per_cluster": PER_CLUSTER}
