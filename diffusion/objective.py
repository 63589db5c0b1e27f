"""What the denoiser is trained for: noise levels per segment and the loss. B documents, S segments."""

import torch
from torch import Tensor

from .noise import signal_and_noise


def shifted_levels(uniform: Tensor, shift: float) -> Tensor:
    """Uniform numbers -> noise levels, denser near pure noise for shift > 1 (arXiv 2403.03206, eq. 23)."""
    return shift * uniform / (1 + (shift - 1) * uniform)


def draw_levels(
    segment_mask: Tensor, shift: float, share_given: float, share_independent: float
) -> tuple[Tensor, Tensor]:
    """Noise levels and given segments of a training batch, drawn per example.

    Three kinds of example: all segments at one level (writing from nothing); some given, the rest at one level
    (a first part, a last part, or any subset); a level per segment of its own (diffusion forcing, arXiv 2407.01392).

    Args:
        segment_mask: (B, S), True where a segment exists.
        shift: of the noise levels.
        share_given: share of examples with given segments.
        share_independent: share of examples with a level per segment.

    Returns:
        Noise levels (B, S) in [0, 1] and clean mask (B, S); at least one existing segment is never clean.
    """
    num_documents, num_segments = segment_mask.shape
    device = segment_mask.device
    stratum = torch.randperm(num_documents, device=device) + torch.rand(num_documents, device=device)
    level = shifted_levels(stratum / num_documents, shift).unsqueeze(1).expand(-1, num_segments)
    kind = torch.rand(num_documents, 1, device=device)
    own = shifted_levels(torch.rand(segment_mask.shape, device=device), shift)
    level = torch.where(kind < share_independent, own, level)

    length = segment_mask.sum(1, keepdim=True)
    index = torch.arange(num_segments, device=device)
    cut = (torch.rand(num_documents, 1, device=device) * length).floor()  # 0 .. length - 1
    shape = torch.rand(num_documents, 1, device=device)
    first = index < cut
    last = index >= length - cut
    subset = torch.rand(segment_mask.shape, device=device) < torch.rand(num_documents, 1, device=device)
    given = torch.where(shape < 0.5, first, torch.where(shape < 0.7, last, subset))
    given &= (kind >= share_independent) & (kind < share_independent + share_given) & segment_mask
    everything = given.sum(1, keepdim=True) == length
    return level, given & ~(everything & (index == cut))


def denoising_loss(estimate: Tensor, clean: Tensor, level: Tensor, wanted: Tensor, min_variance: float) -> Tensor:
    """Velocity-weighted squared error of the clean-latent estimate: |z' - z|^2 / sigma^2, its weight bounded.

    With v = alpha * e - sigma * z the error of v is the error of z over sigma (arXiv 2202.00512, appendix D).

    Args:
        estimate, clean: (B, S, K, D).
        level: (B, S) noise levels.
        wanted: (B, S), True where the loss counts (existing, not given).
        min_variance: floor of sigma^2 in the weight.

    Returns:
        (K,), of each latent the mean over wanted segments.
    """
    _, sigma = signal_and_noise(level)
    error = (estimate.float() - clean.float()).square().mean(dim=-1)
    error = error / sigma.square().clamp_min(min_variance).unsqueeze(-1)
    weight = wanted.unsqueeze(-1).to(error.dtype)
    return (error * weight).sum((0, 1)) / weight.sum().clamp_min(1)
