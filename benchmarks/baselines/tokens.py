"""Training of the two baselines that work on tokens."""

from pathlib import Path

import numpy as np
import torch
from baselines import ar, masked, transformer
from baselines.config import BaselineConfig, reference
from baselines.sequences import Vocabulary, WindowSampler, draw_example

from segdiff.pipelines.batches import TensorBatch
from segdiff.pipelines.data import load_data
from segdiff.pipelines.files import replace_folder, write_json
from segdiff.pipelines.latent_batches import ConditionDrawer
from segdiff.pipelines.prepared import PreparedCorpus
from segdiff.pipelines.train_representation import make_accelerator
from segdiff.pipelines.training import fit

VALIDATION_DOCUMENTS = 128


def train(config: BaselineConfig, folder: Path) -> dict[str, float]:
    """Train a baseline; write `folder/{model,tokenizer,lengths.json,result.json}`. Resumes by itself.

    Args:
        config: options; `loop.max_minutes`, `loop.max_steps` or `tokens` says when to stop.
        folder: run folder.

    Returns:
        Last loss, validation loss, and how much text was seen how fast.

    Raises:
        ValueError: no end is given, or the prepared data has another tokenizer than `config.like`.
    """
    tokenizer, size = reference(config.like)
    data = load_data(config.data, folder, tokenizer)
    if data.tokenizer.get_vocab() != tokenizer.get_vocab():
        raise ValueError(f"the prepared data has another tokenizer than {config.like}; prepare it again")
    vocabulary = Vocabulary.of(tokenizer)
    torch.manual_seed(config.loop.seed)
    model = transformer.build(vocabulary.size, config.parameters or size, config.width, config.num_layers)
    sampler = WindowSampler(data.train, config.batch_tokens, config.data.max_segments, config.loop.seed)
    loop = config.loop
    if config.tokens is not None:
        loop = loop.model_copy(update={"max_steps": sampler.steps_for(config.tokens)})
    draw = ConditionDrawer(data.train, tokenizer, config.condition, config.condition.max_tokens)

    def batch_at(step: int) -> TensorBatch:
        rng = np.random.default_rng([config.loop.seed, 4, step])
        return batch(config, data.train, sampler(step), draw, vocabulary, rng, config.fragment_share)

    objective = ar.ArObjective(model) if config.kind == "ar" else masked.MaskedObjective(model, vocabulary)
    held_out = validation_batches(config, data.valid, vocabulary)
    print(f"{config.kind}: {transformer.num_parameters(model):,} parameters ({config.like}: {size:,})", flush=True)
    state = fit(
        objective,
        batch_at,
        loop,
        folder,
        make_accelerator(loop),
        count=lambda batch: int((batch.ids == vocabulary.eos).sum()),
        validate=(lambda: validation_loss(objective, held_out)) if held_out else None,
    )
    seen = sampler.text_tokens(int(state["step"]))
    metrics = {
        **state,
        **(validation_loss(objective, held_out) if held_out else {}),
        "parameters": transformer.num_parameters(model),
        "text_tokens": seen,
        "text_tokens_per_second": round(seen / max(state["seconds"], 1e-9), 1),
    }
    temporary = folder / "model.tmp"
    model.save_pretrained(temporary, safe_serialization=True)
    replace_folder(temporary, folder / "model")
    tokenizer.save_pretrained(folder / "tokenizer")
    if config.kind == "masked":
        lengths = masked.LengthDrawer.of(data.train, config.data.max_tokens, config.data.max_segments)
        write_json(folder / "lengths.json", lengths.by_count)
    write_json(folder / "result.json", {"metrics": metrics, "config": config.model_dump(mode="json")})
    return metrics


def batch(
    config: BaselineConfig,
    corpus: PreparedCorpus,
    windows: list[tuple[int, int, int]],
    draw: ConditionDrawer | None,
    vocabulary: Vocabulary,
    rng: np.random.Generator,
    fragment_share: float = 0.0,
) -> TensorBatch:
    """The examples of windows, arranged as the kind of baseline reads them."""
    examples = [draw_example(corpus, window, draw, rng, fragment_share) for window in windows]
    if config.kind == "ar":
        heads = [ar.head(example.condition, vocabulary) for example in examples]
        return ar.sequence_batch(
            heads, [ar.arrange(example, vocabulary, config.fill_in_share, rng) for example in examples]
        )
    return masked.canvas_batch(
        [
            masked.canvas(example, masked.draw_given(len(example.segments), config.given_share, rng), vocabulary)
            for example in examples
        ]
    )


def validation_batches(
    config: BaselineConfig, corpus: PreparedCorpus | None, vocabulary: Vocabulary
) -> list[TensorBatch]:
    """The first held-out documents as whole texts from left to right (all masked), without a condition."""
    if corpus is None:
        return []
    plain = config.model_copy(update={"fill_in_share": 0.0, "given_share": 0.0})
    sizes = np.minimum(corpus.documents.lengths, config.data.max_segments)[:VALIDATION_DOCUMENTS]
    windows = [(index, 0, int(size)) for index, size in enumerate(sizes)]
    rng = np.random.default_rng(0)
    return [
        batch(plain, corpus, windows[start : start + 16], None, vocabulary, rng) for start in range(0, len(windows), 16)
    ]


@torch.no_grad()
def validation_loss(objective: torch.nn.Module, batches: list[TensorBatch]) -> dict[str, float]:
    """Mean loss in nats a token over fixed batches with fixed noise; a bound, of the masked baseline."""
    objective.eval()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        device = next(objective.parameters()).device
        losses = [float(objective(held_out.to(device))["loss"]) for held_out in batches]
    return {"valid_loss": sum(losses) / len(losses)}
