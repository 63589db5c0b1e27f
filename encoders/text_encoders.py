"""Text encoders of `transformers` behind one interface, from scratch or pretrained.

A text encoder takes `input_ids`, `attention_mask` (both (N, T)) and `use_cache`, answers with `.last_hidden_state`
(N, T, H), and has `.config` and `.embed_tokens`. The T5 stack does so by itself; `AutoTextEncoder` makes others do so.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor, nn
from transformers import AutoConfig, AutoModel, PretrainedConfig, T5Config, T5EncoderModel
from transformers.modeling_outputs import BaseModelOutput
from transformers.models.t5.modeling_t5 import T5Stack
from transformers.utils import cached_file

from .compressors import POOLING_MODES

# T5's name of a size -> its names in other families, so that one line of a config swaps the family.
SYNONYMS = {
    "d_model": ("hidden_size", "dim"),
    "num_layers": ("encoder_layers", "num_hidden_layers", "n_layers"),
    "num_heads": ("encoder_attention_heads", "num_attention_heads", "n_heads"),
    "d_ff": ("encoder_ffn_dim", "intermediate_size", "hidden_dim"),
    "d_kv": (),
    "feed_forward_proj": (),
}
DROPOUTS = ("dropout_rate", "hidden_dropout_prob", "attention_probs_dropout_prob", "dropout", "attention_dropout")
KEPT_POSITIONS = 3  # the start token, and the positions that RoBERTa leaves unused


class AutoTextEncoder(nn.Module):
    """The encoder of any `transformers` text model, without its decoder and its pooler."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model: Any = model.get_encoder() if model.config.is_encoder_decoder else model
        if hasattr(self.model, "pooler"):
            self.model.pooler = None

    @property
    def config(self) -> PretrainedConfig:
        return self.model.config

    @property
    def embed_tokens(self) -> nn.Embedding:
        return self.model.get_input_embeddings()

    def forward(self, input_ids: Tensor, attention_mask: Tensor, use_cache: bool = False) -> BaseModelOutput:
        """(N, T) token ids and mask -> states (N, T, H)."""
        return self.model(input_ids=input_ids, attention_mask=attention_mask)


def text_config(options: Mapping[str, Any]) -> PretrainedConfig:
    """The `transformers` configuration of `options`: `model_type` ("t5" when absent) and its keyword arguments.

    Raises:
        ValueError: unknown `model_type`.
    """
    options = dict(options)
    model_type = options.pop("model_type", "t5")
    if model_type == "t5":
        return T5Config(**options, attn_implementation="eager")
    config = family(model_type)
    return type(config)(**family_options(options, config))


def family(model_type: str) -> PretrainedConfig:
    """The default configuration of a `transformers` model type.

    Raises:
        ValueError: there is no such type.
    """
    try:
        return AutoConfig.for_model(model_type)
    except ValueError:
        raise ValueError(f"unknown model_type {model_type!r}; some known ones: t5, bert, roberta, bart") from None


def family_options(options: Mapping[str, Any], config: PretrainedConfig) -> dict[str, Any]:
    """`options` under the names of `config`'s family, without a decoder; sizes that the family lacks are left out."""
    known = config.to_dict()
    renamed: dict[str, Any] = {}
    for name, value in options.items():
        if name in known or name not in SYNONYMS:
            renamed[name] = value
        elif other := next((other for other in SYNONYMS[name] if other in known), None):
            renamed[other] = value
    return renamed | {name: 0 for name in ("decoder_layers", "num_decoder_layers") if name in known}


def dropout_options(config: PretrainedConfig, rate: float) -> dict[str, float]:
    """One dropout rate under the names that `config`'s family has for it."""
    known = config.to_dict()
    return {name: rate for name in DROPOUTS if name in known}


def build_text_encoder(config: PretrainedConfig) -> Any:
    """A text encoder with random weights."""
    return T5Stack(config) if config.model_type == "t5" else AutoTextEncoder(AutoModel.from_config(config))


@dataclass(frozen=True)
class PretrainedTextEncoder:
    """What a folder or a hub name holds.

    Attributes:
        text_encoder: with its weights.
        text_config: what `text_config()` makes the same encoder of.
        pooling_mode, unit_length: how its sentence vectors are pooled; see `SentencePooling`.
    """

    text_encoder: Any
    text_config: dict[str, Any]
    pooling_mode: str = "mean"
    unit_length: bool = False


def load_text_encoder(
    name: str | Path, pooled: bool = False, dropout: float | None = None, vocab_size: int = 0
) -> PretrainedTextEncoder:
    """A pretrained encoder in the format of the hub: safetensors, no code of its own.

    Args:
        name: hub name or folder of a `transformers` or `sentence-transformers` model.
        pooled: read how a `sentence-transformers` model pools, too.
        dropout: rate in place of its own.
        vocab_size: rows that its token embedding has at least; new ones are random.

    Raises:
        OSError: no such model, or none with safetensors.
        ValueError: it lacks weights, or has `sentence-transformers` modules that are not supported.
    """
    folder, pooling_mode, unit_length = sentence_modules(name, pooled)
    config = AutoConfig.from_pretrained(str(name), subfolder=folder, trust_remote_code=False)
    for option, value in dropout_options(config, dropout).items() if dropout is not None else ():
        setattr(config, option, value)
    kind = T5EncoderModel if config.model_type == "t5" else AutoModel
    model, report = kind.from_pretrained(
        str(name),
        config=config,
        subfolder=folder,
        use_safetensors=True,
        trust_remote_code=False,
        dtype=torch.float32,
        output_loading_info=True,
    )
    missing = sorted(key for key in report["missing_keys"] if not key.startswith(("pooler.", "decoder.")))
    if missing:
        raise ValueError(f"{name} lacks weights of a {config.model_type} encoder: {missing[0]}")
    encoder: Any = model.encoder if config.model_type == "t5" else AutoTextEncoder(model)
    if vocab_size > encoder.config.vocab_size:
        (encoder if config.model_type == "t5" else encoder.model).resize_token_embeddings(vocab_size)
    options = {**config.to_diff_dict(), "model_type": config.model_type, "vocab_size": encoder.config.vocab_size}
    return PretrainedTextEncoder(encoder, options, pooling_mode, unit_length)


def sentence_modules(name: str | Path, pooled: bool) -> tuple[str, str, bool]:
    """Subfolder of the `transformers` model, pooling mode and unit length of a `sentence-transformers` model.

    A plain `transformers` model is one without a subfolder that takes the mean.

    Raises:
        ValueError: `pooled`, and its modules are others than transformer, pooling and perhaps normalisation.
    """
    modules = read_json(name, "modules.json")
    if modules is None:
        return "", "mean", False
    kinds = [module["type"].rpartition(".")[2] for module in modules]
    folder = modules[0]["path"]
    if not pooled:
        return folder, "mean", False
    if kinds not in (["Transformer", "Pooling"], ["Transformer", "Pooling", "Normalize"]):
        raise ValueError(
            f"{name} pools by {', '.join(kinds)}; known are Transformer, Pooling and Normalize: "
            "take its token states (encoder.compressor aligned or perceiver)"
        )
    options = read_json(name, f"{modules[1]['path']}/config.json") or {}
    old = {"mean": "mean_tokens", "cls": "cls_token", "max": "max_tokens", "sqrt": "mean_sqrt_len_tokens"}
    mode = options.get("pooling_mode") or [key for key, word in old.items() if options.get(f"pooling_mode_{word}")]
    mode = mode[0] if isinstance(mode, list) and len(mode) == 1 else mode
    if mode not in POOLING_MODES:
        raise ValueError(f"{name} pools by {mode}; known pooling modes: {', '.join(POOLING_MODES)}")
    return folder, mode, len(kinds) == 3


def read_json(name: str | Path, file: str) -> Any:
    """A JSON file of a folder or a hub model; None where it has no such file."""
    found = cached_file(
        str(name),
        file,
        _raise_exceptions_for_missing_entries=False,
        _raise_exceptions_for_connection_errors=False,
        _raise_exceptions_for_gated_repo=False,
    )
    return None if found is None else json.loads(Path(found).read_text(encoding="utf-8"))


def freeze(text_encoder: Any, layers: int | Literal["all"]) -> None:
    """Stop the training of the first `layers` layers and of all that is in no layer (embeddings, norms); 0: of nothing.

    Raises:
        ValueError: it has fewer layers.
    """
    if layers == 0:
        return
    count = text_encoder.config.num_hidden_layers
    text_encoder.requires_grad_(False)
    if layers == "all":
        return
    if layers > count:
        raise ValueError(f"frozen is {layers}; the text encoder has {count} layers")
    stack = next(part for part in text_encoder.modules() if isinstance(part, nn.ModuleList) and len(part) == count)
    stack[layers:].requires_grad_(True)
