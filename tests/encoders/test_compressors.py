"""Token states -> K latents: padding does not matter, order does."""

import pytest
import torch
from torch import Tensor, nn

from segdiff.encoders.compressors import AlignedPooling, PerceiverPooling

HIDDEN, NUM_LATENTS, LATENT_DIM = 32, 4, 8


@pytest.fixture(params=["aligned", "perceiver"])
def pooling(request: pytest.FixtureRequest) -> nn.Module:
    torch.manual_seed(0)
    shape = (HIDDEN, NUM_LATENTS, LATENT_DIM, 2)
    if request.param == "aligned":
        return AlignedPooling(*shape, states_per_latent=3, dropout=0.0).eval()
    return PerceiverPooling(*shape, num_layers=2, dropout=0.0).eval()


def padded(states: Tensor, width: int) -> tuple[Tensor, Tensor]:
    """States followed by garbage up to `width`, and their mask."""
    filler = 100 * torch.randn(states.shape[0], width - states.shape[1], HIDDEN)
    mask = (torch.arange(width) < states.shape[1]).long().expand(states.shape[0], -1)
    return torch.cat([states, filler], dim=1), mask


@pytest.mark.parametrize("length", [1, 2, 5, 40])
def test_shape_and_padding(pooling, length):
    states = torch.randn(3, length, HIDDEN)
    alone = pooling(states, torch.ones(3, length, dtype=torch.long))
    assert alone.shape == (3, NUM_LATENTS, LATENT_DIM)
    for width in (length + 1, length + 17):
        torch.testing.assert_close(pooling(*padded(states, width)), alone, rtol=1e-4, atol=1e-5)


def test_every_token_matters(pooling):
    """One state per latent at least, so no token of a short segment is skipped."""
    states = torch.randn(1, 9, HIDDEN)
    mask = torch.ones(1, 9, dtype=torch.long)
    latents = pooling(states, mask)
    for token in range(9):
        changed = states.clone()
        changed[:, token] += torch.randn(HIDDEN)
        assert (pooling(changed, mask) - latents).abs().max() > 1e-3, f"token {token} is not seen"


def test_aligned_is_sensitive_to_order_and_perceiver_is_not(pooling):
    """Without positions in the states, only aligned pooling can tell the order."""
    states = torch.randn(2, 12, HIDDEN)
    mask = torch.ones(2, 12, dtype=torch.long)
    difference = (pooling(states.flip(1), mask) - pooling(states, mask)).abs().max()
    if isinstance(pooling, AlignedPooling):
        assert difference > 0.05
    else:
        assert difference < 1e-5


def test_aligned_slot_sees_its_share_of_the_segment():
    """Before mixing, latent k reads the k-th K-th: the points that are gathered for it."""
    pooling = AlignedPooling(HIDDEN, NUM_LATENTS, LATENT_DIM, 2, states_per_latent=3, dropout=0.0).eval()
    setattr(pooling, "mix", nn.Identity())  # noqa: B010 - the type of a layer that is there for the test alone
    states = torch.randn(1, 12, HIDDEN)
    mask = torch.ones(1, 12, dtype=torch.long)
    changed = states.clone()
    changed[:, 9:] += 1.0  # the last quarter
    moved = (pooling(changed, mask) - pooling(states, mask)).abs().amax(-1)[0] > 1e-5
    assert moved.tolist() == [False, False, False, True]
