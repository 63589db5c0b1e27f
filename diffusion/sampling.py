"""The denoising loop. B documents, S segments, K latents per segment, D latent width, C condition states."""

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as functional
from torch import Tensor

from .denoiser import SegmentDenoiser
from .guidance import Condition, Gradient, combine, pulled
from .noise import SchedulerPath, log_snr, noise_level, signal_and_noise


@dataclass(frozen=True)
class SampleOutput:
    """Denoised latents (B, S, K, D) and the number of denoiser calls (a guided call on two batches counts as one)."""

    latents: Tensor
    denoiser_calls: int


@torch.no_grad()
def sample(
    denoiser: SegmentDenoiser,
    scheduler: Any,
    num_inference_steps: int,
    noise: Tensor,
    segment_mask: Tensor,
    condition: Tensor,
    condition_mask: Tensor,
    null_condition: Tensor | None = None,
    null_condition_mask: Tensor | None = None,
    guidance_scale: float = 1.0,
    latents: Tensor | None = None,
    start_level: Tensor | None = None,
    before: Tensor | None = None,
    after: Tensor | None = None,
    generator: Sequence[torch.Generator] | None = None,
    on_step: Callable[[int, Tensor], None] | None = None,
    guidance_interval: tuple[float, float] = (0.0, 1.0),
    more_conditions: Sequence[Condition] = (),
    gradients: Sequence[Gradient] = (),
    cached: Tensor | None = None,
) -> SampleOutput:
    """Denoise every segment from its own starting level.

    Args:
        denoiser: in eval mode.
        scheduler: a diffusers scheduler; it owns time.
        num_inference_steps: steps of the scheduler from pure noise.
        noise: (B, S, K, D) unit-variance noise.
        segment_mask: (B, S), True where a segment exists.
        condition: (B, C, condition_dim) and condition_mask: (B, C).
        null_condition, null_condition_mask: the same shapes, for guidance; required when `guidance_scale` != 1.
        guidance_scale: classifier-free guidance (arXiv 2207.12598), 1 = off; all passes are one batch.
        latents: (B, S, K, D) clean latents of the segments whose `start_level` is below 1.
        start_level: (B, S) noise level in [0, 1] each segment starts from: 1 = nothing is known, 0 = given. A segment
            in between is noised to the first step at or below its level and waits there until the scheduler arrives.
        before, after: (B, S) int, segments of the text before and after each; counted from the mask when None.
        generator: one per document, for schedulers that add noise.
        on_step: called with the step and the current estimate of the clean latents.
        guidance_interval: lowest and highest noise level at which there is guidance (arXiv 2404.07724); at other steps
            the condition alone is used, which is also cheaper.
        more_conditions: guide as well, each by its own scale.
        gradients: pull the estimates as well.
        cached: (S,), True for segments that run through the network once, not at every step; they must be given (level
            0) in every document. The result is the same.

    Raises:
        ValueError: guidance without a null condition; a start level below 1 without `latents`; `cached` segments that
            are not given.
    """
    guided = guidance_scale != 1.0 or bool(more_conditions)
    if guided and (null_condition is None or null_condition_mask is None):
        raise ValueError("guidance_scale other than 1 needs null_condition and null_condition_mask")
    if start_level is None:
        start_level = torch.ones_like(noise[..., 0, 0])
    if latents is None:
        if bool((start_level < 1).any()):
            raise ValueError("start_level below 1 needs the clean latents of those segments")
        latents = torch.zeros_like(noise)
    index = torch.arange(segment_mask.shape[1], device=segment_mask.device)
    if before is None:
        before = index.expand_as(segment_mask)
    if after is None:
        after = (segment_mask.sum(1, keepdim=True) - 1 - index).clamp_min(0)

    scheduler.set_timesteps(num_inference_steps)
    path = SchedulerPath.of(scheduler)
    num_steps = len(scheduler.timesteps)
    step_log_snr = path.log_snr().to(noise.device)
    first_step = starting_steps(step_log_snr, start_level)
    if hasattr(scheduler, "state_in_first_order"):  # Heun: the second half of a step goes on from the first
        first_step = torch.where(first_step < num_steps, first_step + first_step % 2, first_step)
    clean_mask = first_step == num_steps  # nothing to denoise
    own_step = first_step.clamp_max(num_steps - 1)
    held = waiting_state(path, own_step, start_level, noise, latents)
    begin = int(first_step.masked_fill(~segment_mask, num_steps).min())
    if hasattr(scheduler, "set_begin_index"):
        scheduler.set_begin_index(begin)

    scales = [guidance_scale, *(one.scale for one in more_conditions)]
    conditions = [(condition, condition_mask)]
    if guided:
        assert null_condition is not None and null_condition_mask is not None
        conditions += [(one.states, one.mask) for one in more_conditions]
        conditions.append((null_condition, null_condition_mask))
    states, seen = padded(conditions)
    if cached is None:
        cached = torch.zeros_like(clean_mask[0])
    elif not bool(clean_mask[:, cached].all()):
        raise ValueError("cached names a segment that is not given in every document")
    fixed = (latents, segment_mask, clean_mask, before, after, cached)
    everything = Network(denoiser, states, seen, *fixed)
    always = not guided or guidance_interval == (0.0, 1.0)
    first_only = everything if always else Network(denoiser, condition, condition_mask, *fixed)
    given = clean_mask[..., None, None]
    state = held
    estimate: Tensor | None = None
    calls = 0
    for step in range(begin, num_steps):
        waiting = (first_step >= step)[..., None, None]  # not started, or starting now
        state = torch.where(waiting, held * path.scale(step), state)
        level = step_log_snr[own_step.clamp_min(step)]
        unit = torch.where(given, latents, torch.where(waiting, held, state / path.scale(step)))
        now = guided and guidance_interval[0] <= noise_level(step_log_snr[step]) <= guidance_interval[1]
        estimate = (everything if now else first_only)(unit, level, estimate)
        calls += 1
        if now:
            estimate = combine(estimate, scales)
        if gradients:
            estimate = pulled(estimate, level, gradients)
        if now or gradients:
            estimate = torch.where(given, latents, estimate)
        output = path.model_output(state, estimate, step)
        if step > begin and hasattr(scheduler, "last_sample") and bool((first_step == step).any()):
            scheduler.last_sample = None  # UniPC would correct a segment that starts now by where it did not come from
        randomness = {} if generator is None else step_randomness(scheduler, generator, segment_mask, state)
        state = scheduler.step(output, scheduler.timesteps[step], state, **randomness).prev_sample
        if on_step is not None:
            on_step(step, estimate)
    return SampleOutput(torch.where(given, latents, state), calls)


class Network:
    """The denoiser with everything that stays the same from step to step.

    Args:
        denoiser: to be called.
        states, seen: (N * B, C, H) and (N * B, C) of N conditions.
        latents, segment_mask, clean_mask, before, after: of B documents, as in `sample`.
        cached: (S,), True for segments that are run through the network here, once.
    """

    def __init__(
        self,
        denoiser: SegmentDenoiser,
        states: Tensor,
        seen: Tensor,
        latents: Tensor,
        segment_mask: Tensor,
        clean_mask: Tensor,
        before: Tensor,
        after: Tensor,
        cached: Tensor,
    ) -> None:
        self.denoiser, self.seen, self.latents = denoiser, seen, latents
        self.copies = states.shape[0] // latents.shape[0]
        self.keys = denoiser.condition_keys(states)
        self.rest = (~cached).nonzero().squeeze(1)
        self.masks = [self._copied(mask[:, self.rest]) for mask in (segment_mask, clean_mask, before, after)]
        self.past: dict[str, Any] = {}
        if bool(cached.any()):
            place = cached.nonzero().squeeze(1)
            clean, *where = (self._copied(part[:, place]) for part in (latents, segment_mask, before, after))
            exists, earlier, later = where
            past = denoiser.clean_segments(clean, exists, earlier, later, self.keys, seen, place)
            self.past = {"position": self.rest, "past": past}

    def _copied(self, part: Tensor) -> Tensor:
        return part.repeat(self.copies, *[1] * (part.dim() - 1))

    def __call__(self, unit: Tensor, log_snr: Tensor, estimate: Tensor | None) -> Tensor:
        """Noised latents (B, S, K, D), their levels (B, S) and an earlier estimate -> (N * B, S, K, D)."""
        earlier = None if estimate is None else self._copied(estimate[:, self.rest])
        moving = [self._copied(part[:, self.rest]) for part in (unit, log_snr)]
        found = self.denoiser(*moving, *self.masks, self.keys, self.seen, earlier, **self.past)
        if not self.past:
            return found
        whole = self._copied(self.latents)
        whole[:, self.rest] = found
        return whole


def padded(conditions: Sequence[tuple[Tensor, Tensor]]) -> tuple[Tensor, Tensor]:
    """Conditions (B, C, H) and masks (B, C) of different C, below one another: (N * B, C, H) and (N * B, C)."""
    width = max(mask.shape[1] for _, mask in conditions)
    states = [functional.pad(state, (0, 0, 0, width - state.shape[1])) for state, _ in conditions]
    return torch.cat(states), torch.cat([functional.pad(mask, (0, width - mask.shape[1])) for _, mask in conditions])


def starting_steps(step_log_snr: Tensor, start_level: Tensor) -> Tensor:
    """First step that is no noisier than each segment's level (B, S): 0 for level 1, all steps for level 0."""
    wanted = log_snr(*signal_and_noise(start_level))
    steps = torch.searchsorted(step_log_snr, wanted - 1e-4)
    return steps.masked_fill(start_level <= 0, len(step_log_snr)).masked_fill(start_level >= 1, 0)


def waiting_state(path: SchedulerPath, own_step: Tensor, start_level: Tensor, noise: Tensor, latents: Tensor) -> Tensor:
    """Unit-variance state (B, S, K, D) that a segment holds until the scheduler arrives at its own step."""
    norm = torch.hypot(path.signal, path.noise)
    alpha = (path.signal / norm).to(noise)[own_step][..., None, None]
    sigma = (path.noise / norm).to(noise)[own_step][..., None, None]
    unknown = (start_level >= 1)[..., None, None]
    return torch.where(unknown, noise, alpha * latents + sigma * noise)


def step_randomness(
    scheduler: Any, generator: Sequence[torch.Generator], segment_mask: Tensor, state: Tensor
) -> dict[str, Any]:
    """What a scheduler's step draws from. Noise is drawn here where it can be, for the segments that exist only, so
    that a document's noise does not depend on the width of its batch."""
    parameters = inspect.signature(scheduler.step).parameters
    if "variance_noise" in parameters:
        noise = torch.zeros_like(state)
        for row, one in enumerate(generator):
            count, shape = int(segment_mask[row].sum()), state.shape[2:]
            drawn = torch.randn(count, *shape, generator=one, device=one.device)
            noise[row, segment_mask[row]] = drawn.to(noise)
        return {"variance_noise": noise}
    return {"generator": list(generator)} if "generator" in parameters else {}
