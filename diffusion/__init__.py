"""Noise -> latents: the denoiser, its noise levels, its training objective and its sampler."""

from .denoiser import SegmentDenoiser
from .noise import SchedulerPath
from .samplers import SAMPLERS, make_scheduler
from .sampling import SampleOutput, sample

__all__ = ["SAMPLERS", "SampleOutput", "SchedulerPath", "SegmentDenoiser", "make_scheduler", "sample"]
