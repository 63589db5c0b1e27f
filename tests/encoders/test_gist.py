"""Gist latents: the topic first, then what the encoder has learned."""

import pytest
import torch
from torch import Tensor

from segdiff.encoders import SegmentEncoder
from segdiff.encoders.gist import GistPooling

VOCABULARY, HIDDEN, GIST, TOPIC, WIDTH = 30, 16, 3, 2, 4
TEXT = {"vocab_size": VOCABULARY, "d_model": HIDDEN, "num_layers": 1, "num_heads": 2, "d_kv": 8, "d_ff": 16}


def pooling() -> GistPooling:
    torch.manual_seed(0)
    made = GistPooling(VOCABULARY, HIDDEN, GIST, TOPIC, WIDTH)
    made.topics[2:] = torch.randn(VOCABULARY - 2, TOPIC * WIDTH)
    return made


def inputs(*ids: int) -> tuple[Tensor, Tensor, Tensor]:
    return torch.tensor([ids]), torch.randn(1, len(ids), HIDDEN), torch.ones(1, len(ids), dtype=torch.long)


def test_the_topic_is_the_direction_of_the_summed_vectors():
    gist = pooling()
    ids, states, mask = inputs(5, 9, 7, 1)
    found = gist(ids, states, mask)
    assert found.shape == (1, GIST, WIDTH)
    wanted = gist.topics[[5, 9, 7]].sum(0)
    torch.testing.assert_close(found[:, :TOPIC].flatten(), wanted / wanted.square().mean().sqrt())
    torch.testing.assert_close(gist(ids.flip(1), states, mask), found)
    assert not gist(*inputs(1, 1))[:, :TOPIC].any(), "tokens without a topic: nothing, and no division by zero"


@torch.no_grad()
def test_what_is_learned_sees_every_token_and_no_padding():
    gist = pooling()
    ids, states, mask = inputs(5, 9, 7)
    alone = gist(ids, states, mask)
    padded = torch.cat([states, 100 * torch.randn(1, 2, HIDDEN)], dim=1)
    more = torch.nn.functional.pad(ids, (0, 2), value=4), padded, torch.nn.functional.pad(mask, (0, 2))
    torch.testing.assert_close(gist(*more), alone, rtol=1e-4, atol=1e-5)
    for token in range(3):
        changed = states.clone()
        changed[:, token] += 1
        moved = (gist(ids, changed, mask) - alone).abs().amax(-1)[0]
        assert moved[TOPIC:].min() > 1e-3 and not moved[:TOPIC].any()


def test_all_but_the_topic_is_learned():
    gist = pooling()
    (gist(*inputs(5, 9)) * torch.arange(GIST * WIDTH).view(GIST, WIDTH)).sum().backward()
    assert gist.out.weight.grad is not None and gist.out.weight.grad.any()
    assert not any(name == "topics" for name, _ in gist.named_parameters())


@pytest.mark.parametrize("compressor", ["aligned", "perceiver"])
def test_the_gist_comes_first_and_is_part_of_the_fingerprint(compressor, tmp_path):
    torch.manual_seed(0)
    encoder = SegmentEncoder(
        TEXT, num_latents=5, latent_dim=WIDTH, compressor=compressor, gist_latents=GIST, topic_latents=TOPIC
    )
    encoder.eval()
    assert encoder.gist is not None
    ids = torch.tensor([[5, 9, 7]])
    before, fingerprint = encoder(ids, torch.ones_like(ids)), encoder.fingerprint()
    encoder.gist.topics.normal_()
    after = encoder(ids, torch.ones_like(ids))
    assert after.shape == (1, 5, WIDTH) and encoder.fingerprint() != fingerprint
    assert torch.equal(after[:, TOPIC:], before[:, TOPIC:]) and not torch.equal(after[:, :TOPIC], before[:, :TOPIC])
    assert encoder.meaning == slice(TOPIC, GIST)
    encoder.save_pretrained(tmp_path)
    again = SegmentEncoder.from_pretrained(tmp_path).eval()(ids, torch.ones_like(ids))
    torch.testing.assert_close(again, after, rtol=0, atol=1e-6)  # kernels depend on where a tensor lies in memory


@pytest.mark.parametrize("gist_latents", [-1, 4, 9])
def test_too_many_or_too_few(gist_latents):
    with pytest.raises(ValueError, match=f"gist_latents is {gist_latents}; it must be at least 0 and below"):
        SegmentEncoder(TEXT, num_latents=4, latent_dim=WIDTH, gist_latents=gist_latents)


@pytest.mark.parametrize("topic_latents", [-1, 2, 3])
def test_too_many_topic_latents(topic_latents):
    with pytest.raises(ValueError, match=f"topic_latents is {topic_latents}; it must be at least 0 and below"):
        SegmentEncoder(TEXT, num_latents=4, latent_dim=WIDTH, gist_latents=2, topic_latents=topic_latents)


def test_a_gist_without_a_topic_and_no_gist():
    plain = SegmentEncoder(TEXT, num_latents=4, latent_dim=WIDTH)
    learned = SegmentEncoder(TEXT, num_latents=4, latent_dim=WIDTH, gist_latents=2)
    ids = torch.tensor([[5, 9, 7]])
    assert learned(ids, torch.ones_like(ids)).shape == (1, 4, WIDTH)
    latents = torch.arange(4)
    assert latents[plain.meaning].tolist() == [0, 1, 2, 3] and latents[learned.meaning].tolist() == [0, 1]
