"""Encoder and decoder of a config: made anew, around a pretrained text model, or from what fits of another model."""

from collections.abc import Iterator
from contextlib import contextmanager
from difflib import get_close_matches
from typing import Any

from huggingface_hub.errors import StrictDataclassError
from torch import nn
from transformers import PreTrainedTokenizerFast

from ..configs.schema import RepresentationConfig
from ..decoders import SegmentDecoder
from ..encoders import SegmentEncoder
from ..encoders.text_encoders import SYNONYMS, dropout_options, family
from .pretrained import start_token_id


def check_text_config(options: dict[str, Any], name: str, any_family: bool = False) -> None:
    """Refuse options that the configuration of their `model_type` (T5 without one) does not have, or not such values.

    Args:
        options: of a text encoder or decoder.
        name: of the options in the config.
        any_family: `model_type` may be another than T5.

    Raises:
        ValueError: the first of them, as a key of `name`.
    """
    model_type = options.get("model_type", "t5")
    if model_type != "t5" and not any_family:
        raise ValueError(f"{name}.model_type is {model_type!r}; here it must be 't5'")
    plain = family(model_type)
    known = plain.to_dict()
    for key, value in options.items():
        if key in SYNONYMS and key not in known:
            continue
        if key not in known:
            near = get_close_matches(key, known, n=1)
            hint = f"; nearest known key: {near[0]!r}" if near else ""
            raise ValueError(f"unknown key {key!r} in {name}{hint}")
        try:
            type(plain)(**{key: value})
        except (StrictDataclassError, ValueError, TypeError, AttributeError) as error:
            why = str(error).rpartition("\n")[2].strip().removeprefix("TypeError: ")
            raise ValueError(f"{name}: {why}") from None


@contextmanager
def building(what: str) -> Iterator[None]:
    """Make one clear line of the many errors of options that `what` cannot be built of.

    Raises:
        ValueError: the options do not make a model.
    """
    try:
        yield
    except (RuntimeError, AssertionError, TypeError, LookupError, ArithmeticError) as error:
        why = " ".join(str(error).split())[:200]
        raise ValueError(f"{what} options do not make a model: {why}") from None


def encoder_options(config: RepresentationConfig, common: dict[str, Any]) -> dict[str, Any]:
    """`text_config` of an encoder from scratch: options that it shares with the decoder (T5's), and its own."""
    given = config.encoder.text_config
    model_type = given.get("model_type", "t5")
    if model_type == "t5":
        return {**common, **given}
    plain = family(model_type)
    shared = {key: value for key, value in common.items() if key in ("vocab_size", "pad_token_id", "eos_token_id")}
    return {**shared, **dropout_options(plain, config.dropout), **given}


@building("encoder and decoder")
def build(config: RepresentationConfig, tokenizer: PreTrainedTokenizerFast) -> tuple[SegmentEncoder, SegmentDecoder]:
    """Fresh encoder and decoder of a config; the encoder's text model may be pretrained.

    Raises:
        ValueError: the options do not make a model.
    """
    common = {
        "vocab_size": len(tokenizer),
        "dropout_rate": config.dropout,
        "feed_forward_proj": "gated-silu",
        "pad_token_id": tokenizer.pad_token_id,
        "eos_token_id": tokenizer.eos_token_id,
    }
    shape = {
        "num_latents": config.encoder.num_latents,
        "latent_dim": config.encoder.latent_dim,
        "gist_latents": config.encoder.gist_latents,
    }
    compressor = {
        "compressor": config.encoder.compressor,
        "states_per_latent": config.encoder.states_per_latent,
        "num_compressor_layers": config.encoder.num_compressor_layers,
        "max_tokens": config.data.max_tokens,
        "topic_latents": config.encoder.topic_latents,
        **shape,
    }
    check_text_config(config.encoder.text_config, "encoder.text_config", any_family=True)
    check_text_config(config.decoder.text_config, "decoder.text_config")
    if config.encoder.pretrained is None:
        encoder = SegmentEncoder(text_config=encoder_options(config, common), **compressor)
    else:
        encoder = SegmentEncoder.from_text_encoder(
            config.encoder.pretrained,
            config.dropout,
            len(tokenizer),
            start_token_id=start_token_id(tokenizer),
            **compressor,
        )
    bos = tokenizer.bos_token_id if tokenizer.bos_token_id is not None else tokenizer.pad_token_id
    decoder = SegmentDecoder(
        text_config={**common, **config.decoder.text_config},
        states_per_latent=config.decoder.states_per_latent,
        context_window=config.decoder.context_window,
        max_tokens=config.data.max_tokens,
        bos_token_id=bos,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        **shape,
    )
    return encoder, decoder


def take_over(model: nn.Module, source: nn.Module) -> None:
    """Copy every tensor of `source` whose name and shape `model` has; the others stay as they were.

    Raises:
        ValueError: nothing fits.
    """
    own = model.state_dict()
    fitting = {
        name: tensor for name, tensor in source.state_dict().items() if name in own and own[name].shape == tensor.shape
    }
    if not fitting:
        raise ValueError("no tensor of the model to be reused fits the config")
    model.load_state_dict(fitting, strict=False)
