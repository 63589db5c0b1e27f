"""Autoregressive baseline: a decoder-only transformer that writes left to right, and fills in the middle.

A share of the training examples is rearranged (arXiv 2207.14255, on whole segments) to prefix, suffix, middle:

    <s> [condition] <prefix> [cut] s0 .. si <suffix> sj .. sn [cut] <middle> si+1 .. sj-1 <end>

B sequences, L tokens, V vocabulary.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from baselines.sequences import Example, Row, Vocabulary, body
from baselines.transformer import choose, pad_left
from torch import Tensor, nn
from transformers import DynamicCache, LlamaForCausalLM

from segdiff.pipelines.batches import TensorBatch, pad_rows


@dataclass
class SequenceBatch(TensorBatch):
    """Token ids (B, L), padded on the right, and which of them are predicted (B, L)."""

    ids: Tensor
    predicted: Tensor


def head(condition: Row, vocabulary: Vocabulary) -> Row:
    """What stands before the text and is not predicted."""
    return [vocabulary.bos, *condition]


def left_to_right(example: Example, vocabulary: Vocabulary) -> Row:
    """The tokens after the head, in the order of the text."""
    return [*body(example.segments, example.before, example.after, vocabulary), vocabulary.end]


def fill_in(example: Example, first: int, last: int, vocabulary: Vocabulary) -> Row:
    """The tokens after the head with the segments `first` to `last` (that one excluded) moved to the end."""
    before, middle, after = (example.segments[:first], example.segments[first:last], example.segments[last:])
    return [
        vocabulary.prefix,
        *body(before, example.before, False, vocabulary),
        vocabulary.suffix,
        *body(after, False, example.after, vocabulary),
        vocabulary.middle,
        *body(middle, False, False, vocabulary),
        vocabulary.end,
    ]


def restore(tokens: Row, vocabulary: Vocabulary) -> Row:
    """Inverse of `fill_in`: the tokens of `left_to_right`, whichever of the two it is given."""
    if tokens[0] != vocabulary.prefix:
        return tokens
    suffix, middle = tokens.index(vocabulary.suffix), tokens.index(vocabulary.middle)
    return [*tokens[1:suffix], *tokens[middle + 1 : -1], *tokens[suffix + 1 : middle], tokens[-1]]


def arrange(example: Example, vocabulary: Vocabulary, fill_in_share: float, rng: np.random.Generator) -> Row:
    """The tokens after the head, by chance rearranged around a random hole that does not reach the end."""
    count = len(example.segments)
    if count < 2 or rng.random() >= fill_in_share:
        return left_to_right(example, vocabulary)
    first, last = np.sort(rng.choice(count, 2, replace=False))
    return fill_in(example, int(first), int(last), vocabulary)


def sequence_batch(heads: Sequence[Row], rests: Sequence[Row]) -> SequenceBatch:
    """Rows of a head, which is given, and a rest, which is predicted."""
    ids, mask = pad_rows([np.array([*start, *rest]) for start, rest in zip(heads, rests, strict=True)])
    given = torch.tensor([[len(start)] for start in heads])
    return SequenceBatch(ids, mask.bool() & (torch.arange(ids.shape[1]) >= given))


def token_losses(model: LlamaForCausalLM, batch: SequenceBatch) -> Tensor:
    """Loss in nats of the predicted tokens, row by row (their number,). Padding is on the right: no mask is needed."""
    states = model.model(input_ids=batch.ids[:, :-1], use_cache=False).last_hidden_state
    predicted = batch.predicted[:, 1:]
    return F.cross_entropy(model.lm_head(states[predicted]).float(), batch.ids[:, 1:][predicted], reduction="none")


class ArObjective(nn.Module):
    """Next-token loss of a batch."""

    def __init__(self, model: LlamaForCausalLM) -> None:
        super().__init__()
        self.model = model

    def forward(self, batch: SequenceBatch) -> dict[str, Tensor]:
        return {"loss": token_losses(self.model, batch).mean()}


# -------------------------------------------------------------------------------------------------- writing


def prompt(segments: Sequence[Row | None], condition: Row, vocabulary: Vocabulary) -> tuple[Row, int]:
    """The tokens that are given of a story, and how many segments are to be written after them.

    Raises:
        ValueError: nothing is to be written, or what is to be written is no single run of segments.
    """
    holes = [index for index, segment in enumerate(segments) if segment is None]
    if not holes or holes != list(range(holes[0], holes[-1] + 1)):
        raise ValueError("the segments to be written must be one run: this model fills one hole")
    before, after = ([row for row in part if row is not None] for part in (segments[: holes[0]], segments[holes[-1] :]))
    start = head(condition, vocabulary)
    if not after:
        return [*start, *body(before, False, False, vocabulary)], len(holes)
    parts = (vocabulary.prefix, before), (vocabulary.suffix, after)
    given = [token for sign, rows in parts for token in (sign, *body(rows, False, False, vocabulary))]
    return [*start, *given, vocabulary.middle], len(holes)


@torch.no_grad()
def decode(model: LlamaForCausalLM, prompts: Sequence[Row], pick: Callable[[Tensor], Tensor | None]) -> int:
    """Decode with a key-value cache until `pick` has enough; the number of forward passes.

    Args:
        model: in eval mode.
        prompts: token ids of each row.
        pick: next-token logits (B, V) -> the token of each row (B,), or None to stop.
    """
    ids, mask = (tensor.to(model.device) for tensor in pad_left(prompts, 0))
    padded = not bool(mask.all())
    position = (mask.cumsum(1) - 1).clamp_min(0)
    cache, calls = DynamicCache(config=model.config), 0
    while True:
        out = model(
            input_ids=ids,
            attention_mask=mask if padded else None,
            position_ids=position,
            past_key_values=cache,
            use_cache=True,
            logits_to_keep=1,
        )
        calls += 1
        chosen = pick(out.logits[:, -1])
        if chosen is None:
            return calls
        ids, position = chosen.unsqueeze(1), position[:, -1:] + 1
        if padded:
            mask = F.pad(mask, (0, 1), value=1)


def write(
    model: LlamaForCausalLM,
    vocabulary: Vocabulary,
    prompts: Sequence[Row],
    counts: Sequence[int],
    temperature: float = 1.0,
    top_p: float = 0.95,
    max_tokens: int = 40,
    generator: torch.Generator | None = None,
) -> list[list[Row]]:
    """Write the missing segments of each row.

    Args:
        model: in eval mode.
        vocabulary: its ids.
        prompts: from `prompt`.
        counts: how many segments each row is to have; the text may not end before, and ends then.
        temperature: of the sampling; 0 takes the likeliest token.
        top_p: nucleus.
        max_tokens: longest segment; a longer one is cut, and has no end token.
        generator: of the sampling.

    Returns:
        The segments of each row as token ids, each with its end token.
    """
    written: list[list[Row]] = [[[]] for _ in prompts]
    banned = torch.tensor(vocabulary.never_written)

    def pick(logits: Tensor) -> Tensor | None:
        logits = logits.float()
        logits[:, banned] = -torch.inf
        fresh = torch.tensor([not rows[-1] for rows in written])
        logits[fresh, vocabulary.eos] = -torch.inf  # no empty sentence
        tokens = choose(logits, temperature, top_p, generator)
        for row, (rows, token) in enumerate(zip(written, tokens.tolist(), strict=True)):
            if finished(row):
                continue
            if len(rows[-1]) == max_tokens - 1 and token != vocabulary.eos:
                tokens[row] = vocabulary.eos  # the text goes on with a new sentence; this one counts as cut
                rows.append([])
                continue
            rows[-1].append(token)
            if token == vocabulary.eos:
                rows.append([])
        return None if all(map(finished, range(len(written)))) else tokens

    def finished(row: int) -> bool:
        return len(written[row]) > counts[row]

    decode(model, prompts, pick)
    return [rows[:-1] for rows in written]


def candidate(example: Example, first: int, last: int, vocabulary: Vocabulary) -> tuple[Row, Row]:
    """Split an example into what is given and the segments `first` to `last` (that one excluded), which are scored."""
    start, middle = head(example.condition, vocabulary), body(example.segments[first:last], False, False, vocabulary)
    if last < len(example.segments):
        rest = fill_in(example, first, last, vocabulary)
        split = rest.index(vocabulary.middle) + 1
        return [*start, *rest[:split]], middle
    return [*start, *body(example.segments[:first], example.before, False, vocabulary)], middle


@torch.no_grad()
def log_likelihoods(model: LlamaForCausalLM, heads: Sequence[Row], rests: Sequence[Row]) -> list[float]:
    """log p(rest | head) of each row, in nats."""
    batch = sequence_batch(heads, rests)
    losses = torch.zeros(batch.predicted[:, 1:].shape)
    losses[batch.predicted[:, 1:]] = token_losses(model, batch)
    return (-losses.sum(1)).tolist()
