"""The words that a model may write: those of its list, and those of texts that it is given."""

from collections.abc import Sequence

import numpy as np
from transformers import PreTrainedTokenizerFast

from ..decoders import Lexicon, SegmentDecoder
from .tokenization import token_lists, word_tokens


class KnownWords:
    """A decoder's list of words as lexicons.

    Args:
        decoder: that has a list, on the device where lexicons are wanted.
        tokenizer: of both.

    Raises:
        ValueError: the decoder has no list, or the tokenizer is no byte-level BPE.
    """

    def __init__(self, decoder: SegmentDecoder, tokenizer: PreTrainedTokenizerFast) -> None:
        tokens = word_tokens(tokenizer)
        if decoder.lexicon is None or tokens is None:
            raise ValueError("known_words: this model has no list of words; leave it out")
        self.listed = decoder.lexicon
        self.tokens, self.tokenizer, self.device = tokens, tokenizer, decoder.device
        self.words = set(decoder.words)
        self.own = Lexicon(self.words, tokens, self.device)

    def lexicon(self, said: Sequence[str]) -> Lexicon:
        """The model's words and those of texts that are given, also without their capitals."""
        rows = token_lists(self.tokenizer, [*said, *(text.lower() for text in said)])
        flat = np.array([token for row in rows for token in row], dtype=np.int64)
        new = set(self.tokens.words(flat)) - self.words
        return Lexicon(self.words | new, self.tokens, self.device) if new else self.own
