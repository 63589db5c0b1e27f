"""Noise levels, and the one adapter between the denoiser and diffusers' schedulers.

A *noise level* t in [0, 1] is the time of the straight path x = (1 - t) * z + t * e: 0 is clean, 1 is noise alone.
The denoiser never sees it: it sees the log signal-to-noise ratio log(alpha^2 / sigma^2) and an input of unit variance,
alpha^2 + sigma^2 = 1, which is the same for variance-preserving and flow schedules (Kingma et al., arXiv 2107.00630).
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

LOG_SNR_LIMIT = 14.0


def signal_and_noise(level: Tensor) -> tuple[Tensor, Tensor]:
    """Noise level (...) in [0, 1] -> (alpha, sigma) with alpha^2 + sigma^2 = 1."""
    norm = torch.hypot(1 - level, level)
    return (1 - level) / norm, level / norm


def log_snr(alpha: Tensor, sigma: Tensor) -> Tensor:
    """log(alpha^2 / sigma^2), limited to +-14, where nothing changes any more."""
    tiny = 1e-12
    return (2 * (alpha.clamp_min(tiny).log() - sigma.clamp_min(tiny).log())).clamp(-LOG_SNR_LIMIT, LOG_SNR_LIMIT)


def noise_level(log_snr: Tensor | float) -> float:
    """The noise level of one log signal-to-noise ratio; inverse of `log_snr(*signal_and_noise(level))`."""
    return float(torch.sigmoid(-torch.as_tensor(log_snr) / 2))


def noise_latents(latents: Tensor, level: Tensor, noise: Tensor) -> Tensor:
    """alpha * z + sigma * e of latents (B, S, K, D) at noise levels (B, S), of unit variance."""
    alpha, sigma = (value[..., None, None] for value in signal_and_noise(level))
    return alpha * latents + sigma * noise


@dataclass(frozen=True)
class SchedulerPath:
    """What a diffusers scheduler's steps mean: its state at step i is signal[i] * z + noise[i] * e.

    Args:
        signal: (steps,) factor of the clean latents.
        noise: (steps,) factor of the noise.
        prediction: what the scheduler wants from the model: "sample", "epsilon", "v_prediction" or "flow".
    """

    signal: Tensor
    noise: Tensor
    prediction: str

    @classmethod
    def of(cls, scheduler: Any) -> "SchedulerPath":
        """Read the path of a scheduler whose timesteps are set.

        Raises:
            ValueError: the scheduler clips or thresholds samples, draws noise that depends on the batch, or is of an
                unknown kind.
        """
        config = scheduler.config
        if config.get("clip_sample") or config.get("thresholding"):
            raise ValueError(
                f"{type(scheduler).__name__} must have clip_sample=False and thresholding=False for latents"
            )
        if hasattr(scheduler, "alphas_cumprod"):
            sigmas = getattr(scheduler, "sigmas", None)
            if sigmas is not None and hasattr(scheduler, "_sigma_to_alpha_sigma_t"):
                signal, noise = scheduler._sigma_to_alpha_sigma_t(sigmas[: len(scheduler.timesteps)])
            else:
                cumulative = scheduler.alphas_cumprod[scheduler.timesteps.long().cpu()]
                signal, noise = cumulative.sqrt(), (1 - cumulative).sqrt()
            return cls(signal.float(), noise.float(), config.prediction_type)
        if config.get("stochastic_sampling"):
            raise ValueError(
                f"{type(scheduler).__name__} must have stochastic_sampling=False: what it draws depends on the batch; "
                'use DPMSolverMultistepScheduler with algorithm_type="sde-dpmsolver++"'
            )
        if type(scheduler).__name__.startswith("FlowMatch"):
            sigmas = scheduler.sigmas[: len(scheduler.timesteps)]
            return cls(1 - sigmas.float(), sigmas.float(), "flow")
        raise ValueError(f"{type(scheduler).__name__} is not supported; use DDIM, DPMSolverMultistep or FlowMatchEuler")

    def log_snr(self) -> Tensor:
        """Log signal-to-noise ratio of every step (steps,)."""
        return log_snr(self.signal, self.noise)

    def scale(self, step: int) -> float:
        """Factor from a unit-variance state to the scheduler's state."""
        return float(torch.hypot(self.signal[step], self.noise[step]))

    def model_output(self, state: Tensor, clean: Tensor, step: int) -> Tensor:
        """What the scheduler wants at `step`, from its state and the predicted clean latents.

        Raises:
            ValueError: unknown prediction type.
        """
        signal, noise = self.signal[step].to(state.device), self.noise[step].to(state.device).clamp_min(1e-6)
        if self.prediction == "sample":
            return clean
        epsilon = (state - signal * clean) / noise
        if self.prediction == "epsilon":
            return epsilon
        if self.prediction == "v_prediction":
            return signal * epsilon - noise * clean
        if self.prediction == "flow":
            return epsilon - clean
        raise ValueError(f"prediction_type is {self.prediction!r}; known: sample, epsilon, v_prediction")
