"""The ladder: the same held-out stories through ever more of the system, so that a fault shows the part it comes from.

Human text, its reconstruction, its reconstruction from noised latents, its denoised latents, and stories written from
the title alone; every text is decoded free-running. B stories, S segments, K latents per segment, D latent width.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor

from ..decoders import SegmentDecoder
from ..diffusion import sample
from ..encoders.latents import add_noise, noise_level
from .corpus import Document
from .rendering import encode_texts, render
from .story import StoryPipeline
from .template import MAX_TOGETHER
from .tokenization import condition_tokens, pad_tokens, segment_tokens
from .writing import told_levels

LATENT_NOISE = (0.1, 0.3, 0.5)
START_LEVELS = (0.3, 0.6, 0.9)
NUM_EXAMPLES = 5
BATCH_STORIES = 32
WORD = re.compile(r"\w+(?:['’]\w+)*")

Stories = list[list[str]]


@dataclass(frozen=True)
class Rung:
    """One row: the texts of all stories and which of their segments (in order, all stories) have an end token."""

    name: str
    stories: Stories
    ended: list[bool]


def evaluate_ladder(
    pipeline: StoryPipeline,
    documents: Iterable[Document],
    num_stories: int = 200,
    seed: int = 0,
    guidance_scale: float = 2.0,
    num_inference_steps: int = 20,
) -> dict[str, Any]:
    """Compare every stage with the held-out text it started from.

    Args:
        pipeline: a story pipeline.
        documents: held-out stories; those with a segment that is too long for the model are left out.
        num_stories: how many are used; one alone has no "random human" row.
        seed: of all noise; story i draws from `seed + i`.
        guidance_scale: of the "sampled" row.
        num_inference_steps: of all denoised rows, counted from pure noise.

    Returns:
        "table": a dict per row (scores against the human text in 0 .. 100, the rest are shares in 0 .. 1, and `words`
        per segment); "examples": the first stories with every row's text; "settings".

    Raises:
        ValueError: no story fits.
    """
    chosen, left_out = fitting(pipeline, documents, num_stories)
    if not chosen:
        raise ValueError(f"no story fits the model: {left_out} read, each with a segment or a whole that is too long")
    human = [list(document.segments) for document in chosen]
    always = [True] * sum(map(len, human))
    rungs = [
        Rung("human", human, always),
        *([Rung("random human", other_stories(human), always)] if len(human) > 1 else []),
        *latent_rungs(pipeline, chosen, seed, num_inference_steps),
        sampled_rung(pipeline, chosen, seed, guidance_scale, num_inference_steps),
    ]
    return {
        "table": [row(rung, human) for rung in rungs],
        "examples": [
            {"title": document.title, **{rung.name: rung.stories[index] for rung in rungs}}
            for index, document in enumerate(chosen[:NUM_EXAMPLES])
        ],
        "settings": {
            "num_stories": len(chosen),
            "num_segments": len(always),
            "left_out": left_out,
            "seed": seed,
            "guidance_scale": guidance_scale,
            "num_inference_steps": num_inference_steps,
            "scheduler": type(pipeline.scheduler).__name__,
            "latent_noise": list(LATENT_NOISE),
            "start_levels": list(START_LEVELS),
        },
    }


def fitting(pipeline: StoryPipeline, documents: Iterable[Document], num_stories: int) -> tuple[list[Document], int]:
    """The first stories whose every segment fits encoder and decoder, and how many were passed over for them."""
    limit = min(pipeline.encoder.config.max_tokens, pipeline.decoder.config.max_tokens)
    chosen: list[Document] = []
    left_out = 0
    for document in documents:
        if len(chosen) >= num_stories:
            break
        tokens = segment_tokens(pipeline.tokenizer, document.segments)
        if 0 < len(tokens) <= MAX_TOGETHER and max(map(len, tokens)) <= limit:
            chosen.append(document)
        else:
            left_out += 1
    return chosen, left_out


# ------------------------------------------------------------------------------------------------- rungs


def other_stories(stories: Stories) -> Stories:
    """In place of each story the next one, cut or repeated to its number of segments: the scores of chance."""
    following = stories[1:] + stories[:1]
    return [
        [other[index % len(other)] for index in range(len(story))]
        for story, other in zip(stories, following, strict=True)
    ]


def latent_rungs(
    pipeline: StoryPipeline, documents: Sequence[Document], seed: int, num_inference_steps: int
) -> list[Rung]:
    """Reconstructed, reconstructed from noised latents, and denoised from several levels."""
    rungs: dict[str, Rung] = {}
    for start in range(0, len(documents), BATCH_STORIES):
        batch = documents[start : start + BATCH_STORIES]
        latents, mask = latent_grid(pipeline, [document.segments for document in batch])
        noise = story_noise(latents, mask, seed + start)
        grids: dict[str, tuple[Tensor, Tensor | float]] = {"reconstructed": (latents, 0.0)}
        grids |= {
            f"reconstructed, noise {strength:g}": (add_noise(latents, strength, noise), noise_level(strength))
            for strength in LATENT_NOISE
        }
        for level in START_LEVELS:
            titles = [document.title for document in batch]
            grid = denoise(pipeline, titles, latents, mask, noise, level, num_inference_steps)
            levels = told_levels(pipeline.decoder, latents.new_full(mask.shape, level), pipeline.config.decoder_level)
            grids[f"denoised from {level:g}"] = (grid, levels)
        for name, (grid, told) in grids.items():
            rung = rungs.setdefault(name, Rung(name, [], []))
            with recorded_endings(pipeline.decoder) as ended:
                rung.stories.extend(render(pipeline.decoder, pipeline.tokenizer, grid, mask, level=told))
            rung.ended.extend(ended)
    return list(rungs.values())


def sampled_rung(
    pipeline: StoryPipeline,
    documents: Sequence[Document],
    seed: int,
    guidance_scale: float,
    num_inference_steps: int,
) -> Rung:
    """Stories written from each title, with the true number of segments: one candidate, the likeliest words."""
    stories: Stories = []
    with recorded_endings(pipeline.decoder) as ended:
        for index, document in enumerate(documents):
            (story,) = pipeline(
                document.title,
                len(document.segments),
                seed=seed + index,
                guidance_scale=guidance_scale,
                num_inference_steps=num_inference_steps,
                num_candidates=1,
                known_words=False,
                temperature=0.0,
            )
            stories.append(story.segments)
    return Rung("sampled", stories, ended)


def latent_grid(pipeline: StoryPipeline, stories: Sequence[Sequence[str]]) -> tuple[Tensor, Tensor]:
    """Texts -> normalised latents (B, S, K, D) and mask (B, S)."""
    device, dtype = pipeline.denoiser.device, pipeline.denoiser.dtype
    counts = torch.tensor([len(story) for story in stories], device=device)
    mask = torch.arange(int(counts.max()), device=device) < counts[:, None]
    flat = encode_texts(pipeline.encoder, pipeline.tokenizer, [text for story in stories for text in story])
    grid = torch.zeros(*mask.shape, *flat.shape[1:], device=device, dtype=dtype)
    grid[mask] = flat.to(dtype)
    return grid, mask


def story_noise(latents: Tensor, mask: Tensor, seed: int) -> Tensor:
    """Noise like `latents` (B, S, K, D); row i is drawn by `seed + i` and does not depend on the batch."""
    noise = torch.zeros(latents.shape)
    for index, count in enumerate(mask.sum(1).tolist()):
        generator = torch.Generator().manual_seed(seed + index)
        noise[index, :count] = torch.randn(count, *latents.shape[2:], generator=generator)
    return noise.to(latents)


@torch.no_grad()
def denoise(
    pipeline: StoryPipeline,
    titles: Sequence[str | None],
    latents: Tensor,
    mask: Tensor,
    noise: Tensor,
    level: float,
    num_inference_steps: int,
) -> Tensor:
    """Noise all latents (B, S, K, D) to `level` and denoise them, given the title where there is one."""
    limit = pipeline.condition_encoder.config.max_tokens
    rows = [condition_tokens(pipeline.tokenizer, "title", title, limit) if title else [] for title in titles]
    ids, ids_mask = (tensor.to(latents.device) for tensor in pad_tokens(rows, 0))
    condition, condition_mask = pipeline.condition_encoder(ids, ids_mask)
    generators = [torch.Generator().manual_seed(index) for index in range(len(rows))]  # of stochastic schedulers
    return sample(
        pipeline.denoiser,
        pipeline.scheduler,
        num_inference_steps,
        noise,
        mask,
        condition,
        condition_mask,
        latents=latents,
        start_level=torch.full(mask.shape, level, device=latents.device, dtype=latents.dtype),
        generator=generators,
    ).latents


@contextmanager
def recorded_endings(decoder: SegmentDecoder) -> Iterator[list[bool]]:
    """A list that fills, while the context lasts, with whether each rendered segment has an end token.

    The text does not tell: a segment cut at the longest length may have fewer tokens when it is tokenised again.
    """
    ended: list[bool] = []
    generate = decoder.generate

    def recording(*args: Any, **options: Any) -> Tensor:
        token_ids = generate(*args, **options)
        ended.extend((token_ids == decoder.config.eos_token_id).any(dim=1).tolist())
        return token_ids

    decoder.generate = recording  # type: ignore[method-assign]
    try:
        yield ended
    finally:
        del decoder.generate  # the method of the class shows again


# ------------------------------------------------------------------------------------------------ scores


def row(rung: Rung, human: Stories) -> dict[str, Any]:
    """Scores of a rung against the human text, and its faults."""
    texts = [text for story in rung.stories for text in story]
    references = [text for story in human for text in story]
    return {
        "row": rung.name,
        **agreement(texts, references),
        **faults(rung.stories),
        "endless": share(not ended for ended in rung.ended),
        **diversity(texts),
    }


def agreement(texts: Sequence[str], references: Sequence[str]) -> dict[str, float]:
    """BLEU and chrF (0 .. 100) of segments against their references, and the share that is equal to them."""
    import sacrebleu

    return {
        "bleu": sacrebleu.corpus_bleu(list(texts), [list(references)], force=True).score,
        "chrf": sacrebleu.corpus_chrf(list(texts), [list(references)]).score,
        "exact": share(text == reference for text, reference in zip(texts, references, strict=True)),
    }


def faults(stories: Sequence[Sequence[str]]) -> dict[str, float]:
    """Shares of segments that are empty, repeated in their story, like the one before, or looping.

    Texts that differ only in case or outer white space count as equal; an empty segment counts as empty only.
    """
    found: list[dict[str, bool]] = []
    for story in stories:
        texts = [text.strip().casefold() for text in story]
        count = Counter(texts)
        for before, text in pairwise(["", *texts]):
            found.append(
                {
                    "empty": not text,
                    "repeated": text != "" and count[text] > 1,
                    "adjacent_duplicate": text != "" and text == before,
                    "looping": loops(text),
                }
            )
    names = ("empty", "repeated", "adjacent_duplicate", "looping")
    return {name: share(segment[name] for segment in found) for name in names}


def loops(text: str) -> bool:
    """Whether some three words follow each other three times or more in a segment."""
    return max(Counter(ngrams(words(text), 3)).values(), default=0) >= 3


def diversity(texts: Sequence[str]) -> dict[str, float]:
    """Distinct-1 and distinct-2 (Li et al., arXiv 1510.03055) over all segments, and mean words per segment."""
    tokens = [words(text) for text in texts]
    result: dict[str, float] = {}
    for size in (1, 2):
        grams = [gram for row_ in tokens for gram in ngrams(row_, size)]
        result[f"distinct_{size}"] = len(set(grams)) / max(1, len(grams))
    return {**result, "words": sum(map(len, tokens)) / max(1, len(tokens))}


def words(text: str) -> list[str]:
    """Lower-case words without punctuation."""
    return WORD.findall(text.casefold())


def ngrams(tokens: Sequence[str], size: int) -> list[tuple[str, ...]]:
    """All runs of `size` words."""
    return [tuple(tokens[start : start + size]) for start in range(len(tokens) - size + 1)]


def share(values: Iterable[bool]) -> float:
    """Share of true values; 0 where there are none."""
    drawn = list(values)
    return sum(drawn) / max(1, len(drawn))
