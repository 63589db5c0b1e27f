"""What the token baselines are shown."""

import numpy as np
import pytest
from baselines import ar, masked
from baselines.sequences import Example, WindowSampler, draw_example

from segdiff.configs.schema import ConditionConfig
from segdiff.pipelines.latent_batches import ConditionDrawer


def numbered(count: int, vocabulary, before: bool = False, after: bool = False) -> Example:
    """Segment i is the token 50 + i twice, and its end."""
    return Example([20, 21], [[50 + i, 50 + i, vocabulary.eos] for i in range(count)], before, after)


def test_own_ids_follow_those_of_the_tokenizer(vocabulary, tiny_pipeline):
    own = [vocabulary.end, vocabulary.cut, vocabulary.prefix, vocabulary.suffix, vocabulary.middle, vocabulary.mask]
    size = len(tiny_pipeline.tokenizer)
    assert own == list(range(size, size + 6))
    assert vocabulary.size == size + 6
    text = tiny_pipeline.tokenizer("Tom laughed.", add_special_tokens=False)["input_ids"]
    assert not set(text) & set(vocabulary.never_written)
    assert vocabulary.eos not in vocabulary.never_written


@pytest.mark.parametrize(("before", "after"), [(False, False), (True, False), (False, True), (True, True)])
def test_fill_in_the_middle_inverts(vocabulary, before, after):
    example = numbered(5, vocabulary, before, after)
    plain = ar.left_to_right(example, vocabulary)
    seen = set()
    for first in range(5):
        for last in range(first + 1, 6):
            row = ar.fill_in(example, first, last, vocabulary)
            seen.add(tuple(row))
            if last < 5:
                assert ar.restore(row, vocabulary) == plain
            middle = row[row.index(vocabulary.middle) + 1 : -1]
            assert [token for token in middle if token != vocabulary.eos] == [
                50 + i for i in range(first, last) for _ in (0, 1)
            ]
    assert len(seen) == 15
    assert ar.restore(plain, vocabulary) == plain


def test_a_share_of_examples_is_rearranged(vocabulary):
    example, rng = numbered(4, vocabulary), np.random.default_rng(0)
    rows = [ar.arrange(example, vocabulary, 0.5, rng) for _ in range(400)]
    assert 0.4 < np.mean([row[0] == vocabulary.prefix for row in rows]) < 0.6
    assert {tuple(ar.restore(row, vocabulary)) for row in rows} == {tuple(ar.left_to_right(example, vocabulary))}
    assert all(ar.arrange(example, vocabulary, 0.0, rng)[0] != vocabulary.prefix for _ in range(20))


def test_head_and_padding_are_not_predicted(vocabulary):
    batch = ar.sequence_batch([[2, 9], [2]], [[50, 51, 52], [60]])
    assert batch.ids.tolist() == [[2, 9, 50, 51, 52], [2, 60, 0, 0, 0]]
    assert batch.predicted.tolist() == [[False, False, True, True, True], [False, True, False, False, False]]


def test_only_the_words_of_segments_that_are_not_given_can_be_masked(vocabulary):
    example = numbered(3, vocabulary, before=True, after=True)
    ids, flags = masked.canvas(example, [False, True, False], vocabulary)
    assert len(ids) == len(flags)
    assert [token for token, flag in zip(ids, flags, strict=True) if flag] == [50, 50, 52, 52]


def test_given_segments_are_drawn_never_all_of_them():
    rng = np.random.default_rng(0)
    drawn = [masked.draw_given(3, 0.5, rng) for _ in range(300)]
    assert {sum(row) for row in drawn} == {0, 1, 2}
    assert 0.4 < np.mean([any(row) for row in drawn]) < 0.6
    assert masked.draw_given(1, 1.0, rng) == [False]


def test_windows_cover_every_document_once_an_epoch(prepared):
    sampler = WindowSampler(prepared, batch_tokens=300, max_segments=3, seed=0)
    count = len(prepared.documents)
    seen: list[tuple[int, int, int]] = []
    step = 0
    while len(seen) < count:
        windows = sampler(step)
        tokens = [
            sum(len(prepared.segments[int(row)]) for row in prepared.documents[document][first : first + size])
            for document, first, size in windows
        ]
        assert len(windows) == 1 or max(tokens) * len(windows) <= 300
        assert sampler.text_tokens(step + 1) - sampler.text_tokens(step) == sum(tokens)
        seen += windows
        step += 1
    assert sorted(document for document, _, _ in seen) == list(range(count))
    lengths = prepared.documents.lengths
    assert all(
        size == min(3, lengths[document]) and first + size <= lengths[document] for document, first, size in seen
    )
    again = WindowSampler(prepared, 300, 3, 0)
    assert again(step + 1) == sampler(step + 1)  # straight to a later epoch
    assert again(0) == sampler(0)


def test_steps_for_tokens_shows_that_many_and_no_batch_more(prepared):
    sampler = WindowSampler(prepared, batch_tokens=200, max_segments=12, seed=1)
    steps = sampler.steps_for(1500)
    assert sampler.text_tokens(steps) >= 1500 > sampler.text_tokens(steps - 1)


def test_fragments_say_where_the_text_goes_on(prepared):
    rng = np.random.default_rng(0)
    document = int(prepared.documents.lengths.argmax())
    count = int(prepared.documents.lengths[document])
    whole = draw_example(prepared, (document, 0, count), None, rng)
    assert not whole.before and not whole.after and len(whole.segments) == count
    assert [row[-1] for row in whole.segments] == [1] * count
    places = set()
    for _ in range(200):
        part = draw_example(prepared, (document, 0, count), None, rng, fragment_share=1.0)
        first = next(i for i in range(count) if whole.segments[i : i + len(part.segments)] == part.segments)
        assert part.before == (first > 0)
        assert part.after == (first + len(part.segments) < count)
        places.add((first, len(part.segments)))
    assert len(places) == count * (count + 1) // 2


def test_conditions_are_the_latent_models(prepared, tiny_pipeline):
    draw = ConditionDrawer(prepared, tiny_pipeline.tokenizer, ConditionConfig(start=0), 32)
    rng = np.random.default_rng(0)
    kinds = tiny_pipeline.tokenizer.convert_tokens_to_ids(["<title>", "<keywords>", "<start>"])
    starts = [draw_example(prepared, (0, 0, 1), draw, rng).condition[:1] for _ in range(200)]
    drawn = {row[0] for row in starts if row}
    assert drawn == set(kinds[:2])
    assert [] in starts
