"""The shapes of a model that training starts from: they win over the config's, and the run's record says so."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from ..configs.schema import DenoiserConfig, DiffusionConfig, RepresentationConfig
from .loading import resolve

ShapedConfig = TypeVar("ShapedConfig", RepresentationConfig, DiffusionConfig)

ENCODER = (
    "text_config",
    "num_latents",
    "gist_latents",
    "topic_latents",
    "latent_dim",
    "compressor",
    "states_per_latent",
    "num_compressor_layers",
)
# part of the config -> the model's component and the options that it has fixed
REPRESENTATION = {
    "encoder": ("encoder", ENCODER),
    "decoder": ("decoder", ("text_config", "states_per_latent", "context_window")),
}
DIFFUSION = {
    "denoiser": ("denoiser", tuple(DenoiserConfig.model_fields)),
    "condition": ("condition_encoder", ("text_config", "max_tokens")),
}


def with_shapes_of(
    config: ShapedConfig, models: Mapping[str, Mapping[str, Any]], given: Sequence[str] = ()
) -> ShapedConfig:
    """The config with the shapes of a model that is trained on: the record of a run says what was trained.

    Args:
        config: its options of shape are replaced where the model has others.
        models: component -> its options: "encoder" and "decoder", or "denoiser" and "condition_encoder".
        given: keys that the user has set, such as "encoder.num_latents", and so are not replaced without a word.

    Raises:
        ValueError: one of `given` is not what the model has.
    """
    changed = config.model_dump()
    for part, (component, names) in _parts(config).items():
        model = models[component]
        for name in names:
            key, wanted, found = f"{part}.{name}", changed[part][name], model.get(name, changed[part][name])
            others = _others(wanted, found, key)
            if not others:
                continue
            for inside, here, there in others:
                if any(f"{inside}.".startswith(f"{own}.") for own in given):
                    raise ValueError(
                        f"{inside} is {here!r}, but the model of --init has {there!r}; leave it out, or {_else(config)}"
                    )
            changed[part][name] = dict(found) if name == "text_config" else found
    return type(config).model_validate(changed)


def with_shapes_of_start(config: ShapedConfig, init: str, overrides: Sequence[str]) -> ShapedConfig:
    """`with_shapes_of` the model `init` where that is on disk and whole; `overrides` are `key=value` of the user."""
    components = [component for component, _ in _parts(config).values()]
    try:
        folder = Path(resolve(init))
        models = {name: json.loads((folder / name / "config.json").read_text(encoding="utf-8")) for name in components}
    except (OSError, ValueError):
        return config  # loading it says what is wrong
    return with_shapes_of(config, models, [override.partition("=")[0].strip() for override in overrides])


def _parts(config: RepresentationConfig | DiffusionConfig) -> dict[str, tuple[str, tuple[str, ...]]]:
    return REPRESENTATION if isinstance(config, RepresentationConfig) else DIFFUSION


def _else(config: RepresentationConfig | DiffusionConfig) -> str:
    if isinstance(config, RepresentationConfig):
        return "give --reuse in place of --init: it takes over what fits"
    return "leave out --init: a denoiser of this shape starts anew"


def _others(wanted: Any, found: Any, key: str) -> list[tuple[str, Any, Any]]:
    """Key, wanted and found value where they differ; what is found beside a wanted mapping does not matter."""
    if isinstance(wanted, dict):
        return [(f"{key}.{name}", value, found.get(name)) for name, value in wanted.items() if found.get(name) != value]
    return [] if wanted == found else [(key, wanted, found)]
