"""Parts of different models, and damaged ones, are refused."""

import json
import shutil
from pathlib import Path

import pytest
from safetensors.torch import load_file, save_file

from segdiff.decoders import SegmentDecoder
from segdiff.pipelines.loading import load_representation
from segdiff.pipelines.tokenization import train_tokenizer


@pytest.fixture
def model(tiny_model_dir: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny_model_dir, tmp_path / "model"))


def test_decoder_of_other_latents_is_refused(model):
    decoder = load_representation(model)[1]
    SegmentDecoder.from_config({**decoder.config, "latent_dim": 4}).save_pretrained(model / "decoder")
    with pytest.raises(ValueError, match="of different models"):
        load_representation(model)


def test_larger_tokenizer_is_refused(model):
    texts = [f"word{index} again" for index in range(300)]
    train_tokenizer(texts, vocab_size=500).save_pretrained(model / "tokenizer")
    with pytest.raises(ValueError, match="tokenizer is of another model"):
        load_representation(model)


def test_tokenizer_without_end_token_is_refused(model):
    (model / "tokenizer" / "tokenizer_config.json").write_text("{}")
    with pytest.raises((ValueError, FileNotFoundError), match="tokenizer"):
        load_representation(model)


def test_weights_that_are_cut_short_are_refused(model):
    file = model / "decoder" / "diffusion_pytorch_model.safetensors"
    file.write_bytes(file.read_bytes()[:-10])
    with pytest.raises(ValueError, match=r"the weights in .*decoder are damaged .*; get the model again$") as refused:
        load_representation(model)
    assert str(refused.value).count(str(model)) == 1


def test_weights_that_are_not_finite_are_refused(model):
    file = model / "decoder" / "diffusion_pytorch_model.safetensors"
    tensors = load_file(file)
    tensors["expand.bias"][0] = float("nan")
    save_file(tensors, file, metadata={"format": "pt"})
    with pytest.raises(ValueError, match=r"expand\.bias is not finite"):
        load_representation(model)


@pytest.mark.parametrize(
    ("part", "changed", "message"),
    [
        ("decoder", {"bos_token_id": -7}, r"its tokens \[-7, .*\] are not among"),
        ("decoder", {"eos_token_id": 999_999}, r"are not among"),
        ("decoder", {"max_tokens": 1}, r"up to \[\d+, 1\] tokens; a config.json is damaged"),
        ("encoder", {"max_tokens": "x"}, r"up to \['x', \d+\] tokens; a config.json is damaged"),
    ],
)
def test_configs_with_values_that_cannot_be_are_refused(model, part, changed, message):
    file = model / part / "config.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), **changed}))
    with pytest.raises(ValueError, match=message):
        load_representation(model)


def test_a_config_that_is_no_object_is_refused(model):
    (model / "encoder" / "config.json").write_text("[]")
    with pytest.raises(ValueError, match=r"config\.json is no JSON object"):
        load_representation(model)


def test_a_model_without_a_name_is_refused():
    with pytest.raises(ValueError, match="the model's name is empty; bundled models: "):
        load_representation(" ")
