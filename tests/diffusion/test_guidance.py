"""What steers the estimate: conditions, their interval, gradients of classifiers."""

import pytest
import torch
from diffusers import DPMSolverMultistepScheduler
from torch import Tensor

from segdiff.diffusion import SAMPLERS, SegmentDenoiser, make_scheduler, sample
from segdiff.diffusion.guidance import Condition, Gradient, combine, pulled
from segdiff.diffusion.noise import log_snr, noise_level, signal_and_noise

B, S, K, D = 2, 3, 2, 4
SEEN = torch.ones(B, S, dtype=torch.bool)
ALL = torch.ones(B, 2, dtype=torch.bool)


@pytest.fixture(scope="module")
def denoiser() -> SegmentDenoiser:
    torch.manual_seed(0)
    denoiser = SegmentDenoiser(K, D, condition_dim=8, width=16, num_layers=1, num_heads=2, max_count=S).eval()
    for layer in (denoiser.modulation, denoiser.output):
        torch.nn.init.normal_(layer.weight, std=0.3)
    return denoiser


def states(seed: int) -> Tensor:
    return torch.randn(B, 2, 8, generator=torch.Generator().manual_seed(seed))


def write(denoiser: SegmentDenoiser, first: int = 1, null: int = 0, **options) -> Tensor:
    torch.manual_seed(1)
    scheduler = DPMSolverMultistepScheduler(beta_schedule="squaredcos_cap_v2", prediction_type="sample")
    noise = torch.randn(B, S, K, D)
    return sample(denoiser, scheduler, 6, noise, SEEN, states(first), ALL, states(null), ALL, **options).latents


def test_combine_adds_every_direction():
    first, second, without = torch.randn(3, B, S, K, D)
    torch.testing.assert_close(combine(torch.cat([first, without]), [3.0]), without + 3 * (first - without))
    both = combine(torch.cat([first, second, without]), [3.0, 0.5])
    torch.testing.assert_close(both, without + 3 * (first - without) + 0.5 * (second - without))


def test_several_conditions_are_one_batch_and_an_unscaled_one_does_nothing(denoiser):
    sizes: list[int] = []
    hook = denoiser.register_forward_pre_hook(lambda _m, inputs: sizes.append(inputs[0].shape[0]))
    plain = write(denoiser, guidance_scale=2.0)
    both = write(denoiser, guidance_scale=2.0, more_conditions=[Condition(states(2), ALL, 2.0)])
    swapped = write(denoiser, 2, guidance_scale=2.0, more_conditions=[Condition(states(1), ALL, 2.0)])
    off = write(denoiser, guidance_scale=2.0, more_conditions=[Condition(states(2), ALL, 0.0)])
    hook.remove()
    assert sizes == [2 * B] * 6 + [3 * B] * 18
    assert (both - plain).abs().max() > 1e-2
    torch.testing.assert_close(both, swapped, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(off, plain, rtol=1e-4, atol=1e-4)


def test_a_longer_condition_is_padded(denoiser):
    long = torch.cat([states(2), torch.full((B, 3, 8), 99.0)], dim=1)
    seen = torch.cat([ALL, torch.zeros(B, 3, dtype=torch.bool)], dim=1)
    short = write(denoiser, guidance_scale=2.0, more_conditions=[Condition(states(2), ALL, 2.0)])
    padded = write(denoiser, guidance_scale=2.0, more_conditions=[Condition(long, seen, 2.0)])
    torch.testing.assert_close(padded, short, rtol=1e-4, atol=1e-4)


def test_guidance_has_an_interval(denoiser):
    sizes: list[int] = []
    hook = denoiser.register_forward_pre_hook(lambda _m, inputs: sizes.append(inputs[0].shape[0]))
    some = write(denoiser, guidance_scale=3.0, guidance_interval=(0.3, 0.8))
    hook.remove()
    assert set(sizes) == {B, 2 * B} and sizes[0] == sizes[-1] == B
    off = write(denoiser, guidance_scale=3.0, guidance_interval=(0.0, 0.0))
    torch.testing.assert_close(off, write(denoiser), rtol=1e-4, atol=1e-4)
    assert (some - off).abs().max() > 1e-2 < (some - write(denoiser, guidance_scale=3.0)).abs().max()


def test_noise_level_inverts_log_snr():
    for level in (0.01, 0.3, 0.5, 0.99):
        assert noise_level(log_snr(*signal_and_noise(torch.tensor(level)))) == pytest.approx(level, abs=1e-5)


def test_a_gradient_is_exact_for_a_linear_classifier():
    """Posterior of z ~ N(0, 1) given x and a factor exp(a z): its mean is that without the factor plus a * variance."""
    direction = torch.randn(K, D)
    snr = torch.tensor([[-2.0, 0.0, 3.0]]).expand(B, -1)
    estimate = torch.randn(B, S, K, D)
    found = pulled(estimate, snr, [Gradient(lambda z, _: (z * direction).sum((-1, -2)), 2.0)])
    variance = (-snr).sigmoid()[..., None, None]  # 1 / (1 + signal-to-noise ratio)
    torch.testing.assert_close(found, estimate + 2 * variance * direction)


def test_gradients_pull_written_segments_only_and_add_up():
    fresh = SegmentDenoiser(K, D, condition_dim=8, width=16, num_layers=1, num_heads=2, max_count=S).eval()

    def up(z: Tensor, _snr: Tensor) -> Tensor:
        return z[..., 0].sum(-1)

    given = torch.randn(B, S, K, D)
    level = torch.tensor([0.0, 1.0, 1.0]).expand(B, -1)
    options = {"latents": given, "start_level": level}
    plain, once = write(fresh, **options), write(fresh, **options, gradients=[Gradient(up)])
    twice = write(fresh, **options, gradients=[Gradient(up), Gradient(up)])
    assert torch.equal(once[:, 0], given[:, 0])
    assert (once[:, 1:, :, 0] > plain[:, 1:, :, 0]).all()
    torch.testing.assert_close(once[:, 1:, :, 1:], plain[:, 1:, :, 1:])
    torch.testing.assert_close(write(fresh, **options, gradients=[Gradient(up, 2.0)]), twice)


@pytest.mark.parametrize("name", SAMPLERS)
def test_samplers_by_name(denoiser, name):
    torch.manual_seed(1)
    noise = torch.randn(B, S, K, D)
    level = torch.tensor([0.0, 0.4, 1.0]).expand(B, -1)
    sources = [torch.Generator().manual_seed(row) for row in range(B)]
    out = sample(
        denoiser,
        make_scheduler(name),
        8,
        noise,
        SEEN,
        states(1),
        ALL,
        latents=noise,
        start_level=level,
        generator=sources,
    )
    assert out.latents.isfinite().all() and torch.equal(out.latents[:, 0], noise[:, 0])
    assert out.denoiser_calls == (15 if name == "flow-heun" else 8)


def test_unknown_sampler():
    with pytest.raises(ValueError, match="no sampler 'flow-eulr'; did you mean 'flow-euler'"):
        make_scheduler("flow-eulr")
