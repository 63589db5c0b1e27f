"""The best of several candidates for the same segments: what is asked for first, then how good they are.

N candidates, S segments, K latents per segment, D latent width.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from transformers import PreTrainedTokenizerFast

from ..decoders import SegmentDecoder, with_neighbours
from ..diffusion import SegmentCritic
from .latents import embeddings
from .rendering import check_text
from .tokenization import pad_tokens, segment_tokens

CHOICES = ("critic", "mbr", "likelihood")
LENGTHS = {"short": 5, "medium": 9, "long": 14}  # words; the quartiles of short everyday stories lie between them
BATCH = 128  # segments whose logits are in memory at once
WORD = re.compile(r"\w+(?:['’]\w+)*")


@dataclass(frozen=True)
class Wishes:
    """What a candidate is chosen by, in this order.

    Attributes:
        mention: words that the text must have.
        words: wanted number of words a segment.
        choose: one of `CHOICES`.
    """

    mention: tuple[str, ...] = ()
    words: int | None = None
    choose: str = "mbr"


def check_words(keywords: Sequence[str], mention: Sequence[str], negative: Sequence[str]) -> None:
    """Check lists of words that a story is asked to be about, to mention and to be guided away from.

    Raises:
        ValueError: no list, an empty word, or a word that is both asked for and not.
    """
    for words, name in [(keywords, "keywords"), (mention, "mention"), (negative, "negative")]:
        if not isinstance(words, list | tuple):
            raise ValueError(f"{name} must be a list of texts; got {type(words).__name__}")
        for word in words:
            check_text(word, "a keyword" if name == "keywords" else f"a word of {name}")
    unwanted = {word.strip().casefold() for word in negative}
    for word in (*keywords, *mention):
        if word.strip().casefold() in unwanted:
            raise ValueError(f"contradictory: {word.strip()!r} is both asked for and in negative")


def check_choice(choose: str | None, has_critic: bool) -> str:
    """What candidates are chosen by; None is "critic" where the model has one, else "mbr".

    Raises:
        ValueError: an unknown choice, or a critic that the model does not have.
    """
    if choose is None:
        return "critic" if has_critic else "mbr"
    if choose not in CHOICES:
        raise ValueError(f"choose is {choose!r}; known: {', '.join(CHOICES)}")
    if choose == "critic" and not has_critic:
        raise ValueError("choose is 'critic', and this model has none; train one with: segdiff train critic")
    return choose


def make_wishes(mention: Sequence[str], words: int | str | None, choose: str, num_candidates: int) -> Wishes:
    """Check what candidates are to be chosen by; the arguments are those of `StoryPipeline`, `choose` checked.

    Raises:
        ValueError: an unknown length, or a length and nothing to choose from.
    """
    if isinstance(words, str):
        if words not in LENGTHS:
            raise ValueError(f"words_per_segment is {words!r}; it must be a number or one of {', '.join(LENGTHS)}")
        words = LENGTHS[words]
    if words is not None and (isinstance(words, bool) or not isinstance(words, int) or not 1 <= words <= 1000):
        raise ValueError(f"words_per_segment is {words}; it must be between 1 and 1000")
    if words is not None and num_candidates == 1:
        raise ValueError("words_per_segment chooses among candidates; give num_candidates of 2 or more")
    return Wishes(tuple(mention), words, choose)


def mentioned(words: Sequence[str], text: str) -> list[str]:
    """Those of `words` that `text` has, whatever their case, also with a regular ending (bicycles, rained, raining)."""
    ending = r"(?:['’]?s|es|e?d|ing)?"
    return [word for word in words if re.search(rf"(?<!\w){re.escape(word)}{ending}(?!\w)", text, re.IGNORECASE)]


def length_error(segments: Sequence[str], words: int) -> float:
    """Mean distance of the segments' numbers of words from `words`."""
    return sum(abs(len(WORD.findall(segment)) - words) for segment in segments) / len(segments)


def best(candidates: Sequence[Sequence[str]], scores: Sequence[float], wishes: Wishes) -> int:
    """Index of the best candidate; the first of equals.

    Args:
        candidates: N lists of written segments.
        scores: N numbers, more = better.
        wishes: come first.
    """

    def key(index: int) -> tuple[int, float, float]:
        written = candidates[index]
        far = length_error(written, wishes.words) if wishes.words is not None and written else 0.0
        return len(mentioned(wishes.mention, " ".join(written))), -far, scores[index]

    return max(range(len(candidates)), key=key)


def mbr_scores(latents: Tensor, meaning: slice) -> list[float]:
    """Minimum-Bayes-risk scores of N candidates: how like the others each is, by embeddings of its segments.

    The best has the smallest expected loss if any of the candidates may be the right one (as in arXiv 2212.09462). Loss
    is one minus the mean cosine of the segments at the same place.

    Args:
        latents: (N, S, K, D) of the candidates' texts.
        meaning: see `embeddings`.
    """
    num_candidates, num_segments = latents.shape[:2]
    vectors = embeddings(latents.flatten(0, 1).float(), meaning).view(num_candidates, num_segments, -1)
    alike = torch.einsum("asd,bsd->ab", vectors, vectors) / num_segments
    return ((alike.sum(1) - alike.diagonal()) / max(num_candidates - 1, 1)).tolist()


@torch.no_grad()
def critic_scores(
    critic: SegmentCritic,
    latents: Tensor,
    segment_mask: Tensor,
    before: Tensor,
    after: Tensor,
    conditions: Sequence[tuple[Tensor, Tensor]],
) -> list[float]:
    """How far the critic takes each of N candidates for what people write; the mean over `conditions`.

    Args:
        critic: of the model.
        latents: (N, S, K, D) of the candidates' texts.
        segment_mask: (N, S), True where a segment exists.
        before, after: (N, S) int, segments of the text before and after each.
        conditions: states (N, C, H) and mask (N, C) of each.
    """
    logits = [critic(latents, segment_mask, before, after, *condition) for condition in conditions]
    return torch.stack(logits).mean(0).tolist()


@torch.no_grad()
def likelihood_scores(
    decoder: SegmentDecoder,
    tokenizer: PreTrainedTokenizerFast,
    latents: Tensor,
    segment_mask: Tensor,
    levels: Tensor,
    texts: Sequence[Sequence[str]],
    written: Tensor,
) -> list[float]:
    """Mean log-probability a token that the decoder gives to what each of N candidates says.

    Args:
        latents: (N, S, K, D) that were decoded.
        segment_mask: (N, S), True where a segment exists.
        levels: (N, S, K) that the decoder was told.
        texts: of each candidate the S segments (of those that exist).
        written: (N, S), True where a segment counts.
    """
    parts = with_neighbours(latents, segment_mask, levels, decoder.config.context_window)
    limit = decoder.config.max_tokens
    rows = [tokens[:limit] for one in texts for tokens in segment_tokens(tokenizer, one)]
    loss, count = torch.zeros_like(latents[..., 0, 0]), torch.zeros_like(latents[..., 0, 0])
    found = []
    for start in range(0, len(rows), BATCH):
        ids, mask = (each.to(latents.device) for each in pad_tokens(rows[start : start + BATCH], 0))
        found.append(decoder.loss(ids, mask, *decoder.memory(*(part[start : start + BATCH] for part in parts))))
    loss[segment_mask] = torch.cat(found).to(loss)
    count[segment_mask] = torch.tensor([len(row) for row in rows], device=count.device).to(count)
    return (-(loss * written).sum(1) / (count * written).sum(1).clamp_min(1)).tolist()
