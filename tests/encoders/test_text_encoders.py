"""Text encoder families: from scratch and from random-weight models on disk in the hub's format."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import Normalize, Pooling, Transformer
from torch import Tensor
from transformers import (
    BartConfig,
    BartForConditionalGeneration,
    BertConfig,
    BertForMaskedLM,
    BertModel,
    MT5Config,
    MT5Model,
    RobertaConfig,
    RobertaModel,
    T5Config,
    T5ForConditionalGeneration,
)

from segdiff.encoders import SegmentEncoder
from segdiff.encoders.text_encoders import freeze
from segdiff.pipelines.pretrained import own_tokenizer, start_token_id
from segdiff.pipelines.tokenization import pad_tokens, segment_tokens

SHAPE: dict[str, Any] = {"num_latents": 2, "latent_dim": 8, "states_per_latent": 2, "max_tokens": 20}
T5_NAMES = {"d_model": 32, "num_layers": 2, "num_heads": 2, "d_kv": 16, "d_ff": 48}
BERT = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 48}
BART = {"d_model": 32, "encoder_layers": 2, "decoder_layers": 1, "encoder_attention_heads": 2, "encoder_ffn_dim": 48}
BART |= {"decoder_attention_heads": 2, "decoder_ffn_dim": 48}
T5_DECODER = {"decoder_start_token_id": 0}
PRETRAINED = {
    "t5": (T5ForConditionalGeneration, T5Config(vocab_size=300, **T5_NAMES, **T5_DECODER)),
    "mt5": (MT5Model, MT5Config(vocab_size=300, **T5_NAMES, **T5_DECODER)),
    "bert": (BertModel, BertConfig(vocab_size=300, **BERT)),
    "bert with a head": (BertForMaskedLM, BertConfig(vocab_size=300, **BERT)),
    "roberta": (RobertaModel, RobertaConfig(vocab_size=300, max_position_embeddings=40, **BERT)),
    "bart": (BartForConditionalGeneration, BartConfig(vocab_size=300, **BART)),
}


def tokens(count: int = 4, length: int = 7) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(1)
    return torch.randint(3, 300, (count, length), generator=generator), torch.ones(count, length, dtype=torch.long)


@pytest.mark.parametrize("model_type", ["t5", "mt5", "bert", "roberta", "distilbert", "bart"])
@torch.no_grad()
def test_one_line_swaps_the_family(model_type: str, tmp_path: Path) -> None:
    torch.manual_seed(0)
    encoder = SegmentEncoder({"model_type": model_type, "vocab_size": 300, **T5_NAMES}, **SHAPE).eval()
    config = encoder.text_encoder.config
    assert (config.hidden_size, config.num_hidden_layers, config.num_attention_heads) == (32, 2, 2)
    assert sum(parameter.numel() for parameter in encoder.text_encoder.parameters()) < 70_000  # and no decoder
    ids, mask = tokens()
    alone = encoder.encode(ids, mask)
    assert alone.shape == (4, 2, 8) and alone.isfinite().all()
    wide, wide_mask = torch.nn.functional.pad(ids, (0, 5)), torch.nn.functional.pad(mask, (0, 5))
    torch.testing.assert_close(encoder.encode(wide, wide_mask), alone, rtol=1e-4, atol=1e-4)

    encoder.save_pretrained(tmp_path)
    loaded = SegmentEncoder.from_pretrained(tmp_path)
    assert loaded.fingerprint() == encoder.fingerprint()
    assert torch.equal(loaded.encode(ids, mask), alone)


@pytest.mark.parametrize("name", PRETRAINED)
@torch.no_grad()
def test_pretrained_states_are_those_of_transformers(name: str, tmp_path: Path) -> None:
    kind, config = PRETRAINED[name]
    torch.manual_seed(3)
    pretrained = kind(config).eval()
    pretrained.save_pretrained(tmp_path / "hub")
    encoder = SegmentEncoder.from_text_encoder(tmp_path / "hub", dropout=0.25, vocab_size=303, **SHAPE).eval()
    assert encoder.text_encoder.embed_tokens.weight.shape == (303, 32)
    assert encoder.pooling.mix.dropout.p == 0.25
    ids, mask = tokens()
    base = pretrained.get_encoder() if config.is_encoder_decoder else pretrained.base_model
    wanted = base(input_ids=ids, attention_mask=mask).last_hidden_state
    states = encoder.text_encoder(input_ids=ids, attention_mask=mask, use_cache=False).last_hidden_state
    torch.testing.assert_close(states, wanted, rtol=1e-4, atol=1e-5)

    encoder.save_pretrained(tmp_path / "encoder")
    loaded = SegmentEncoder.from_pretrained(tmp_path / "encoder")
    assert loaded.fingerprint() == encoder.fingerprint()
    torch.testing.assert_close(loaded.encode(ids, mask), encoder.encode(ids, mask), rtol=1e-4, atol=1e-5)


# ----------------------------------------------------------------------------------- sentence-transformers

TEXTS = ["the dog ran home", "a cat", "[SEP] is text here"]


@pytest.fixture
def hub(tmp_path: Path) -> Path:
    """A BERT with its tokenizer."""
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "the", "dog", "cat", "ran", "home", "a", "[", "]", "sep"]
    folder = tmp_path / "bert"
    torch.manual_seed(3)
    BertModel(BertConfig(vocab_size=len(words), **BERT)).save_pretrained(folder)
    (folder / "vocab.txt").write_text("\n".join(words) + "\n")
    (folder / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "BertTokenizer"}))
    return folder


@pytest.mark.parametrize(("mode", "unit_length"), [("mean", True), ("cls", False), ("max", False)])
@pytest.mark.parametrize("latent_dim", [32, 8])
@torch.no_grad()
def test_pooled_latents_are_the_sentence_vectors(hub: Path, mode: str, unit_length: bool, latent_dim: int) -> None:
    modules = [Transformer(str(hub)), Pooling(32, pooling_mode=mode), *([Normalize()] if unit_length else [])]
    sentences = SentenceTransformer(modules=modules, device="cpu").eval()
    folder = hub.with_name("sentences")
    sentences.save(str(folder))
    tokenizer = own_tokenizer(str(folder))
    encoder = SegmentEncoder.from_text_encoder(
        folder,
        vocab_size=len(tokenizer),
        num_latents=1,
        latent_dim=latent_dim,
        compressor="pooled",
        max_tokens=20,
        start_token_id=start_token_id(tokenizer),
    ).eval()
    ids, mask = pad_tokens(segment_tokens(tokenizer, TEXTS[:2]), 0)
    raw = encoder(ids, mask)
    assert raw.shape == (2, 1, latent_dim)
    if latent_dim == 32:
        wanted = sentences.encode(TEXTS[:2], convert_to_tensor=True)
        torch.testing.assert_close(raw[:, 0], wanted, rtol=1e-4, atol=1e-5)
    encoder.save_pretrained(hub.with_name("saved"))
    loaded = SegmentEncoder.from_pretrained(hub.with_name("saved"))
    torch.testing.assert_close(loaded(ids, mask), raw)

    states = SegmentEncoder.from_text_encoder(folder, **SHAPE).eval()  # the same model's token states, compressed
    assert states(ids, mask).shape == (2, 2, 8)


def test_sentence_modules_that_are_not_supported_are_named(hub: Path) -> None:
    modules = [
        {"path": path, "type": f"sentence_transformers.models.{path or 'Transformer'}"} for path in ("", "Dense")
    ]
    (hub / "modules.json").write_text(json.dumps(modules))
    with pytest.raises(ValueError, match="pools by Transformer, Dense; known are"):
        SegmentEncoder.from_text_encoder(hub, compressor="pooled", num_latents=1)
    SegmentEncoder.from_text_encoder(hub, **SHAPE)


def test_the_tokenizer_of_a_pretrained_encoder(hub: Path) -> None:
    tokenizer = own_tokenizer(str(hub))
    tokenizer.save_pretrained(hub.with_name("saved"))
    again = type(tokenizer).from_pretrained(hub.with_name("saved"))
    for one in (tokenizer, again):
        assert (one.bos_token, one.eos_token, start_token_id(one), len(one)) == ("[CLS]", "[SEP]", 2, 17)
        assert segment_tokens(one, TEXTS)[0] == [5, 6, 8, 9, 3]
        assert segment_tokens(one, TEXTS)[2][:3] == [11, 13, 12]
    with pytest.raises(FileNotFoundError, match="holds no tokenizer"):
        own_tokenizer(str(hub.with_name("nothing")))


# --------------------------------------------------------------------------------------------------- frozen


@pytest.mark.parametrize("model_type", ["t5", "bert", "roberta", "distilbert", "bart"])
@pytest.mark.parametrize("frozen", [0, 1, 2, "all"])
def test_frozen_layers_do_not_learn(model_type: str, frozen: Any) -> None:
    encoder = SegmentEncoder({"model_type": model_type, "vocab_size": 300, **T5_NAMES}, **SHAPE)
    freeze(encoder.text_encoder, frozen)
    encoder(*tokens())[..., 0].square().sum().backward()
    learning = {name for name, parameter in encoder.text_encoder.named_parameters() if parameter.grad is not None}
    assert all(parameter.grad is not None for parameter in encoder.pooling.parameters())
    layers = {int(found[1]) for name in learning if (found := re.search(r"\.(\d)\.", name))}
    assert layers == {0: {0, 1}, 1: {1}, 2: set(), "all": set()}[frozen]
    assert encoder.text_encoder.embed_tokens.weight.requires_grad == (frozen == 0)


# ------------------------------------------------------------------------------------------------ bad input


def test_bad_options() -> None:
    bert = {"model_type": "bert", "vocab_size": 300, **T5_NAMES}
    with pytest.raises(ValueError, match="unknown model_type 'brt'"):
        SegmentEncoder({**bert, "model_type": "brt"})
    with pytest.raises(ValueError, match="num_latents is 4; the compressor 'pooled' makes one"):
        SegmentEncoder(bert, compressor="pooled")
    with pytest.raises(ValueError, match="pooling_mode is 'sum'; known modes: mean, cls, max"):
        SegmentEncoder(bert, num_latents=1, compressor="pooled", pooling_mode="sum")
    with pytest.raises(ValueError, match="max_tokens is 512; with 512 positions the bert encoder takes at most 509"):
        SegmentEncoder(bert, max_tokens=512)
    with pytest.raises(ValueError, match="frozen is 3; the text encoder has 2 layers"):
        freeze(SegmentEncoder(bert).text_encoder, 3)


def test_weights_that_are_missing_or_pickled_are_refused(hub: Path) -> None:
    from safetensors.torch import load_file, save_file

    weights = load_file(hub / "model.safetensors")
    kept = {name: tensor for name, tensor in weights.items() if "layer.1." not in name}
    save_file(kept, hub / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ValueError, match=r"lacks weights of a bert encoder: encoder\.layer\.1\."):
        SegmentEncoder.from_text_encoder(hub, **SHAPE)
    (hub / "model.safetensors").unlink()
    torch.save(weights, hub / "pytorch_model.bin")
    with pytest.raises(OSError, match=r"model\.safetensors"):
        SegmentEncoder.from_text_encoder(hub, **SHAPE)
