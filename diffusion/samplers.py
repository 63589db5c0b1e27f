"""Samplers by name: diffusers' schedulers, set up for latents. All of them take the same trained denoiser."""

from collections.abc import Callable
from difflib import get_close_matches
from typing import Any

from diffusers import (
    DDIMScheduler,
    DPMSolverMultistepScheduler,
    FlowMatchEulerDiscreteScheduler,
    FlowMatchHeunDiscreteScheduler,
    UniPCMultistepScheduler,
)

FLOW_SHIFT = 3.0  # denser near pure noise, where a text is decided (arXiv 2403.03206)
_COSINE: dict[str, Any] = {"beta_schedule": "squaredcos_cap_v2", "prediction_type": "sample"}

SAMPLERS: dict[str, Callable[[], Any]] = {
    "ddim": lambda: DDIMScheduler(clip_sample=False, timestep_spacing="trailing", **_COSINE),
    "dpm++": lambda: DPMSolverMultistepScheduler(**_COSINE),
    "dpm++sde": lambda: DPMSolverMultistepScheduler(algorithm_type="sde-dpmsolver++", **_COSINE),
    "unipc": lambda: UniPCMultistepScheduler(**_COSINE),
    "flow-euler": lambda: FlowMatchEulerDiscreteScheduler(shift=FLOW_SHIFT),
    "flow-heun": lambda: FlowMatchHeunDiscreteScheduler(shift=FLOW_SHIFT),
}


def make_scheduler(name: str) -> Any:
    """The scheduler called `name`: ddim, dpm++, dpm++sde, unipc, flow-euler or flow-heun.

    `dpm++sde` adds noise at every step, the others are deterministic. `flow-heun` calls the denoiser twice a step,
    2 * steps - 1 times in all.

    Raises:
        ValueError: there is none of this name.
    """
    if name not in SAMPLERS:
        (nearest,) = get_close_matches(name, SAMPLERS, n=1, cutoff=0)
        raise ValueError(f"no sampler {name!r}; did you mean {nearest!r}? There are: {', '.join(SAMPLERS)}")
    return SAMPLERS[name]()
