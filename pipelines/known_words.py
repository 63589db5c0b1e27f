"""The words that a model may write: those of its list, and those of texts that it is given."""

import re
from collections.abc import Sequence

import numpy as np
from transformers import PreTrainedTokenizerFast

from ..decoders import Lexicon, SegmentDecoder
from .prepared import PreparedCorpus
from .tokenization import token_lists, word_tokens

LETTERS = re.compile(r"[^\W\d_]+")
# a word that a large corpus has so often is no slip of its writers; one time more for each so many tokens of it
OFTEN, TOKENS = 4, 500_000


def learn_words(decoder: SegmentDecoder, corpus: PreparedCorpus, tokenizer: PreTrainedTokenizerFast) -> None:
    """Add the words of a corpus to the decoder's list; there is none for a tokenizer that is no byte-level BPE."""
    tokens = word_tokens(tokenizer)
    if tokens is None:
        return
    read = corpus.segments.flat
    words = [*decoder.words, *tokens.words(read, min(1 + len(read) // TOKENS, OFTEN))]
    decoder.set_words(dict.fromkeys(word for word in words if len(word) <= decoder.config.max_tokens))


class KnownWords:
    """A decoder's list of words as lexicons.

    Args:
        decoder: that has a list, on the device where lexicons are wanted.
        tokenizer: of both.

    Raises:
        ValueError: the decoder has no list, or the tokenizer is no byte-level BPE.
    """

    def __init__(self, decoder: SegmentDecoder, tokenizer: PreTrainedTokenizerFast) -> None:
        tokens = word_tokens(tokenizer, decoder.transformer.config.vocab_size)
        self.words = set(decoder.words)
        if not self.words or tokens is None:
            raise ValueError("known_words: this model has no list of words; leave it out")
        self.listed = decoder.lexicon
        self.longest = int(decoder.config.max_tokens)
        self.tokens, self.tokenizer, self.device = tokens, tokenizer, decoder.device
        self.own = Lexicon(self.words, tokens, self.device)

    def lexicon(self, said: Sequence[str]) -> Lexicon:
        """The model's words and those of texts that are given, also with and without a capital or a space before them.

        What is too long to be written is left out.
        """
        given = {word for text in said for word in LETTERS.findall(text)}
        cases = sorted({form for word in given for form in (word, word.lower(), word[:1].upper() + word[1:])})
        rows = token_lists(self.tokenizer, [f' {word} "{word}' for word in cases])
        found = {word for row in rows for word in self.tokens.words(np.array(row)) if len(word) <= self.longest}
        return Lexicon(self.words | found, self.tokens, self.device) if found - self.words else self.own
