"""Noise levels and given segments of training examples, and the weight of the loss."""

import pytest
import torch

from segdiff.diffusion.noise import log_snr, signal_and_noise
from segdiff.diffusion.objective import denoising_loss, draw_levels, shifted_levels


def masks(count: int, width: int = 8) -> torch.Tensor:
    """Documents of 1 .. width segments."""
    return torch.arange(width) < (torch.arange(count) % width + 1)[:, None]


def test_shift_moves_the_signal_to_noise_ratio():
    """A shift of s lowers the amplitude ratio by s at every level: log snr falls by 2 log s."""
    level = torch.linspace(0.01, 0.99, 50, dtype=torch.float64)
    shifted = log_snr(*signal_and_noise(shifted_levels(level, 3.0)))
    wanted = log_snr(*signal_and_noise(level)) - 2 * torch.log(torch.tensor(3.0, dtype=torch.float64))
    torch.testing.assert_close(shifted, wanted, rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(shifted_levels(level, 1.0), level)
    assert shifted_levels(torch.tensor([0.0, 1.0]), 3.0).tolist() == [0.0, 1.0]


@pytest.mark.parametrize("shift", [1.0, 2.5])
def test_levels_follow_the_shifted_distribution(shift):
    torch.manual_seed(0)
    level, _ = draw_levels(masks(4000), shift, 0.3, 0.0)
    assert float(level.min()) >= 0
    assert float(level.max()) <= 1
    spread = level[:, 0].sort().values
    torch.testing.assert_close(spread, shifted_levels((torch.arange(4000) + 0.5) / 4000, shift), rtol=0, atol=1e-3)


@pytest.mark.parametrize(("given", "independent"), [(0.3, 0.15), (0.0, 0.0), (1.0, 0.0), (0.0, 1.0), (0.5, 0.5)])
def test_shares_of_the_kinds_of_example(given, independent):
    torch.manual_seed(0)
    mask = torch.ones(6000, 8, dtype=torch.bool)
    level, clean = draw_levels(mask, 1.0, given, independent)
    own = level.std(1) > 1e-6
    assert abs(float(own.float().mean()) - independent) < 0.03
    assert not clean[own].any()  # a level per segment is its own kind
    # of the examples with given segments a few come out with none: a cut at 0 or an empty subset
    share = float(clean.any(1).float().mean())
    assert 0.8 * given <= share <= given + 0.03 if given else share == 0


def test_never_everything_is_clean_and_nothing_missing_is():
    torch.manual_seed(0)
    mask = masks(5000)
    _, clean = draw_levels(mask, 1.5, 1.0, 0.0)
    assert ((mask & ~clean).sum(1) > 0).all()
    assert not (clean & ~mask).any()
    assert clean[mask.sum(1) > 1].any()


def test_given_segments_come_first_last_and_anywhere():
    torch.manual_seed(0)
    _, clean = draw_levels(torch.ones(2000, 6, dtype=torch.bool), 1.0, 1.0, 0.0)
    rows = {tuple(row) for row in clean.int().tolist()}
    assert (1, 1, 1, 0, 0, 0) in rows and (0, 0, 0, 1, 1, 1) in rows and (0, 1, 0, 0, 1, 0) in rows
    cuts = {row.index(0) for row in clean.int().tolist() if sorted(row, reverse=True) == row}
    assert cuts == set(range(6))  # every length of a first part


def test_examples_of_a_batch_differ():
    torch.manual_seed(0)
    level, clean = draw_levels(torch.ones(64, 6, dtype=torch.bool), 1.5, 0.5, 0.2)
    assert len(level[:, 0].unique()) == 64
    assert len({tuple(row) for row in clean.tolist()}) > 8
    assert 0 < int((level.std(1) > 1e-6).sum()) < 64


def test_same_seed_same_levels():
    torch.manual_seed(4)
    first = draw_levels(masks(50), 1.5, 0.3, 0.15)
    torch.manual_seed(4)
    second = draw_levels(masks(50), 1.5, 0.3, 0.15)
    assert torch.equal(first[0], second[0]) and torch.equal(first[1], second[1])


@pytest.mark.parametrize("level", [0.3, 0.5, 0.8, 1.0])
def test_loss_is_the_squared_error_of_the_velocity(level):
    """v = alpha * e - sigma * z of the true noise, against the v that the estimate implies."""
    torch.manual_seed(0)
    clean, estimate, noise = torch.randn(3, 2, 4, 3, 5, dtype=torch.float64)
    levels = torch.full((2, 4), level, dtype=torch.float64)
    alpha, sigma = signal_and_noise(levels[0, 0])
    state = alpha * clean + sigma * noise
    velocity = [alpha * (state - alpha * z) / sigma - sigma * z for z in (clean, estimate)]
    wanted = (velocity[1] - velocity[0]).square().mean((0, 1, 3))
    wanted_mask = torch.ones(2, 4, dtype=torch.bool)
    loss = denoising_loss(estimate, clean, levels, wanted_mask, min_variance=1e-6)
    torch.testing.assert_close(loss, wanted.float(), check_dtype=False)


@pytest.mark.parametrize("min_variance", [0.1, 0.5])
def test_weight_of_the_loss_is_bounded(min_variance):
    clean = torch.zeros(1, 1, 2, 2)
    for level in torch.linspace(0, 1, 21):
        loss = denoising_loss(clean + 1, clean, level.view(1, 1), torch.ones(1, 1, dtype=torch.bool), min_variance)
        assert (loss >= 1 - 1e-6).all() and (loss <= 1 / min_variance + 1e-6).all()
    loss = denoising_loss(clean + 1, clean, torch.zeros(1, 1), torch.ones(1, 1, dtype=torch.bool), min_variance)
    assert loss.tolist() == pytest.approx([1 / min_variance] * 2)


def test_only_wanted_segments_count():
    clean = torch.zeros(1, 3, 2, 2)
    estimate = torch.tensor([1.0, 2.0, 100.0]).view(1, 3, 1, 1).expand_as(clean)
    wanted = torch.tensor([[True, True, False]])
    loss = denoising_loss(estimate, clean, torch.ones(1, 3), wanted, 0.1)
    assert loss.tolist() == pytest.approx([(1 + 4) / 2] * 2)
    assert not denoising_loss(estimate, clean, torch.ones(1, 3), torch.zeros_like(wanted), 0.1).any()
