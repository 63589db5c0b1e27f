"""SegmentEncoder: normalisation, fingerprint, disk, and pretrained text encoders."""

from typing import Any

import pytest
import torch
from transformers import T5Config, T5EncoderModel, T5ForConditionalGeneration

from segdiff.encoders import SegmentEncoder

TEXT = {"vocab_size": 300, "d_model": 32, "num_layers": 1, "num_heads": 2, "d_kv": 16, "d_ff": 48}
SHAPE = {"num_latents": 3, "latent_dim": 8, "states_per_latent": 2, "max_tokens": 20}


def make(**options: Any) -> SegmentEncoder:
    torch.manual_seed(0)
    return SegmentEncoder(**{"text_config": TEXT, **SHAPE, **options}).eval()


def tokens(count: int = 4, length: int = 7) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    return torch.randint(3, 300, (count, length), generator=generator), torch.ones(count, length, dtype=torch.long)


@pytest.fixture
def encoder() -> SegmentEncoder:
    encoder = make()
    encoder.set_statistics(torch.randn(3, 8), torch.rand(3, 8) + 0.5)
    return encoder


@pytest.mark.parametrize("compressor", ["aligned", "perceiver"])
@torch.no_grad()
def test_padding_does_not_change_latents(compressor):
    encoder = make(compressor=compressor)
    ids, mask = tokens(length=7)
    alone = encoder.encode(ids, mask)
    assert alone.shape == (4, 3, 8)
    wide = torch.cat([ids, torch.randint(3, 300, (4, 9))], dim=1)
    wide_mask = torch.cat([mask, torch.zeros(4, 9, dtype=torch.long)], dim=1)
    torch.testing.assert_close(encoder.encode(wide, wide_mask), alone, rtol=1e-4, atol=1e-5)


@torch.no_grad()
def test_raw_latents_have_unit_variance_and_order_matters(encoder):
    ids, mask = tokens()
    raw = encoder(ids, mask)
    torch.testing.assert_close(raw.var(-1, unbiased=False), torch.ones(4, 3), rtol=1e-2, atol=0.0)
    assert (encoder(ids.flip(1), mask) - raw).abs().max() > 0.05


def test_unknown_compressor():
    with pytest.raises(ValueError, match="compressor is 'mean'; known compressors: aligned, perceiver"):
        make(compressor="mean")


def test_statistics_make_latents_standard():
    encoder = make()
    raw = 3 * torch.randn(500, 3, 8) * torch.rand(3, 8).add(0.5) + torch.randn(3, 8)
    encoder.set_statistics(raw.mean(0), raw.std(0))
    assert torch.equal(encoder.latent_mean, raw.mean(0))
    latents = encoder.normalize(raw)
    torch.testing.assert_close(latents.mean(0), torch.zeros(3, 8), rtol=0, atol=1e-5)
    torch.testing.assert_close(latents.std(0), torch.ones(3, 8), rtol=1e-4, atol=0)


def test_statistics_blend_by_momentum():
    encoder = make()
    encoder.set_statistics(torch.full((3, 8), 10.0), torch.full((3, 8), 3.0), momentum=0.9)
    torch.testing.assert_close(encoder.latent_mean, torch.full((3, 8), 1.0))
    torch.testing.assert_close(encoder.latent_std, torch.full((3, 8), 1.2))


def test_std_floor_keeps_dead_channels_small():
    encoder = make(std_floor=0.25)
    std = torch.full((3, 8), 2.0)
    std[0, 0] = 1e-6  # a dead channel
    encoder.set_statistics(torch.zeros(3, 8), std)
    latents = encoder.normalize(torch.ones(1, 3, 8))[0]
    torch.testing.assert_close(latents[0, 0], 1 / (0.25 * std.mean()))
    torch.testing.assert_close(latents[1:], torch.full((2, 8), 0.5))


def test_save_and_load_are_bit_equal(encoder, tmp_path):
    encoder.save_pretrained(tmp_path)
    loaded = SegmentEncoder.from_pretrained(tmp_path)
    assert loaded.state_dict().keys() == encoder.state_dict().keys()
    for name, tensor in encoder.state_dict().items():
        assert torch.equal(loaded.state_dict()[name], tensor), name
    assert loaded.fingerprint() == encoder.fingerprint()
    assert torch.equal(loaded.encode(*tokens()), encoder.encode(*tokens()))


def test_fingerprint_survives_half_precision(encoder, tmp_path):
    before = encoder.fingerprint()
    encoder.to(torch.float16).save_pretrained(tmp_path)
    for dtype in (torch.float16, torch.float32):
        loaded = SegmentEncoder.from_pretrained(tmp_path, dtype=dtype)
        assert loaded.latent_mean.dtype == dtype
        assert loaded.fingerprint() == before


def test_fingerprint_changes_with_every_tensor(encoder):
    seen = {encoder.fingerprint()}
    for name, tensor in encoder.state_dict().items():
        with torch.no_grad():
            tensor.view(-1)[-1] += 0.25
        assert encoder.fingerprint() not in seen, name
        seen.add(encoder.fingerprint())
    assert {"latent_mean", "latent_std"} <= encoder.state_dict().keys()


@pytest.mark.parametrize(
    "change", [{"max_tokens": 21}, {"std_floor": 0.2}, {"text_config": {**TEXT, "dropout_rate": 0.2}}]
)
def test_fingerprint_changes_with_the_configuration(change):
    assert make().fingerprint() == make().fingerprint()
    assert make(**change).fingerprint() != make().fingerprint()


@pytest.mark.parametrize("kind", [T5EncoderModel, T5ForConditionalGeneration])
@torch.no_grad()
def test_starts_from_a_pretrained_text_encoder(kind, tmp_path):
    torch.manual_seed(3)
    config = T5Config(**TEXT, feed_forward_proj="gated-gelu", dropout_rate=0.0, decoder_start_token_id=0)
    pretrained = kind(config).eval()
    pretrained.save_pretrained(tmp_path / "hub")
    encoder = SegmentEncoder.from_text_encoder(tmp_path / "hub", **SHAPE).eval()
    ids, mask = tokens()
    wanted = pretrained.get_encoder()(input_ids=ids, attention_mask=mask).last_hidden_state
    states = encoder.text_encoder(input_ids=ids, attention_mask=mask).last_hidden_state
    torch.testing.assert_close(states, wanted, rtol=1e-4, atol=1e-5)

    encoder.save_pretrained(tmp_path / "encoder")
    loaded = SegmentEncoder.from_pretrained(tmp_path / "encoder")
    assert loaded.fingerprint() == encoder.fingerprint()
    torch.testing.assert_close(loaded.encode(ids, mask), encoder.encode(ids, mask), rtol=1e-4, atol=1e-5)
