"""Masked diffusion baseline (MDLM, arXiv 2406.07524; LLaDA, 2502.09992): a bidirectional transformer fills in masks.

The canvas of a text has its exact length: when writing, the length of each missing segment is drawn from the training
segments at that place of texts with as many segments. There are no padding tokens to predict, and the tokens that end
segments are part of the canvas, in training too: they are never masked. B sequences, L tokens, V vocabulary.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from baselines.sequences import Example, Row, Vocabulary, body
from baselines.transformer import choose
from torch import Tensor, nn
from transformers import LlamaForCausalLM

from segdiff.pipelines.batches import TensorBatch, pad_rows
from segdiff.pipelines.prepared import PreparedCorpus

MIN_LEVEL = 1e-3


@dataclass
class CanvasBatch(TensorBatch):
    """Token ids (B, L), which of them exist (B, L), and which may be masked (B, L)."""

    ids: Tensor
    exists: Tensor
    maskable: Tensor


def canvas(example: Example, given: Sequence[bool], vocabulary: Vocabulary) -> tuple[Row, list[bool]]:
    """Tokens of an example and which of them may be masked: those of the segments that are not given."""
    start = [vocabulary.bos, *example.condition]
    ids = [*start, *body(example.segments, example.before, example.after, vocabulary)]
    flags = [
        not known and token != vocabulary.eos
        for row, known in zip(example.segments, given, strict=True)
        for token in row
    ]
    return ids, [*[False] * (len(start) + example.before), *flags, *[False] * example.after]


def draw_given(count: int, share: float, rng: np.random.Generator) -> list[bool]:
    """Which of `count` segments are given: with chance `share` a random set of some, else none."""
    given = np.zeros(count, dtype=bool)
    if count > 1 and rng.random() < share:
        given[rng.permutation(count)[: int(rng.integers(1, count))]] = True
    return given.tolist()


def canvas_batch(rows: Sequence[tuple[Row, list[bool]]]) -> CanvasBatch:
    """Canvases, padded on the right."""
    ids, exists = pad_rows([np.array(row) for row, _ in rows])
    maskable = torch.zeros(ids.shape, dtype=torch.bool)
    for index, (_, flags) in enumerate(rows):
        maskable[index, : len(flags)] = torch.tensor(flags)
    return CanvasBatch(ids, exists.bool(), maskable)


def attention(exists: Tensor) -> Tensor:
    """(B, L) existing -> (B, 1, L, L) "may attend to": every token sees every existing one."""
    return exists[:, None, None, :].expand(-1, 1, exists.shape[1], -1)


def logits_at(model: LlamaForCausalLM, ids: Tensor, exists: Tensor, where: Tensor) -> Tensor:
    """Logits (number of places, V) of the places `where` (B, L) of the canvas, row by row."""
    states = model.model(input_ids=ids, attention_mask=attention(exists), use_cache=False).last_hidden_state
    return model.lm_head(states[where]).float()


class MaskedObjective(nn.Module):
    """The bound of MDLM (eq. 8) and LLaDA (eq. 3): masked tokens' loss, weighted 1 / t, over all maskable tokens.

    The levels t of a batch are spread evenly over (0, 1), which lowers the variance (arXiv 2107.00630, I.1).
    """

    def __init__(self, model: LlamaForCausalLM, vocabulary: Vocabulary) -> None:
        super().__init__()
        self.model, self.mask = model, vocabulary.mask

    def forward(self, batch: CanvasBatch) -> dict[str, Tensor]:
        count, device = len(batch.ids), batch.ids.device
        level = (torch.randperm(count, device=device) + torch.rand(1, device=device)) / count
        level = level.clamp_min(MIN_LEVEL).unsqueeze(1)
        masked = batch.maskable & (torch.rand(batch.ids.shape, device=device) < level)
        logits = logits_at(self.model, batch.ids.masked_fill(masked, self.mask), batch.exists, masked)
        losses = F.cross_entropy(logits, batch.ids[masked], reduction="none")
        weight = (1 / level).expand_as(masked)[masked]
        return {"loss": (losses * weight).sum() / batch.maskable.sum()}


# -------------------------------------------------------------------------------------------------- writing


@dataclass(frozen=True)
class LengthDrawer:
    """Draws the tokens of a segment from the training segments at its place of texts with as many segments.

    Attributes:
        by_count: number of segments of a text, as a string (it is kept as JSON) -> for each place a histogram: how many
            segments have 0, 1, 2, ... tokens, end token included.
    """

    by_count: dict[str, list[list[int]]]

    @classmethod
    def of(cls, corpus: PreparedCorpus, max_tokens: int, max_segments: int) -> "LengthDrawer":
        """Count the segments of a corpus; texts of more than `max_segments` are left out."""
        counts, flat, starts = corpus.documents.lengths, corpus.documents.flat, corpus.documents.offsets[:-1]
        lengths = corpus.segments.lengths.clip(2, max_tokens)  # at least a token to write
        found = {}
        for count in np.unique(counts[counts <= max_segments]):
            rows = starts[counts == count]
            found[str(count)] = [np.bincount(lengths[flat[rows + place]]).tolist() for place in range(count)]
        return cls(found)

    def __call__(self, place: int, count: int, rng: np.random.Generator) -> int:
        """Tokens, end token included, of the segment at `place` (0-based) of a text of `count` segments.

        Where the corpus has no text of so many segments, the nearest number stands for it.
        """
        nearest = min(self.by_count, key=lambda known: abs(int(known) - count))
        places = self.by_count[nearest]
        histogram = np.array(places[min(place, len(places) - 1)])
        return int(rng.choice(len(histogram), p=histogram / histogram.sum()))


def prompt(
    segments: Sequence[Row | None],
    condition: Row,
    vocabulary: Vocabulary,
    lengths: LengthDrawer,
    rng: np.random.Generator,
) -> tuple[Row, list[bool]]:
    """A canvas with masks where a segment is None, and which of its tokens are to be written."""
    rows = [
        [vocabulary.mask] * (lengths(place, len(segments), rng) - 1) + [vocabulary.eos] if segment is None else segment
        for place, segment in enumerate(segments)
    ]
    return canvas(Example(condition, rows), [segment is not None for segment in segments], vocabulary)


@torch.no_grad()
def unmask(
    model: LlamaForCausalLM,
    vocabulary: Vocabulary,
    batch: CanvasBatch,
    num_steps: int = 64,
    temperature: float = 1.0,
    top_p: float = 0.95,
    order_noise: float = 1.0,
    remask: bool = False,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Fill in the masks of a batch, the most confident first.

    After step k of n a share 1 - k / n of a row's tokens is masked: those whose drawn token had the least probability
    (MaskGIT, arXiv 2202.04200, and LLaDA's low-confidence remasking).

    Args:
        model: in eval mode.
        vocabulary: its ids.
        batch: from `prompt` by `canvas_batch`; its maskable tokens are written, all others stay.
        num_steps: forward passes.
        temperature: of the drawn tokens; 0 takes the likeliest.
        top_p: nucleus.
        order_noise: times a Gumbel number, falling to 0 over the steps, that is added to log confidence.
        remask: let tokens that are written compete with the new ones, with the confidence that they were written with,
            and be masked again where they lose (Mask-Predict, arXiv 1904.09324). False: what is written stays.
        generator: of the sampling.

    Returns:
        (B, L) ids.
    """
    ids = batch.ids.masked_fill(batch.maskable, vocabulary.mask)
    banned = torch.tensor([*vocabulary.never_written, vocabulary.eos], device=ids.device)
    total = batch.maskable.sum(1)
    confidence = torch.full(ids.shape, torch.inf, device=ids.device)
    for step in range(1, num_steps + 1):
        masked = batch.maskable & (ids == vocabulary.mask)
        if not masked.any():
            break
        logits = logits_at(model, ids, batch.exists, masked)
        logits[:, banned] = -torch.inf
        tokens = choose(logits, temperature, top_p, generator)
        ids[masked] = tokens
        confidence[masked] = logits.log_softmax(-1).gather(1, tokens.unsqueeze(1)).squeeze(1)
        uniform = torch.rand(ids.shape, generator=generator).to(ids.device)
        gumbel = -torch.log(-torch.log(uniform.clamp(1e-9, 1 - 1e-7)))
        score = confidence + order_noise * (1 - step / num_steps) * gumbel
        may_mask = batch.maskable if remask else masked
        score = score.masked_fill(~may_mask, torch.inf)
        left = (total * (1 - step / num_steps)).floor().long()
        rank = score.argsort(1).argsort(1)
        ids = ids.masked_fill(may_mask & (rank < left.unsqueeze(1)), vocabulary.mask)
    return ids


def written_segments(ids: Row, flags: Sequence[bool], vocabulary: Vocabulary) -> list[Row]:
    """The segments of a row of a canvas that were written, each with its end token."""
    segments: list[Row] = []
    fresh = False
    for token, flag in zip(ids, flags, strict=True):
        if flag and not fresh:
            segments.append([])
        if flag or (fresh and token == vocabulary.eos):
            segments[-1].append(token)
        fresh = flag
    return segments


@torch.no_grad()
def log_likelihood_bounds(
    model: LlamaForCausalLM,
    vocabulary: Vocabulary,
    rows: Sequence[tuple[Row, list[bool]]],
    num_samples: int = 16,
    seed: int = 0,
) -> list[float]:
    """A lower bound of log p of each canvas's maskable tokens given the others, in nats (LLaDA eq. 6).

    A sample masks l of the n tokens and weighs their loss n / l; the l of the samples are spread evenly over 1 .. n.
    The order in which tokens are masked is that of one draw for all rows, from the last token backwards: endings of
    like length see like masks.
    """
    totals = np.zeros(len(rows))
    for sample in range(num_samples):
        drawn = np.random.default_rng([seed, sample]).random(1024)
        hidden = []
        for _, flags in rows:
            places = np.flatnonzero(flags)[::-1]
            chosen = max(1, round((sample + 0.5) / num_samples * len(places)))
            hidden.append(places[np.argsort(drawn[: len(places)], kind="stable")[:chosen]])
        batch = canvas_batch(rows)
        masked = torch.zeros_like(batch.maskable)
        for row, places in enumerate(hidden):
            masked[row, places.copy()] = True
        logits = logits_at(model, batch.ids.masked_fill(masked, vocabulary.mask), batch.exists, masked)
        losses = torch.zeros(masked.shape)
        losses[masked] = F.cross_entropy(logits, batch.ids[masked], reduction="none")
        weight = batch.maskable.sum(1) / masked.sum(1)
        totals -= (losses.sum(1) * weight).numpy()
    return (totals / num_samples).tolist()
