"""A classifier of stories: are these sentences, in this order, one story?

A small transformer on the embeddings of the sentences learns to tell human stories from the same stories spoilt. It
sees order and topic, not grammar. B stories, S segments, D dimensions of an embedding.
"""

from collections.abc import Callable, Mapping, Sequence
from random import Random
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

Array = np.ndarray

WIDTH = 128
MAX_SEGMENTS = 64
HELD_OUT = 0.1
BATCH = 64
MIN_TRAINING = 20  # stories
EASIEST, MIN_ACCURACY = "all sentences foreign", 0.7  # below it a classifier has learnt nothing to go by
Corruption = Callable[[Sequence[Array], int, Random], Array]


# ------------------------------------------------------------------------------------------- corruptions


def _shuffled(stories: Sequence[Array], index: int, random: Random) -> Array:
    story = stories[index]
    order = list(range(len(story)))
    while len(order) > 1 and order == sorted(order):
        random.shuffle(order)
    return story[order]


def _neighbours_swapped(stories: Sequence[Array], index: int, random: Random) -> Array:
    story = stories[index].copy()
    if len(story) > 1:
        place = random.randrange(len(story) - 1)
        story[[place, place + 1]] = story[[place + 1, place]]
    return story


def _one_foreign(stories: Sequence[Array], index: int, random: Random) -> Array:
    story = stories[index].copy()
    place = random.randrange(len(story))
    story[place] = _of_another(stories, index, place, len(story), random)
    return story


def _mixed(stories: Sequence[Array], index: int, random: Random) -> Array:
    count = len(stories[index])
    return np.stack([_of_another(stories, index, place, count, random) for place in range(count)])


def _repeated(stories: Sequence[Array], index: int, random: Random) -> Array:
    story = stories[index].copy()
    if len(story) > 1:
        place = random.randrange(1, len(story))
        story[place] = story[random.randrange(place)]
    return story


def _of_another(stories: Sequence[Array], index: int, place: int, count: int, random: Random) -> Array:
    other = stories[(index + random.randrange(1, len(stories))) % len(stories)]
    return other[min(place * len(other) // count, len(other) - 1)]


CORRUPTIONS: Mapping[str, Corruption] = {
    "shuffled": _shuffled,
    "neighbours swapped": _neighbours_swapped,
    "one foreign sentence": _one_foreign,
    EASIEST: _mixed,
    "one sentence repeated": _repeated,
}


# ------------------------------------------------------------------------------------------------- model


class CoherenceClassifier(nn.Module):
    """Stories as sentence embeddings -> a logit each, above 0: taken for real.

    Args:
        dimensions: D.
        width: of the transformer.
        num_layers: of it.
    """

    def __init__(self, dimensions: int, width: int = WIDTH, num_layers: int = 2) -> None:
        super().__init__()
        self.project = nn.Linear(3 * dimensions, width)
        self.likeness = nn.Linear(2, width)
        self.places = nn.Embedding(2 * MAX_SEGMENTS, width)
        layer = nn.TransformerEncoderLayer(width, 4, 2 * width, dropout=0.2, batch_first=True, norm_first=True)
        self.layers = nn.TransformerEncoder(layer, num_layers, enable_nested_tensor=False)
        self.head = nn.Sequential(nn.LayerNorm(width), nn.Dropout(0.2), nn.Linear(width, 1))

    def forward(self, vectors: Tensor, mask: Tensor) -> Tensor:
        """(B, S, D) embeddings and (B, S) mask of the sentences that exist -> (B,) logits.

        Each place sees its sentence, the one before, the product of both, how like it the likest sentence before it
        is, and its distance to the end.
        """
        before = F.pad(vectors, (0, 0, 1, 0))[:, :-1]
        scale = vectors.shape[-1] ** 0.5  # vectors of length one have tiny entries
        states = self.project(torch.cat([vectors * scale, before * scale, vectors * before * scale**2], dim=-1))
        likest = (vectors @ vectors.mT).tril(-1).amax(-1, keepdim=True)
        states = states + self.likeness(4 * torch.cat([likest, likest**16], dim=-1))  # the power: the same again
        place = torch.arange(mask.shape[1], device=mask.device).clamp_max(MAX_SEGMENTS - 1)
        to_end = (mask.sum(1, keepdim=True) - 1 - place).clamp(0, MAX_SEGMENTS - 1)
        states = states + self.places(place) + self.places(MAX_SEGMENTS + to_end)
        states = self.layers(states, src_key_padding_mask=~mask)
        pooled = (states * mask.unsqueeze(-1)).sum(1) / mask.sum(1, keepdim=True).clamp_min(1)
        return self.head(pooled).squeeze(-1)


def padded(stories: Sequence[Array]) -> tuple[Tensor, Tensor]:
    """Stories (S, D) -> (B, S, D) with zeros, and a mask (B, S)."""
    counts = [len(story) for story in stories]
    grid = np.zeros((len(stories), max(counts), stories[0].shape[1]), dtype=np.float32)
    for row, story in zip(grid, stories, strict=True):
        row[: len(story)] = story
    return torch.from_numpy(grid), torch.arange(max(counts)) < torch.tensor(counts)[:, None]


@torch.no_grad()
def probabilities(model: CoherenceClassifier, stories: Sequence[Array]) -> Array:
    """How far each story (S, D) is taken for real, (B,) in 0 .. 1; one without any sentence is not at all."""
    model.eval()
    found = np.zeros(len(stories))
    some = [index for index, story in enumerate(stories) if len(story) and np.abs(story).sum()]
    for start in range(0, len(some), 512):
        chosen = some[start : start + 512]
        found[chosen] = model(*padded([stories[index] for index in chosen])).sigmoid().numpy()
    return found


def train_classifier(
    stories: Sequence[Array], seed: int = 0, epochs: int = 8, learning_rate: float = 1e-3
) -> tuple[CoherenceClassifier, list[dict[str, Any]]]:
    """Train on human stories (S, D) against corruptions of them drawn anew in every epoch.

    Args:
        stories: at least `MIN_TRAINING`, of two sentences or more.
        seed: of weights, order and corruptions; the caller's random state stays.
        epochs: over the stories.
        learning_rate: at its highest.

    Returns:
        The classifier, and on the held-out tenth a row for real stories and each corruption: "share_real" is the share
        taken for real, "accuracy" the share told right of as many real as corrupted ones.

    Raises:
        ValueError: too few stories.
    """
    stories = [story for story in stories if 1 < len(story) <= MAX_SEGMENTS]
    if len(stories) < MIN_TRAINING:
        raise ValueError(f"the coherence classifier needs {MIN_TRAINING} judge stories of two sentences or more")
    random = Random(seed)
    held_out = max(2, int(len(stories) * HELD_OUT))
    test, train = stories[:held_out], stories[held_out:]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = CoherenceClassifier(stories[0].shape[1])
        optimizer = torch.optim.AdamW(model.parameters(), learning_rate, weight_decay=0.05)
        steps = epochs * -(-len(train) // BATCH)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, learning_rate, total_steps=steps, pct_start=0.1)
        model.train()
        for _ in range(epochs):
            order = random.sample(range(len(train)), len(train))
            for start in range(0, len(order), BATCH):
                chosen = order[start : start + BATCH]
                kinds = random.choices(list(CORRUPTIONS.values()), k=len(chosen))
                spoilt = [kind(train, index, random) for kind, index in zip(kinds, chosen, strict=True)]
                logits = model(*padded([train[index] for index in chosen] + spoilt))
                target = torch.cat([torch.ones(len(chosen)), torch.zeros(len(chosen))])
                loss = F.binary_cross_entropy_with_logits(logits, target)
                optimizer.zero_grad()
                loss.backward()  # type: ignore[no-untyped-call]
                nn.utils.clip_grad_norm_(model.parameters(), 1.0)
                optimizer.step()
                schedule.step()
    return model.eval(), held_out_accuracy(model, test, seed)


def held_out_accuracy(model: CoherenceClassifier, stories: Sequence[Array], seed: int) -> list[dict[str, Any]]:
    """What the classifier takes for real of human stories (S, D) and of each corruption of them."""
    random = Random(seed)
    real = float((probabilities(model, stories) > 0.5).mean())
    rows: list[dict[str, Any]] = [{"stories": "real", "share_real": real, "accuracy": None, "number": len(stories)}]
    for name, corrupt in CORRUPTIONS.items():
        spoilt = [corrupt(stories, index, random) for index in range(len(stories))]
        taken = float((probabilities(model, spoilt) > 0.5).mean())
        rows.append({"stories": name, "share_real": taken, "accuracy": (real + 1 - taken) / 2, "number": len(stories)})
    return rows


def accuracy_of_easiest(held_out: Sequence[dict[str, Any]]) -> float:
    """How well the easiest corruption is told, of the rows of `held_out_accuracy`."""
    return next(float(row["accuracy"]) for row in held_out if row["stories"] == EASIEST)
