"""Gist latents: topic vectors first, and what the encoder adds."""

import pytest
import torch
from torch import Tensor

from segdiff.encoders import SegmentEncoder
from segdiff.encoders.gist import GistPooling

VOCABULARY, HIDDEN, GIST, WIDTH = 30, 16, 2, 4
TEXT = {"vocab_size": VOCABULARY, "d_model": HIDDEN, "num_layers": 1, "num_heads": 2, "d_kv": 8, "d_ff": 16}


def pooling() -> GistPooling:
    torch.manual_seed(0)
    made = GistPooling(VOCABULARY, HIDDEN, GIST, WIDTH)
    made.topics[2:] = torch.randn(VOCABULARY - 2, GIST * WIDTH)
    return made


def inputs(*ids: int) -> tuple[Tensor, Tensor, Tensor]:
    return torch.tensor([ids]), torch.randn(1, len(ids), HIDDEN), torch.ones(1, len(ids), dtype=torch.long)


def test_it_starts_as_the_direction_of_the_summed_topics():
    gist = pooling()
    ids, states, mask = inputs(5, 9, 7, 1)
    found = gist(ids, states, mask)
    assert found.shape == (1, GIST, WIDTH)
    wanted = gist.topics[[5, 9, 7]].sum(0)
    torch.testing.assert_close(found.flatten(), wanted / wanted.square().mean().sqrt())
    torch.testing.assert_close(gist(ids.flip(1), states, mask), found)
    assert not gist(*inputs(1, 1)).any(), "tokens without a topic: nothing, and no division by zero"


@torch.no_grad()
def test_what_the_states_add_sees_every_token_and_no_padding():
    gist = pooling()
    torch.nn.init.normal_(gist.out.weight)
    ids, states, mask = inputs(5, 9, 7)
    alone = gist(ids, states, mask)
    padded = torch.cat([states, 100 * torch.randn(1, 2, HIDDEN)], dim=1)
    more = torch.nn.functional.pad(ids, (0, 2), value=4), padded, torch.nn.functional.pad(mask, (0, 2))
    torch.testing.assert_close(gist(*more), alone, rtol=1e-4, atol=1e-5)
    for token in range(3):
        changed = states.clone()
        changed[:, token] += 1
        assert (gist(ids, changed, mask) - alone).abs().max() > 1e-3


def test_it_can_be_learned_from_the_start():
    gist = pooling()
    gist(*inputs(5, 9)).square().sum().backward()
    assert gist.out.weight.grad is not None and gist.out.weight.grad.any()
    assert not any(name == "topics" for name, _ in gist.named_parameters())


@pytest.mark.parametrize("compressor", ["aligned", "perceiver"])
def test_the_gist_comes_first_and_is_part_of_the_fingerprint(compressor, tmp_path):
    torch.manual_seed(0)
    encoder = SegmentEncoder(TEXT, num_latents=5, latent_dim=WIDTH, compressor=compressor, gist_latents=GIST).eval()
    assert encoder.gist is not None
    ids = torch.tensor([[5, 9, 7]])
    before, fingerprint = encoder(ids, torch.ones_like(ids)), encoder.fingerprint()
    encoder.gist.topics.normal_()
    after = encoder(ids, torch.ones_like(ids))
    assert after.shape == (1, 5, WIDTH) and encoder.fingerprint() != fingerprint
    assert torch.equal(after[:, GIST:], before[:, GIST:]) and not torch.equal(after[:, :GIST], before[:, :GIST])
    encoder.save_pretrained(tmp_path)
    assert torch.equal(SegmentEncoder.from_pretrained(tmp_path).eval()(ids, torch.ones_like(ids)), after)


@pytest.mark.parametrize("gist_latents", [-1, 4, 9])
def test_too_many_or_too_few(gist_latents):
    with pytest.raises(ValueError, match=f"gist_latents is {gist_latents}; it must be at least 0 and below"):
        SegmentEncoder(TEXT, num_latents=4, latent_dim=WIDTH, gist_latents=gist_latents)
