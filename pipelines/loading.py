"""Models from a bundled name, a local folder or a hub name; every failure is one clear line."""

import json
from importlib.resources import files
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from torch import nn
from transformers import PreTrainedTokenizerFast

from ..decoders import SegmentDecoder
from ..encoders import SegmentEncoder
from .data import load_tokenizer


def bundled_models() -> list[str]:
    """Names of the models that ship with the package."""
    folder = files("segdiff").joinpath("models")
    return sorted(entry.name for entry in folder.iterdir() if entry.is_dir()) if folder.is_dir() else []


def resolve(model: str | Path) -> str:
    """A bundled name, a folder or a hub name -> what `from_pretrained` takes.

    Raises:
        FileNotFoundError: it looks like a folder and does not exist, or is neither bundled nor a hub name.
    """
    if str(model) in bundled_models():
        return str(files("segdiff").joinpath("models", str(model)))
    if Path(model).is_dir():
        return str(model)
    name = str(model)
    if not name.strip():
        raise ValueError(f"the model's name is empty; bundled models: {', '.join(bundled_models()) or 'none'}")
    if name.count("/") != 1 or name.startswith((".", "/", "~")) or Path(model).exists():
        raise FileNotFoundError(f"no model at {name!r}; bundled models: {', '.join(bundled_models()) or 'none'}")
    return name


def load_component(kind: Any, folder: str | Path, **options: Any) -> Any:
    """`kind.from_pretrained(folder)`, refusing files that are missing, truncated or incomplete.

    Raises:
        FileNotFoundError, ValueError: what is wrong with which folder.
    """
    folder = Path(folder)
    if not (folder / "config.json").is_file():
        raise FileNotFoundError(f"no {kind.__name__} in {folder}: config.json is missing")
    if not any(folder.glob("*.safetensors")):
        raise FileNotFoundError(f"no weights of {kind.__name__} in {folder}: the .safetensors file is missing")
    try:
        if not isinstance(json.loads((folder / "config.json").read_text(encoding="utf-8")), dict):
            raise ValueError(f"{folder / 'config.json'} is no JSON object; get the model again")
        model = kind.from_pretrained(folder, use_safetensors=True, **options)
    except SafetensorError as error:
        raise ValueError(f"the weights in {folder} are damaged ({error}); get the model again") from None
    except json.JSONDecodeError as error:
        raise ValueError(f"{folder / 'config.json'} is not valid JSON ({error})") from None
    except (OSError, RuntimeError, TypeError, KeyError) as error:
        first = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        if isinstance(error, OSError) and "checkpoint file" in first:  # diffusers' word for weights that are cut short
            raise ValueError(f"the weights in {folder} are damaged (not readable); get the model again") from None
        raise ValueError(f"cannot load {kind.__name__} from {folder}: {first}") from None
    check_complete(model, folder)
    return model.eval()


def check_complete(model: nn.Module, folder: str | Path) -> None:
    """Refuse a model some of whose weights were not in its file (they would be left without values) or are not finite.

    Raises:
        ValueError: names the first such weight.
    """
    broken = [name for name, tensor in model.state_dict().items() if not tensor.is_meta and not tensor.isfinite().all()]
    if broken:
        raise ValueError(f"the weights in {folder} are damaged: {broken[0]} is not finite; get the model again")
    missing = [name for name, tensor in model.state_dict().items() if tensor.is_meta]
    if missing:
        raise ValueError(
            f"the weights in {folder} are incomplete: {missing[0]} and {len(missing) - 1} more are missing"
        )


def load_representation(model: str | Path) -> tuple[SegmentEncoder, SegmentDecoder, PreTrainedTokenizerFast]:
    """Encoder, decoder and tokenizer of a bundled model, a hub model, or a folder of either kind of model."""
    folder = Path(resolve(model))
    if not folder.is_dir():
        from .story import StoryPipeline

        pipeline = StoryPipeline.from_pretrained(model)
        return pipeline.encoder, pipeline.decoder, pipeline.tokenizer
    encoder = load_component(SegmentEncoder, folder / "encoder")
    decoder = load_component(SegmentDecoder, folder / "decoder")
    tokenizer = load_tokenizer(folder / "tokenizer")
    check_match(encoder, decoder, tokenizer)
    return encoder, decoder, tokenizer


def check_match(encoder: SegmentEncoder, decoder: SegmentDecoder, tokenizer: PreTrainedTokenizerFast) -> None:
    """Refuse parts of different models.

    Raises:
        ValueError: latents or vocabularies of different sizes, or a tokenizer without an end token.
    """
    shapes = [
        (model.config.num_latents, model.config.latent_dim, model.config.gist_latents) for model in (encoder, decoder)
    ]
    if shapes[0] != shapes[1]:
        raise ValueError(f"encoder and decoder are of different models: their latents are {shapes[0]} and {shapes[1]}")
    special = [decoder.config[name] for name in ("bos_token_id", "eos_token_id", "pad_token_id")]
    size = decoder.transformer.config.vocab_size
    if not all(isinstance(one, int) and 0 <= one < size for one in special):
        raise ValueError(f"the decoder's config.json is damaged: its tokens {special} are not among {size}")
    longest = [model.config.max_tokens for model in (encoder, decoder)]
    if not all(isinstance(one, int) and one > 1 for one in longest):
        raise ValueError(f"encoder and decoder read and write up to {longest} tokens; a config.json is damaged")
    if tokenizer.eos_token_id is None or tokenizer.pad_token_id is None:
        raise ValueError("the tokenizer has no end or padding token: its tokenizer_config.json is damaged")
    rows = min(encoder.text_encoder.config.vocab_size, decoder.transformer.config.vocab_size)
    if len(tokenizer) > rows:
        raise ValueError(f"the tokenizer is of another model: it has {len(tokenizer)} tokens, the model {rows}")
