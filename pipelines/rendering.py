"""Texts -> normalised latents -> texts, for flat lists and for grids of segments.

N segments, B documents, S segments per document, K latents per segment, D latent width.
"""

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor
from transformers import PreTrainedTokenizerFast

from ..decoders import Lexicon, SegmentDecoder, with_neighbours
from ..encoders import SegmentEncoder
from .tokenization import detokenize, pad_tokens, segment_tokens


def check_text(text: str, what: str) -> None:
    """Refuse text that cannot be tokenised.

    Raises:
        ValueError: it is no text, is empty, or holds lone surrogates.
    """
    if not isinstance(text, str):
        raise ValueError(f"{what} must be text; got {type(text).__name__}")
    if not text.strip():
        raise ValueError(f"{what} is empty; give some text")
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise ValueError(f"{what} has a lone surrogate at character {error.start}; it is not valid Unicode") from None


@torch.no_grad()
def encode_texts(
    encoder: SegmentEncoder, tokenizer: PreTrainedTokenizerFast, texts: Iterable[str], batch_size: int = 256
) -> Tensor:
    """Normalised latents (N, K, D) of N segments; rows of like length run together.

    Raises:
        ValueError: a segment has more tokens than the encoder takes, or is empty.
    """
    if isinstance(texts, str):
        raise ValueError("texts is one string; give a list of segments")
    texts = list(texts)
    device, limit = encoder.latent_mean.device, encoder.config.max_tokens
    for text in texts:
        check_text(text, "a segment")
    rows = segment_tokens(tokenizer, texts)
    for text, row in zip(texts, rows, strict=True):
        if len(row) > limit:
            raise ValueError(
                f"a segment has {len(row)} tokens, at most {limit} fit: {text[:60]!r}...; cut it into shorter segments"
            )
    order = sorted(range(len(rows)), key=lambda index: len(rows[index]))
    latents = torch.empty(len(rows), *encoder.latent_mean.shape, device=device)
    for start in range(0, len(rows), batch_size):
        chosen = order[start : start + batch_size]
        ids, mask = pad_tokens([rows[index] for index in chosen], 0)
        latents[chosen] = encoder.encode(ids.to(device), mask.to(device)).to(latents)
    return latents


@torch.no_grad()
def decode_latents(
    decoder: SegmentDecoder, tokenizer: PreTrainedTokenizerFast, latents: Tensor, level: float = 0.0
) -> list[str]:
    """Normalised latents (N, K, D) -> N texts, the decoder's likeliest, as one batch; each segment on its own.

    Raises:
        ValueError: latents of another shape than the model's.
    """
    shape = (decoder.config.num_latents, decoder.config.latent_dim)
    if latents.ndim != 3 or tuple(latents.shape[1:]) != shape:
        raise ValueError(f"latents have the shape {tuple(latents.shape)}; this model's are (N, {shape[0]}, {shape[1]})")
    memory, mask = decoder.memory(latents.to(decoder.own_position), level=level)
    return detokenize(tokenizer, decoder.generate(memory, mask))


@torch.no_grad()
def render(
    decoder: SegmentDecoder,
    tokenizer: PreTrainedTokenizerFast,
    latents: Tensor,
    segment_mask: Tensor,
    temperature: float = 0.0,
    uniforms: Tensor | None = None,
    level: Tensor | float = 0.0,
    batch_size: int = 512,
    wanted: Tensor | None = None,
    min_p: float = 0.0,
    lexicon: Lexicon | None = None,
) -> list[list[str]]:
    """Latents of a grid -> the texts of its existing segments, all rendered in parallel, each seeing its neighbours.

    Args:
        latents: (B, S, K, D), normalised.
        segment_mask: (B, S), True where a segment exists.
        temperature: of the decoder's sampling; 0 takes the likeliest token.
        uniforms: (B, S, max_tokens) numbers in [0, 1) for `temperature` > 0.
        level: noise levels that the decoder is told, (B, S, K) of each latent, (B, S) of all latents of a segment, or
            one for all; see `SegmentDecoder.memory`.
        batch_size: segments at once.
        wanted: (B, S), True where a text is wanted; elsewhere it is empty. None: everywhere.
        min_p, lexicon: see `SegmentDecoder.generate`.
    """
    levels = torch.as_tensor(level, dtype=latents.dtype, device=latents.device)
    levels = (levels.unsqueeze(-1) if levels.dim() == 2 else levels).expand(latents.shape[:3])
    parts = with_neighbours(latents, segment_mask, levels, decoder.config.context_window)
    drawn = uniforms[segment_mask] if uniforms is not None else None
    chosen = torch.ones_like(segment_mask) if wanted is None else wanted
    rows = chosen[segment_mask].nonzero().squeeze(1)
    texts = [""] * parts[0].shape[0]
    for part in rows.split(batch_size) if len(rows) else ():
        memory, mask = decoder.memory(*(tensor[part] for tensor in parts))
        chances = None if drawn is None else drawn[part]
        ids = decoder.generate(memory, mask, temperature, chances, min_p=min_p, lexicon=lexicon)
        for index, text in zip(part.tolist(), detokenize(tokenizer, ids), strict=True):
            texts[index] = text
    counts = segment_mask.sum(1).tolist()
    ends = torch.tensor(counts).cumsum(0).tolist()
    return [texts[end - count : end] for end, count in zip(ends, counts, strict=True)]


def read_back(
    encoder: SegmentEncoder,
    tokenizer: PreTrainedTokenizerFast,
    texts: Sequence[Sequence[str]],
    denoised: Tensor,
) -> Tensor:
    """Latents (B, S, K, D) of written texts, encoded again: what a reader sees.

    The `denoised` ones stay where a text is empty or too long for the encoder.
    """
    latents = denoised.clone()
    places = [(row, column) for row, one in enumerate(texts) for column, text in enumerate(one) if text.strip()]
    tokens = segment_tokens(tokenizer, [texts[row][column] for row, column in places])
    limit = encoder.config.max_tokens
    fit = [place for place, ids in zip(places, tokens, strict=True) if len(ids) <= limit]
    if fit:
        rows, columns = zip(*fit, strict=True)
        found = encode_texts(encoder, tokenizer, [texts[row][column] for row, column in fit])
        latents[list(rows), list(columns)] = found.to(latents)
    return latents
