"""`segdiff train critic`: the last stage. A critic learns to tell people's stories from the same ones spoilt."""

from pathlib import Path

import numpy as np
import torch
from accelerate import Accelerator

from ..configs.schema import CriticConfig
from ..diffusion import SegmentCritic
from .batches import DocumentSampler
from .critic import CriticBatch, CriticObjective, spoilt
from .files import write_json
from .latent_batches import ConditionDrawer, latent_batch
from .saving import save_pipeline
from .story import StoryPipeline
from .train_diffusion import cached_latents, document_batches
from .train_representation import load_on_main_first, make_accelerator
from .training import check_loop, fit

VALIDATION_DOCUMENTS = 512


def train_critic(config: CriticConfig, folder: Path, accelerator: Accelerator | None = None) -> dict[str, float]:
    """Train a critic for `config.model`; write the pipeline with it to `folder/model`. Resumes by itself.

    Args:
        config: options; `config.model` names the trained model.
        folder: run folder.
        accelerator: made from `config.loop.mixed_precision` when None.

    Returns:
        Last losses, and those of held-out texts (`valid_*`) when the config names some; "told" is the share of texts
        that the critic puts above what they were spoilt to.

    Raises:
        ValueError: no model named, or a loop that does not say how long it is.
    """
    if not config.model:
        raise ValueError("no model: give --model FOLDER (the output of `segdiff train adaptation`)")
    check_loop(config.loop)
    accelerator = accelerator or make_accelerator(config.loop)
    torch.manual_seed(config.loop.seed)
    pipeline = StoryPipeline.from_pretrained(config.model)
    encoder, tokenizer = pipeline.encoder, pipeline.tokenizer
    data = load_on_main_first(config.data, folder, accelerator, tokenizer)
    pipeline.to(accelerator.device)
    folder.mkdir(parents=True, exist_ok=True)
    max_segments = config.data.max_segments
    with accelerator.main_process_first():
        latents = cached_latents(encoder, data.train, folder / "latents-train.safetensors")
        valid = None
        if data.valid is not None:
            valid = cached_latents(encoder, data.valid, folder / "latents-valid.safetensors")
    critic = SegmentCritic(
        **config.critic.model_dump(),
        num_latents=encoder.config.num_latents,
        latent_dim=encoder.config.latent_dim,
        condition_dim=pipeline.condition_encoder.text_encoder.config.d_model,
        encoder_fingerprint=encoder.fingerprint(),
    )
    objective = CriticObjective(critic, pipeline.condition_encoder)
    limit = pipeline.condition_encoder.config.max_tokens  # conditions are cut as they are for the denoiser
    draw = ConditionDrawer(data.train, tokenizer, config.condition, limit)
    sampler = DocumentSampler.of(data.train, config.data, config.loop, accelerator)

    def batch_at(step: int) -> CriticBatch:
        rng = np.random.default_rng([config.loop.seed, 4, step, accelerator.process_index])
        human = latent_batch(data.train, latents, sampler(step), draw, max_segments, rng)
        return CriticBatch(human, spoilt(human, rng))

    held_out = [
        CriticBatch(human, spoilt(human, np.random.default_rng(number)))
        for number, human in enumerate(
            document_batches(data.valid, valid, config.condition, limit, tokenizer, max_segments, VALIDATION_DOCUMENTS)
        )
    ]

    @torch.no_grad()
    def validate() -> dict[str, float]:
        rows = [objective(batch.to(accelerator.device)) for batch in held_out]
        return {f"valid_{name}": float(sum(row[name] for row in rows)) / len(rows) for name in rows[0]}

    state = fit(
        objective,
        batch_at,
        config.loop,
        folder,
        accelerator,
        count=lambda batch: int(batch.human.segment_mask.sum()),
        validate=validate if held_out else None,
    )
    metrics = {**state, **(validate() if held_out else {})}
    if accelerator.is_main_process:
        pipeline.register_modules(critic=critic.eval())
        save_pipeline(pipeline, folder / "model")
        write_json(folder / "result.json", {"metrics": metrics, "config": config.model_dump(mode="json")})
    return metrics
