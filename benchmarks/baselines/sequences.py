"""Stories as token sequences: what the baselines train on.

    <s> [condition] [cut] sentence </s> sentence </s> ... [cut] <end>

The tokens are those of the latent model's tokenizer, each sentence with its end token as in a prepared corpus; a few
ids of the baselines' own follow them. `cut` says that the text goes on beyond the window.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from transformers import PreTrainedTokenizerFast

from segdiff.pipelines.latent_batches import ConditionDrawer
from segdiff.pipelines.prepared import PreparedCorpus

Window = tuple[int, int, int]  # document, first segment, number of segments
NUM_OWN = 6  # end, cut, prefix, suffix, middle, mask
Row = list[int]


@dataclass(frozen=True)
class Vocabulary:
    """Token ids: the tokenizer's, of which the first `num_special` are in no text, then the baselines' own."""

    tokenizer_size: int
    num_special: int
    bos: int
    eos: int
    end: int
    cut: int
    prefix: int
    suffix: int
    middle: int
    mask: int

    @classmethod
    def of(cls, tokenizer: PreTrainedTokenizerFast) -> "Vocabulary":
        special, size = sorted(tokenizer.all_special_ids), len(tokenizer)
        if special != list(range(len(special))) or tokenizer.bos_token_id is None:
            raise ValueError("the tokenizer's special tokens are not its first ones: take one that segdiff has trained")
        return cls(size, len(special), tokenizer.bos_token_id, tokenizer.eos_token_id, *range(size, size + NUM_OWN))

    @property
    def size(self) -> int:
        """Rows of the embedding."""
        return self.tokenizer_size + NUM_OWN

    @property
    def never_written(self) -> list[int]:
        """Ids that a written sentence does not have; the token that ends it is none of them."""
        special = [token for token in range(self.num_special) if token != self.eos]
        return special + list(range(self.tokenizer_size, self.size))


@dataclass(frozen=True)
class Example:
    """A window of a document.

    Attributes:
        condition: token ids, empty for none.
        segments: token ids of each, end token included.
        before, after: whether the text goes on there.
    """

    condition: Row
    segments: list[Row]
    before: bool = False
    after: bool = False


class WindowSampler:
    """Batches of document windows of about the same number of tokens, as functions of (seed, step) alone.

    Every document comes once an epoch, a longer one than `max_segments` through a random window, and windows of like
    length come together.

    Args:
        corpus: prepared texts.
        batch_tokens: tokens a batch, padding included.
        max_segments: longest window.
        seed: of the order.
    """

    def __init__(self, corpus: PreparedCorpus, batch_tokens: int, max_segments: int, seed: int) -> None:
        self.full_lengths = corpus.documents.lengths
        self.lengths = np.minimum(self.full_lengths, max_segments)
        tokens = corpus.segments.lengths[corpus.documents.flat]
        self.tokens_before = np.concatenate([[0], tokens.cumsum()])  # of the segment at each place of `documents.flat`
        self.starts = corpus.documents.offsets[:-1]
        self.batch_tokens, self.seed = batch_tokens, seed
        self._epochs: list[int] = [0]  # first step of each epoch known so far
        self._epoch: tuple[int, list[list[Window]], list[int]] | None = None

    def _batches(self, epoch: int) -> tuple[list[list[Window]], list[int]]:
        """The batches of an epoch and the text tokens of each."""
        rng = np.random.default_rng([self.seed, epoch])
        first = rng.integers(0, self.full_lengths - self.lengths + 1)
        begin = self.starts + first
        tokens = self.tokens_before[begin + self.lengths] - self.tokens_before[begin]
        order = rng.permutation(len(tokens))
        order = order[np.argsort(tokens[order], kind="stable")]
        batches, sizes, start = [], [], 0
        while start < len(order):
            end = start + 1
            while end < len(order) and (end + 1 - start) * tokens[order[end]] <= self.batch_tokens:
                end += 1
            chosen = order[start:end]
            batches.append([(int(row), int(first[row]), int(self.lengths[row])) for row in chosen])
            sizes.append(int(tokens[chosen].sum()))
            start = end
        shuffled = rng.permutation(len(batches))
        return [batches[index] for index in shuffled], [sizes[index] for index in shuffled]

    def _at(self, step: int) -> tuple[list[Window], int]:
        while self._epochs[-1] <= step:
            epoch = len(self._epochs) - 1
            self._epoch = (epoch, *self._batches(epoch))
            self._epochs.append(self._epochs[-1] + len(self._epoch[1]))
        epoch = int(np.searchsorted(self._epochs, step, side="right")) - 1
        if self._epoch is None or self._epoch[0] != epoch:
            self._epoch = (epoch, *self._batches(epoch))
        index = step - self._epochs[epoch]
        return self._epoch[1][index], self._epoch[2][index]

    def __call__(self, step: int) -> list[Window]:
        """The windows of the batch of `step`."""
        return self._at(step)[0]

    def text_tokens(self, steps: int) -> int:
        """Tokens of the texts, sentence ends included, that the first `steps` batches show."""
        return sum(self._at(step)[1] for step in range(steps))

    def steps_for(self, text_tokens: int) -> int:
        """The fewest steps that show so many tokens of text."""
        steps = seen = 0
        while seen < text_tokens:
            seen += self._at(steps)[1]
            steps += 1
        return steps


def draw_example(
    corpus: PreparedCorpus,
    window: Window,
    draw: ConditionDrawer | None,
    rng: np.random.Generator,
    fragment_share: float = 0.0,
) -> Example:
    """The example of a window, or by chance of a part of it.

    Args:
        corpus: prepared texts.
        window: document, first segment, number of segments.
        draw: of the condition; None gives none.
        rng: decides everything.
        fragment_share: chance that a random run of the window's segments stands for it, with `cut` where the text goes
            on: sentences without their context.
    """
    document, first, size = window
    rows = corpus.documents[document]
    condition = [int(token) for token in draw(window, rng)] if draw is not None else []
    if rng.random() < fragment_share:
        offset = int(rng.integers(0, size))
        first, size = first + offset, int(rng.integers(1, size - offset + 1))
    segments = [corpus.segments[int(row)].tolist() for row in rows[first : first + size]]
    return Example(condition, segments, first > 0, first + size < len(rows))


def body(segments: Sequence[Row], before: bool, after: bool, vocabulary: Vocabulary) -> Row:
    """The tokens of segments in order, `cut` at either end where the text goes on."""
    cut = [vocabulary.cut]
    return [*(cut * before), *(token for row in segments for token in row), *(cut * after)]
