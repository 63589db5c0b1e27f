"""Noise levels: identities in float64."""

import diffusers
import pytest
import torch

from segdiff.diffusion.noise import LOG_SNR_LIMIT, SchedulerPath, log_snr, noise_latents, signal_and_noise

LEVELS = torch.linspace(0, 1, 201, dtype=torch.float64)


def test_signal_and_noise_are_on_the_unit_circle():
    alpha, sigma = signal_and_noise(LEVELS)
    torch.testing.assert_close(alpha.square() + sigma.square(), torch.ones_like(LEVELS), rtol=0, atol=1e-15)
    assert [alpha[0].item(), sigma[0].item(), alpha[-1].item(), sigma[-1].item()] == [1, 0, 0, 1]
    assert (alpha.diff() < 0).all() and (sigma.diff() > 0).all()


def test_level_is_the_time_of_the_straight_path():
    alpha, sigma = signal_and_noise(LEVELS)
    torch.testing.assert_close(sigma / (alpha + sigma), LEVELS)


def test_log_snr_inverts():
    inner = LEVELS[1:-1]
    alpha, sigma = signal_and_noise(inner)
    value = log_snr(alpha, sigma)
    torch.testing.assert_close(value.sigmoid().sqrt(), alpha)
    torch.testing.assert_close((-value).sigmoid().sqrt(), sigma)
    torch.testing.assert_close(torch.sigmoid(-value / 2), inner)
    torch.testing.assert_close(log_snr(3 * alpha, 3 * sigma), value)  # scale-free
    ends = log_snr(*signal_and_noise(torch.tensor([0.0, 1.0], dtype=torch.float64)))
    assert ends.tolist() == [LOG_SNR_LIMIT, -LOG_SNR_LIMIT]


@pytest.mark.parametrize("level", [0.0, 0.2, 0.5, 0.9, 1.0])
def test_noised_latents_keep_unit_variance(level):
    torch.manual_seed(0)
    latents, noise = torch.randn(2, 200, 50, 4, 4, dtype=torch.float64)
    levels = torch.full((200, 50), level, dtype=torch.float64)
    noised = noise_latents(latents, levels, noise)
    assert abs(float(noised.var()) - 1) < 0.02
    alpha, _ = signal_and_noise(levels[0, 0])
    assert abs(float((noised * latents).mean()) - float(alpha)) < 0.02


def test_each_segment_has_its_own_level():
    latents, noise = torch.randn(2, 1, 2, 3, 4)
    noised = noise_latents(latents, torch.tensor([[0.0, 1.0]]), noise)
    assert torch.equal(noised[0, 0], latents[0, 0]) and torch.equal(noised[0, 1], noise[0, 1])


SCHEDULERS = {
    "ddim": diffusers.DDIMScheduler(clip_sample=False, beta_schedule="squaredcos_cap_v2"),
    "dpm": diffusers.DPMSolverMultistepScheduler(beta_schedule="squaredcos_cap_v2"),
    "unipc": diffusers.UniPCMultistepScheduler(beta_schedule="squaredcos_cap_v2"),
    "flow": diffusers.FlowMatchEulerDiscreteScheduler(shift=3.0),
    "dpm-flow": diffusers.DPMSolverMultistepScheduler(use_flow_sigmas=True, prediction_type="flow_prediction"),
}


@pytest.mark.parametrize("name", ["ddim", "dpm", "unipc", "flow"])
def test_path_is_what_the_scheduler_adds_as_noise(name):
    """`signal` and `noise` against the scheduler's own forward process."""
    scheduler = SCHEDULERS[name]
    scheduler.set_timesteps(7)
    path = SchedulerPath.of(scheduler)
    assert path.signal.shape == path.noise.shape == (7,)
    assert (path.log_snr().diff() > 0).all()
    clean, noise = torch.randn(2, 7, 5)
    steps = scheduler.timesteps
    noised = scheduler.scale_noise(clean, steps, noise) if name == "flow" else scheduler.add_noise(clean, noise, steps)
    torch.testing.assert_close(path.signal[:, None] * clean + path.noise[:, None] * noise, noised, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("prediction", ["sample", "epsilon", "v_prediction", "flow"])
def test_model_output_is_what_the_prediction_type_names(prediction):
    signal, noise = signal_and_noise(torch.tensor([0.9, 0.5, 0.1]))
    if prediction == "flow":
        signal, noise = torch.tensor([0.1, 0.5, 0.9]), torch.tensor([0.9, 0.5, 0.1])
    path = SchedulerPath(signal, noise, prediction)
    clean, epsilon = torch.randn(2, 4)
    for step in range(3):
        state = signal[step] * clean + noise[step] * epsilon
        wanted = {
            "sample": clean,
            "epsilon": epsilon,
            "v_prediction": signal[step] * epsilon - noise[step] * clean,
            "flow": epsilon - clean,
        }
        torch.testing.assert_close(path.model_output(state, clean, step), wanted[prediction], rtol=1e-4, atol=1e-5)


def test_scale_takes_unit_variance_to_the_schedulers_state():
    path = SchedulerPath(torch.tensor([0.5]), torch.tensor([0.5]), "flow")
    assert path.scale(0) == pytest.approx(0.5**0.5)


def test_noise_that_depends_on_the_batch_is_refused():
    scheduler = diffusers.FlowMatchEulerDiscreteScheduler(stochastic_sampling=True)
    scheduler.set_timesteps(4)
    with pytest.raises(ValueError, match="FlowMatchEulerDiscreteScheduler must have stochastic_sampling=False"):
        SchedulerPath.of(scheduler)


@pytest.mark.parametrize("option", ["clip_sample", "thresholding"])
def test_clipping_is_refused(option):
    scheduler = diffusers.DDIMScheduler(**{"clip_sample": False, option: True})
    scheduler.set_timesteps(3)
    with pytest.raises(ValueError, match="DDIMScheduler must have clip_sample=False and thresholding=False"):
        SchedulerPath.of(scheduler)


def test_unknown_scheduler_is_refused():
    scheduler = diffusers.CMStochasticIterativeScheduler()
    scheduler.set_timesteps(3)
    with pytest.raises(ValueError, match="CMStochasticIterativeScheduler is not supported; use DDIM"):
        SchedulerPath.of(scheduler)


def test_unknown_prediction_is_refused():
    path = SchedulerPath(torch.ones(1), torch.ones(1), "score")
    with pytest.raises(ValueError, match="prediction_type is 'score'; known: sample, epsilon, v_prediction"):
        path.model_output(torch.zeros(2), torch.zeros(2), 0)
