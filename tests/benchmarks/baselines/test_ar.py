"""The autoregressive baseline learns, keeps what is given, and writes as many segments as it is told."""

import pytest
import torch
from baselines import ar
from baselines.sequences import Example
from baselines.transformer import build, num_parameters


def test_loss_falls_on_ten_examples(vocabulary, prepared):
    torch.manual_seed(0)
    model = build(vocabulary.size, 60_000, width=32, num_layers=2)
    rows = [[prepared.segments[int(row)].tolist() for row in prepared.documents[index]] for index in range(10)]
    rests = [ar.left_to_right(Example([], segments), vocabulary) for segments in rows]
    batch = ar.sequence_batch([ar.head([], vocabulary)] * 10, rests)
    objective, optimizer = ar.ArObjective(model), torch.optim.AdamW(model.parameters(), lr=3e-3)
    losses = []
    for _ in range(60):
        loss = objective(batch)["loss"]
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.item())
    assert losses[-1] < 0.5 * losses[0]
    assert all(parameter.isfinite().all() for parameter in model.parameters())


def test_prompt_is_what_training_showed(vocabulary):
    segments = [[50, 1], [51, 1], [52, 1]]
    example = Example([9], segments)
    start = ar.head([9], vocabulary)
    cases = {(0, 3): [None] * 3, (1, 3): [segments[0], None, None]}
    for (first, last), given in cases.items():
        tokens, count = ar.prompt(given, [9], vocabulary)
        whole = start + ar.left_to_right(example, vocabulary)
        assert whole[: len(tokens)] == tokens and count == last - first
        assert whole[len(tokens)] == 50 + first
    cases = {(1, 2): [segments[0], None, segments[2]], (0, 2): [None, None, segments[2]]}
    for (first, last), given in cases.items():
        tokens, count = ar.prompt(given, [9], vocabulary)
        whole = start + ar.fill_in(example, first, last, vocabulary)
        assert whole[: len(tokens)] == tokens and count == last - first
        assert whole[len(tokens)] == 50 + first


@pytest.mark.parametrize("given", [[None, [50, 1], None], [[50, 1]], []])
def test_only_one_hole_can_be_filled(vocabulary, given):
    with pytest.raises(ValueError, match="one run"):
        ar.prompt(given, [], vocabulary)


def test_written_segments_are_as_many_as_wanted_and_clean(vocabulary, tiny_model):
    prompts = [ar.prompt([None] * 3, [], vocabulary)[0], ar.prompt([[50, 51, 1], None], [20, 21], vocabulary)[0]]
    generator = torch.Generator().manual_seed(0)
    for temperature in (0.0, 1.0):
        written = ar.write(tiny_model, vocabulary, prompts, [3, 1], temperature, 0.95, 10, generator)
        assert [len(rows) for rows in written] == [3, 1]
        for segment in [segment for rows in written for segment in rows]:
            assert 0 < len(segment) <= 10
            assert vocabulary.eos not in segment[:-1]
            assert not set(segment) & set(vocabulary.never_written)


def test_a_segment_that_does_not_end_is_cut(vocabulary, tiny_model):
    (rows,) = ar.write(tiny_model, vocabulary, [[vocabulary.bos]], [2], 0.0, 1.0, max_tokens=2)
    assert [len(segment) for segment in rows] == [1, 1]  # a random model does not stop after a token
    assert all(segment[-1] != vocabulary.eos for segment in rows)


def test_batch_and_cache_change_nothing(vocabulary, tiny_model):
    prompts = [[vocabulary.bos, 20, 21, 22], [vocabulary.bos]]
    together = ar.write(tiny_model, vocabulary, prompts, [2, 2], temperature=0.0, max_tokens=6)
    alone = [ar.write(tiny_model, vocabulary, [prompt], [2], temperature=0.0, max_tokens=6)[0] for prompt in prompts]
    assert together == alone
    ids = list(prompts[0])
    for token in [token for segment in together[0][:1] for token in segment]:
        logits = tiny_model(input_ids=torch.tensor([ids]), use_cache=False).logits[0, -1]
        logits[[*vocabulary.never_written, *([vocabulary.eos] if len(ids) == 4 else [])]] = -torch.inf
        assert int(logits.argmax()) == token
        ids.append(token)


def test_log_likelihood_is_the_sum_over_tokens(vocabulary, tiny_model):
    heads, rests = [[2, 20], [2]], [[30, 31, 32], [40]]
    found = ar.log_likelihoods(tiny_model, heads, rests)
    for start, rest, value in zip(heads, rests, found, strict=True):
        logits = tiny_model(input_ids=torch.tensor([start + rest])).logits[0].log_softmax(-1)
        expected = sum(float(logits[len(start) - 1 + i, token]) for i, token in enumerate(rest))
        assert value == pytest.approx(expected, abs=1e-4)


def test_parameters_are_as_many_as_asked(vocabulary):
    model = build(4102, 7_478_366)
    assert num_parameters(model) == pytest.approx(7_478_366, rel=1e-3)
    with pytest.raises(ValueError, match="need at least"):
        build(4102, 1_000_000)
