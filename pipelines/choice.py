"""Choice tests by the model's own likelihood: the candidate whose latents the context makes likelier is taken.

B options, S segments, K latents per segment, D latent width, M noise levels.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

import torch
from torch import Tensor

from .choice_cases import Case
from .choice_scores import CHANCE, Scores, accuracy_table
from .latents import embeddings
from .likelihood import diffusion_bound, given_context, level_grid
from .rendering import encode_texts
from .story import StoryPipeline
from .tokenization import condition_tokens, pad_tokens, segment_tokens

BATCH_CASES = 16
LIKELIHOOD, GIST, EMBEDDING = "likelihood", "gist likelihood", "embedding"
LESS = ", less unconditional"
OURS = (LIKELIHOOD, LIKELIHOOD + LESS, GIST, GIST + LESS, EMBEDDING, CHANCE)


def evaluate_choice(
    pipeline: StoryPipeline,
    cases: Sequence[Case],
    samples: int = 16,
    seed: int = 0,
    others: Mapping[str, Scores] | None = None,
    show: Callable[[int], object] | None = None,
) -> tuple[dict[str, Any], dict[str, Scores]]:
    """Accuracy of every way of choosing, overall and by set.

    Args:
        pipeline: a story pipeline.
        cases: those that fit the model; see `fitting_cases`.
        samples: noise levels, M.
        seed: of all noise.
        others: scores of other systems, by the name of their row.
        show: called with the number of cases done.

    Raises:
        ValueError: another system's row has the name of one of ours.

    Returns:
        "table" (a dict per set and row: cases, accuracy, and its 95% interval as "low" and "high") and "settings", and
        the scores by row.
    """
    others = others or {}
    for name in others:
        if name in OURS:
            raise ValueError(f"the row {name!r} is our own; give the other system another name")
    scores = {**score_cases(pipeline, cases, samples, seed, show), **others}
    grid = level_grid(samples)
    settings = {
        "cases": len(cases),
        "samples": samples,
        "seed": seed,
        "log_snr": [grid.low, grid.high],
        "gist_latents": pipeline.encoder.config.gist_latents,
        "num_latents": pipeline.encoder.config.num_latents,
    }
    return {"table": accuracy_table(cases, scores), "settings": settings}, scores


def fitting_cases(pipeline: StoryPipeline, cases: Sequence[Case]) -> tuple[list[Case], list[str]]:
    """Cases that the model can read, and for each other one a line that says where it stands and why not."""
    limit = pipeline.encoder.config.max_tokens
    texts = list({text: None for case in cases for option in case.options for text in option.segments})
    length = dict(zip(texts, map(len, segment_tokens(pipeline.tokenizer, texts)), strict=True))
    kept, reasons = [], []
    for case in cases:
        longest = max((text for option in case.options for text in option.segments), key=length.__getitem__)
        if length[longest] > limit:
            reasons.append(
                f"{case.where}: a sentence has {length[longest]} tokens, at most {limit} fit: {longest[:60]!r}"
            )
        else:
            kept.append(case)
    return kept, reasons


def main_row(scores: Mapping[str, Scores]) -> str:
    """The row that stands for our model: of the gist where there is one, as that is what a sentence is about."""
    return (GIST if GIST in scores else LIKELIHOOD) + LESS


@torch.no_grad()
def score_cases(
    pipeline: StoryPipeline,
    cases: Sequence[Case],
    samples: int = 16,
    seed: int = 0,
    show: Callable[[int], object] | None = None,
) -> dict[str, Scores]:
    """Scores of every option by our model, all rows from the same two passes; see `docs/choice.md`.

    - "likelihood": minus the bound of `likelihood.py` of the candidate's latents, the context being clean and, as when
      a story is continued, its first part being the condition.
    - "gist likelihood": the part of the first `encoder.config.gist_latents` latents of that (left out without any).
    - either less the same with the context hidden and without condition: how much likelier the context makes it.
    - "embedding": cosine of candidate and context, each the mean of its sentences' embeddings.

    Every option of a case meets the same noise. A case's noise depends on `seed` and its name alone.
    """
    gist = pipeline.encoder.config.gist_latents
    rows = [LIKELIHOOD, LIKELIHOOD + LESS, *([GIST, GIST + LESS] if gist else []), EMBEDDING]
    scores: dict[str, Scores] = {row: [] for row in rows}
    for start in range(0, len(cases), BATCH_CASES):
        chosen = cases[start : start + BATCH_CASES]
        batch = OptionBatch.of(pipeline, chosen, samples, seed)
        given, free = batch.bound(pipeline, samples, hide=False), batch.bound(pipeline, samples, hide=True)
        found = {
            LIKELIHOOD: -given.sum(1),
            LIKELIHOOD + LESS: (free - given).sum(1),
            GIST: -given[:, :gist].sum(1),
            GIST + LESS: (free - given)[:, :gist].sum(1),
            EMBEDDING: batch.closeness(pipeline.encoder.meaning),
        }
        counts = [len(case.options) for case in chosen]
        for row in rows:
            scores[row] += [part.tolist() for part in found[row].double().cpu().split(counts)]
        if show is not None:
            show(len(chosen))
    return scores


@dataclass(frozen=True)
class OptionBatch:
    """All options of some cases as tensors.

    Attributes:
        latents: (B, S, K, D), normalised.
        segment_mask, scored: (B, S), which segments exist, and which of them are the candidate.
        condition_ids, condition_mask: (B, C), the first part of the context.
        noise: (M, B, S, K, D).
    """

    latents: Tensor
    segment_mask: Tensor
    scored: Tensor
    condition_ids: Tensor
    condition_mask: Tensor
    noise: Tensor

    @classmethod
    def of(cls, pipeline: StoryPipeline, cases: Sequence[Case], samples: int, seed: int) -> "OptionBatch":
        """Encode the options and draw their noise."""
        options = [option for case in cases for option in case.options]
        width = max(len(option.segments) for option in options)
        texts = list({text: None for option in options for text in option.segments})
        number = {text: index for index, text in enumerate(texts)}
        table = encode_texts(pipeline.encoder, pipeline.tokenizer, texts).to(pipeline.denoiser.dtype)
        latents = table.new_zeros(len(options), width, *table.shape[1:])
        mask = torch.zeros(len(options), width, dtype=torch.bool, device=table.device)
        scored = torch.zeros_like(mask)
        for row, option in enumerate(options):
            latents[row, : len(option.segments)] = table[[number[text] for text in option.segments]]
            mask[row, : len(option.segments)] = True
            scored[row, option.start : option.stop] = True
        limit = pipeline.condition_encoder.config.max_tokens
        prompts = [" ".join(option.segments[: option.start]) for option in options]
        tokens = [condition_tokens(pipeline.tokenizer, "start", text, limit) if text else [] for text in prompts]
        ids, ids_mask = (tensor.to(table.device) for tensor in pad_tokens(tokens, 0))
        noise = torch.zeros(samples, *latents.shape)
        drawn = [part for case in cases for part in option_noise(case, samples, tuple(table.shape[1:]), seed)]
        for row, part in enumerate(drawn):
            noise[:, row, : part.shape[1]] = part
        return cls(latents, mask, scored, ids, ids_mask, noise.to(latents))

    def bound(self, pipeline: StoryPipeline, samples: int, hide: bool) -> Tensor:
        """The bound (B, K) of the candidates given their context, or with the context and the condition hidden."""
        context = self.segment_mask & ~self.scored
        ids, ids_mask = self.condition_ids, self.condition_mask
        if hide:
            ids, ids_mask = torch.zeros_like(ids), torch.zeros_like(ids_mask)
        condition, condition_mask = pipeline.condition_encoder(ids, ids_mask)
        before = torch.arange(context.shape[1], device=context.device).expand_as(context)
        after = (self.segment_mask.sum(1, keepdim=True) - 1 - before).clamp_min(0)
        given = torch.zeros_like(context) if hide else context
        estimate = given_context(pipeline.denoiser, self.segment_mask, given, condition, condition_mask, before, after)
        grid = level_grid(samples)
        return diffusion_bound(estimate, self.latents, self.scored, grid, self.noise, context if hide else None)

    def closeness(self, meaning: slice) -> Tensor:
        """Cosine (B,) of the mean sentence embeddings of candidate and context."""
        every = embeddings(self.latents.flatten(0, 1), meaning).unflatten(0, self.latents.shape[:2])
        context = self.segment_mask & ~self.scored
        candidate, given = ((every * mask.unsqueeze(-1)).sum(1) for mask in (self.scored, context))
        return torch.cosine_similarity(candidate, given, dim=-1)


def option_noise(case: Case, samples: int, shape: tuple[int, ...], seed: int) -> list[Tensor]:
    """Noise (M, S, K, D) of each option of a case; that of candidates and of contexts is drawn once for all of them.

    Args:
        case: the case.
        samples: M.
        shape: (K, D).
        seed: with the name of the case decides the noise.
    """
    generator = torch.Generator().manual_seed(Random(f"{seed} {case.set} {case.id}").getrandbits(62))
    sizes = [max(map(len, parts)) for parts in zip(*((o.candidate, o.context) for o in case.options), strict=True)]
    candidate, context = (torch.randn(samples, size, *shape, generator=generator) for size in sizes)
    return [
        torch.cat([context[:, :start], candidate[:, : stop - start], context[:, start : size - (stop - start)]], dim=1)
        for size, start, stop in ((len(option.segments), option.start, option.stop) for option in case.options)
    ]
