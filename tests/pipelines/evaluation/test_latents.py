"""Distances of latents: zero for the same set, known for Gaussians, and each moves on its defect."""

import pytest
import torch

from segdiff.pipelines.evaluation.latents import (
    MIN_SEGMENTS,
    LatentSpace,
    frechet,
    latent_distances,
    nearest_other,
)


def gaussian(seed, count=400):
    return torch.randn(count, 2, 4, generator=torch.Generator().manual_seed(seed))


def test_frechet_of_known_gaussians():
    points = gaussian(0, 4000).flatten(1).double()
    assert frechet(points, points) == pytest.approx(0, abs=1e-8)
    assert frechet(points, points + 2) == pytest.approx(4 * 8)
    # N(0, I) and N(0, 9 I): (3 - 1)^2 a direction
    assert frechet(points, 3 * points) == pytest.approx(4 * 8, rel=0.05)
    assert frechet(points, gaussian(1, 4000).flatten(1).double()) < 0.1


def test_every_measure_moves_on_its_defect():
    space = LatentSpace.of(gaussian(0))
    same = latent_distances(space, gaussian(1))
    moved = latent_distances(space, gaussian(1) + 0.5)
    timid = latent_distances(space, 0.5 * gaussian(1))
    few = latent_distances(space, gaussian(1, 4).repeat(100, 1, 1))
    copied = latent_distances(space, gaussian(0))
    assert moved["frechet"] > same["frechet"] + 1
    assert moved["mean_shift"] > same["mean_shift"] + 0.3
    assert timid["std_ratio"] == pytest.approx(0.5, abs=0.05)
    assert same["std_ratio"] == pytest.approx(1, abs=0.1)
    assert few["spread"] == pytest.approx(0, abs=1e-3)
    assert copied["nearest"] == pytest.approx(0, abs=1e-3)
    assert same["nearest"] == pytest.approx(nearest_other(space.reference), rel=0.2)


def test_too_few():
    space = LatentSpace.of(gaussian(0))
    assert set(latent_distances(space, gaussian(1, 5)).values()) == {5, None}
    with pytest.raises(ValueError, match=f"need {MIN_SEGMENTS}"):
        LatentSpace.of(gaussian(0, 10))
