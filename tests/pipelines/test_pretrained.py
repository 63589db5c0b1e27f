"""Training a representation on other text encoders: from scratch, pretrained, frozen, as sentence vectors."""

import json
import string
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from transformers import BertConfig, BertModel

from segdiff.configs.schema import RepresentationConfig
from segdiff.pipelines.latents import RepresentationPipeline
from segdiff.pipelines.tokenization import train_tokenizer
from segdiff.pipelines.train_representation import train_representation

TEXT = {"d_model": 32, "num_layers": 1, "num_heads": 2, "d_kv": 16, "d_ff": 48}


def config(corpus: Path, encoder: dict[str, Any], data: dict[str, Any] | None = None) -> RepresentationConfig:
    return RepresentationConfig.model_validate(
        {
            "data": {"train": [str(corpus)], "max_tokens": 80, "vocab_size": 300, **(data or {})},
            "encoder": {"text_config": TEXT, "num_latents": 2, "latent_dim": 8, "states_per_latent": 2, **encoder},
            "decoder": {"text_config": TEXT, "states_per_latent": 2, "context_window": 1},
            "contrastive": {"pairs": 4},
            "adversarial": {"segments": 4},
            "loop": {"max_steps": 2, "batch_documents": 4, "warmup_steps": 1},
        }
    )


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sentence-transformers folder of a random BERT that spells words."""
    folder = tmp_path_factory.mktemp("hub")
    letters = string.ascii_lowercase + string.digits
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *string.punctuation, *letters, *(f"##{c}" for c in letters)]
    torch.manual_seed(0)
    shape = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 48}
    BertModel(BertConfig(vocab_size=len(words), **shape)).save_pretrained(folder)
    (folder / "vocab.txt").write_text("\n".join(words) + "\n")
    (folder / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "BertTokenizer"}))
    kinds = {"": "Transformer", "1_Pooling": "Pooling"}
    modules = [{"path": path, "type": f"sentence_transformers.models.{kind}"} for path, kind in kinds.items()]
    (folder / "modules.json").write_text(json.dumps(modules))
    (folder / "1_Pooling").mkdir()
    (folder / "1_Pooling" / "config.json").write_text(json.dumps({"pooling_mode_mean_tokens": True}))
    return folder


@pytest.mark.parametrize("model_type", ["bert", "bart"])
def test_a_family_from_scratch_is_a_line(tiny_corpus: Path, tmp_path: Path, model_type: str) -> None:
    metrics = train_representation(config(tiny_corpus, {"text_config": {**TEXT, "model_type": model_type}}), tmp_path)
    assert metrics["loss"] > 0
    pipeline = RepresentationPipeline.from_pretrained(tmp_path / "model")
    assert pipeline.encoder.text_encoder.config.model_type == model_type
    assert pipeline.encode(["Tom ran."]).shape == (1, 2, 8)


@pytest.mark.parametrize(
    "options",
    [
        {"frozen": 1},
        {"frozen": "all", "compressor": "perceiver", "num_compressor_layers": 1},
        {"frozen": "all", "compressor": "pooled", "num_latents": 1, "latent_dim": 32},
    ],
)
def test_a_pretrained_encoder_brings_its_tokenizer(
    hub: Path, tiny_corpus: Path, tmp_path: Path, options: dict[str, Any]
) -> None:
    train_representation(config(tiny_corpus, {"pretrained": str(hub), **options}), tmp_path)
    pipeline = RepresentationPipeline.from_pretrained(tmp_path / "model")
    assert pipeline.tokenizer.eos_token == "[SEP]" and pipeline.encoder.config.start_token_id == 2
    assert pipeline.decoder.config.bos_token_id == 2
    latents = pipeline.encode(["Tom ran.", "Anna had a boat!"])
    assert latents.isfinite().all() and len(pipeline.decode(latents)) == 2
    trained, given = pipeline.encoder.text_encoder.state_dict(), load_file(hub / "model.safetensors")
    same = {
        name
        for name, tensor in given.items()
        if torch.equal(trained.get(f"model.{name}", tensor)[: len(tensor)], tensor)
    }
    assert any(".layer.1." in name for name in set(given) - same) == (options["frozen"] == 1)
    assert {name for name in given if ".layer.1." not in name} <= same


def test_another_tokenizer_is_refused(hub: Path, tiny_corpus: Path, tmp_path: Path) -> None:
    train_tokenizer(["some words"], 300).save_pretrained(tmp_path / "tokenizer")
    other = config(tiny_corpus, {"pretrained": str(hub)}, {"tokenizer": str(tmp_path / "tokenizer")})
    with pytest.raises(ValueError, match=r"is not that of encoder\.pretrained"):
        train_representation(other, tmp_path / "run")
    with pytest.raises(FileNotFoundError, match="holds no tokenizer"):
        train_representation(config(tiny_corpus, {"pretrained": str(tmp_path / "nothing")}), tmp_path / "run")


def test_bad_options_are_named(tiny_corpus: Path, tmp_path: Path) -> None:
    for options, message in [
        ({"text_config": {"model_type": "brt"}}, "unknown model_type 'brt'"),
        (
            {"text_config": {"model_type": "bert", "hidden_sizes": 8}},
            "unknown key 'hidden_sizes' in encoder.text_config",
        ),
        ({"compressor": "pooled"}, "num_latents is 2"),
        ({"frozen": 7}, "frozen is 7"),
    ]:
        with pytest.raises(ValueError, match=message):
            train_representation(config(tiny_corpus, options), tmp_path)
