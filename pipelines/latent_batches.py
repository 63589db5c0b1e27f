"""Batches of the diffusion stage: cached latents of document windows and the condition drawn for each.

B documents, S segments, K latents per segment, D latent width, C condition tokens.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from transformers import PreTrainedTokenizerFast

from ..configs.schema import ConditionSharesConfig
from .batches import TensorBatch, pad_rows, window_mask
from .prepared import PreparedCorpus
from .tokenization import CONDITION_KINDS, token_lists


@dataclass
class LatentBatch(TensorBatch):
    """Clean latents of windows with their place in the text and a condition.

    Attributes:
        latents: (B, S, K, D), normalised.
        segment_mask: (B, S).
        before, after: (B, S) int, segments of the text before and after each.
        condition_ids, condition_mask: (B, C).
        count: (B,), segments of the whole text; 0 where the window is not the whole text.
    """

    latents: Tensor
    segment_mask: Tensor
    before: Tensor
    after: Tensor
    condition_ids: Tensor
    condition_mask: Tensor
    count: Tensor


class ConditionDrawer:
    """Draws what conditions an example: title, keywords, first segments or nothing, whichever the text has.

    Args:
        corpus: the texts.
        tokenizer: theirs.
        config: shares.
        max_tokens: longest condition that its encoder reads.
    """

    def __init__(
        self,
        corpus: PreparedCorpus,
        tokenizer: PreTrainedTokenizerFast,
        config: ConditionSharesConfig,
        max_tokens: int,
    ) -> None:
        self.corpus, self.config, self.max_tokens = corpus, config, max_tokens
        self.kind_ids = {kind: tokenizer.convert_tokens_to_ids(f"<{kind}>") for kind in CONDITION_KINDS}
        self.comma = np.array(token_lists(tokenizer, ["a,"])[0][-1:], dtype=np.int32)

    def __call__(self, window: tuple[int, int, int], rng: np.random.Generator) -> np.ndarray:
        """Token ids of the condition of a window (document, first, size); empty for none."""
        document, first, size = window
        title = self.corpus.titles[document]
        keywords = self.corpus.document_keywords[document]
        shares = {
            "title": self.config.title if len(title) else 0.0,
            "keywords": self.config.keywords if len(keywords) else 0.0,
            "start": self.config.start,
            "nothing": self.config.nothing,
        }
        kinds = list(shares)
        weights = np.array([shares[kind] for kind in kinds])
        kind = kinds[int(rng.choice(len(kinds), p=weights / weights.sum()))]
        if kind == "nothing" or rng.random() < self.config.dropout:
            return np.zeros(0, dtype=np.int32)
        if kind == "title":
            body = title
        elif kind == "keywords":
            chosen = rng.permutation(keywords)[: int(rng.integers(1, min(4, len(keywords)) + 1))]
            parts = [part for keyword in chosen for part in (self.comma, self.corpus.keywords[int(keyword)])]
            body = np.concatenate(parts[1:])
        else:
            segments = self.corpus.documents[document][first : first + int(rng.integers(1, max(1, size // 2) + 1))]
            body = np.concatenate([self.corpus.segments[int(segment)][:-1] for segment in segments])
        return np.concatenate([[self.kind_ids[kind]], body])[: self.max_tokens]


def latent_batch(
    corpus: PreparedCorpus,
    latents: Tensor,
    windows: list[tuple[int, int, int]],
    draw: ConditionDrawer,
    max_count: int,
    rng: np.random.Generator,
) -> LatentBatch:
    """Tensors of document windows.

    Args:
        corpus: the texts.
        latents: (N, K, D) normalised latents of all its segments.
        windows: (document, first segment, number of segments) each.
        draw: of conditions.
        max_count: longer texts do not teach the count head.
        rng: of this batch.
    """
    mask = window_mask(windows)
    grid = torch.zeros(*mask.shape, *latents.shape[1:])
    rows = np.concatenate([corpus.documents[doc][first : first + size] for doc, first, size in windows])
    grid[mask] = latents[torch.from_numpy(rows.astype(np.int64))].float()
    index = torch.arange(mask.shape[1])
    first_segment = torch.tensor([first for _, first, _ in windows]).unsqueeze(1)
    length = torch.from_numpy(corpus.documents.lengths[[doc for doc, _, _ in windows]]).unsqueeze(1)
    before = first_segment + index
    whole = (mask.sum(1, keepdim=True) == length) & (length <= max_count)
    condition_ids, condition_mask = pad_rows([draw(window, rng) for window in windows])
    return LatentBatch(
        latents=grid,
        segment_mask=mask,
        before=before,
        after=(length - 1 - before).clamp_min(0),
        condition_ids=condition_ids,
        condition_mask=condition_mask,
        count=(length * whole).squeeze(1),
    )
