"""A trained representation for use from Python: texts to latents and back, and sentence embeddings.

N segments, K latents per segment, D latent width.
"""

import warnings
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Self

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor
from tqdm import tqdm
from transformers import PreTrainedTokenizerFast

from ..decoders import SegmentDecoder
from ..defaults import DEFAULT_MODEL
from ..encoders import SegmentEncoder
from .byte_tokens import ByteCounter
from .loading import check_match, load_representation
from .rendering import decode_latents, encode_texts

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

BATCHES_AHEAD = 16  # texts are sorted by length inside so many batches


class RepresentationPipeline:
    """Encoder, decoder and tokenizer of one model.

    Texts need the tokenizer that both were trained with; an encoder or decoder alone has it where it was loaded from
    the folder of a whole model.

    Args:
        encoder, decoder, tokenizer: of one model.

    Raises:
        ValueError: they are of different models.
    """

    def __init__(self, encoder: SegmentEncoder, decoder: SegmentDecoder, tokenizer: PreTrainedTokenizerFast) -> None:
        check_match(encoder, decoder, tokenizer)
        self.encoder = encoder.eval()
        self.decoder = decoder.eval()
        self.tokenizer = tokenizer

    @classmethod
    def from_pretrained(cls, model: str | Path = DEFAULT_MODEL) -> Self:
        """A bundled model, a folder of a representation or of a whole model, or a hub name.

        Raises:
            FileNotFoundError, ValueError: it is missing or damaged.
        """
        return cls(*load_representation(model))

    def to(self, device: str | torch.device) -> Self:
        """Move both models."""
        self.encoder.to(device)
        self.decoder.to(device)
        return self

    @property
    def device(self) -> torch.device:
        return self.encoder.latent_mean.device

    def encode(self, texts: Iterable[str], batch_size: int = 256, show_progress: bool = False) -> Tensor:
        """Normalised latents (N, K, D) of segments, on the CPU.

        Args:
            texts: N segments; `encode_batches` is for more than fit into memory.
            batch_size: segments at once; those of like length go together.
            show_progress: a progress bar on stderr.

        Raises:
            ValueError: a segment is empty, no valid Unicode, or longer than `encoder.config.max_tokens`.
        """
        if isinstance(texts, str):
            raise ValueError("texts is one string; give a list of segments")
        parts = self.encode_batches(texts, batch_size, show_progress)
        return torch.cat([torch.empty(0, *self.encoder.latent_mean.shape), *parts])

    def encode_batches(
        self, texts: Iterable[str], batch_size: int = 256, show_progress: bool = False
    ) -> Iterator[Tensor]:
        """Latents (n, K, D) of n <= 16 * `batch_size` segments at a time, in order; reads no further ahead.

        Args:
            texts: any number of segments.
            batch_size: segments at once; those of like length go together.
            show_progress: a progress bar on stderr.

        Raises:
            ValueError: as `encode`, when that segment's turn comes.

        Warns:
            UserWarning: after the last one, where the tokenizer knows some segments by their bytes alone.
        """
        rest = iter(texts)
        counter = ByteCounter(self.tokenizer)
        total = len(texts) if isinstance(texts, Sequence) else None
        with tqdm(total=total, unit=" segments", disable=not show_progress) as bar:
            while chunk := list(islice(rest, BATCHES_AHEAD * batch_size)):
                latents = encode_texts(self.encoder, self.tokenizer, chunk, batch_size).float().cpu()
                counter.count(chunk)
                bar.update(len(chunk))
                yield latents
        if counter.warning is not None:
            warnings.warn(counter.warning, stacklevel=2)

    def decode_batches(
        self, latents: Iterable[Tensor], batch_size: int = 512, level: float = 0.0, show_progress: bool = False
    ) -> Iterator[list[str]]:
        """Texts of any number of latents (n, K, D), `batch_size` at most at a time; each segment is decoded on its own.

        Args:
            latents: normalised.
            level: the noise level that the decoder is told; see `SegmentDecoder.memory`.
            show_progress: a progress bar on stderr.

        Raises:
            ValueError: latents of another shape than the model's.
        """
        total = sum(map(len, latents)) if isinstance(latents, Sequence) else None
        with tqdm(total=total, unit=" segments", disable=not show_progress) as bar:
            for part in chain.from_iterable(whole.split(batch_size) for whole in latents):
                texts = decode_latents(self.decoder, self.tokenizer, part, level)
                bar.update(len(texts))
                yield texts

    def decode(self, latents: Tensor | np.ndarray, batch_size: int = 512, show_progress: bool = False) -> list[str]:
        """(N, K, D) normalised latents -> N texts, the decoder's likeliest.

        Raises:
            ValueError: latents of another shape than the model's.
        """
        whole = [torch.as_tensor(latents)] if len(latents) else []
        parts = self.decode_batches(whole, batch_size, show_progress=show_progress)
        return list(chain.from_iterable(parts))

    def embed(self, texts: Iterable[str], batch_size: int = 256, show_progress: bool = False) -> np.ndarray:
        """Sentence embeddings (N, C) in single precision and of length one; see `embeddings`.

        Raises:
            ValueError: as `encode`.
        """
        return embeddings(self.encode(texts, batch_size, show_progress), self.encoder.meaning).numpy()

    def as_sentence_transformer(self) -> "SentenceTransformer":
        """The same embeddings as a `sentence-transformers` model, for its losses, evaluators and searches.

        As is its custom, texts that are too long are cut off.
        """
        from .sentence_transformer import sentence_transformer

        return sentence_transformer(self.encoder, self.tokenizer)


def embeddings(latents: Tensor, meaning: slice) -> Tensor:
    """(N, K, D) latents -> sentence embeddings of length one.

    They are the latents that say what a segment means (`SegmentEncoder.meaning`) side by side; where that is all of
    them, which keep the words' order, their mean (N, D).
    """
    found = latents[:, meaning]
    return F.normalize(found.mean(dim=1) if meaning == slice(None) else found.flatten(1), dim=-1)
