"""The bound against likelihoods that are known. Numbers are nats."""

import math

import pytest
import torch

from segdiff import StoryPipeline
from segdiff.pipelines.likelihood import diffusion_bound, given_context, level_grid

WIDE = level_grid(600, -16.0, 16.0, spread=None)


def gaussian(mean: torch.Tensor, scale: torch.Tensor):
    """The optimal estimate of normal latents: their posterior mean."""

    def estimate(noised: torch.Tensor, log_snr: torch.Tensor) -> torch.Tensor:
        alpha2 = log_snr.sigmoid()[..., None, None]
        return (alpha2.sqrt() * scale**2 * noised + (1 - alpha2) * mean) / (alpha2 * scale**2 + 1 - alpha2)

    return estimate


def expected_bound(estimate, latents: torch.Tensor, scored: torch.Tensor, grid) -> torch.Tensor:
    """Over noise of +1 and -1, which has the moments that the squared error of a linear estimate depends on."""
    ones = torch.ones(len(grid.log_snr), *latents.shape)
    return sum(diffusion_bound(estimate, latents, scored, grid, sign * ones) for sign in (1, -1)) / 2


def test_with_the_optimal_estimate_the_bound_is_the_likelihood_of_every_latent():
    torch.manual_seed(0)
    scale = torch.tensor([0.5, 1.0, 3.0])[:, None].expand(3, 4)  # (K, D)
    mean = torch.randn(3, 4)
    latents = mean + scale * torch.randn(7, 2, 3, 4)
    scored = torch.tensor([[True, True]] * 4 + [[True, False]] * 3)
    true = -torch.distributions.Normal(mean, scale).log_prob(latents)
    wanted = (true * scored[..., None, None]).sum((1, 3))
    torch.testing.assert_close(
        expected_bound(gaussian(mean, scale), latents, scored, WIDE), wanted, rtol=2e-3, atol=2e-2
    )


def test_drawn_noise_gives_the_same_on_average():
    torch.manual_seed(1)
    latents = 0.7 * torch.randn(64, 1, 2, 16)
    grid = level_grid(100, -10.0, 8.0, spread=3.0, center=2.0)
    noise = torch.randn(100, *latents.shape)
    scored = torch.ones(64, 1, dtype=torch.bool)
    bound = diffusion_bound(gaussian(torch.zeros(()), torch.tensor(0.7)), latents, scored, grid, noise)
    true = -torch.distributions.Normal(0.0, 0.7).log_prob(latents).mean()
    assert abs(float(bound.sum() / latents.numel() - true)) < 0.05


@pytest.mark.parametrize("high", [0.0, 3.0])
def test_the_documented_gap_of_a_coarse_last_level(high: float):
    scale = 0.8
    latents = torch.full((1, 1, 1, 1), scale)  # at one standard deviation the error is its average
    grid = level_grid(600, -16.0, high, spread=None)
    bound = expected_bound(gaussian(torch.zeros(()), torch.tensor(scale)), latents, torch.ones(1, 1).bool(), grid)
    true = -torch.distributions.Normal(0.0, scale).log_prob(latents).sum()
    assert float(bound - true) == pytest.approx(0.5 * math.log1p(math.exp(-high) / scale**2), abs=2e-3)


def test_a_wrong_estimate_costs_its_divergence():
    latents = 0.5 + torch.tensor([[[[-1.0]]], [[[1.0]]]])  # two points with the mean and the variance of N(0.5, 1)
    scored = torch.ones(2, 1, dtype=torch.bool)
    best, worse = (
        expected_bound(gaussian(torch.tensor(mean), torch.tensor(1.0)), latents, scored, WIDE).mean()
        for mean in (0.5, -0.5)
    )
    assert float(worse - best) == pytest.approx(0.5, abs=5e-3)  # KL of N(0.5, 1) from N(-0.5, 1)


def test_the_context_makes_a_candidate_likelier():
    torch.manual_seed(2)
    correlation = 0.9
    first = torch.randn(5, 1, 2, 3)
    latents = torch.cat([first, correlation * first + math.sqrt(1 - correlation**2) * torch.randn(5, 1, 2, 3)], dim=1)
    scored = torch.tensor([[False, True]] * 5)

    def estimate(noised: torch.Tensor, log_snr: torch.Tensor) -> torch.Tensor:
        assert torch.equal(noised[:, 0], latents[:, 0]), "the context is given as it is"
        return gaussian(correlation * noised[:, :1], torch.tensor(math.sqrt(1 - correlation**2)))(noised, log_snr)

    bound = expected_bound(estimate, latents, scored, WIDE)
    true = torch.distributions.Normal(correlation * first, math.sqrt(1 - correlation**2)).log_prob(latents[:, 1:])
    torch.testing.assert_close(bound, -true.sum((1, 3)), rtol=2e-3, atol=2e-2)


def test_hidden_segments_are_noise_alone():
    latents, noise = torch.full((2, 3, 1, 4), 7.0), torch.randn(5, 2, 3, 1, 4)
    hidden = torch.tensor([[True, False, False], [False, True, False]])
    scored = torch.tensor([[False, True, False], [True, False, False]])
    seen = []

    def estimate(noised: torch.Tensor, log_snr: torch.Tensor) -> torch.Tensor:
        seen.append(log_snr)
        assert torch.equal(noised[hidden], noise[len(seen) - 1][hidden])
        assert bool((noised[:, 2] == 7).all())
        return noised

    diffusion_bound(estimate, latents, scored, level_grid(5), noise, hidden)
    assert len(seen) == 5
    assert all(bool((levels[hidden] == -14).all() and (levels[scored] > -14).all()) for levels in seen)


def bound_of(pipeline: StoryPipeline, latents: torch.Tensor, mask: torch.Tensor, scored: torch.Tensor, hide: bool):
    ids = torch.zeros(len(latents), 1, dtype=torch.long)
    condition, condition_mask = pipeline.condition_encoder(ids, torch.zeros_like(ids))
    before = torch.arange(mask.shape[1]).expand_as(mask)
    after = (mask.sum(1, keepdim=True) - 1 - before).clamp_min(0)
    context = mask & ~scored
    given = torch.zeros_like(context) if hide else context
    estimate = given_context(pipeline.denoiser, mask, given, condition, condition_mask, before, after)
    grid = level_grid(4)
    noise = torch.randn(4, 2, 5, *latents.shape[2:], generator=torch.Generator().manual_seed(0))[:, :, : mask.shape[1]]
    return diffusion_bound(estimate, latents, scored, grid, noise, context if hide else None)


def test_of_a_denoiser(tiny_pipeline: StoryPipeline):
    torch.manual_seed(3)
    latents, mask = torch.randn(2, 4, 2, 8), torch.ones(2, 4, dtype=torch.bool)
    scored = torch.tensor([[False, False, False, True], [False, True, False, False]])
    other = torch.where(scored[..., None, None], latents, torch.randn_like(latents))
    given = bound_of(tiny_pipeline, latents, mask, scored, hide=False)
    assert given.shape == (2, 2) and bool(given.isfinite().all())
    assert not torch.allclose(given, bound_of(tiny_pipeline, other, mask, scored, hide=False))
    free = bound_of(tiny_pipeline, latents, mask, scored, hide=True)
    assert torch.equal(free, bound_of(tiny_pipeline, other, mask, scored, hide=True)), "nothing of a hidden text leaks"

    def padded(tensor: torch.Tensor) -> torch.Tensor:
        return torch.cat([tensor, torch.zeros_like(tensor[:, :1])], dim=1)

    wider = bound_of(tiny_pipeline, padded(latents), padded(mask), padded(scored), hide=False)
    torch.testing.assert_close(wider, given, rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("spread", [None, 1.5, 4.0])
def test_grids_integrate(spread: float | None):
    grid = level_grid(2000, -8.0, 6.0, spread)
    assert bool((grid.log_snr.diff() > 0).all()) and float(grid.log_snr[0]) > -8 and float(grid.log_snr[-1]) < 6
    assert float(grid.weight.sum()) == pytest.approx(14, rel=1e-2)
    area = (grid.weight * torch.exp(-grid.log_snr.square() / 2)).sum()
    assert float(area) == pytest.approx(math.sqrt(2 * math.pi), rel=1e-3)


def test_levels_are_densest_around_the_center():
    near = (level_grid(100, spread=1.0, center=2.0).log_snr - 2).abs() < 1.1  # half of a logistic's weight
    assert 49 <= int(near.sum()) <= 52


@pytest.mark.parametrize(
    ("arguments", "message"),
    [((0,), "samples is 0"), ((4, 2.0, 1.0), "low is 2.0 and high 1.0"), ((4, 0.0, 1.0, 0.0), "spread is 0.0")],
)
def test_impossible_grids(arguments: tuple, message: str):
    with pytest.raises(ValueError, match=message):
        level_grid(*arguments)


def test_impossible_arguments():
    latents, scored = torch.zeros(1, 2, 1, 1), torch.tensor([[True, False]])
    grid = level_grid(3)
    with pytest.raises(ValueError, match=r"noise has the shape \(1, 2, 1, 1\)"):
        diffusion_bound(lambda x, _: x, latents, scored, grid, latents)
    with pytest.raises(ValueError, match="both scored and hidden"):
        diffusion_bound(lambda x, _: x, latents, scored, grid, torch.zeros(3, 1, 2, 1, 1), scored)
