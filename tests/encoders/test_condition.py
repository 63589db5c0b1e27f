"""The condition encoder: rows without tokens are legal and padding does not matter."""

import pytest
import torch

from segdiff.encoders import ConditionEncoder

TEXT = {"vocab_size": 300, "d_model": 32, "num_layers": 1, "num_heads": 2, "d_kv": 16, "d_ff": 48}


@pytest.fixture(scope="module")
def encoder() -> ConditionEncoder:
    torch.manual_seed(0)
    return ConditionEncoder(TEXT, max_tokens=16).eval()


def test_shapes_and_mask(encoder):
    states, mask = encoder(torch.tensor([[5, 6, 7], [8, 0, 0]]), torch.tensor([[1, 1, 1], [1, 0, 0]]))
    assert states.shape == (2, 4, 32)
    assert mask.tolist() == [[True] * 4, [True, True, False, False]]


def test_first_state_is_the_same_for_every_condition(encoder):
    states, _ = encoder(torch.randint(3, 300, (4, 6)), torch.ones(4, 6, dtype=torch.long))
    assert torch.equal(states[:, 0], encoder.null.expand(4, -1))


@pytest.mark.parametrize("width", [1, 2, 9])
def test_row_without_tokens_is_finite_and_seen_as_null_alone(encoder, width):
    states, mask = encoder(torch.randint(0, 300, (2, width)), torch.zeros(2, width, dtype=torch.long))
    assert states.isfinite().all()
    assert torch.equal(states[mask], encoder.null.expand(2, -1))


@pytest.mark.parametrize("width", [5, 12])
def test_padding_does_not_matter(encoder, width):
    ids = torch.randint(3, 300, (2, 4))
    alone, _ = encoder(ids, torch.ones(2, 4, dtype=torch.long))
    wide = torch.cat([ids, torch.randint(3, 300, (2, width - 4))], dim=1)
    mask = (torch.arange(width) < 4).long().expand(2, -1)
    states, seen = encoder(wide, mask)
    torch.testing.assert_close(states[:, :5], alone, rtol=1e-4, atol=1e-5)
    assert seen.sum(1).tolist() == [5, 5]


def test_save_and_load_are_bit_equal(encoder, tmp_path):
    encoder.save_pretrained(tmp_path)
    loaded = ConditionEncoder.from_pretrained(tmp_path)
    for name, tensor in encoder.state_dict().items():
        assert torch.equal(loaded.state_dict()[name], tensor), name
    assert loaded.config.max_tokens == 16
