"""The tokenizer: byte-level BPE from `tokenizers`, so that every string has tokens and comes back as it was.

N segments, T tokens.
"""

from collections.abc import Iterable, Sequence

import numpy as np
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from torch import Tensor
from transformers import PreTrainedTokenizerFast

from ..decoders.lexicon import WordTokens

PAD, EOS, BOS = "<pad>", "</s>", "<s>"
CONDITION_KINDS = ("title", "keywords", "start")
SPACE = "\u0120"  # how byte-level BPE writes a space
SPECIAL_TOKENS = [PAD, EOS, BOS, *(f"<{kind}>" for kind in CONDITION_KINDS)]


def train_tokenizer(texts: Iterable[str], vocab_size: int) -> PreTrainedTokenizerFast:
    """Train a byte-level BPE tokenizer; every byte is in the vocabulary, so no text is out of it."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.train_from_iterator(
        texts,
        trainers.BpeTrainer(
            vocab_size=vocab_size,
            special_tokens=SPECIAL_TOKENS,
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
            show_progress=False,
        ),
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token=PAD,
        eos_token=EOS,
        bos_token=BOS,
        extra_special_tokens=[f"<{kind}>" for kind in CONDITION_KINDS],
        clean_up_tokenization_spaces=False,
        split_special_tokens=True,  # "</s>" typed by a user is text
    )


def token_lists(tokenizer: PreTrainedTokenizerFast, texts: Sequence[str]) -> list[list[int]]:
    """Token ids of each text, without special tokens."""
    if not texts:
        return []
    return tokenizer(list(texts), add_special_tokens=False)["input_ids"]


def pad_tokens(rows: Sequence[Sequence[int]], pad_token_id: int) -> tuple[Tensor, Tensor]:
    """Ragged rows -> (N, T) int64 ids and (N, T) int64 mask; T is at least 1."""
    width = max([1, *map(len, rows)])
    ids = torch.full((len(rows), width), pad_token_id)
    mask = torch.zeros_like(ids)
    for row, tokens in enumerate(rows):
        ids[row, : len(tokens)] = torch.tensor(tokens, dtype=torch.long)
        mask[row, : len(tokens)] = 1
    return ids, mask


def segment_tokens(tokenizer: PreTrainedTokenizerFast, texts: Sequence[str]) -> list[list[int]]:
    """Token ids of segments, each with its end token."""
    return [[*tokens, tokenizer.eos_token_id] for tokens in token_lists(tokenizer, texts)]


def condition_tokens(tokenizer: PreTrainedTokenizerFast, kind: str, text: str, max_tokens: int) -> list[int]:
    """Token ids of a condition: its kind, then its text.

    Raises:
        ValueError: unknown kind.
    """
    if kind not in CONDITION_KINDS:
        raise ValueError(f"condition kind is {kind!r}; known kinds: {', '.join(CONDITION_KINDS)}")
    kind_id = tokenizer.convert_tokens_to_ids(f"<{kind}>")
    return [kind_id, *token_lists(tokenizer, [text])[0]][:max_tokens]


def word_tokens(tokenizer: PreTrainedTokenizerFast, size: int = 0) -> WordTokens | None:
    """Which tokens words are spelt with; None for a tokenizer that is no byte-level BPE.

    Letters are those of scripts with capitals (Latin, Greek, Cyrillic, ...), whose words stand between spaces. Other
    characters, and the single bytes that one beyond ASCII may be split into, are free, as punctuation is.

    Args:
        tokenizer: any.
        size: of the vocabulary, where that is larger than the tokenizer's.
    """
    space = tokenizer.get_vocab().get(SPACE)
    if space is None or tokenizer.decode([space], clean_up_tokenization_spaces=False) != " ":
        return None
    special = set(tokenizer.all_special_ids)
    texts = tokenizer.batch_decode([[index] for index in range(len(tokenizer))], clean_up_tokenization_spaces=False)
    letters, spaced = np.zeros((2, max(size, len(tokenizer))), dtype=bool)
    for index, text in enumerate(texts):
        first = text.removeprefix(" ")[:1]
        letters[index] = index not in special and first.upper() != first.lower()
        spaced[index] = text.startswith(" ")
    return WordTokens(letters, spaced)


def detokenize(tokenizer: PreTrainedTokenizerFast, token_ids: Tensor) -> list[str]:
    """(N, T) generated ids -> texts, without special tokens and surrounding white space."""
    texts = tokenizer.batch_decode(token_ids, skip_special_tokens=True, clean_up_tokenization_spaces=False)
    return [text.strip() for text in texts]
