"""Windows of a fixed number of tokens."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise
from typing import TYPE_CHECKING

from .splitting import SpanSegmenter

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

_WORD = re.compile(r"\S+")
_SURROGATES = re.compile("[\ud800-\udfff]")


class TokenSegmenter(SpanSegmenter):
    """Cuts text into windows of `count` tokens; the last one may have fewer.

    Args:
        count: tokens in a segment. A character of several tokens is never cut: it goes to the next segment, and
            alone may have more than `count`.
        tokenizer: of `transformers`, a fast one; without it, tokens are words between white space.
        max_chars: longest segment, in characters; None = no limit.

    Raises:
        ValueError: `count` or `max_chars` is below 1, or the tokenizer does not say where its tokens stood.
    """

    def __init__(
        self, count: int = 32, tokenizer: PreTrainedTokenizerFast | None = None, max_chars: int | None = None
    ) -> None:
        super().__init__(max_chars)
        if count < 1:
            raise ValueError(f"count must be at least 1, got {count}")
        if tokenizer is not None and not tokenizer.is_fast:
            raise ValueError(f"tokenizer must be a fast one, which knows offsets; got {type(tokenizer).__name__}")
        self.count = count
        self.tokenizer = tokenizer

    def _spans(self, text: str) -> Iterator[tuple[int, int]]:
        return pairwise([0, *self._cuts(self._offsets(text)), len(text)])

    def _offsets(self, text: str) -> list[tuple[int, int]]:
        if self.tokenizer is None:
            return [match.span() for match in _WORD.finditer(text)]
        encoded = self.tokenizer(
            _SURROGATES.sub("\ufffd", text),  # tokenizers cannot encode lone ones
            add_special_tokens=False,
            return_offsets_mapping=True,
            truncation=False,
            verbose=False,
        )
        offsets: list[tuple[int, int]] = encoded["offset_mapping"]
        return offsets

    def _cuts(self, offsets: list[tuple[int, int]]) -> Iterator[int]:
        """Yields where windows begin, but for the first. What no token covers goes to the window before."""
        covered, characters = 0, []  # tokens that begin a character, not go on with one
        for index, (start, end) in enumerate(offsets):
            if start >= covered:
                characters.append(index)
            covered = max(covered, end)
        first = 0
        for index, following in pairwise([*characters, len(offsets)]):
            if index > first and following - first > self.count:
                yield offsets[index][0]
                first = index
