"""`segdiff train diffusion`: the second stage, on cached latents of a trained representation."""

from pathlib import Path

import numpy as np
import torch
from accelerate import Accelerator
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor
from transformers import PreTrainedTokenizerFast

from ..configs.schema import ConditionSharesConfig, DiffusionConfig
from ..diffusion import SegmentDenoiser
from ..encoders import ConditionEncoder, SegmentEncoder
from .batches import DocumentSampler
from .build_representation import building, check_text_config
from .diffusion import DiffusionObjective
from .files import write_json
from .latent_batches import ConditionDrawer, LatentBatch, latent_batch
from .loading import load_component, load_representation, resolve
from .prepared import PreparedCorpus
from .saving import save_pipeline
from .shapes import with_shapes_of
from .story import StoryPipeline, default_scheduler
from .train_representation import encode_corpus, load_on_main_first, make_accelerator
from .training import check_loop, fit

VALIDATION_DOCUMENTS = 256


@building("denoiser and condition")
def build(
    config: DiffusionConfig, encoder: SegmentEncoder, tokenizer: PreTrainedTokenizerFast
) -> tuple[SegmentDenoiser, ConditionEncoder]:
    """Fresh denoiser and condition encoder for the latents of `encoder`.

    Raises:
        ValueError: the options do not make a model.
    """
    check_text_config(config.condition.text_config, "condition.text_config")
    condition_encoder = ConditionEncoder(
        text_config={
            "vocab_size": len(tokenizer),
            "dropout_rate": config.denoiser.dropout,
            "feed_forward_proj": "gated-silu",
            "pad_token_id": tokenizer.pad_token_id,
            **config.condition.text_config,
        },
        max_tokens=config.condition.max_tokens,
    )
    denoiser = SegmentDenoiser(
        **config.denoiser.model_dump(),
        num_latents=encoder.config.num_latents,
        latent_dim=encoder.config.latent_dim,
        condition_dim=condition_encoder.text_encoder.config.d_model,
        max_count=config.data.max_segments,
        self_conditioning=config.self_conditioning > 0,
        encoder_fingerprint=encoder.fingerprint(),
    )
    return denoiser, condition_encoder


@torch.no_grad()
def start_from_embedding(condition_encoder: ConditionEncoder, encoder: SegmentEncoder) -> None:
    """Start the condition's token embedding from what the segment encoder knows of words, at unit variance.

    These are the topic vectors of its gist, or without topics its token embedding, in their widest directions. Words
    that it found alike then condition alike from the first step on.
    """
    embedding = encoder.text_encoder.get_input_embeddings().weight
    source = (encoder.gist.topics if encoder.gist is not None and encoder.config.topic_latents else embedding).float()
    target = condition_encoder.text_encoder.get_input_embeddings().weight
    centred = source - source.mean(0)
    _, _, directions = torch.linalg.svd(centred, full_matrices=False)
    count = min(len(directions), target.shape[1])
    found = centred @ directions[:count].T
    rows = min(len(found), len(target))
    target[:rows, :count] = (found / found.std())[:rows]


def cached_latents(encoder: SegmentEncoder, corpus: PreparedCorpus, path: Path) -> Tensor:
    """Normalised latents (N, K, D) of a corpus in half precision, read from `path` when it is of this encoder.

    Gaussian tails fit half precision; the cache is keyed by fingerprint and size.
    """
    key = f"{encoder.fingerprint()}-{len(corpus.segments)}-{len(corpus.segments.flat)}"
    if path.exists():
        try:
            tensors = load_file(path)
            if key in tensors:
                return tensors[key]
        except SafetensorError:
            pass  # cut short by a kill; computed again
    raw = encode_corpus(encoder, corpus, show_progress=True)
    latents = encoder.normalize(raw.to(encoder.latent_mean.device)).cpu().to(torch.float16)
    temporary = path.with_name(path.name + ".tmp")
    save_file({key: latents}, temporary)
    temporary.replace(path)
    return latents


@torch.no_grad()
def validation_loss(objective: DiffusionObjective, batches: list[LatentBatch]) -> dict[str, float]:
    """Mean losses over fixed batches with fixed noise; leaves torch's generator as it was."""
    device = objective.denoiser.device
    totals: dict[str, float] = {}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        for held_out in batches:
            for name, value in objective(held_out.to(device)).items():
                totals[f"valid_{name}"] = totals.get(f"valid_{name}", 0.0) + float(value) / len(batches)
    return totals


def document_batches(
    corpus: PreparedCorpus | None,
    latents: Tensor | None,
    shares: ConditionSharesConfig,
    max_tokens: int,
    tokenizer: PreTrainedTokenizerFast,
    max_segments: int,
    count: int,
) -> list[LatentBatch]:
    """The first `count` documents of a held-out corpus in batches of 64."""
    if corpus is None or latents is None:
        return []
    draw = ConditionDrawer(corpus, tokenizer, shares, max_tokens)
    rng = np.random.default_rng(0)
    sizes = np.minimum(corpus.documents.lengths, max_segments)
    windows = [(index, 0, int(sizes[index])) for index in range(min(count, len(sizes)))]
    return [
        latent_batch(corpus, latents, windows[start : start + 64], draw, max_segments, rng)
        for start in range(0, len(windows), 64)
    ]


def train_diffusion(
    config: DiffusionConfig, folder: Path, init: str | None = None, accelerator: Accelerator | None = None
) -> dict[str, float]:
    """Train the denoiser; write the whole pipeline to `folder/model`. Resumes by itself.

    Args:
        config: options; `config.representation` names the trained encoder and decoder.
        folder: run folder.
        init: model whose denoiser and condition encoder to start from; their shapes win over the config's. Its
            representation is used when the config names none; another one of the same shape (say, the same one
            fine-tuned) may be named.
        accelerator: made from `config.loop.mixed_precision` when None.

    Returns:
        Last losses and validation losses.

    Raises:
        ValueError: no representation named, or one whose latents have another shape than those of `init`; options that
            do not make a model; a loop that does not say how long it is.
    """
    representation = config.representation or init
    if not representation:
        raise ValueError("no representation: give --representation FOLDER (its encoder/ and decoder/ are used)")
    check_loop(config.loop)
    accelerator = accelerator or make_accelerator(config.loop)
    torch.manual_seed(config.loop.seed)
    encoder, decoder, tokenizer = load_representation(representation)
    data = load_on_main_first(config.data, folder, accelerator, tokenizer)
    if data.tokenizer.get_vocab() != tokenizer.get_vocab():
        raise ValueError("the prepared data has another tokenizer than the representation; prepare it again")
    if init is None:
        denoiser, condition_encoder = build(config, encoder, tokenizer)
        if config.condition.embedding == "segments":
            start_from_embedding(condition_encoder, encoder)
    else:
        denoiser = load_component(SegmentDenoiser, Path(resolve(init)) / "denoiser")
        condition_encoder = load_component(ConditionEncoder, Path(resolve(init)) / "condition_encoder")
        shape = (encoder.config.num_latents, encoder.config.latent_dim)
        if shape != (denoiser.config.num_latents, denoiser.config.latent_dim):
            raise ValueError(f"{init} denoises other latents than the {shape[0]} x {shape[1]} of {representation}")
        config = with_shapes_of(config, {"denoiser": denoiser.config, "condition_encoder": condition_encoder.config})
        denoiser.register_to_config(encoder_fingerprint=encoder.fingerprint())
    encoder.to(accelerator.device)
    folder.mkdir(parents=True, exist_ok=True)
    with accelerator.main_process_first():
        latents = cached_latents(encoder, data.train, folder / "latents-train.safetensors")
        valid = None
        if data.valid is not None:
            valid = cached_latents(encoder, data.valid, folder / "latents-valid.safetensors")
    objective = DiffusionObjective(denoiser, condition_encoder, config, encoder.config.gist_latents)
    draw = ConditionDrawer(data.train, tokenizer, config.condition, config.condition.max_tokens)
    sampler = DocumentSampler.of(data.train, config.data, config.loop, accelerator)
    max_count = denoiser.config.max_count

    def batch_at(step: int) -> LatentBatch:
        rng = np.random.default_rng([config.loop.seed, 2, step, accelerator.process_index])
        return latent_batch(data.train, latents, sampler(step), draw, max_count, rng)

    held_out = document_batches(
        data.valid,
        valid,
        config.condition,
        config.condition.max_tokens,
        tokenizer,
        config.data.max_segments,
        VALIDATION_DOCUMENTS,
    )
    state = fit(
        objective,
        batch_at,
        config.loop,
        folder,
        accelerator,
        count=lambda batch: int(batch.segment_mask.sum()),
        validate=(lambda: validation_loss(objective, held_out)) if held_out else None,
        ema_decay=config.ema_decay or None,
    )
    metrics = {**state, **(validation_loss(objective, held_out) if held_out else {})}
    if accelerator.is_main_process:
        pipeline = StoryPipeline(encoder, condition_encoder, denoiser, decoder, default_scheduler(), tokenizer)
        save_pipeline(pipeline, folder / "model")
        write_json(folder / "result.json", {"metrics": metrics, "config": config.model_dump(mode="json")})
    return metrics
