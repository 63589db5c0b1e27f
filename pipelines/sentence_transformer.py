"""A `SegmentEncoder` as a model of `sentence-transformers`."""

from collections.abc import Sequence
from typing import Any

from sentence_transformers import SentenceTransformer
from sentence_transformers.base.modules import InputModule
from torch import Tensor
from transformers import PreTrainedTokenizerFast

from ..encoders import SegmentEncoder
from .latents import embeddings
from .rendering import check_text
from .tokenization import pad_tokens, segment_tokens


class SegmentModule(InputModule):
    """Texts to sentence embeddings of length one; see `embeddings`."""

    tokenizer: Any

    def __init__(self, encoder: SegmentEncoder, tokenizer: PreTrainedTokenizerFast) -> None:
        super().__init__()
        self.encoder = encoder
        self.tokenizer = tokenizer

    @property
    def max_seq_length(self) -> int:
        return self.encoder.config.max_tokens

    def get_embedding_dimension(self) -> int:
        learned = self.encoder.config.gist_latents - self.encoder.config.topic_latents
        return self.encoder.config.latent_dim * (learned or 1)

    def preprocess(self, inputs: Sequence[Any], prompt: str | None = None, **options: Any) -> dict[str, Tensor]:
        """N texts -> token ids and mask (N, T); a text that is too long is cut off.

        Raises:
            ValueError: a text is empty, or no valid Unicode.
        """
        for text in inputs:
            check_text(text, "a text")
        texts = [(prompt or "") + text for text in inputs]
        limit, end = self.max_seq_length, self.tokenizer.eos_token_id
        rows = [row if len(row) <= limit else [*row[: limit - 1], end] for row in segment_tokens(self.tokenizer, texts)]
        ids, mask = pad_tokens(rows, 0)
        return {"input_ids": ids, "attention_mask": mask}

    def forward(self, features: dict[str, Any], **options: Any) -> dict[str, Any]:
        latents = self.encoder.encode(features["input_ids"], features["attention_mask"])
        return {**features, "sentence_embedding": embeddings(latents, self.encoder.meaning)}

    def save(self, output_path: str, *arguments: Any, safe_serialization: bool = True, **options: Any) -> None:
        """Refused: a folder of `sentence-transformers` would have to run our code when loaded.

        Raises:
            NotImplementedError: always.
        """
        raise NotImplementedError("save the representation itself; as_sentence_transformer() is made of it when needed")


def sentence_transformer(encoder: SegmentEncoder, tokenizer: PreTrainedTokenizerFast) -> SentenceTransformer:
    """The model, on the encoder's device."""
    device = str(encoder.latent_mean.device)
    return SentenceTransformer(modules=[SegmentModule(encoder, tokenizer)], device=device, similarity_fn_name="cosine")
