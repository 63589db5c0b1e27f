"""`segdiff train adaptation`: the third stage, a short one. Reports clean reconstruction before and after."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from accelerate import Accelerator

from ..configs.schema import AdaptationConfig, ConditionSharesConfig
from .adaptation import AdaptationBatch, AdaptationObjective
from .batches import DocumentSampler, pad_rows
from .files import write_json
from .known_words import learn_words
from .latent_batches import ConditionDrawer, latent_batch
from .representation_validation import VALIDATION_SEGMENTS, validation_batches, validation_metrics
from .saving import save_pipeline
from .story import StoryPipeline
from .train_diffusion import cached_latents
from .train_representation import load_on_main_first, make_accelerator
from .training import check_loop, fit


def train_adaptation(
    config: AdaptationConfig, folder: Path, accelerator: Accelerator | None = None
) -> dict[str, float]:
    """Adapt the decoder of `config.model`; write the whole pipeline to `folder/model`. Resumes by itself.

    Args:
        config: options; `config.model` names the trained model.
        folder: run folder.
        accelerator: made from `config.loop.mixed_precision` when None.

    Returns:
        Last losses, and held-out reconstruction `before_*` and `after_*` when the config names held-out data.

    Raises:
        ValueError: no model named, `config.min_level` is above `config.max_level`, or a loop that does not say how
            long it is.
    """
    if not config.model:
        raise ValueError("no model: give --model FOLDER (the output of `segdiff train diffusion`)")
    if config.min_level > config.max_level:
        raise ValueError(f"min_level is {config.min_level}, above max_level, {config.max_level}")
    check_loop(config.loop)
    accelerator = accelerator or make_accelerator(config.loop)
    torch.manual_seed(config.loop.seed)
    pipeline = StoryPipeline.from_pretrained(config.model)
    encoder, decoder, tokenizer = pipeline.encoder, pipeline.decoder, pipeline.tokenizer
    data = load_on_main_first(config.data, folder, accelerator, tokenizer)
    pipeline.to(accelerator.device)
    folder.mkdir(parents=True, exist_ok=True)
    with accelerator.main_process_first():
        latents = cached_latents(encoder, data.train, folder / "latents-train.safetensors")
        rare = replace(data.train, segments=data.train.rare)
        rare_latents = (
            cached_latents(encoder, rare, folder / "latents-rare.safetensors")
            if config.alone and len(rare.segments)
            else None
        )
    objective = AdaptationObjective(decoder, pipeline.denoiser, pipeline.condition_encoder, pipeline.scheduler, config)
    limit = pipeline.condition_encoder.config.max_tokens
    draw = ConditionDrawer(data.train, tokenizer, ConditionSharesConfig(), limit)
    sampler = DocumentSampler.of(data.train, config.data, config.loop, accelerator)

    def batch_at(step: int) -> AdaptationBatch:
        rng = np.random.default_rng([config.loop.seed, 3, step, accelerator.process_index])
        windows = sampler(step)
        documents = latent_batch(data.train, latents, windows, draw, config.data.max_segments, rng)
        rows = [
            data.train.segments[int(segment)]
            for document, first, size in windows
            for segment in data.train.documents[document][first : first + size]
        ]
        batch = AdaptationBatch(documents, *pad_rows(rows))
        if config.alone:
            sources = [(data.train, latents)] if rare_latents is None else [(data.train, latents), (rare, rare_latents)]
            drawn = [(corpus, of, rng.integers(len(corpus.segments), size=config.alone)) for corpus, of in sources]
            batch.alone = torch.cat([of[torch.from_numpy(chosen)].float() for _, of, chosen in drawn])
            alone = [corpus.segments[int(index)] for corpus, _, chosen in drawn for index in chosen]
            batch.alone_tokens, batch.alone_mask = pad_rows(alone)
        return batch

    held_out = validation_batches(data.valid, config.data.max_segments, VALIDATION_SEGMENTS)

    def reconstruction() -> dict[str, float]:
        return validation_metrics(encoder, decoder, held_out)

    before = reconstruction() if held_out else {}
    state = fit(
        objective,
        batch_at,
        config.loop,
        folder,
        accelerator,
        count=lambda batch: batch.tokens.shape[0],
        validate=reconstruction if held_out else None,
    )
    after = reconstruction() if held_out else {}
    metrics = {
        **state,
        **{f"before_{name}": value for name, value in before.items()},
        **{f"after_{name}": value for name, value in after.items()},
    }
    pipeline.register_to_config(decoder_level=config.decoder_level)
    learn_words(decoder, data.train, tokenizer)
    if accelerator.is_main_process:
        save_pipeline(pipeline, folder / "model")
        write_json(folder / "result.json", {"metrics": metrics, "config": config.model_dump(mode="json")})
    return metrics
