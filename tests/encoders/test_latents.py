"""Noise strengths are relative: measured on latents of any scale."""

import pytest
import torch

from segdiff.encoders.latents import add_noise, rms, unit_direction, within


@pytest.fixture
def latents() -> torch.Tensor:
    """Segments of very different scales."""
    torch.manual_seed(0)
    return torch.randn(3, 50, 8, 16) * torch.tensor([1e-3, 1.0, 40.0]).view(3, 1, 1, 1)


def test_rms_is_one_number_per_segment(latents):
    assert rms(latents).shape == (3, 50, 1, 1)
    torch.testing.assert_close(rms(latents)[1, 2].item(), (latents[1, 2].norm() / (8 * 16) ** 0.5).item())


@pytest.mark.parametrize("strength", [0.0, 0.3, 1.5])
def test_strength_is_the_ratio_of_norms(latents, strength):
    moved = add_noise(latents, strength) - latents
    ratio = moved.flatten(2).norm(dim=-1) / latents.flatten(2).norm(dim=-1)
    torch.testing.assert_close(ratio.mean(1), torch.full((3,), strength), rtol=0.03, atol=1e-6)


def test_strength_per_segment(latents):
    strength = torch.tensor([0.0, 0.5]).repeat(25).expand(3, -1)
    noised = add_noise(latents, strength)
    assert torch.equal(noised[:, ::2], latents[:, ::2])
    ratio = (noised - latents)[:, 1::2].flatten(2).norm(dim=-1) / latents[:, 1::2].flatten(2).norm(dim=-1)
    torch.testing.assert_close(ratio.mean(), torch.tensor(0.5), rtol=0.03, atol=0.0)


def test_strength_per_latent():
    latents = torch.randn(4, 3, 8)
    strength = torch.tensor([0.0, 0.5, 2.0]).expand(4, 3)
    noise = torch.ones_like(latents)
    moved = (add_noise(latents, strength, noise) - latents) / rms(latents)
    torch.testing.assert_close(moved, strength.unsqueeze(-1).expand_as(moved))


def test_given_noise_is_used_and_the_scale_has_no_gradient():
    latents = torch.randn(2, 4, 3, requires_grad=True)
    noise = torch.randn(2, 4, 3)
    noised = add_noise(latents, 0.5, noise)
    torch.testing.assert_close(noised, latents + 0.5 * rms(latents) * noise)
    noised.sum().backward()
    assert latents.grad is not None and torch.equal(
        latents.grad, torch.ones_like(latents)
    )  # latents cannot grow to drown the noise


def test_unit_direction_has_unit_rms_and_leaves_zero_alone():
    gradient = torch.randn(4, 3, 5) * torch.tensor([1e-12, 1.0, 1e6, 0.0]).view(4, 1, 1)
    unit = unit_direction(gradient)
    torch.testing.assert_close(rms(unit).flatten(), torch.tensor([1.0, 1.0, 1.0, 0.0]))
    torch.testing.assert_close(unit[1], gradient[1] / rms(gradient)[1])


@pytest.mark.parametrize("scale", [1e-41, 1e-38, 1e-25, 1e25, 1e38])
def test_unit_direction_of_numbers_whose_squares_are_no_floats(scale):
    gradient = torch.tensor([1.0, -2.0, 3.0, 0.5]).view(1, 2, 2)
    unit = unit_direction((gradient.double() * scale).float())
    torch.testing.assert_close(unit, gradient / rms(gradient), rtol=1e-3 if scale < 1e-38 else 1e-5, atol=1e-6)


def test_unit_direction_scales_exactly_as_a_plain_division():
    gradient = torch.randn(2000, 3, 5) * torch.logspace(-12, 12, 2000).view(-1, 1, 1)
    assert torch.equal(unit_direction(gradient), gradient / rms(gradient))


def test_within_shortens_what_is_too_long_and_nothing_else():
    delta = torch.randn(4, 3, 5)
    delta = delta / rms(delta) * torch.tensor([0.0, 0.5, 2.0, 1e6]).view(4, 1, 1)
    short = within(delta, torch.full((4, 1, 1), 1.5))
    torch.testing.assert_close(rms(short).flatten(), torch.tensor([0.0, 0.5, 1.5, 1.5]))
    assert torch.equal(short[:2], delta[:2])
    torch.testing.assert_close(short[2], delta[2] * 0.75)
