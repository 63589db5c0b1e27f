"""`segdiff train representation`: the first stage as a job of its own."""

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import numpy as np
import torch
from accelerate import Accelerator
from huggingface_hub.errors import StrictDataclassError
from torch import Tensor
from transformers import PreTrainedTokenizerFast

from ..configs.schema import LoopConfig, RepresentationConfig
from ..decoders import SegmentDecoder, with_neighbours
from ..encoders import SegmentEncoder
from ..encoders.latents import add_noise, noise_level
from ..encoders.text_encoders import SYNONYMS, dropout_options, family
from .batches import DocumentSampler, SegmentBatch, pad_rows, segment_batch
from .checkpoints import replace_folder, write_json
from .data import load_data
from .loading import load_representation
from .prepared import PreparedCorpus
from .pretrained import fix_parts, run_tokenizer, start_token_id
from .representation import RepresentationObjective, encode_chunks
from .topics import learn_topics
from .training import fit

VALIDATION_SEGMENTS = 250
STATISTICS_SEGMENTS = 20_000


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


@torch.no_grad()
def encode_corpus(
    encoder: SegmentEncoder, corpus: PreparedCorpus, indices: np.ndarray | None = None, batch_size: int = 256
) -> Tensor:
    """Raw latents (N, K, D) of a prepared corpus's segments, on the CPU in single precision."""
    indices = np.arange(len(corpus.segments)) if indices is None else indices
    device = encoder.latent_mean.device
    order = indices[np.argsort(corpus.segments.lengths[indices], kind="stable")]
    latents = torch.empty(len(order), *encoder.latent_mean.shape)
    place = torch.from_numpy(np.argsort(np.argsort(corpus.segments.lengths[indices], kind="stable")))
    for start in range(0, len(order), batch_size):
        ids, mask = pad_rows([corpus.segments[int(index)] for index in order[start : start + batch_size]])
        latents[start : start + batch_size] = encoder(ids.to(device), mask.to(device)).float().cpu()
    return latents[place]


def fix_statistics(encoder: SegmentEncoder, corpus: PreparedCorpus, seed: int) -> None:
    """Replace the running statistics by those of the (at most 20,000) training segments drawn by `seed`."""
    rng = np.random.default_rng(seed)
    count = len(corpus.segments)
    chosen = np.arange(count) if count <= STATISTICS_SEGMENTS else rng.choice(count, STATISTICS_SEGMENTS, replace=False)
    raw = encode_corpus(encoder.eval(), corpus, chosen)
    encoder.set_statistics(raw.mean(0), raw.std(0) if len(raw) > 1 else torch.ones_like(raw[0]))


@torch.no_grad()
def validation_metrics(
    encoder: SegmentEncoder,
    decoder: SegmentDecoder,
    batches: list[SegmentBatch],
    noise: Sequence[float] = (0.0, 0.3),
) -> dict[str, float]:
    """Free-running reconstruction of held-out segments: loss and share that comes back token for token."""
    device = encoder.latent_mean.device
    generator = torch.Generator().manual_seed(0)
    metrics: dict[str, float] = {}
    for strength in noise:
        exact = ended = total = tokens = 0
        loss = 0.0
        for held_out in batches:
            batch = held_out.to(device)
            assert isinstance(batch, SegmentBatch)
            latents = encoder.normalize(encode_chunks(encoder, batch.tokens, batch.token_mask, 1))
            drawn = torch.randn(latents.shape, generator=generator).to(latents)
            latents = add_noise(latents, strength, drawn)
            grid = latents.new_zeros(*batch.segment_mask.shape, *latents.shape[1:])
            grid[batch.segment_mask] = latents
            level = grid.new_full(grid.shape[:-1], noise_level(strength))
            parts = with_neighbours(grid, batch.segment_mask, level, decoder.config.context_window)
            memory, mask = decoder.memory(*parts)
            loss += float(decoder.loss(batch.tokens, batch.token_mask, memory, mask).sum())
            tokens += int(batch.token_mask.sum())
            out = decoder.generate(memory, mask)
            width = max(out.shape[1], batch.tokens.shape[1])
            pad = decoder.config.pad_token_id
            padded = [
                torch.nn.functional.pad(ids, (0, width - ids.shape[1]), value=pad)
                for ids in (out, batch.tokens.masked_fill(batch.token_mask == 0, pad))
            ]
            exact += int((padded[0] == padded[1]).all(dim=1).sum())
            ended += int((out == decoder.config.eos_token_id).any(dim=1).sum())
            total += out.shape[0]
        name = f"valid_noise_{strength:g}"
        metrics |= {
            f"{name}_loss": loss / tokens,
            f"{name}_exact": exact / total,
            f"{name}_ended": ended / total,
        }
    return metrics


def validation_batches(corpus: PreparedCorpus | None, max_segments: int, count: int) -> list[SegmentBatch]:
    """The first documents of a held-out corpus, about `count` segments, in small batches."""
    if corpus is None:
        return []
    sizes = np.minimum(corpus.documents.lengths, max_segments)
    documents = range(int(np.searchsorted(sizes.cumsum(), count)) + 1)
    windows = [(index, 0, int(sizes[index])) for index in documents if index < len(sizes)]
    rng = np.random.default_rng(0)
    return [segment_batch(corpus, windows[start : start + 50], 0, rng) for start in range(0, len(windows), 50)]


def take_over(model: torch.nn.Module, source: torch.nn.Module) -> None:
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


def train_representation(
    config: RepresentationConfig,
    folder: Path,
    init: str | None = None,
    accelerator: Accelerator | None = None,
    reuse: str | None = None,
) -> dict[str, float]:
    """Train encoder and decoder; write `folder/model/{encoder,decoder,tokenizer}`. Resumes by itself.

    Args:
        config: options.
        folder: run folder (made when absent).
        init: model to start from (a bundled name, a pipeline's folder or a representation's folder); its shapes win
            over the config's.
        accelerator: made from `config.loop.mixed_precision` when None.
        reuse: model whose tensors are taken over where name and shape are those of the config's model, and whose
            tokenizer is; the other tensors start anew.

    Returns:
        Last losses and validation metrics.

    Raises:
        ValueError: both `init` and `reuse`.
    """
    if init and reuse:
        raise ValueError("give either init (the model as it is) or reuse (what of it fits the config)")
    accelerator = accelerator or make_accelerator(config.loop)
    torch.manual_seed(config.loop.seed)
    if init:
        encoder, decoder, tokenizer = load_representation(init)
        data = load_data(config.data, folder, tokenizer)
    elif reuse:
        old_encoder, old_decoder, tokenizer = load_representation(reuse)
        data = load_data(config.data, folder, tokenizer)
        encoder, decoder = build(config, data.tokenizer)
        take_over(encoder, old_encoder)
        take_over(decoder, old_decoder)
    else:
        data = load_data(config.data, folder, run_tokenizer(config))
        encoder, decoder = build(config, data.tokenizer)
    config = fix_parts(encoder, config)
    size = encoder.config.topic_latents * encoder.config.latent_dim
    if encoder.gist is not None and size and not encoder.gist.topics.any():
        encoder.gist.topics.copy_(learn_topics(data.train, len(data.tokenizer), size, config.loop.seed))
        fix_statistics(encoder, data.train, config.loop.seed)
    objective = RepresentationObjective(encoder, decoder, config)
    sampler = DocumentSampler.of(data.train, config.data, config.loop, accelerator)
    pairs = config.contrastive.pairs if config.contrastive.weight else 0

    def batch_at(step: int) -> SegmentBatch:
        rng = np.random.default_rng([config.loop.seed, 1, step, accelerator.process_index])
        return segment_batch(data.train, sampler(step), pairs, rng, config.contrastive.paraphrase_share)

    held_out = validation_batches(data.valid, config.data.max_segments, VALIDATION_SEGMENTS)
    state = fit(
        objective,
        batch_at,
        config.loop,
        folder,
        accelerator,
        count=lambda batch: batch.tokens.shape[0],
        validate=(lambda: validation_metrics(encoder, decoder, held_out)) if held_out else None,
    )
    fix_statistics(encoder, data.train, config.loop.seed)
    metrics = {**state, **(validation_metrics(encoder.eval(), decoder.eval(), held_out) if held_out else {})}
    if accelerator.is_main_process:
        save_representation(folder / "model", encoder, decoder, data.tokenizer)
        write_json(folder / "result.json", {"metrics": metrics, "config": config.model_dump(mode="json")})
    return metrics


def save_representation(
    folder: Path, encoder: SegmentEncoder, decoder: SegmentDecoder, tokenizer: PreTrainedTokenizerFast
) -> None:
    """Write `folder/{encoder,decoder,tokenizer}` whole or not at all."""
    temporary = folder.with_name(folder.name + ".tmp")
    shutil.rmtree(temporary, ignore_errors=True)
    encoder.save_pretrained(temporary / "encoder")
    decoder.save_pretrained(temporary / "decoder")
    tokenizer.save_pretrained(temporary / "tokenizer")
    replace_folder(temporary, folder)


def make_accelerator(loop: LoopConfig) -> Accelerator:
    """An `Accelerator` of the config's precision."""
    return Accelerator(mixed_precision=loop.mixed_precision)
