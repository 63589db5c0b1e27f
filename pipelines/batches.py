"""Which documents a training step sees, and their padded tensors: functions of (seed, step) alone.

Because nothing else decides them, a resumed run sees exactly what an unbroken run would have seen.
B documents, S segments, N of them in all, T tokens, P pairs; M taught texts of U tokens, E width of their vectors.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Self

import numpy as np
import torch
from accelerate import Accelerator
from torch import Tensor

from ..configs.schema import DataConfig, LoopConfig
from .prepared import PreparedCorpus, Ragged


@dataclass
class TensorBatch:
    """A dataclass of tensors that moves to a device as one."""

    def to(self, device: torch.device) -> Self:
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return type(self)(**{name: value if value is None else value.to(device) for name, value in values.items()})


@dataclass
class SegmentBatch(TensorBatch):
    """Windows of documents and contrastive triples.

    Attributes:
        tokens: (N, T) token ids of the existing segments, in document order, padded.
        token_mask: (N, T).
        segment_mask: (B, S), True where a segment exists; `tokens` are its True places, row by row.
        triples: (3, P, T) token ids of anchors, positives and hard negatives, or None.
        triple_mask: (3, P, T).
        has_negative: (P,), False where the hard negative is empty.
        taught: (M, U) token ids of texts that a teacher has encoded, or None.
        taught_mask: (M, U).
        teacher: (M, E) the teacher's vectors of them.
    """

    tokens: Tensor
    token_mask: Tensor
    segment_mask: Tensor
    triples: Tensor | None = None
    triple_mask: Tensor | None = None
    has_negative: Tensor | None = None
    taught: Tensor | None = None
    taught_mask: Tensor | None = None
    teacher: Tensor | None = None


class DocumentSampler:
    """Batches of document windows; every document once an epoch, windows of like length together.

    Args:
        lengths: segments of each document.
        batch_documents: documents a batch at the most common length; longer windows come in smaller batches, so that
            a batch holds about the same number of segments.
        max_segments: longest window; a longer document is seen through a random window, anew each epoch.
        seed: of the order.
        rank, world: this process and the number of processes; each takes every world-th batch.
    """

    def __init__(
        self,
        lengths: np.ndarray,
        batch_documents: int,
        max_segments: int,
        seed: int,
        rank: int = 0,
        world: int = 1,
    ) -> None:
        self.lengths = np.minimum(lengths, max_segments)
        self.full_lengths = lengths
        self.seed = seed
        self.rank, self.world = rank, world
        typical = int(np.median(self.lengths))
        self.segments_per_batch = batch_documents * typical
        self._epoch: tuple[int, list[np.ndarray]] | None = None
        self.batches_per_epoch = len(self._batches(0)) // world or 1

    @classmethod
    def of(cls, corpus: PreparedCorpus, data: DataConfig, loop: LoopConfig, accelerator: Accelerator) -> Self:
        """The batches of a corpus that a stage's config asks for, and of them this process's share."""
        return cls(
            corpus.documents.lengths,
            loop.batch_documents,
            data.max_segments,
            loop.seed,
            accelerator.process_index,
            accelerator.num_processes,
        )

    def _batches(self, epoch: int) -> list[np.ndarray]:
        rng = np.random.default_rng([self.seed, epoch])
        order = rng.permutation(len(self.lengths))
        order = order[np.argsort(self.lengths[order], kind="stable")]
        batches, start = [], 0
        while start < len(order):
            size = max(1, self.segments_per_batch // int(self.lengths[order[start]]))
            # the longest window of the batch decides its padding
            while (
                size > 1
                and size * int(self.lengths[order[min(start + size, len(order)) - 1]]) > 1.5 * self.segments_per_batch
            ):
                size -= 1
            batches.append(order[start : start + size])
            start += size
        shuffled = [batches[index] for index in rng.permutation(len(batches))]
        while len(shuffled) % self.world:  # every process needs a batch in every step
            shuffled.append(shuffled[len(shuffled) % max(len(batches), 1)])
        return shuffled

    def __call__(self, step: int) -> list[tuple[int, int, int]]:
        """(document, first segment, number of segments) of each row of the batch of `step`."""
        epoch, index = divmod(step, self.batches_per_epoch)
        if self._epoch is None or self._epoch[0] != epoch:
            self._epoch = (epoch, self._batches(epoch))
        batch = self._epoch[1][index * self.world + self.rank]
        rng = np.random.default_rng([self.seed, step, self.rank])
        windows = []
        for document in batch:
            size, full = int(self.lengths[document]), int(self.full_lengths[document])
            windows.append((int(document), int(rng.integers(0, full - size + 1)), size))
        return windows


def pad_rows(rows: list[np.ndarray], width: int | None = None) -> tuple[Tensor, Tensor]:
    """Rows of token ids -> (N, T) int64 ids (0 where padded) and mask."""
    lengths = np.array([len(row) for row in rows])
    width = width or max(1, int(lengths.max()))
    mask = np.arange(width) < lengths[:, None]
    ids = np.zeros((len(rows), width), dtype=np.int64)
    ids[mask] = np.concatenate(rows)
    return torch.from_numpy(ids), torch.from_numpy(mask.astype(np.int64))


def window_mask(windows: list[tuple[int, int, int]]) -> Tensor:
    """(B, S) mask of the segments that exist in each window."""
    sizes = torch.tensor([size for _, _, size in windows])
    return torch.arange(int(sizes.max())) < sizes[:, None]


def triple_rows(corpus: PreparedCorpus, indices: np.ndarray) -> tuple[Tensor, Tensor, Tensor]:
    """Triples `indices` of a corpus -> (3, P, T) ids, (3, P, T) mask and (P,) has_negative."""
    columns: tuple[Ragged, ...] = (corpus.anchors, corpus.positives, corpus.negatives)
    rows = [[column[int(index)] for index in indices] for column in columns]
    width = max(len(row) for column in rows for row in column)
    padded = [pad_rows(column, width) for column in rows]
    has_negative = torch.tensor([len(row) > 0 for row in rows[2]])
    return torch.stack([ids for ids, _ in padded]), torch.stack([mask for _, mask in padded]), has_negative


def drawn_rows(rows: Ragged, count: int, rng: np.random.Generator, limit: int | None = None) -> list[np.ndarray]:
    """`count` of the first `limit` rows (of all when None), drawn with repetition; none where there are none."""
    limit = len(rows) if limit is None else limit
    return [rows[int(index)] for index in rng.integers(limit, size=count)] if limit else []


def distinct_triples(corpus: PreparedCorpus, indices: np.ndarray) -> np.ndarray:
    """The triples whose anchor and positive no earlier one has as either: in a batch they would be false negatives."""
    seen: set[bytes] = set()
    kept = []
    for index in indices:
        texts = {column[int(index)].tobytes() for column in (corpus.anchors, corpus.positives)}
        if seen.isdisjoint(texts):
            kept.append(index)
            seen |= texts
    return np.array(kept)


def segment_batch(
    corpus: PreparedCorpus,
    windows: list[tuple[int, int, int]],
    num_pairs: int,
    rng: np.random.Generator,
    paraphrase_share: float = 0.0,
    length_matched: bool = True,
    alone: Sequence[np.ndarray] = (),
) -> SegmentBatch:
    """Tensors of document windows and contrastive triples, all different.

    Args:
        corpus: to draw from.
        windows: (document, first segment, number of segments) of each row.
        num_pairs: P, or the number of different triples where the corpus has fewer; 0 = none.
        rng: decides which triples.
        paraphrase_share: share of the triples that are drawn from the data's paraphrases, where there are any.
        length_matched: the triples of a batch are of like length.
        alone: tokens of further segments, each a document of its own.
    """
    rows = [
        corpus.segments[int(segment)]
        for document, first, size in windows
        for segment in corpus.documents[document][first : first + size]
    ]
    tokens, token_mask = pad_rows([*rows, *alone])
    batch = SegmentBatch(tokens, token_mask, window_mask([*windows, *[(0, 0, 1)] * len(alone)]))
    if num_pairs and len(corpus.anchors):
        # neighbours in a list sorted by length: in-batch negatives that length alone cannot tell apart
        size, given, count = 8 * num_pairs, corpus.num_paraphrases, len(corpus.anchors)
        real = min(given, round(size * paraphrase_share) if given < count else size)
        made = min(count - given, size - real)
        drawn = [rng.choice(given, real, replace=False), given + rng.choice(count - given, made, replace=False)]
        pool = distinct_triples(corpus, rng.permutation(np.concatenate(drawn)))
        if length_matched:
            pool = pool[np.argsort(corpus.anchors.lengths[pool], kind="stable")]
        start = int(rng.integers(0, max(0, len(pool) - num_pairs) + 1))
        batch.triples, batch.triple_mask, batch.has_negative = triple_rows(corpus, pool[start : start + num_pairs])
    return batch
