"""The denoising loop. B documents, S segments, K latents per segment, D latent width, C condition states."""

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from .denoiser import SegmentDenoiser
from .noise import SchedulerPath, log_snr, signal_and_noise


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
        guidance_scale: classifier-free guidance (arXiv 2207.12598), 1 = off; both passes are one batch.
        latents: (B, S, K, D) clean latents of the segments whose `start_level` is below 1.
        start_level: (B, S) noise level in [0, 1] each segment starts from: 1 = nothing is known, 0 = given. A segment
            in between is noised to the first step at or below its level and waits there until the scheduler arrives.
        before, after: (B, S) int, segments of the text before and after each; counted from the mask when None.
        generator: one per document, for schedulers that add noise.
        on_step: called with the step and the current estimate of the clean latents.

    Raises:
        ValueError: guidance without a null condition; a start level below 1 without `latents`.
    """
    guided = guidance_scale != 1.0
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
    clean_mask = first_step == num_steps  # nothing to denoise
    own_step = first_step.clamp_max(num_steps - 1)
    held = waiting_state(path, own_step, start_level, noise, latents)
    begin = int(first_step.masked_fill(~segment_mask, num_steps).min())
    if hasattr(scheduler, "set_begin_index"):
        scheduler.set_begin_index(begin)

    if guided:
        assert null_condition is not None and null_condition_mask is not None
        condition = torch.cat([condition, null_condition])
        condition_mask = torch.cat([condition_mask, null_condition_mask])
    copies = 2 if guided else 1
    keys = denoiser.condition_keys(condition)
    masks = [mask.repeat(copies, 1) for mask in (segment_mask, clean_mask)]
    places = [place.repeat(copies, 1) for place in (before, after)]
    given = clean_mask[..., None, None]
    state = held
    estimate: Tensor | None = None
    calls = 0
    for step in range(begin, num_steps):
        waiting = (first_step >= step)[..., None, None]  # not started, or starting now
        state = torch.where(waiting, held * path.scale(step), state)
        level = step_log_snr[own_step.clamp_min(step)]
        unit = torch.where(given, latents, torch.where(waiting, held, state / path.scale(step)))
        previous = None if estimate is None else estimate.repeat(copies, 1, 1, 1)
        estimate = denoiser(
            unit.repeat(copies, 1, 1, 1),
            level.repeat(copies, 1),
            *masks,
            *places,
            keys,
            condition_mask,
            previous,
        )
        calls += 1
        if guided:
            with_condition, without = estimate.chunk(2)
            estimate = torch.where(given, latents, without + guidance_scale * (with_condition - without))
        output = path.model_output(state, estimate, step)
        if step > begin and hasattr(scheduler, "last_sample") and bool((first_step == step).any()):
            scheduler.last_sample = None  # UniPC would correct a segment that starts now by where it did not come from
        randomness = {} if generator is None else step_randomness(scheduler, generator, segment_mask, state)
        state = scheduler.step(output, scheduler.timesteps[step], state, **randomness).prev_sample
        if on_step is not None:
            on_step(step, estimate)
    return SampleOutput(torch.where(given, latents, state), calls)


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
