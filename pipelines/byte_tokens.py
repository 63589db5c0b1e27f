"""Texts that a tokenizer knows by their bytes alone: scripts it was not trained on, whose latents keep little."""

from collections.abc import Sequence

from transformers import PreTrainedTokenizerFast

from .tokenization import token_lists

BROKEN = "\ufffd"  # what a part of a character decodes to


class ByteCounter:
    """Counts segments of which more than half of the tokens are no whole characters.

    Args:
        tokenizer: of the model.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerFast) -> None:
        self.tokenizer = tokenizer
        self.segments = self.bytes = 0
        self._is_byte: dict[int, bool] = {}

    def count(self, texts: Sequence[str]) -> None:
        """Take in some more segments."""
        self.segments += len(texts)
        for row in token_lists(self.tokenizer, [text for text in texts if not text.isascii()]):
            self.bytes += 2 * sum(map(self._broken, row)) > len(row)

    def _broken(self, token: int) -> bool:
        if token not in self._is_byte:
            self._is_byte[token] = BROKEN in self.tokenizer.decode([token])
        return self._is_byte[token]

    @property
    def warning(self) -> str | None:
        """What to tell the user; None where all is well."""
        if not self.bytes:
            return None
        return (
            f"{self.bytes} of {self.segments} segments are mostly bytes to this model's tokenizer; "
            "their reconstruction will be damaged"
        )
