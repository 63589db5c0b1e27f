"""Distances between latents that options are set by: what a denoiser leaves wrong, and what an inserted word moves.

B documents, S segments, N texts, K latents per segment, D latent width.
"""

from collections.abc import Iterable, Sequence

from torch import Tensor

from ..encoders.latents import add_noise, noise_level
from .codec import Codec
from .corpus import Document
from .ladder import BATCH_STORIES, agreement, denoise, fitting, latent_grid, story_noise
from .rendering import render
from .story import StoryPipeline
from .writing import told_levels

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
        "bleu_denoised", of what is decoded of the denoised latents against the stories, in 0 .. 100; "bleu_random", of
        what is decoded of latents under random noise of the strength "error": where it is higher, the errors are not
        random. The decoder is told the level, or the strength of the noise.

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
    texts = [text for document in chosen for text in document.segments]
    decoded: dict[float, list[str]] = {level: [] for level in levels}
    grids: list[tuple[Tensor, Tensor, Tensor]] = []

    def decode(grid: Tensor, mask: Tensor, level: Tensor | float) -> list[str]:
        stories = render(pipeline.decoder, pipeline.tokenizer, grid, mask, level=level)
        return [text for story in stories for text in story]

    for start in range(0, len(chosen), BATCH_STORIES):
        batch = chosen[start : start + BATCH_STORIES]
        latents, mask = latent_grid(pipeline, [document.segments for document in batch])
        noise = story_noise(latents, mask, seed + start)
        grids.append((latents, mask, noise))
        titles = [document.title for document in batch]
        true_square += float(latents[mask].float().square().sum())
        for level in levels:
            found = denoise(pipeline, titles, latents, mask, noise, level, num_inference_steps)
            squares[level] += float((found - latents)[mask].float().square().sum())
            told = told_levels(pipeline.decoder, latents.new_full(mask.shape, level), pipeline.config.decoder_level)
            decoded[level] += decode(found, mask, told)
    rows = []
    for level, square in squares.items():
        error = (square / true_square) ** 0.5
        noised = [
            text
            for latents, mask, noise in grids
            for text in decode(add_noise(latents, error, noise), mask, noise_level(error))
        ]
        bleu = {"bleu_denoised": agreement(decoded[level], texts), "bleu_random": agreement(noised, texts)}
        row = {"level": level, "noise": level / (1 - level), "error": error}
        rows.append({**row, **{name: scores["bleu"] for name, scores in bleu.items()}})
    return rows


def insertion_sensitivity(
    codec: Codec,
    texts: Sequence[str],
    word: str = "really",
    positions: Sequence[float] = (0.0, 0.5, 1.0),
) -> list[dict[str, float]]:
    """How far the latents of a segment move when one word is inserted, over the distance of unrelated segments.

    Args:
        codec: the representation.
        texts: segments, in an order in which neighbours are unrelated; those of fewer than two words, or that are too
            long with the word, are left out.
        word: what is inserted.
        positions: where, as shares of the words: 0 = before the first, 1 = before the last.

    Returns:
        A dict per position: "position"; "slots", the root mean square distance slot by slot (K * D numbers) over that
        of each text to the next; "mean", the same of the means over slots (D numbers). 0 = nothing moved, 1 = as far
        as another text. Aligned pooling shifts every slot after the word: "slots" counts that, "mean" hardly. No row
        where fewer than two different texts are left.

    Raises:
        ValueError: a position is not in [0, 1].
    """
    for position in positions:
        if not 0 <= position <= 1:
            raise ValueError(f"positions has {position}; every position must be between 0 and 1")

    def inserted(text: str, position: float) -> str:
        words = text.split()
        place = round(position * (len(words) - 1))
        return " ".join([*words[:place], word, *words[place:]])

    texts = [text for text in dict.fromkeys(" ".join(text.split()) for text in texts) if " " in text]
    for position in positions:
        fits = codec.fits([inserted(text, position) for text in texts])
        texts = [text for text, fit in zip(texts, fits, strict=True) if fit]
    if len(texts) < 2:
        return []

    def distances(left: Tensor, right: Tensor) -> tuple[float, float]:
        slots, means = (left - right).square(), (left.mean(1) - right.mean(1)).square()
        return float(slots.mean().sqrt()), float(means.mean().sqrt())

    latents = codec.encode(texts)
    apart = distances(latents, latents.roll(1, dims=0))
    rows = []
    for position in positions:
        moved = distances(latents, codec.encode([inserted(text, position) for text in texts]))
        rows.append({"position": position, "slots": moved[0] / apart[0], "mean": moved[1] / apart[1]})
    return rows
