"""Encoder and decoder of a config: made anew, around a pretrained text model, or from what fits of another model."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from huggingface_hub.errors import StrictDataclassError
from torch import nn
from transformers import PreTrainedTokenizerFast

from ..configs.schema import RepresentationConfig
from ..decoders import SegmentDecoder
from ..encoders import SegmentEncoder
from ..encoders.text_encoders import SYNONYMS, dropout_options, family
from .loading import resolve
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


SHAPE = {
    "encoder": (
        "text_config",
        "num_latents",
        "gist_latents",
        "topic_latents",
        "latent_dim",
        "compressor",
        "states_per_latent",
        "num_compressor_layers",
    ),
    "decoder": ("text_config", "states_per_latent", "context_window"),
}


def with_shapes_of(
    config: RepresentationConfig, models: Mapping[str, Mapping[str, Any]], given: Sequence[str] = ()
) -> RepresentationConfig:
    """The config with the shapes of a model that is trained on: the record of a run says what was trained.

    Args:
        config: its options of shape are replaced where the model has others.
        models: options of the model's "encoder" and "decoder".
        given: keys that the user has set, such as "encoder.num_latents", and so are not replaced without a word.

    Raises:
        ValueError: one of `given` is not what the model has.
    """
    changed = config.model_dump()
    for part, names in SHAPE.items():
        for name in names:
            key, wanted, found = f"{part}.{name}", changed[part][name], models[part].get(name, changed[part][name])
            others = _others(wanted, found, key)
            if not others:
                continue
            for inside, here, there in others:
                if any(f"{inside}.".startswith(f"{own}.") for own in given):
                    raise ValueError(
                        f"{inside} is {here!r}, but the model of --init has {there!r}; leave it out, or give "
                        "--reuse in place of --init: it takes over what fits"
                    )
            changed[part][name] = dict(found) if name == "text_config" else found
    return RepresentationConfig.model_validate(changed)


def _others(wanted: Any, found: Any, key: str) -> list[tuple[str, Any, Any]]:
    """Key, wanted and found value where they differ; what is found beside a wanted mapping does not matter."""
    if isinstance(wanted, dict):
        return [(f"{key}.{name}", value, found.get(name)) for name, value in wanted.items() if found.get(name) != value]
    return [] if wanted == found else [(key, wanted, found)]


def with_shapes_of_start(config: RepresentationConfig, init: str, overrides: Sequence[str]) -> RepresentationConfig:
    """`with_shapes_of` the model `init` where that is on disk and whole; `overrides` are `key=value` of the user."""
    try:
        folder = Path(resolve(init))
        models = {part: json.loads((folder / part / "config.json").read_text(encoding="utf-8")) for part in SHAPE}
    except (OSError, ValueError):
        return config  # loading it says what is wrong
    return with_shapes_of(config, models, [override.partition("=")[0].strip() for override in overrides])
