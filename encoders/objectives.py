"""What makes the latent space smooth: contrastive and adversarial objectives on latents.

N segments, K latents per segment, D latent width.
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from .latents import rms, unit_direction


def similarity(left: Tensor, right: Tensor) -> Tensor:
    """Cosine similarities of latents (N, K, D) and (M, K, D) -> (N, M): mean of slot-wise and slot-mean cosine.

    The slot-mean half keeps segments alike whose words moved by a place, which shifts every slot of aligned pooling.
    """
    slots = F.normalize(left.flatten(1), dim=-1) @ F.normalize(right.flatten(1), dim=-1).T
    means = F.normalize(left.mean(1), dim=-1) @ F.normalize(right.mean(1), dim=-1).T
    return (slots + means) / 2


def info_nce(anchor: Tensor, positive: Tensor, negative: Tensor | None, temperature: float) -> Tensor:
    """InfoNCE (arXiv 1807.03748) with in-batch negatives and one hard negative per anchor.

    Args:
        anchor: (N, K, D).
        positive: (N, K, D), row i means the same as anchor i; the other rows are its in-batch negatives.
        negative: (N, K, D) hard negatives (all of them are negatives of every anchor), or None.
        temperature: of the softmax over similarities.

    Returns:
        Scalar loss.
    """
    logits = similarity(anchor, positive)
    if negative is not None:
        logits = torch.cat([logits, similarity(anchor, negative)], dim=1)
    target = torch.arange(anchor.shape[0], device=anchor.device)
    return F.cross_entropy(logits / temperature, target)


def adversarial_perturbation(
    loss: Callable[[Tensor], Tensor], latents: Tensor, radius: float, num_steps: int = 1
) -> Tensor:
    """Worst-case perturbation: gradient ascent on the decoder's loss (Miyato et al., arXiv 1605.07725).

    Args:
        loss: latents (N, K, D) -> scalar.
        latents: (N, K, D), normalised.
        radius: norm of the perturbation relative to the norm of each segment's latents.
        num_steps: ascent steps; each moves by radius / num_steps along the normalised gradient.

    Returns:
        Detached perturbation (N, K, D).
    """
    scale = radius * rms(latents).detach()
    delta = torch.zeros_like(latents)
    for _ in range(num_steps):
        point = (latents.detach() + delta).requires_grad_()
        (gradient,) = torch.autograd.grad(loss(point), point)
        delta = delta + scale / num_steps * unit_direction(gradient)
    return delta.detach()
