"""Noise -> latents: the denoiser, its noise levels, its training objective and its sampler."""

from .denoiser import SegmentDenoiser
from .noise import SchedulerPath
from .sampling import SampleOutput, sample

__all__ = ["SampleOutput", "SchedulerPath", "SegmentDenoiser", "sample"]
