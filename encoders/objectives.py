"""What makes the latent space smooth: contrastive, distilling, adversarial and prior-matching objectives on latents.

N segments, K latents per segment, D latent width, T tokens, V vocabulary, E width of another encoder's vectors.
"""

import math
from collections.abc import Callable
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from .latents import rms, unit_direction, within

Similarity = Literal["slots", "mean", "mixed"]

PROBE = 0.1  # length of a power iteration's probe over the latents' rms: small, yet above the rounding of bfloat16


def similarity(left: Tensor, right: Tensor, kind: Similarity = "mixed") -> Tensor:
    """Cosine similarities of latents (N, K, D) and (M, K, D) -> (N, M).

    Args:
        left, right: latents.
        kind: "slots" compares slot by slot; "mean" compares the means over slots, which keeps segments alike whose
            words moved by a place (that shifts every slot of aligned pooling); "mixed" is the mean of the two.
    """

    def cosine(one: Tensor, other: Tensor) -> Tensor:
        return F.normalize(one, dim=-1) @ F.normalize(other, dim=-1).T

    if kind == "slots":
        return cosine(left.flatten(1), right.flatten(1))
    if kind == "mean":
        return cosine(left.mean(1), right.mean(1))
    return (cosine(left.flatten(1), right.flatten(1)) + cosine(left.mean(1), right.mean(1))) / 2


def info_nce(
    anchor: Tensor,
    positive: Tensor,
    negative: Tensor | None,
    temperature: float,
    kind: Similarity = "mixed",
    own: Tensor | None = None,
    own_weight: float = 1.0,
) -> Tensor:
    """InfoNCE (arXiv 1807.03748) with in-batch negatives and one hard negative per anchor.

    Args:
        anchor: (N, K, D).
        positive: (N, K, D), row i means the same as anchor i; the other rows are its in-batch negatives.
        negative: (M, K, D) hard negatives (all of them are negatives of every anchor), or None.
        temperature: of the softmax over similarities.
        kind: of `similarity`.
        own: (M,) the anchor that each hard negative was made of; None: they are like the others.
        own_weight: how many other negatives an anchor's own hard one counts for (as in SimCSE, arXiv 2104.08821).

    Returns:
        Scalar loss.
    """
    logits = similarity(anchor, positive, kind)
    if negative is not None:
        hard = similarity(anchor, negative, kind)
        if own is not None:
            weight = torch.zeros_like(hard)
            weight[own, torch.arange(len(own), device=hard.device)] = temperature * math.log(own_weight)
            hard = hard + weight
        logits = torch.cat([logits, hard], dim=1)
    target = torch.arange(anchor.shape[0], device=anchor.device)
    return F.cross_entropy(logits / temperature, target)


def similarity_distillation(student: Tensor, teacher: Tensor, temperature: float, kind: Similarity = "mixed") -> Tensor:
    """How unlike two encoders find the same texts alike: divergence of their softmaxes over similarities.

    Row by row, over the other texts of the batch (as in SEED, arXiv 2101.04731, without its queue).

    Args:
        student: latents (N, K, D); below three of them there is nothing to learn.
        teacher: vectors (N, E) of length one, of any other width.
        temperature: of both softmaxes.
        kind: of the student's `similarity`.

    Returns:
        Scalar, mean Kullback-Leibler divergence from the teacher's to the student's, in nats.
    """
    own = torch.eye(len(student), dtype=torch.bool, device=student.device)

    def others(similarities: Tensor) -> Tensor:
        return (similarities[~own].view(len(student), -1) / temperature).log_softmax(dim=-1)

    with torch.autocast(student.device.type, enabled=False):  # rounding to bfloat16 would be felt: see the temperature
        target = others(teacher.float() @ teacher.float().T)
        found = others(similarity(student.float(), student.float(), kind))
    return F.kl_div(found, target, log_target=True, reduction="batchmean")


def adversarial_perturbation(
    loss: Callable[[Tensor], Tensor], latents: Tensor, radius: float, num_steps: int = 1
) -> Tensor:
    """Worst-case perturbation by gradient ascent on the decoder's loss.

    One step is that of Miyato et al. (arXiv 1605.07725). Several are projected gradient ascent (Madry et al.,
    arXiv 1706.06083), but from the latents themselves: a random start was weaker at a radius of 0.25, no better at 0.6
    and helped only at 1, where noise alone destroys the text.

    Args:
        loss: latents (N, K, D) -> scalar.
        latents: (N, K, D), normalised.
        radius: largest norm of the perturbation relative to the norm of each segment's latents.
        num_steps: ascent steps; of two or more each moves by 2.5 * radius / num_steps (at most the radius) along the
            normalised gradient and then back into the ball, so that the path can turn on its surface.

    Returns:
        Detached perturbation (N, K, D).
    """
    limit = radius * rms(latents).detach()
    delta = torch.zeros_like(latents)
    for _ in range(num_steps):
        point = (latents.detach() + delta).requires_grad_()
        (gradient,) = torch.autograd.grad(loss(point), point)
        delta = delta + limit * min(1.0, 2.5 / num_steps) * unit_direction(gradient)
        if num_steps > 1:  # a single step ends on the surface
            delta = within(delta, limit)
    return delta.detach()


def virtual_adversarial_perturbation(
    change: Callable[[Tensor], Tensor], latents: Tensor, radius: float, num_steps: int = 1
) -> Tensor:
    """The perturbation that changes the decoder's distribution most (Miyato et al., arXiv 1704.03976); needs no text.

    At the latents the divergence and its gradient are zero, so its second-order term decides: power iteration, from a
    random direction, towards the largest eigenvector of its Hessian, which is probed by finite differences.

    Args:
        change: latents (N, K, D) -> scalar, the divergence from the distribution at `latents`. It must be
            deterministic: the difference between two dropout masks would hide that of the latents.
        latents: (N, K, D), normalised.
        radius: norm of the perturbation relative to the norm of each segment's latents.
        num_steps: power iterations.

    Returns:
        Detached perturbation (N, K, D); zero for a segment whose distribution does not change at all.
    """
    scale = rms(latents).detach()
    direction = unit_direction(torch.randn_like(latents))
    for _ in range(num_steps):
        point = (latents.detach() + PROBE * scale * direction).requires_grad_()
        (gradient,) = torch.autograd.grad(change(point), point)
        direction = unit_direction(gradient)
    return radius * scale * direction


def token_divergence(clean: Tensor, moved: Tensor, mask: Tensor) -> Tensor:
    """KL(clean || moved) in nats, summed over the tokens of each segment: (N, T, V) logits, (N, T) mask -> (N,).

    Both are log-softmaxes in single precision: for distributions that are all but certain, the logarithm of a softmax
    is -inf and 0 * -inf is not a number.
    """
    expected, found = (logits.float().log_softmax(-1) for logits in (clean, moved))
    return ((expected.exp() * (expected - found)).sum(-1) * mask).sum(1)


def sliced_wasserstein(latents: Tensor, num_projections: int) -> Tensor:
    """Squared sliced Wasserstein distance of a batch of latents (N, K, D) to N(0, I) (arXiv 1804.01947), a scalar.

    Stands in for the KL of a VAE (arXiv 1312.6114). Our noise has a fixed strength relative to the latents, and for
    posteriors of fixed variance that KL is the squared norm and nothing else, which normalisation has fixed already;
    what is left to ask for is that all latents together look like the prior: every direction Gaussian, of variance 1.

    Args:
        latents: normalised; N of a few hundred, since a sample of the prior itself is about 1 / N away.
        num_projections: random directions of the K * D numbers; each is compared with the normal quantiles.
    """
    flat = latents.flatten(1).float()
    directions = F.normalize(torch.randn(flat.shape[1], num_projections, device=flat.device), dim=0)
    rank = torch.arange(flat.shape[0], device=flat.device)
    quantiles = torch.special.ndtri((rank + 0.5) / flat.shape[0])
    return ((flat @ directions).sort(dim=0).values - quantiles.unsqueeze(1)).square().mean()
