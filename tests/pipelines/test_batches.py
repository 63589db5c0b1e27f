"""Batches are functions of (seed, step): every document once an epoch, on one process or many."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from segdiff.pipelines.batches import (
    DocumentSampler,
    SegmentBatch,
    pad_rows,
    segment_batch,
    triple_rows,
    window_mask,
)
from segdiff.pipelines.prepared import PreparedCorpus, Ragged

LENGTHS = np.random.default_rng(0).integers(1, 15, size=157)


def sampler(lengths: np.ndarray = LENGTHS, **options: Any) -> DocumentSampler:
    return DocumentSampler(lengths, **{"batch_documents": 8, "max_segments": 6, "seed": 3, **options})


@pytest.mark.parametrize("lengths", [LENGTHS, np.array([4]), np.full(9, 3), np.array([1] * 30 + [200])])
def test_every_document_once_an_epoch_and_windows_inside(lengths):
    draw = sampler(lengths)
    for epoch in range(2):
        windows = [w for index in range(draw.batches_per_epoch) for w in draw(epoch * draw.batches_per_epoch + index)]
        assert sorted(document for document, _, _ in windows) == list(range(len(lengths)))
        for document, first, size in windows:
            assert size == min(lengths[document], 6)
            assert 0 <= first <= lengths[document] - size


def test_windows_move_over_long_documents():
    draw = sampler(np.full(20, 9))
    firsts = {first for step in range(40) for _, first, _ in draw(step)}
    assert firsts == {0, 1, 2, 3}


def test_batches_hold_about_the_same_number_of_segments():
    draw = sampler()
    target = 8 * int(np.median(np.minimum(LENGTHS, 6)))
    sizes = [sum(size for *_, size in draw(step)) for step in range(draw.batches_per_epoch)]
    assert max(sizes) <= 1.5 * target
    assert np.median(sizes) > 0.6 * target
    padded = sum(len(draw(step)) * max(s for *_, s in draw(step)) for step in range(draw.batches_per_epoch))
    assert sum(sizes) / padded > 0.85  # windows of like length together: little padding


def test_a_batch_is_a_function_of_seed_and_step():
    forwards, backwards = sampler(), sampler()
    steps = list(range(3 * forwards.batches_per_epoch))
    seen = {step: forwards(step) for step in steps}
    for step in reversed(steps):  # no memory of what came before
        assert backwards(step) == seen[step]
    assert [sampler(seed=4)(step) for step in steps[:3]] != [seen[step] for step in steps[:3]]
    per_epoch = forwards.batches_per_epoch
    assert [seen[step] for step in steps[:per_epoch]] != [seen[step] for step in steps[per_epoch : 2 * per_epoch]]


@pytest.mark.parametrize("world", [2, 3])
def test_ranks_share_the_epoch(world):
    ranks = [sampler(rank=rank, world=world) for rank in range(world)]
    assert len({rank.batches_per_epoch for rank in ranks}) == 1
    batches = [
        [document for document, _, _ in rank(step)] for step in range(ranks[0].batches_per_epoch) for rank in ranks
    ]
    seen = [document for batch in batches for document in batch]
    assert set(seen) == set(range(len(LENGTHS)))
    repeated = len(seen) - len(set(seen))  # every process needs a batch in every step: the last ones may come twice
    assert repeated <= (world - 1) * max(map(len, batches))
    for step in range(ranks[0].batches_per_epoch - 1):
        documents = [document for rank in ranks for document, _, _ in rank(step)]
        assert len(documents) == len(set(documents))


def test_more_ranks_than_batches():
    ranks = [sampler(np.array([3, 3]), rank=rank, world=4) for rank in range(4)]
    assert all(rank(step) for rank in ranks for step in range(3))


# ---------------------------------------------------------------------------------------------- tensors


def corpus(num_pairs: int = 60) -> PreparedCorpus:
    """Documents of 2, 5 and 3 segments; segment i is [i + 10] * (i % 4 + 1); pair i starts with i + 100."""
    rng = np.random.default_rng(0)
    pairs = [[100 + index] * int(length) for index, length in enumerate(rng.integers(1, 30, size=num_pairs))]
    empty = Ragged.of([[]] * 3)
    return PreparedCorpus(
        segments=Ragged.of([[index + 10] * (index % 4 + 1) for index in range(10)]),
        documents=Ragged.of([[0, 1], [2, 3, 4, 5, 6], [7, 8, 9]]),
        titles=empty,
        keywords=Ragged.of([]),
        document_keywords=empty,
        anchors=Ragged.of(pairs),
        positives=Ragged.of([[*row, 1] for row in pairs]),
        negatives=Ragged.of([row if index % 3 else [] for index, row in enumerate(pairs)]),
    )


def test_tokens_are_the_windows_in_order():
    batch = segment_batch(corpus(), [(1, 2, 3), (0, 0, 2)], 0, np.random.default_rng(0))
    assert batch.segment_mask.tolist() == [[True, True, True], [True, True, False]]
    rows = [ids[mask.bool()].tolist() for ids, mask in zip(batch.tokens, batch.token_mask, strict=True)]
    assert rows == [[14], [15, 15], [16, 16, 16], [10], [11, 11]]
    assert not batch.tokens[batch.token_mask == 0].any()
    assert batch.triples is None


def test_triples_stay_together_and_are_of_like_length():
    """Length alone must not separate the in-batch negatives."""
    spread, alone = [], corpus().anchors.lengths.std()
    for seed in range(20):
        batch = segment_batch(corpus(), [(0, 0, 2)], 8, np.random.default_rng(seed))
        assert batch.triples is not None and batch.triple_mask is not None and batch.has_negative is not None
        assert batch.triples.shape[:2] == batch.triple_mask.shape[:2] == (3, 8)
        anchors, positives, negatives = batch.triples[:, :, 0]
        assert torch.equal(anchors, positives)
        assert torch.equal(batch.has_negative, (anchors - 100) % 3 != 0)
        assert torch.equal(negatives[batch.has_negative], anchors[batch.has_negative])
        assert not batch.triple_mask[2][~batch.has_negative].any()
        spread.append(batch.triple_mask[0].sum(1).float().std())
    assert torch.stack(spread).mean() < 0.3 * alone


def repetitive() -> PreparedCorpus:
    """Ten different pairs, each of them five times, and a chain: what is a positive is the next pair's anchor."""
    pairs = [([100 + number] * 5, [200 + number] * 5) for number in range(10)] * 5
    chain = [([300 + number] * 5, [301 + number] * 5) for number in range(40)]
    anchors, positives = (Ragged.of(column) for column in zip(*pairs, *chain, strict=True))
    return replace(corpus(), anchors=anchors, positives=positives, negatives=Ragged.of([[7]] * len(anchors)))


def test_triples_need_not_be_of_like_length():
    spread = {True: [], False: []}
    for matched, seed in ((matched, seed) for matched in spread for seed in range(20)):
        batch = segment_batch(corpus(), [(0, 0, 2)], 8, np.random.default_rng(seed), length_matched=matched)
        lengths = batch.triple_mask[0].sum(1)
        spread[matched].append(float(lengths.max() - lengths.min()))
    assert np.mean(spread[True]) < 0.5 * np.mean(spread[False])


def test_no_text_is_twice_in_a_batch_of_triples():
    """A twin of an anchor or of a positive would be a negative that means the same."""
    for seed in range(20):
        triples = segment_batch(repetitive(), [(0, 0, 2)], 12, np.random.default_rng(seed)).triples
        assert triples is not None and triples.shape[1] == 12
        texts = triples[:2, :, 0].flatten().tolist()
        assert len(set(texts)) == len(texts)


def test_fewer_different_triples_than_asked_for():
    few = replace(repetitive(), anchors=Ragged.of([[1, 1]] * 9), positives=Ragged.of([[2]] * 9))
    batch = segment_batch(few, [(0, 0, 2)], 4, np.random.default_rng(0))
    assert batch.triples is not None and batch.triples.shape[1] == 1
    triples = segment_batch(corpus(num_pairs=3), [(0, 0, 2)], 8, np.random.default_rng(0)).triples
    assert triples is not None and sorted(triples[0, :, 0].tolist()) == [100, 101, 102]


@pytest.mark.parametrize(("share", "given"), [(0.0, 10), (0.5, 10), (1.0, 10), (0.5, 0), (0.5, 200)])
def test_share_of_paraphrases(share, given):
    """`corpus` numbers its anchors from 100 in order; the first `given` of 200 are paraphrases."""
    whole = replace(corpus(num_pairs=200), num_paraphrases=given)
    drawn: list[int] = []
    for seed in range(60):
        triples = segment_batch(whole, [(0, 0, 2)], 2, np.random.default_rng(seed), share).triples
        assert triples is not None and triples.shape[1] == 2
        drawn += (triples[0, :, 0] - 100).tolist()
    found = np.mean(np.array(drawn) < given)
    wanted = {0: 0.0, 10: min(share, 10 / 16), 200: 1.0}[given]  # 16 are drawn, of which two are kept
    assert abs(found - wanted) < 0.13


def test_triples_are_a_function_of_the_generator():
    first, second = (segment_batch(repetitive(), [(0, 0, 2)], 12, np.random.default_rng([3, 7])) for _ in range(2))
    other = segment_batch(repetitive(), [(0, 0, 2)], 12, np.random.default_rng([3, 8]))
    assert first.triples is not None and second.triples is not None and other.triples is not None
    assert torch.equal(first.triples, second.triples) and not torch.equal(first.triples, other.triples)


def test_no_pairs_no_triples():
    assert segment_batch(corpus(num_pairs=0), [(0, 0, 2)], 8, np.random.default_rng(0)).triples is None


def test_helpers():
    ids, mask = pad_rows([np.array([5, 6]), np.zeros(0, dtype=np.int32)])
    assert ids.tolist() == [[5, 6], [0, 0]] and mask.tolist() == [[1, 1], [0, 0]]
    assert pad_rows([np.zeros(0, dtype=np.int32)])[0].shape == (1, 1)
    assert window_mask([(0, 0, 1), (0, 0, 3)]).tolist() == [[True, False, False], [True] * 3]
    triples, _, has_negative = triple_rows(corpus(), np.array([0, 1]))
    assert triples.shape[:2] == (3, 2) and has_negative.tolist() == [False, True]


def test_batch_moves_as_one():
    batch = segment_batch(corpus(), [(0, 0, 2)], 0, np.random.default_rng(0)).to(torch.device("meta"))
    assert isinstance(batch, SegmentBatch)
    assert batch.tokens.is_meta and batch.segment_mask.is_meta and batch.triples is None
