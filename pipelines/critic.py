"""What the critic learns from: human texts beside the same ones spoilt.

B documents, S segments, K latents per segment, D latent width, C condition tokens.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..diffusion import SegmentCritic
from ..encoders import ConditionEncoder
from .batches import TensorBatch
from .latent_batches import LatentBatch

Spoil = Callable[[Tensor, int, Tensor, np.random.Generator], Tensor]


@dataclass
class CriticBatch(TensorBatch):
    """Human texts, and row by row what they are spoilt to; places and mask are the same."""

    human: LatentBatch
    foil: LatentBatch


class CriticObjective(nn.Module):
    """Binary cross-entropy of human texts against spoilt ones.

    Args:
        critic: to be trained.
        condition_encoder: frozen, and kept out of this module's parameters.
    """

    def __init__(self, critic: SegmentCritic, condition_encoder: ConditionEncoder) -> None:
        super().__init__()
        self.critic = critic
        self.frozen = (condition_encoder,)

    def logits(self, batch: LatentBatch) -> Tensor:
        """Logits (B,) of texts."""
        (condition_encoder,) = self.frozen
        with torch.no_grad():
            condition, condition_mask = condition_encoder(batch.condition_ids, batch.condition_mask)
        return self.critic(batch.latents, batch.segment_mask, batch.before, batch.after, condition, condition_mask)

    def forward(self, batch: CriticBatch) -> dict[str, Tensor]:
        """Losses of a batch, in nats a text, and the share of foils that is below the human text beside it."""
        human, foil = self.logits(batch.human), self.logits(batch.foil)
        terms = {"human": F.softplus(-human).mean(), "foil": F.softplus(foil).mean()}
        return {"loss": terms["human"] + terms["foil"], **terms, "told": (human > foil).float().mean()}


# ------------------------------------------------------------------------------------------------- spoiling


def _shuffled(segments: Tensor, place: int, others: Tensor, rng: np.random.Generator) -> Tensor:
    if len(segments) == 1:
        return others[:1]
    order = np.arange(len(segments))
    while (order == np.arange(len(segments))).all():
        order = rng.permutation(len(segments))
    return segments[torch.from_numpy(order)]


def _foreign(segments: Tensor, place: int, others: Tensor, rng: np.random.Generator) -> Tensor:
    spoilt = segments.clone()
    spoilt[place] = others[min(place, len(others) - 1)]
    return spoilt


def _other_half(segments: Tensor, place: int, others: Tensor, rng: np.random.Generator) -> Tensor:
    place = max(place, min(1, len(segments) - 1))  # a whole other text would be as good as this one
    rows = torch.arange(place, len(segments))
    return torch.cat([segments[:place], others[rows.clamp_max(len(others) - 1)]])


def _repeated(segments: Tensor, place: int, others: Tensor, rng: np.random.Generator) -> Tensor:
    if len(segments) == 1:
        return others[:1]
    spoilt = segments.clone()
    spoilt[place] = segments[(place + int(rng.integers(1, len(segments)))) % len(segments)]
    return spoilt


SPOILS: tuple[Spoil, ...] = (_shuffled, _foreign, _other_half, _repeated)


def spoilt(human: LatentBatch, rng: np.random.Generator) -> LatentBatch:
    """The same texts with their segments out of order, of another text or repeated, or with another's condition."""
    latents = human.latents.clone()
    ids, mask = human.condition_ids.clone(), human.condition_mask.clone()
    counts = human.segment_mask.sum(1).tolist()
    asked = human.condition_mask.any(1).nonzero().squeeze(1).tolist()
    for row, count in enumerate(counts):
        other = (row + int(rng.integers(1, max(len(counts), 2)))) % len(counts)
        kind = int(rng.integers(len(SPOILS) + 1))
        if kind == len(SPOILS) and row in asked and len(asked) > 1:
            asker = asked[(asked.index(row) + int(rng.integers(1, len(asked)))) % len(asked)]
            ids[row], mask[row] = human.condition_ids[asker], human.condition_mask[asker]
            continue
        spoil = SPOILS[kind % len(SPOILS)]
        segments = human.latents[row, :count]
        latents[row, :count] = spoil(segments, int(rng.integers(count)), human.latents[other, : counts[other]], rng)
    return replace(human, latents=latents, condition_ids=ids, condition_mask=mask)
