"""Contrastive, adversarial and prior-matching objectives: identities with a known answer."""

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from segdiff.encoders.latents import rms
from segdiff.encoders.objectives import (
    Similarity,
    adversarial_perturbation,
    info_nce,
    similarity,
    sliced_wasserstein,
    token_divergence,
    virtual_adversarial_perturbation,
)

KINDS: tuple[Similarity, ...] = ("slots", "mean", "mixed")


def orthogonal(count: int) -> Tensor:
    """Latents (N, 2, N) of which no two rows have anything in common."""
    return torch.eye(count).unsqueeze(1).repeat(1, 2, 1)


def test_similarity_is_one_for_itself_at_any_scale():
    latents = torch.randn(5, 3, 8)
    torch.testing.assert_close(similarity(latents, 7 * latents).diagonal(), torch.ones(5))
    torch.testing.assert_close(similarity(latents, -latents).diagonal(), -torch.ones(5))
    assert similarity(latents, torch.randn(2, 3, 8)).shape == (5, 2)


def test_a_shift_of_slots_is_seen_by_slots_and_not_by_means():
    latents = torch.randn(1, 4, 64)
    slots, mean, mixed = (float(similarity(latents, latents.roll(1, dims=1), kind)) for kind in KINDS)
    assert abs(slots) < 0.4 and mean > 0.9999
    torch.testing.assert_close(mixed, (slots + mean) / 2)


def test_info_nce_uses_the_similarity_it_is_told():
    """Positives whose slots are shifted: by means they are found, by slots they are not."""
    anchor = torch.randn(16, 4, 64)
    slots, mean, mixed = (float(info_nce(anchor, anchor.roll(1, dims=1), None, 0.05, kind)) for kind in KINDS)
    assert mean < mixed < slots and slots > 1


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


@pytest.mark.parametrize("weight", [1.0, 4.0])
def test_an_anchors_own_hard_negative_counts_for_several(weight):
    """All similarities are one; each anchor has 5 candidates and 2 hard negatives, two of them one of their own."""
    same = torch.ones(5, 2, 4)
    loss = info_nce(same, same, same[:2], 0.1, own=torch.tensor([1, 4]), own_weight=weight)
    torch.testing.assert_close(float(loss), (3 * math.log(7) + 2 * math.log(6 + weight)) / 5)


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


@pytest.mark.parametrize("radius", [0.25, 3.0])
def test_more_steps_hurt_more_and_end_inside_the_ball(problem, radius):
    loss, latents = problem
    attacks = [adversarial_perturbation(loss, latents, radius, num_steps) for num_steps in (1, 2, 10)]
    losses = [float(loss(latents + delta)) for delta in attacks]
    assert losses[0] < losses[2] and losses[1] <= losses[2] * 1.001
    for delta in attacks:
        assert bool((rms(delta) <= radius * rms(latents) * 1.0001).all())


def test_several_steps_find_the_worst_point_of_a_linear_loss(problem):
    """Its gradient is the same everywhere: straight to the surface, whatever the number of steps."""
    _, latents = problem
    slope = torch.randn(10, 4, 8)
    one, *more = (adversarial_perturbation(lambda p: (p * slope).sum(), latents, 0.3, steps) for steps in (1, 2, 3, 7))
    for delta in more:
        torch.testing.assert_close(delta, one)


# ----------------------------------------------------------------------------------------- virtual adversarial


def classifier(sharpness: float) -> tuple[Tensor, Tensor, Callable[[Tensor], Tensor]]:
    """Latents (12, 4, 8), mask (12, 5) and logits (N, 5, 7) of a smooth model whose distributions can be made sure."""
    torch.manual_seed(0)
    weight = torch.randn(4 * 8, 5 * 7) / 6
    latents = torch.randn(12, 4, 8) * torch.tensor([0.3, 3.0]).repeat(6).view(12, 1, 1)
    mask = (torch.arange(5) < torch.randint(2, 6, (12, 1))).long()
    return latents, mask, lambda point: sharpness * torch.tanh(point.flatten(1) @ weight).view(-1, 5, 7)


def test_divergence_is_that_of_torch_and_leaves_padding_out():
    clean, moved = torch.randn(6, 5, 7), torch.randn(6, 5, 7)
    mask = (torch.arange(5) < torch.tensor([[1], [2], [3], [4], [5], [5]])).long()
    wanted = torch.distributions.kl_divergence(
        torch.distributions.Categorical(logits=clean), torch.distributions.Categorical(logits=moved)
    )
    torch.testing.assert_close(token_divergence(clean, moved, mask), (wanted * mask).sum(1))
    assert not token_divergence(clean, clean, mask).any()
    assert token_divergence(clean.bfloat16(), moved.bfloat16(), mask).dtype == torch.float32


@pytest.mark.parametrize("margin", [30.0, 200.0, 1e4])
def test_divergence_of_certain_distributions_has_numbers_and_gradients(margin):
    clean = margin * torch.eye(7)[torch.arange(10).view(2, 5) % 7]
    mask = torch.ones(2, 5)
    for moved in (clean.clone(), clean.roll(1, dims=-1), torch.zeros_like(clean)):
        moved.requires_grad_()
        divergence = token_divergence(clean, moved, mask)
        divergence.sum().backward()
        assert moved.grad is not None and bool(moved.grad.isfinite().all()) and bool(divergence.isfinite().all())
    torch.testing.assert_close(divergence, torch.full((2,), 5 * math.log(7)))
    swapped = token_divergence(clean, clean.roll(1, dims=-1), mask)
    torch.testing.assert_close(swapped, torch.full((2,), 5 * margin))


def test_virtual_perturbation_finds_the_stiffest_direction():
    """The divergence of a quadratic form with one large eigenvalue: the direction is its eigenvector."""
    torch.manual_seed(0)
    axis = torch.randn(6, 4, 8)
    latents = torch.randn(6, 4, 8)

    def change(point: Tensor) -> Tensor:
        moved = point - latents
        return ((moved * axis).sum((1, 2)).square() + 0.1 * moved.square().sum((1, 2))).sum()

    delta = virtual_adversarial_perturbation(change, latents, 0.5, num_steps=2)
    assert bool((torch.cosine_similarity(delta.flatten(1), axis.flatten(1)).abs() > 0.999).all())
    torch.testing.assert_close(rms(delta), 0.5 * rms(latents))


@pytest.mark.parametrize("sharpness", [1.0, 100.0])
def test_virtual_perturbation_changes_the_distribution_more_than_random_noise(sharpness):
    latents, mask, logits = classifier(sharpness)
    clean = logits(latents)

    def change(point: Tensor) -> Tensor:
        return token_divergence(clean, logits(point), mask).sum()

    delta = virtual_adversarial_perturbation(change, latents, 0.25, num_steps=2)
    assert not delta.requires_grad
    torch.testing.assert_close(rms(delta) / rms(latents), torch.full((12, 1, 1), 0.25))
    noise = [torch.randn_like(latents) for _ in range(50)]
    random = [float(change(latents + 0.25 * rms(latents) * one / rms(one))) for one in noise]
    assert float(change(latents + delta)) > max(random)


def test_virtual_perturbation_of_certain_or_constant_distributions_is_finite():
    for sharpness in (1e4, 0.0):
        latents, mask, logits = classifier(sharpness)
        clean = logits(latents)
        delta = virtual_adversarial_perturbation(
            lambda point, clean=clean, mask=mask, logits=logits: token_divergence(clean, logits(point), mask).sum(),
            latents,
            0.25,
            num_steps=2,
        )
        assert bool(delta.isfinite().all()) and bool((rms(delta) <= 0.2501 * rms(latents)).all())
    assert not delta.any()


# ------------------------------------------------------------------------------------------------------- prior


def test_a_normal_sample_is_near_the_prior_and_others_are_not():
    torch.manual_seed(0)
    normal = torch.randn(1000, 2, 4)
    near = float(sliced_wasserstein(normal, 128))
    assert near < 0.01
    shifted, wide = float(sliced_wasserstein(normal + 0.5, 2000)), float(sliced_wasserstein(2 * normal, 128))
    assert abs(shifted - 0.25) < 0.05 and abs(wide - 1) < 0.1  # squared shift; squared error of the deviation
    assert float(sliced_wasserstein(normal[:, :1, :1].expand(-1, 2, 4), 128)) > 10 * near  # channels that are copies
    assert float(sliced_wasserstein(normal.sign(), 128)) > 1.5 * near  # right moments, wrong shape


def test_the_prior_pulls_a_collapsed_batch_apart():
    torch.manual_seed(0)
    latents = (0.1 * torch.randn(200, 2, 4)).requires_grad_()
    optimizer = torch.optim.Adam([latents], lr=0.05)
    for _ in range(150):
        optimizer.zero_grad()
        sliced_wasserstein(latents, 32).backward()
        optimizer.step()
    flat = latents.detach().flatten(1)
    assert float((flat.T.cov() - torch.eye(8)).abs().max()) < 0.35 and float(flat.mean(0).abs().max()) < 0.2


def test_a_batch_of_one_has_a_prior_too():
    latents = torch.randn(1, 2, 4, requires_grad=True)
    sliced_wasserstein(latents, 8).backward()
    assert latents.grad is not None and bool(latents.grad.isfinite().all())
