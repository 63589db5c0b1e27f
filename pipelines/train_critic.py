"""`segdiff train critic`: the last stage. The finished model writes, and the critic learns to tell it from people."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from accelerate import Accelerator
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor
from tqdm import tqdm

from ..configs.schema import CriticConfig
from ..diffusion import SegmentCritic, sample
from .batches import DocumentSampler, pad_rows
from .critic import CriticBatch, CriticObjective, spoilt
from .files import write_json
from .latent_batches import ConditionDrawer, LatentBatch, latent_batch
from .prepared import PreparedCorpus
from .rendering import read_back, render
from .saving import save_pipeline
from .story import StoryPipeline
from .train_diffusion import cached_latents
from .train_representation import load_on_main_first, make_accelerator
from .training import check_loop, fit
from .writing import told_levels

BATCH = 64  # texts written at once
HELD_OUT = 0.05  # of the written texts, at most `MAX_HELD_OUT`
MAX_HELD_OUT = 512
Rows = list[tuple[int, int, int]]


@torch.no_grad()
def write_instead(
    pipeline: StoryPipeline, human: LatentBatch, given: Tensor, config: CriticConfig, generator: torch.Generator
) -> Tensor:
    """What the model writes in place of human texts, under their condition; latents (B, S, K, D) of its text.

    Args:
        pipeline: the model.
        human: the texts.
        given: (B, S), True where the human segment stays.
        config: how to write.
        generator: of noise and drawn tokens.
    """
    decoder, encoder, tokenizer = pipeline.decoder, pipeline.encoder, pipeline.tokenizer
    device = pipeline.denoiser.device
    human = human.to(device)
    condition, condition_mask = pipeline.condition_encoder(human.condition_ids, human.condition_mask)
    nothing = torch.zeros_like(human.condition_mask)
    null, null_mask = pipeline.condition_encoder(torch.zeros_like(human.condition_ids), nothing)
    level = (~given.to(device)).to(human.latents.dtype)
    output = sample(
        pipeline.denoiser,
        pipeline.scheduler,
        config.num_inference_steps,
        torch.randn(human.latents.shape, generator=generator).to(device),
        human.segment_mask,
        condition,
        condition_mask,
        null,
        null_mask,
        guidance_scale=config.guidance_scale,
        latents=human.latents,
        start_level=level,
        before=human.before,
        after=human.after,
    )
    wanted = human.segment_mask & (level > 0)
    tokens = decoder.config.max_tokens
    texts = render(
        decoder,
        tokenizer,
        output.latents,
        human.segment_mask,
        config.temperature,
        torch.rand(*level.shape, tokens, generator=generator) if config.temperature else None,
        told_levels(decoder, level, pipeline.config.decoder_level),
        wanted=wanted,
        min_p=config.min_p,
    )
    return read_back(encoder, tokenizer, texts, output.latents).cpu()


def written_texts(
    pipeline: StoryPipeline,
    corpus: PreparedCorpus,
    latents: Tensor,
    windows: Rows,
    draw: ConditionDrawer,
    config: CriticConfig,
    path: Path,
) -> dict[str, Tensor]:
    """What the model writes in place of each of `windows`, and the conditions; read from `path` when it is there.

    Returns:
        "latents" (M, S, K, D) in half precision; "condition_ids" and "condition_mask" (M, C).
    """
    if path.exists():
        try:
            return load_file(path)
        except SafetensorError:
            pass  # cut short by a kill; written again
    max_segments = max(size for _, _, size in windows)
    found = torch.zeros(len(windows), max_segments, *latents.shape[1:], dtype=torch.float16)
    conditions: list[np.ndarray] = []
    for start in tqdm(range(0, len(windows), BATCH), "writing", unit=" batches"):
        rows = windows[start : start + BATCH]
        rng = np.random.default_rng([config.loop.seed, 4, start])
        drawn = [draw(window, rng) for window in rows]
        conditions += drawn
        given = iter(drawn)
        human = latent_batch(corpus, latents, rows, lambda window, rng, given=given: next(given), max_segments, rng)
        kept = keep(human.segment_mask, config.given_share, rng)
        generator = torch.Generator().manual_seed(int(rng.integers(2**62)))
        texts = write_instead(pipeline, human, kept, config, generator)
        found[start : start + len(rows), : texts.shape[1]] = texts.to(found)
    ids, mask = pad_rows(conditions)
    tensors = {"latents": found, "condition_ids": ids, "condition_mask": mask}
    temporary = path.with_name(path.name + ".tmp")
    save_file(tensors, temporary)
    temporary.replace(path)
    return tensors


def keep(segment_mask: Tensor, share: float, rng: np.random.Generator) -> Tensor:
    """(B, S) True where a human segment stays: in a share of the texts, the first ones or any, but never all."""
    kept = torch.zeros_like(segment_mask)
    for row, count in enumerate(segment_mask.sum(1).tolist()):
        if count < 2 or rng.random() >= share:
            continue
        number = int(rng.integers(1, count))
        places = np.arange(number) if rng.random() < 0.5 else rng.choice(count, number, replace=False)
        kept[row, torch.from_numpy(places)] = True
    return kept


def train_critic(config: CriticConfig, folder: Path, accelerator: Accelerator | None = None) -> dict[str, float]:
    """Train a critic of what `config.model` writes; write the pipeline with it to `folder/model`. Resumes by itself.

    Args:
        config: options; `config.model` names the trained model.
        folder: run folder.
        accelerator: made from `config.loop.mixed_precision` when None.

    Returns:
        Last losses, and "valid_told": the share of held-out texts that the critic puts above what the model wrote
        in their place.

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
    corpus, max_segments = data.train, config.data.max_segments
    draw = ConditionDrawer(corpus, tokenizer, config.condition)
    lengths = np.minimum(corpus.documents.lengths, max_segments)
    chosen = np.random.default_rng([config.loop.seed, 4]).permutation(len(lengths))[: config.texts]
    windows: Rows = [(int(document), 0, int(lengths[document])) for document in chosen]
    with accelerator.main_process_first():
        latents = cached_latents(encoder, corpus, folder / "latents-train.safetensors")
        written = written_texts(pipeline, corpus, latents, windows, draw, config, folder / "written.safetensors")

    critic = SegmentCritic(
        **config.critic.model_dump(),
        num_latents=encoder.config.num_latents,
        latent_dim=encoder.config.latent_dim,
        condition_dim=pipeline.condition_encoder.text_encoder.config.d_model,
        encoder_fingerprint=encoder.fingerprint(),
    )
    objective = CriticObjective(critic, pipeline.condition_encoder)
    sampler = DocumentSampler.of(corpus, config.data, config.loop, accelerator)
    held_out = max(1, min(MAX_HELD_OUT, int(HELD_OUT * len(windows))))

    def beside(rows: np.ndarray, rng: np.random.Generator) -> CriticBatch:
        """Human texts and what the model wrote in their place, under the same conditions."""
        given = iter(written["condition_ids"][row, : int(written["condition_mask"][row].sum())].numpy() for row in rows)
        human = latent_batch(
            corpus, latents, [windows[row] for row in rows], lambda window, rng: next(given), max_segments, rng
        )
        foil = written["latents"][torch.from_numpy(rows), : human.segment_mask.shape[1]].float()
        return CriticBatch(human, replace(human, latents=foil), torch.tensor(0))

    def batch_at(step: int) -> CriticBatch:
        rng = np.random.default_rng([config.loop.seed, 5, step, accelerator.process_index])
        if rng.random() < config.written_share:
            return beside(rng.integers(held_out, len(windows), config.loop.batch_documents), rng)
        human = latent_batch(corpus, latents, sampler(step), draw, max_segments, rng)
        return CriticBatch(human, spoilt(human, rng), torch.tensor(1))

    def validate() -> dict[str, float]:
        batch = beside(np.arange(held_out), np.random.default_rng(0)).to(accelerator.device)
        with torch.no_grad():
            return {f"valid_{name}": float(value) for name, value in objective(batch).items()}

    state = fit(
        objective,
        batch_at,
        config.loop,
        folder,
        accelerator,
        count=lambda batch: int(batch.human.segment_mask.sum()),
        validate=validate,
    )
    metrics = {**state, **validate()}
    if accelerator.is_main_process:
        pipeline.register_modules(critic=critic.eval())
        save_pipeline(pipeline, folder / "model")
        write_json(folder / "result.json", {"metrics": metrics, "config": config.model_dump(mode="json")})
    return metrics
