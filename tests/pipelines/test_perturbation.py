"""What each way of moving latents changes, and what it leaves alone."""

from itertools import pairwise

import pytest
import torch

from segdiff.encoders.latents import noise_level, rms
from segdiff.pipelines.perturbation import MAX_SHARE, Draws, gaussian, keeping_meaning

K, D, G = 6, 8, 2


def latents(count: int = 40) -> torch.Tensor:
    return torch.randn(count, K, D, generator=torch.Generator().manual_seed(1))


def draws(count: int = 40, seed: int = 0) -> Draws:
    return Draws.of(seed, count, (K, D), 12)


def test_draws_of_a_candidate_do_not_depend_on_how_many_there_are() -> None:
    few, many = draws(3), draws(10)
    for name in ("noise", "order", "uniforms"):
        assert torch.equal(getattr(few, name), getattr(many, name)[:3])
    assert not torch.equal(draws(3, seed=1).noise, few.noise)
    both = Draws.joined([few, many])
    assert torch.equal(both.uniforms[3:], many.uniforms)


def test_gaussian_moves_all_latents_by_the_strength() -> None:
    start = latents()
    moved, level = gaussian(start, 0.5, draws())
    relative = (rms(moved - start) / rms(start)).mean()
    assert relative == pytest.approx(0.5, abs=0.05)
    assert torch.allclose(level, torch.full((40, K), 1 / 3))


def test_meaning_keeps_the_gist_and_takes_more_with_more_strength() -> None:
    start = latents()
    taken = []
    for strength in (0.01, 0.4, 0.8, 1.0):
        moved, level = keeping_meaning(start, strength, draws(), G)
        assert torch.equal(moved[:, :G], start[:, :G])
        assert not level[:, :G].any()
        hidden, noised, kept = level == 1, (level == noise_level(1.5)), level == 0
        assert (hidden | noised | kept).all()
        assert torch.equal(moved[kept], start[kept])
        assert (rms(moved - start).flatten() > 0).all()
        taken.append((~kept).float())
        assert (taken[-1].sum(1) >= 1).all()
    for less, more in pairwise(taken):
        assert (more >= less).all()
    assert taken[0].sum() == 40
    assert taken[-1][:, G:].mean() == pytest.approx(MAX_SHARE, abs=0.12)
    assert level.unique().tolist() == pytest.approx([0, noise_level(1.5), 1])  # both ways of drowning occur


def test_meaning_without_a_gist_keeps_the_mean_of_the_latents() -> None:
    start = latents()
    moved, level = keeping_meaning(start, 0.5, draws(), 0)
    mean = start.mean(1)
    assert torch.allclose(moved.mean(1), mean, atol=1e-5)
    assert (rms(moved - start) / rms(start)).mean() > 0.3
    assert torch.allclose(level, torch.full((40, K), 1 / 3))
    with pytest.raises(ValueError, match="needs more than one latent"):
        keeping_meaning(start[:, :1], 0.5, Draws.of(0, 40, (1, D), 12), 0)
