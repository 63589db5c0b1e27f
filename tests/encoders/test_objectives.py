"""Contrastive and adversarial objectives: identities with a known answer."""

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from segdiff.encoders.latents import rms
from segdiff.encoders.objectives import adversarial_perturbation, info_nce, similarity


def orthogonal(count: int) -> Tensor:
    """Latents (N, 2, N) of which no two rows have anything in common."""
    return torch.eye(count).unsqueeze(1).repeat(1, 2, 1)


def test_similarity_is_one_for_itself_at_any_scale():
    latents = torch.randn(5, 3, 8)
    torch.testing.assert_close(similarity(latents, 7 * latents).diagonal(), torch.ones(5))
    torch.testing.assert_close(similarity(latents, -latents).diagonal(), -torch.ones(5))
    assert similarity(latents, torch.randn(2, 3, 8)).shape == (5, 2)


def test_half_of_similarity_survives_a_shift_of_slots():
    latents = torch.randn(1, 4, 64)
    shifted = latents.roll(1, dims=1)
    assert 0.3 < float(similarity(latents, shifted)) < 0.7


def test_perfect_alignment_costs_nothing():
    assert info_nce(orthogonal(6), orthogonal(6), None, temperature=0.02) < 1e-4


@pytest.mark.parametrize("count", [2, 7])
@pytest.mark.parametrize("negatives", [0, 3])
def test_uniform_similarity_costs_log_n(count, negatives):
    same = torch.ones(count, 2, 4)
    hard = torch.ones(negatives, 2, 4) if negatives else None
    loss = info_nce(same, same, hard, temperature=0.1)
    torch.testing.assert_close(float(loss), math.log(count + negatives))


def test_wrong_pairing_costs_the_margin_over_the_temperature():
    """Positives of other rows: the softmax is wrong by a similarity of 1 over the temperature."""
    loss = info_nce(orthogonal(4), orthogonal(4).roll(1, dims=0), None, temperature=0.1)
    torch.testing.assert_close(float(loss), math.log(3 + math.exp(10.0)), rtol=1e-4, atol=0.0)


def test_hard_negatives_raise_the_loss_and_the_closest_most():
    torch.manual_seed(0)
    anchor = torch.randn(8, 3, 16)
    positive = anchor + 0.3 * torch.randn(8, 3, 16)
    plain, far, near = (
        info_nce(anchor, positive, hard, 0.1)
        for hard in (None, torch.randn(8, 3, 16), anchor + 0.1 * torch.randn(8, 3, 16))
    )
    assert plain < far < near


def test_contrast_pulls_positives_and_pushes_negatives():
    anchor, positive, negative = (torch.randn(6, 3, 16).requires_grad_() for _ in range(3))
    before = similarity(anchor, positive).diagonal().mean(), similarity(anchor, negative).diagonal().mean()
    info_nce(anchor, positive, negative, 0.1).backward()
    with torch.no_grad():
        for latents in (anchor, positive, negative):
            assert latents.grad is not None
            latents -= 0.5 * latents.grad
    assert similarity(anchor, positive).diagonal().mean() > before[0]
    assert similarity(anchor, negative).diagonal().mean() < before[1]


def loss_of(weight: Tensor, target: Tensor) -> Callable[[Tensor], Tensor]:
    """A smooth loss with a different worst direction in every segment."""
    return lambda point: (torch.tanh(point.flatten(1) @ weight) - target).square().sum()


@pytest.fixture
def problem() -> tuple:
    torch.manual_seed(0)
    weight = torch.randn(4 * 8, 5) / 6
    target = torch.randn(10, 5)
    latents = torch.randn(10, 4, 8) * torch.tensor([0.3, 3.0]).repeat(5).view(10, 1, 1)
    return loss_of(weight, target), latents


@pytest.mark.parametrize("radius", [0.1, 0.25])
def test_perturbation_has_the_stated_norm(problem, radius):
    loss, latents = problem
    delta = adversarial_perturbation(loss, latents, radius)
    torch.testing.assert_close(rms(delta) / rms(latents), torch.full((10, 1, 1), radius))
    assert not delta.requires_grad
    several = adversarial_perturbation(loss, latents, radius, num_steps=3)
    assert bool((rms(several) / rms(latents) <= radius * 1.0001).all())


def test_perturbation_hurts_more_than_random_noise_of_equal_norm(problem):
    loss, latents = problem
    attacked = float(loss(latents + adversarial_perturbation(loss, latents, 0.25)))
    random = []
    for _ in range(50):
        noise = torch.randn_like(latents)
        random.append(float(loss(latents + 0.25 * rms(latents) * noise / rms(noise))))
    assert attacked > max(random) > float(loss(latents))


def test_zero_radius_and_zero_gradient_move_nothing(problem):
    loss, latents = problem
    assert not adversarial_perturbation(loss, latents, 0.0).any()
    assert not adversarial_perturbation(lambda point: (0 * point).sum(), latents, 0.25).any()
