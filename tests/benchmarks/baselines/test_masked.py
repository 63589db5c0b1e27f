"""The masked baseline learns, leaves what is given alone, and unmasks everything else."""

import numpy as np
import pytest
import torch
from baselines import masked
from baselines.sequences import Example
from baselines.transformer import build


def segments_of(prepared, document: int) -> list[list[int]]:
    return [prepared.segments[int(row)].tolist() for row in prepared.documents[document]]


def test_loss_falls_on_ten_examples(vocabulary, prepared):
    torch.manual_seed(0)
    model = build(vocabulary.size, 60_000, width=32, num_layers=2)
    rows = []
    for index in range(10):
        segments = segments_of(prepared, index)
        rows.append(masked.canvas(Example([], segments), [False] * len(segments), vocabulary))
    batch = masked.canvas_batch(rows)
    objective, optimizer = masked.MaskedObjective(model, vocabulary), torch.optim.AdamW(model.parameters(), lr=3e-3)
    losses = []
    for _ in range(120):
        loss = objective(batch)["loss"]
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.item())
    assert np.mean(losses[-10:]) < 0.75 * np.mean(losses[:5])


def test_loss_of_a_uniform_model_is_the_entropy_of_the_vocabulary(vocabulary, prepared):
    """The bound's weight 1 / t cancels the share of tokens that are masked."""
    torch.manual_seed(0)
    model = build(vocabulary.size, 45_000, width=32, num_layers=1)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.zero_()
    segments = segments_of(prepared, 0)
    row = masked.canvas(Example([], segments), [False] * len(segments), vocabulary)
    objective = masked.MaskedObjective(model, vocabulary)
    losses = [float(objective(masked.canvas_batch([row] * 16))["loss"]) for _ in range(60)]
    assert np.mean(losses) == pytest.approx(np.log(vocabulary.size), rel=0.03)


def test_every_token_sees_both_sides_and_no_padding(vocabulary, tiny_model):
    ids = torch.tensor([[20, 21, 22, 23]])
    exists = torch.ones(1, 4, dtype=torch.bool)
    first = torch.tensor([[True, False, False, False]])
    before = masked.logits_at(tiny_model, ids, exists, first)
    changed = torch.tensor([[20, 21, 22, 99]])
    assert not torch.allclose(before, masked.logits_at(tiny_model, changed, exists, first))
    shorter = exists.clone()
    shorter[0, 3] = False
    hidden = masked.logits_at(tiny_model, ids, shorter, first)
    torch.testing.assert_close(hidden, masked.logits_at(tiny_model, changed, shorter, first))
    alone = masked.logits_at(tiny_model, ids[:, :3], exists[:, :3], first[:, :3])
    torch.testing.assert_close(hidden, alone, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("remask", [False, True])
@pytest.mark.parametrize("num_steps", [1, 3, 50])
def test_sampler_leaves_given_tokens_alone_and_unmasks_everything(vocabulary, prepared, tiny_model, remask, num_steps):
    lengths, rng = masked.LengthDrawer.of(prepared, 60, 12), np.random.default_rng(0)
    first, second = segments_of(prepared, 0), segments_of(prepared, 1)
    stories = [[None, first[1], None], [second[0], None]]
    rows = [masked.prompt(story, [20, 21], vocabulary, lengths, rng) for story in stories]
    batch = masked.canvas_batch(rows)
    out = masked.unmask(
        tiny_model, vocabulary, batch, num_steps, remask=remask, generator=torch.Generator().manual_seed(0)
    )
    assert torch.equal(out[~batch.maskable], batch.ids[~batch.maskable])
    written = out[batch.maskable].tolist()
    assert not set(written) & {*vocabulary.never_written, vocabulary.eos}
    for (_, flags), ids, count in zip(rows, out.tolist(), [2, 1], strict=True):
        segments = masked.written_segments(ids[: len(flags)], flags, vocabulary)
        assert len(segments) == count
        assert all(segment[-1] == vocabulary.eos and len(segment) >= 2 for segment in segments)


def test_remasking_changes_what_was_written(vocabulary, prepared, tiny_model):
    lengths = masked.LengthDrawer.of(prepared, 60, 12)
    row = masked.prompt([None] * 3, [], vocabulary, lengths, np.random.default_rng(0))
    batch = masked.canvas_batch([row])
    outs = [
        masked.unmask(
            tiny_model, vocabulary, batch, 20, remask=remask, order_noise=0, generator=torch.Generator().manual_seed(0)
        )
        for remask in (False, True)
    ]
    assert not torch.equal(*outs)


def test_lengths_are_those_of_the_training_segments(prepared):
    drawer, rng = masked.LengthDrawer.of(prepared, 60, 12), np.random.default_rng(0)
    rows = np.flatnonzero(prepared.documents.lengths == 3)
    for place in range(3):
        known = {len(prepared.segments[int(prepared.documents[int(row)][place])]) for row in rows}
        assert {drawer(place, 3, rng) for _ in range(300)} == known
    assert drawer(7, 40, rng) >= 2  # no text is that long: the longest known stands for it
    assert masked.LengthDrawer(drawer.by_count)(0, 3, rng) in range(2, 61)


def test_likelihood_bound_prefers_what_was_learned(vocabulary, prepared):
    torch.manual_seed(0)
    model = build(vocabulary.size, 60_000, width=32, num_layers=2)
    segments = [[50, 51, 52, 1], [60, 61, 62, 1]]
    right = masked.canvas(Example([], segments), [True, False], vocabulary)
    wrong = masked.canvas(Example([], [segments[0], [70, 71, 72, 1]]), [True, False], vocabulary)
    objective, optimizer = masked.MaskedObjective(model, vocabulary), torch.optim.AdamW(model.parameters(), lr=3e-3)
    for _ in range(60):
        objective(masked.canvas_batch([right] * 8))["loss"].backward()
        optimizer.step()
        optimizer.zero_grad()
    best, other = masked.log_likelihood_bounds(model.eval(), vocabulary, [right, wrong], num_samples=4)
    assert other < best < 0
