"""Noise -> latents: the denoiser, its noise levels, its training objective and its sampler; the critic of results."""

from .critic import SegmentCritic
from .denoiser import SegmentDenoiser
from .noise import SchedulerPath
from .samplers import SAMPLERS, make_scheduler
from .sampling import SampleOutput, sample

__all__ = [
    "SAMPLERS",
    "SampleOutput",
    "SchedulerPath",
    "SegmentCritic",
    "SegmentDenoiser",
    "make_scheduler",
    "sample",
]
