"""The denoising loop: an analytic denoiser recovers a known Gaussian with every scheduler."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from diffusers import (
    DDIMScheduler,
    DPMSolverMultistepScheduler,
    FlowMatchEulerDiscreteScheduler,
    FlowMatchHeunDiscreteScheduler,
    UniPCMultistepScheduler,
)
from torch import Tensor

from segdiff.diffusion import SegmentDenoiser, sample
from segdiff.diffusion.sampling import starting_steps

B, S, K, D = 500, 4, 2, 4
MEAN = torch.linspace(-1.5, 1.5, D)
STD = torch.linspace(0.3, 1.2, K).unsqueeze(1).expand(K, D)


class Oracle:
    """The posterior mean E[z | x] of z ~ N(MEAN, STD^2); exact for every noise level."""

    def __init__(self) -> None:
        self.calls: list[dict[str, Any]] = []

    def condition_keys(self, condition: Tensor) -> list:
        return []

    def __call__(
        self,
        latents: Tensor,
        log_snr: Tensor,
        segment_mask: Tensor,
        clean_mask: Tensor,
        before: Tensor,
        after: Tensor,
        keys: list,
        condition_mask: Tensor,
        previous: Tensor | None,
    ) -> Tensor:
        self.calls.append({"latents": latents, "log_snr": log_snr, "clean": clean_mask, "previous": previous})
        alpha, sigma = log_snr.sigmoid().sqrt()[..., None, None], (-log_snr).sigmoid().sqrt()[..., None, None]
        gain = alpha * STD**2 / (alpha**2 * STD**2 + sigma**2)
        return torch.where(clean_mask[..., None, None], latents, MEAN + gain * (latents - alpha * MEAN))


def run(oracle: Oracle, scheduler: Any, num_steps: int, documents: int = B, **options: Any) -> Tensor:
    torch.manual_seed(0)
    noise = torch.randn(documents, S, K, D)
    if documents == B:  # mean 0 and deviation 1 exactly, so that what a linear oracle makes of it is exact as well
        noise = (noise - noise.mean((0, 1))) / noise.std((0, 1))
    mask = torch.ones(documents, S, dtype=torch.bool)
    condition, condition_mask = torch.zeros(documents, 1, 1), torch.ones(documents, 1, dtype=torch.bool)
    return sample(oracle, scheduler, num_steps, noise, mask, condition, condition_mask, **options).latents  # type: ignore[arg-type]


COSINE = {"beta_schedule": "squaredcos_cap_v2"}


def ddim(prediction: str) -> Callable[[], Any]:
    return lambda: DDIMScheduler(clip_sample=False, prediction_type=prediction, **COSINE)


def dpm(**options: Any) -> Callable[[], Any]:
    return lambda: DPMSolverMultistepScheduler(**{"prediction_type": "sample", **COSINE, **options})


def flow(shift: float) -> Callable[[], Any]:
    return lambda: FlowMatchEulerDiscreteScheduler(shift=shift)


# name -> scheduler, steps, largest error of the mean, largest relative error of the standard deviation.
# First-order solvers lose spread; the test after the next shows that it comes back with more steps. DDIM starts at
# diffusers' "leading" first step, which is not quite pure noise, and so keeps a little of the noise's mean of 0.
CASES: dict[str, tuple[Callable[[], Any], int, float, float]] = {
    "ddim-sample": (ddim("sample"), 50, 0.06, 0.06),
    "ddim-epsilon": (ddim("epsilon"), 50, 0.06, 0.06),
    "ddim-velocity": (ddim("v_prediction"), 50, 0.06, 0.06),
    "dpm++-sample": (dpm(), 20, 0.001, 0.035),
    "dpm++-epsilon": (dpm(prediction_type="epsilon"), 20, 0.001, 0.035),
    "dpm++-velocity": (dpm(prediction_type="v_prediction"), 20, 0.001, 0.035),
    "dpm++-sde": (dpm(algorithm_type="sde-dpmsolver++"), 20, 0.1, 0.08),
    "unipc": (lambda: UniPCMultistepScheduler(prediction_type="sample", **COSINE), 20, 0.001, 0.035),
    "flow-1": (flow(1.0), 50, 0.001, 0.05),
    "flow-3": (flow(3.0), 50, 0.001, 0.1),
    "heun": (lambda: FlowMatchHeunDiscreteScheduler(shift=3.0), 20, 0.01, 0.02),
}


@pytest.mark.parametrize("name", CASES)
def test_recovers_a_gaussian(name):
    make, num_steps, mean_error, std_error = CASES[name]
    oracle = Oracle()
    latents = run(oracle, make(), num_steps)
    mean, std = latents.mean((0, 1)), latents.std((0, 1))
    assert (mean - MEAN).abs().max() < mean_error, mean
    assert (std / STD - 1).abs().max() < std_error, std / STD
    assert len(oracle.calls) == (2 * num_steps - 1 if name == "heun" else num_steps)
    assert oracle.calls[0]["previous"] is None and oracle.calls[1]["previous"] is not None


@pytest.mark.parametrize(("make", "limit"), [(dpm(), 0.001), (ddim("sample"), 0.03), (flow(3.0), 0.06)])
def test_error_falls_with_the_steps(make, limit):
    errors = [float((run(Oracle(), make(), steps).std((0, 1)) / STD - 1).abs().max()) for steps in (5, 20, 80)]
    assert errors[0] > errors[1] > errors[2] < limit, errors


def test_prediction_types_are_the_same_solver():
    """The adapter gives each type what it wants; the path is the same."""
    paths = [run(Oracle(), ddim(kind)(), 15, 20) for kind in ("sample", "epsilon", "v_prediction")]
    for path in paths[1:]:
        torch.testing.assert_close(path, paths[0], rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("name", CASES)
def test_denoiser_sees_the_level_of_its_unit_variance_input(name):
    """On data of unit variance the input keeps unit variance at every step."""
    make, num_steps, *_ = CASES[name]
    seen: list[Tensor] = []

    class Unit(Oracle):
        def __call__(self, latents, log_snr, *rest):
            assert (log_snr == log_snr[0, 0]).all()
            seen.append(latents.std())
            return log_snr.sigmoid().sqrt()[..., None, None] * latents

    run(Unit(), make(), num_steps)
    assert (torch.stack(seen) - 1).abs().max() < 0.06, seen


# ------------------------------------------------------------------------------ partly noised segments


def draw(documents: int = B) -> Tensor:
    """Latents of the known Gaussian."""
    generator = torch.Generator().manual_seed(5)
    return MEAN + STD * torch.randn(documents, S, K, D, generator=generator)


@pytest.mark.parametrize("name", CASES)
def test_given_segments_come_back_and_partly_noised_ones_stay_close(name):
    make, num_steps, mean_error, std_error = CASES[name]
    given = draw()
    level = torch.tensor([0.0, 0.3, 0.6, 1.0]).expand(B, -1)
    latents = run(Oracle(), make(), num_steps, latents=given, start_level=level)
    assert torch.equal(latents[:, 0], given[:, 0])

    def correlation(segment: int) -> float:
        left, right = ((x[:, segment] - MEAN) / STD for x in (latents, given))
        return float((left * right).mean() / (left.std() * right.std()))

    assert correlation(1) > (0.55 if name == "dpm++-sde" else 0.7)  # sde: the noise of its steps comes on top
    assert correlation(1) > correlation(2) + 0.2 > 0.3
    assert abs(correlation(3)) < 0.06
    for segment in (1, 2, 3):  # whatever it starts from, a segment ends as the data are
        spread = (latents[:, segment].std(0) / STD).mean(1)
        assert (spread - 1).abs().max() < std_error + 0.03, (segment, spread)
        assert (latents[:, segment].mean(0) - MEAN).abs().max() < mean_error + 0.15, segment


@pytest.mark.parametrize("make", [dpm(), flow(1.0)])
def test_segments_wait_for_the_scheduler(make):
    oracle = Oracle()
    level = torch.tensor([0.0, 0.3, 1.0, 1.0]).expand(10, -1)
    run(oracle, make(), 10, 10, latents=draw(10), start_level=level)
    log_snr = torch.stack([call["log_snr"][0] for call in oracle.calls])
    held = torch.stack([call["latents"][:, 1] for call in oracle.calls])
    start = int((log_snr[:, 1] > log_snr[0, 1]).nonzero()[0]) - 1
    assert 3 <= start <= 8
    assert (held[: start + 1] == held[0]).all() and not torch.equal(held[start + 1], held[start])
    assert (log_snr[start:, 1] == log_snr[start:, 2]).all() and (log_snr[:start, 1] > log_snr[:start, 2]).all()
    assert all(torch.equal(call["clean"][0], torch.tensor([True, False, False, False])) for call in oracle.calls)


def test_steps_before_the_first_segment_starts_are_skipped():
    oracle = Oracle()
    level = torch.tensor([0.0, 0.3, 0.3, 0.1]).expand(10, -1)
    run(oracle, dpm()(), 10, 10, latents=draw(10), start_level=level)
    assert 0 < len(oracle.calls) < 7


def test_a_level_is_rounded_down_to_a_step():
    steps = torch.tensor([-9.0, -2.0, 0.0, 2.0, 9.0])
    level = torch.tensor([1.0, 0.999, 0.5, 0.49, 1e-3, 0.0])  # log snr: -, -13.8, 0, 0.08, 13.8, -
    assert starting_steps(steps, level).tolist() == [0, 0, 2, 3, 5, 5]


def test_nothing_to_denoise_calls_nothing():
    oracle = Oracle()
    given = draw(3)
    assert torch.equal(run(oracle, dpm()(), 5, 3, latents=given, start_level=torch.zeros(3, S)), given)
    assert oracle.calls == []


def test_start_level_needs_latents():
    with pytest.raises(ValueError, match="start_level below 1 needs the clean latents"):
        run(Oracle(), dpm()(), 3, 2, start_level=torch.full((2, S), 0.5))


# ------------------------------------------------------------------------------------- a real denoiser


@pytest.fixture(scope="module")
def denoiser() -> SegmentDenoiser:
    torch.manual_seed(0)
    denoiser = SegmentDenoiser(K, D, condition_dim=8, width=16, num_layers=1, num_heads=2, max_count=S).eval()
    for layer in (denoiser.modulation, denoiser.output):
        torch.nn.init.normal_(layer.weight, std=0.3)
    return denoiser


def write(
    denoiser: SegmentDenoiser, rows: slice = slice(0, 3), scheduler: Any = None, width: int = S, **options: Any
) -> Tensor:
    """Latents of three texts of 4, 2 and 3 segments (or of some of them), zero where there is none."""
    torch.manual_seed(1)
    noise, condition = torch.randn(3, S, K, D)[rows, :width], torch.randn(3, 2, 8)[rows]
    mask = (torch.arange(width) < torch.tensor([4, 2, 3])[:, None])[rows]
    condition_mask = torch.ones(condition.shape[:2], dtype=torch.bool)
    null: dict[str, Any] = {"null_condition": torch.zeros_like(condition), "null_condition_mask": condition_mask}
    scheduler = scheduler or dpm()()
    out = sample(denoiser, scheduler, 6, noise, mask, condition, condition_mask, **null, **options)
    return torch.where(mask[..., None, None], out.latents, 0.0)


def test_guidance_of_one_runs_no_second_pass_and_another_changes_the_result(denoiser):
    sizes: list[int] = []
    hook = denoiser.register_forward_pre_hook(lambda _m, arguments: sizes.append(arguments[0].shape[0]))
    plain, guided = write(denoiser), write(denoiser, guidance_scale=2.0)
    hook.remove()
    assert sizes == [3] * 6 + [6] * 6
    assert (plain - guided).abs().max() > 1e-2


def test_guidance_of_zero_ignores_the_condition(denoiser):
    """(1 - g) * without + g * with: at 0 only the null pass counts."""
    torch.manual_seed(1)
    noise, condition = torch.randn(2, S, K, D), torch.randn(2, 2, 8)
    mask, seen = torch.ones(2, S, dtype=torch.bool), torch.ones(2, 2, dtype=torch.bool)
    null = torch.randn(2, 2, 8)
    off = sample(denoiser, dpm()(), 4, noise, mask, condition, seen, null, seen, guidance_scale=0.0)
    wanted = sample(denoiser, dpm()(), 4, noise, mask, null, seen)
    torch.testing.assert_close(off.latents, wanted.latents, rtol=1e-4, atol=1e-4)
    assert off.denoiser_calls == wanted.denoiser_calls == 4


def test_guidance_needs_a_null_condition(denoiser):
    mask = torch.ones(1, S, dtype=torch.bool)
    seen = torch.ones(1, 2, dtype=torch.bool)
    with pytest.raises(ValueError, match="guidance_scale other than 1 needs null_condition"):
        sample(denoiser, dpm()(), 2, torch.zeros(1, S, K, D), mask, torch.zeros(1, 2, 8), seen, guidance_scale=2.0)


@pytest.mark.parametrize("name", CASES)
def test_rows_do_not_depend_on_the_batch(denoiser, name):
    """Nor on its width: the batch has rows of 4, 2 and 3 segments. Noise of the solver's steps is each row's own."""

    def generators() -> list[torch.Generator]:
        return [torch.Generator().manual_seed(seed) for seed in range(3)]

    make = CASES[name][0]
    together = write(denoiser, scheduler=make(), guidance_scale=1.5, generator=generators())
    for row, count in enumerate((4, 2, 3)):
        own = generators()[row : row + 1]
        alone = write(denoiser, slice(row, row + 1), make(), count, guidance_scale=1.5, generator=own)
        torch.testing.assert_close(together[row : row + 1, :count], alone, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize(
    "options", [{}, {"guidance_scale": 2.0}, {"guidance_scale": 2.0, "guidance_interval": (0.3, 0.7)}]
)
def test_given_segments_need_the_network_once(denoiser, options):
    """The result is the same; segments that are not given in every document run at every step."""
    torch.manual_seed(4)
    given = torch.randn(3, S, K, D)
    level = torch.tensor([[0.0, 1.0, 0.0, 0.4], [0.0, 1.0, 0.0, 0.0], [0.0, 0.5, 1.0, 0.0]])
    column = torch.tensor([True, False, False, False])
    widths: list[int] = []
    hook = denoiser.register_forward_pre_hook(lambda _m, inputs: widths.append(inputs[0].shape[1]))
    plain = write(denoiser, latents=given, start_level=level, **options)
    cached = write(denoiser, latents=given, start_level=level, cached=column, **options)
    hook.remove()
    assert widths == [S] * 6 + [S - 1] * 6
    torch.testing.assert_close(cached, plain, rtol=1e-4, atol=1e-5)
    other = write(denoiser, latents=given.flip(1), start_level=level, cached=column, **options)
    assert (other - cached)[:, 1].abs().max() > 1e-3  # what is given still matters
    with pytest.raises(ValueError, match="cached names a segment that is not given"):
        write(denoiser, latents=given, start_level=level, cached=~column, **options)


def test_keys_of_the_condition_are_computed_once(denoiser, monkeypatch):
    calls: list[int] = []
    plain = SegmentDenoiser.condition_keys

    def counted(self: SegmentDenoiser, condition: Tensor) -> Any:
        calls.append(len(condition))
        return plain(self, condition)

    monkeypatch.setattr(SegmentDenoiser, "condition_keys", counted)
    write(denoiser, guidance_scale=2.0)
    assert calls == [6]  # of the condition and of none, for all of the six steps


def test_same_seed_same_latents_and_the_scheduler_is_left_usable(denoiser):
    scheduler = dpm()()
    config = dict(scheduler.config)
    first = write(denoiser, scheduler=scheduler)
    assert torch.equal(write(denoiser, scheduler=scheduler), first)
    assert dict(scheduler.config) == config


def test_on_step_is_told_every_step(denoiser):
    steps: list[int] = []
    write(denoiser, on_step=lambda step, _: steps.append(step))
    assert steps == list(range(6))


@pytest.mark.parametrize("scheduler", [DDIMScheduler(**COSINE), DDIMScheduler(clip_sample=False, thresholding=True)])
def test_clipping_scheduler_is_refused(denoiser, scheduler):
    with pytest.raises(ValueError, match="must have clip_sample=False and thresholding=False"):
        write(denoiser, scheduler=scheduler)
