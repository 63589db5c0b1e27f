"""Distances between latents that options are set by: what a denoiser leaves wrong, and what an inserted word moves.

B documents, S segments, N texts, K latents per segment, D latent width.
"""

from collections.abc import Iterable, Sequence

from torch import Tensor
from transformers import PreTrainedTokenizerFast

from ..encoders import SegmentEncoder
from .corpus import Document
from .ladder import BATCH_STORIES, denoise, fitting, latent_grid, story_noise
from .rendering import encode_texts
from .story import StoryPipeline
from .tokenization import segment_tokens

LEVELS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)


def denoising_errors(
    pipeline: StoryPipeline,
    documents: Iterable[Document],
    levels: Sequence[float] = LEVELS,
    num_stories: int = 100,
    seed: int = 0,
    num_inference_steps: int = 20,
) -> list[dict[str, float]]:
    """How far denoised latents are from the true ones: the noise that the decoder has to be trained for.

    All segments of a story are noised to a level and denoised, given its title where it has one, without guidance.

    Args:
        pipeline: a story pipeline.
        documents: held-out stories; those with a segment that is too long for the model are left out.
        levels: noise levels in (0, 1) to start from.
        num_stories: how many are used.
        seed: story i draws its noise from `seed + i`.
        num_inference_steps: of the sampler, counted from pure noise.

    Returns:
        A dict per level: "level"; "noise", the strength s = level / (1 - level) that a denoiser which does nothing
        leaves; "error", the root mean square of denoised minus true latents over that of the true ones. Both are
        strengths as `noise.max_strength` is. An error of 1 is what guessing the mean gives, 1.4 that of other text.

    Raises:
        ValueError: a level is not in (0, 1), or no story fits.
    """
    for level in levels:
        if not 0 < level < 1:
            raise ValueError(f"levels has {level}; every level must be above 0 and below 1")
    chosen, left_out = fitting(pipeline, documents, num_stories)
    if not chosen:
        raise ValueError(f"no story fits the model: {left_out} read, each with a segment or a whole that is too long")
    squares = dict.fromkeys(levels, 0.0)
    true_square = 0.0
    for start in range(0, len(chosen), BATCH_STORIES):
        batch = chosen[start : start + BATCH_STORIES]
        latents, mask = latent_grid(pipeline, [document.segments for document in batch])
        noise = story_noise(latents, mask, seed + start)
        titles = [document.title for document in batch]
        true_square += float(latents[mask].float().square().sum())
        for level in levels:
            found = denoise(pipeline, titles, latents, mask, noise, level, num_inference_steps)
            squares[level] += float((found - latents)[mask].float().square().sum())
    return [
        {"level": level, "noise": level / (1 - level), "error": (square / true_square) ** 0.5}
        for level, square in squares.items()
    ]


def insertion_sensitivity(
    encoder: SegmentEncoder,
    tokenizer: PreTrainedTokenizerFast,
    texts: Sequence[str],
    word: str = "really",
    positions: Sequence[float] = (0.0, 0.5, 1.0),
) -> list[dict[str, float]]:
    """How far the latents of a segment move when one word is inserted, over the distance of unrelated segments.

    Args:
        encoder, tokenizer: of one model.
        texts: segments, in an order in which neighbours are unrelated; those of fewer than two words, or that are too
            long with the word, are left out.
        word: what is inserted.
        positions: where, as shares of the words: 0 = before the first, 1 = before the last.

    Returns:
        A dict per position: "position"; "slots", the root mean square distance slot by slot (K * D numbers) over that
        of each text to the next; "mean", the same of the means over slots (D numbers). 0 = nothing moved, 1 = as far
        as another text. Aligned pooling shifts every slot after the word: "slots" counts that, "mean" hardly.

    Raises:
        ValueError: a position is not in [0, 1], or fewer than two different texts are left.
    """
    for position in positions:
        if not 0 <= position <= 1:
            raise ValueError(f"positions has {position}; every position must be between 0 and 1")

    def inserted(text: str, position: float) -> str:
        words = text.split()
        place = round(position * (len(words) - 1))
        return " ".join([*words[:place], word, *words[place:]])

    texts = [text for text in dict.fromkeys(" ".join(text.split()) for text in texts) if " " in text]
    longest = [max(map(len, segment_tokens(tokenizer, [inserted(text, at) for at in positions]))) for text in texts]
    texts = [text for text, length in zip(texts, longest, strict=True) if length <= encoder.config.max_tokens]
    if len(texts) < 2:
        raise ValueError(f"{len(texts)} texts of two words or more fit the encoder; at least two are required")

    def distances(left: Tensor, right: Tensor) -> tuple[float, float]:
        slots, means = (left - right).square(), (left.mean(1) - right.mean(1)).square()
        return float(slots.mean().sqrt()), float(means.mean().sqrt())

    latents = encode_texts(encoder, tokenizer, texts)
    apart = distances(latents, latents.roll(1, dims=0))
    rows = []
    for position in positions:
        moved = distances(latents, encode_texts(encoder, tokenizer, [inserted(text, position) for text in texts]))
        rows.append({"position": position, "slots": moved[0] / apart[0], "mean": moved[1] / apart[1]})
    return rows
