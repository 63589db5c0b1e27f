"""What writing, training and starting cost on this machine, each training number beside plain `transformers`.

    python benchmarks/first_light.py --threads 2 --out first_light.json

Speeds of training are ratios of segments/s to a plain model of the same size on the same batches in the same run:
above 1 is faster than plain. Rounds are interleaved (ours, plain, ours, plain), numbers are medians.
"""

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
import typer
from measure import NUM_SEGMENTS, Contender, Row, cell, loss_of, peak_memory, shown, synthetic_corpus, table
from torch import Tensor, nn
from transformers import (
    BertConfig,
    BertModel,
    PreTrainedTokenizerFast,
    T5Config,
    T5EncoderModel,
    T5ForConditionalGeneration,
)

from segdiff import StoryPipeline
from segdiff.configs.loader import load_config
from segdiff.configs.schema import DiffusionConfig, RepresentationConfig
from segdiff.pipelines import train_diffusion, train_representation
from segdiff.pipelines.batches import DocumentSampler, SegmentBatch, segment_batch
from segdiff.pipelines.diffusion import DiffusionObjective
from segdiff.pipelines.latent_batches import ConditionDrawer, LatentBatch, latent_batch
from segdiff.pipelines.prepared import PreparedCorpus
from segdiff.pipelines.representation import RepresentationObjective
from segdiff.pipelines.story import LIKELIEST

PARTS = ("generation", "training", "command")
TITLE = "The lost dog"
NUM_STEPS = 20
BATCH_SIZES = (1, 16)
QUICK_REPRESENTATION = [
    "data.vocab_size=400",
    "encoder.text_config={d_model: 16, num_layers: 1, num_heads: 2, d_kv: 8, d_ff: 32}",
    "decoder.text_config={d_model: 16, num_layers: 1, num_heads: 2, d_kv: 8, d_ff: 32}",
    "data.max_tokens=80",
    "contrastive.pairs=2",
    "adversarial.segments=2",
    "loop.batch_documents=2",
]
QUICK_DIFFUSION = [
    "data.max_tokens=80",
    "denoiser.width=16",
    "denoiser.num_heads=2",
    "denoiser.num_layers=2",
    "condition.text_config={d_model: 16, num_layers: 1, num_heads: 2, d_kv: 8, d_ff: 32}",
    "loop.batch_documents=2",
]


# -------------------------------------------------------------------------------------------- generation


def measure_generation(model: str, repetitions: int) -> list[Row]:
    """Seconds to load and to write, denoiser calls of a batch, and the process's largest memory after it."""
    began = time.perf_counter()
    pipeline = StoryPipeline.from_pretrained(model)
    pipeline.register_to_config(**LIKELIEST)
    rows: list[Row] = [{"what": "load", "seconds": time.perf_counter() - began}]
    for count in BATCH_SIZES:
        taken: list[float] = []
        calls = 0
        for repetition in range(repetitions + 1):
            began = time.perf_counter()
            stories = pipeline(
                TITLE, NUM_SEGMENTS, num_stories=count, num_inference_steps=NUM_STEPS, seed=repetition * count
            )
            taken.append(time.perf_counter() - began)
            calls = stories[0].denoiser_calls
        rows.append(
            {
                "what": f"write, {count} at once",
                "seconds per story": statistics.median(taken[1:]) / count,  # the first is the warm-up
                "denoiser calls of the batch": calls,
                "denoiser calls per story": calls / count,
            }
        )
    rows.append({"what": "peak memory", "MiB": peak_memory()})
    return rows


# ---------------------------------------------------------------------------------------------- training


def compare(contenders: Mapping[str, Contender], repetitions: int, block_steps: int, warmup_steps: int) -> list[Row]:
    """Segments/s of each contender in interleaved rounds, and the median over rounds of its ratio to each plain one.

    All of a round's contenders train on the same batches.
    """
    speeds: dict[str, list[float]] = {name: [] for name in contenders}
    for contender in contenders.values():
        for index in range(warmup_steps):
            contender.step(index)
    for repetition in range(repetitions):
        for name, contender in contenders.items():
            began = time.perf_counter()
            first = warmup_steps + repetition * block_steps
            segments = sum(contender.step(index) for index in range(first, first + block_steps))
            speeds[name].append(segments / (time.perf_counter() - began))
    return [
        {
            "what": name,
            "segments/s": statistics.median(speeds[name]),
            **{
                f"ratio to {plain}": statistics.median(
                    own / other for own, other in zip(speeds[name], speeds[plain], strict=True)
                )
                for plain in contenders
                if plain.startswith("plain")
            },
            "parameters": contenders[name].num_parameters(),
        }
        for name in contenders
    ]


def representation_contenders(
    config: RepresentationConfig, corpus: PreparedCorpus, tokenizer: PreTrainedTokenizerFast
) -> dict[str, Contender]:
    """The representation stage with and without each regulariser, and a plain T5 of its size."""
    lengths = corpus.documents.lengths
    sampler = DocumentSampler(lengths, config.loop.batch_documents, config.data.max_segments, 0)

    def batches(pairs: int) -> Callable[[int], SegmentBatch]:
        return lambda step: segment_batch(corpus, sampler(step), pairs, np.random.default_rng([0, step]))

    contenders = {"plain T5": plain_t5(config, tokenizer, batches(0))}
    for name, contrastive, adversarial, noise in [
        ("regularisers off", False, False, False),
        ("noise", False, False, True),
        ("contrastive", True, False, False),
        ("adversarial", False, True, False),
        ("all three", True, True, True),
    ]:
        changed = config.model_dump()
        if not contrastive:
            changed["contrastive"]["weight"] = 0.0
        if not adversarial:
            changed["adversarial"]["weight"] = 0.0
        if not noise:
            changed["noise"]["max_strength"] = 0.0
        own = RepresentationConfig.model_validate(changed)
        objective = RepresentationObjective(*train_representation.build(own, tokenizer), own)
        pairs = own.contrastive.pairs if contrastive else 0
        contenders[name] = Contender(objective, batches(pairs), loss_of(objective), own.loop, clip=True)
    return contenders


def plain_t5(
    config: RepresentationConfig, tokenizer: PreTrainedTokenizerFast, batch_at: Callable[[int], SegmentBatch]
) -> Contender:
    """T5 encoder-decoder that copies each segment, every batch padded to its longest segment."""
    shape, decoder = config.encoder.text_config, config.decoder.text_config
    if {**shape, "num_layers": 0} != {**decoder, "num_layers": 0}:
        raise ValueError("the plain T5 needs an encoder and a decoder that differ in num_layers at most")
    model = T5ForConditionalGeneration(
        T5Config(
            **shape,
            num_decoder_layers=decoder["num_layers"],
            vocab_size=len(tokenizer),
            dropout_rate=config.dropout,
            feed_forward_proj="gated-silu",
            pad_token_id=tokenizer.pad_token_id,
            eos_token_id=tokenizer.eos_token_id,
            decoder_start_token_id=tokenizer.bos_token_id,
            tie_word_embeddings=True,
            use_cache=False,
        )
    )

    def loss(batch: SegmentBatch) -> Tensor:
        labels = batch.tokens.masked_fill(batch.token_mask == 0, -100)
        return model(input_ids=batch.tokens, attention_mask=batch.token_mask, labels=labels).loss

    return Contender(model, batch_at, loss, config.loop)


def diffusion_contenders(
    config: DiffusionConfig,
    representation: RepresentationConfig,
    corpus: PreparedCorpus,
    tokenizer: PreTrainedTokenizerFast,
) -> dict[str, Contender]:
    """The diffusion stage, and plain transformers on the same latents: one that reads no condition, one that does."""
    encoder, _ = train_representation.build(representation, tokenizer)
    denoiser, condition_encoder = train_diffusion.build(config, encoder, tokenizer)
    objective = DiffusionObjective(denoiser, condition_encoder, config)
    shape = (encoder.config.num_latents, encoder.config.latent_dim)
    generator = torch.Generator().manual_seed(0)
    latents = torch.randn(len(corpus.segments), *shape, generator=generator).half()  # values do not change the time
    sampler = DocumentSampler(corpus.documents.lengths, config.loop.batch_documents, config.data.max_segments, 0)
    draw = ConditionDrawer(corpus, tokenizer, config.condition, config.condition.max_tokens)

    def batch_at(step: int) -> LatentBatch:
        rng = np.random.default_rng([0, step])
        return latent_batch(corpus, latents, sampler(step), draw, config.data.max_segments, rng)

    ours = Contender(
        objective, batch_at, loss_of(objective), config.loop, clip=True, ema_decay=config.ema_decay or None
    )
    size = sum(parameter.numel() for parameter in objective.parameters())
    size -= condition_encoder.text_encoder.embed_tokens.weight.numel()  # rows that are looked up cost no time
    tokens_per_segment = shape[0] // (config.denoiser.latents_per_token or shape[0])
    condition = condition_encoder.text_encoder.config
    return {
        "plain BERT": plain_bert(config, tokens_per_segment, shape, size, batch_at),
        "plain BERT and T5, reading the condition": plain_bert(
            config, tokens_per_segment, shape, size, batch_at, condition
        ),
        "diffusion": ours,
    }


class PlainEncoder(nn.Module):
    """BERT layers over one vector per token, with a linear layer before and after.

    With a `condition`, every `cross_every`-th layer, from the first on, also attends to the states of a T5 encoder of
    that shape, as our denoiser does (such models are causal in `transformers`).
    """

    def __init__(
        self, config: BertConfig, token_dim: int, condition: T5Config | None = None, cross_every: int = 1
    ) -> None:
        super().__init__()
        self.input = nn.Linear(token_dim, config.hidden_size)
        self.bert = BertModel(config, add_pooling_layer=False)
        for index, layer in enumerate(self.bert.encoder.layer if condition is not None else ()):
            if index % cross_every:  # `transformers` has them in all layers or in none
                layer.is_decoder = False
                del layer.crossattention
        self.output = nn.Linear(config.hidden_size, token_dim)
        self.condition = None
        if condition is not None:
            self.condition = T5EncoderModel(condition)
            self.widen = nn.Linear(condition.d_model, config.hidden_size)

    def forward(self, tokens: Tensor, mask: Tensor, ids: Tensor, seen: Tensor) -> Tensor:
        """(B, L, token_dim) and mask (B, L), condition ids and mask (B, C) -> (B, L, token_dim)."""
        read = {}
        if self.condition is not None:
            seen = seen.bool() | (torch.arange(seen.shape[1]) == 0)  # no row without keys
            states = self.condition(input_ids=ids, attention_mask=seen.long()).last_hidden_state
            read = {"encoder_hidden_states": self.widen(states), "encoder_attention_mask": seen.long()}
        return self.output(
            self.bert(inputs_embeds=self.input(tokens), attention_mask=mask.long(), **read).last_hidden_state
        )


def plain_bert(
    config: DiffusionConfig,
    tokens_per_segment: int,
    shape: tuple[int, int],
    num_parameters: int,
    batch_at: Callable[[int], LatentBatch],
    condition: T5Config | None = None,
) -> Contender:
    """A BERT with the denoiser's layers, width and tokens; its feed-forward width makes up the parameters.

    With the config of a `condition` encoder it reads conditions as well, in the same layers as the denoiser.
    """
    token_dim = shape[0] * shape[1] // tokens_per_segment
    options = {
        "vocab_size": 2,  # it reads vectors
        "hidden_size": config.denoiser.width,
        "num_hidden_layers": config.denoiser.num_layers,
        "num_attention_heads": config.denoiser.num_heads,
        "max_position_embeddings": config.data.max_segments * tokens_per_segment,
        "hidden_dropout_prob": config.denoiser.dropout,
        "attention_probs_dropout_prob": 0.0,
    }
    if condition is not None:
        options |= {"is_decoder": True, "add_cross_attention": True, "use_cache": False}
    cross_every = config.denoiser.cross_every
    smallest = PlainEncoder(BertConfig(**options, intermediate_size=1), token_dim, condition, cross_every)
    missing = num_parameters - sum(parameter.numel() for parameter in smallest.parameters())
    if smallest.condition is not None:
        missing += smallest.condition.shared.weight.numel()  # looked up, as ours
    per_unit = config.denoiser.num_layers * (2 * config.denoiser.width + 1)
    wide = BertConfig(**options, intermediate_size=1 + max(0, round(missing / per_unit)))
    model = PlainEncoder(wide, token_dim, condition, cross_every)

    def loss(batch: LatentBatch) -> Tensor:
        tokens = batch.latents.reshape(batch.latents.shape[0], -1, token_dim)
        mask = batch.segment_mask.repeat_interleave(tokens_per_segment, 1)
        noisy = tokens + torch.randn_like(tokens)
        estimate = model(noisy, mask, batch.condition_ids, batch.condition_mask).float()
        return ((estimate - tokens).square().mean(-1) * mask).sum() / mask.sum()

    return Contender(model, batch_at, loss, config.loop)


def measure_training(repetitions: int, quick: bool) -> tuple[list[Row], list[Row], Row]:
    """Both stages against plain `transformers`, and what they trained on."""
    representation = load_config(RepresentationConfig, "representation-tiny", QUICK_REPRESENTATION if quick else [])
    diffusion = load_config(DiffusionConfig, "diffusion-tiny", QUICK_DIFFUSION if quick else [])
    data = representation.data
    corpus, tokenizer = synthetic_corpus(20 if quick else 1000, data.vocab_size, data.max_tokens)
    block, warmup = (1, 1) if quick else (8, 4)
    torch.manual_seed(0)
    first = compare(representation_contenders(representation, corpus, tokenizer), repetitions, block, warmup)
    second = compare(diffusion_contenders(diffusion, representation, corpus, tokenizer), repetitions, 3 * block, warmup)
    about = {
        "segments": len(corpus.segments),
        "tokens per segment": float(corpus.segments.lengths.mean()),
        "vocabulary": len(tokenizer),
        "batch (segments), representation": NUM_SEGMENTS * representation.loop.batch_documents,
        "batch (segments), diffusion": NUM_SEGMENTS * diffusion.loop.batch_documents,
        "precision, representation": representation.loop.mixed_precision,
        "precision, diffusion": diffusion.loop.mixed_precision,
    }
    return first, second, about


# ----------------------------------------------------------------------------------------------- command


def segdiff_commands(model: str) -> list[list[str]]:
    """The command lines whose whole-process time is measured."""
    return [["generate", TITLE, "--segments", str(NUM_SEGMENTS), "--seed", "0", "--model", model], ["--help"]]


def measure_command(model: str, repetitions: int, threads: int) -> list[Row]:
    """Whole-process seconds of the command line, start of Python and imports included."""
    environment = {**os.environ, "OMP_NUM_THREADS": str(threads)}
    return [
        {
            "what": shown(["segdiff", *arguments]),
            "seconds": statistics.median(process_seconds(arguments, environment) for _ in range(repetitions)),
        }
        for arguments in segdiff_commands(model)
    ]


def process_seconds(arguments: Sequence[str], environment: Mapping[str, str]) -> float:
    """Seconds of one `segdiff` process.

    Raises:
        RuntimeError: it failed.
    """
    began = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "segdiff", *arguments], env=dict(environment), capture_output=True, text=True
    )
    if done.returncode:
        raise RuntimeError(f"{shown(['segdiff', *arguments])} failed: {done.stderr.strip()[-500:]}")
    return time.perf_counter() - began


# ------------------------------------------------------------------------------------------------ report


def main(
    model: Annotated[str, typer.Option(help="Bundled model or folder that writes the stories.")] = "stories-tiny",
    threads: Annotated[int, typer.Option(min=1, help="Threads of torch.")] = 2,
    repetitions: Annotated[int, typer.Option(min=1, help="Measurements behind each median.")] = 5,
    parts: Annotated[str, typer.Option(help="Which parts to measure.")] = ",".join(PARTS),
    out: Annotated[Path | None, typer.Option(help="JSON file for all numbers.")] = None,
    quick: Annotated[bool, typer.Option("--quick", help="Smoke run: one repetition, tiny sizes.")] = False,
    keep_denormals: Annotated[bool, typer.Option("--keep-denormals", help="As torch does by itself.")] = False,
) -> None:
    """Measure, print Markdown, write JSON."""
    wanted = parts.split(",")
    if unknown := set(wanted) - set(PARTS):
        raise typer.BadParameter(f"unknown part {sorted(unknown)[0]!r}; known: {', '.join(PARTS)}")
    torch.set_num_threads(threads)
    torch.set_flush_denormal(not keep_denormals)  # the training loop flushes them; both sides profit
    repetitions = 1 if quick else repetitions
    result: dict[str, Any] = {
        "model": model,
        "threads": threads,
        "repetitions": repetitions,
        "quick": quick,
        "torch": torch.__version__,
        "parts": {},
    }
    command = ["python", "benchmarks/first_light.py", "--model", model, "--threads", str(threads)]
    command += ["--quick"] if quick else ["--repetitions", str(repetitions)]
    command += ["--keep-denormals"] if keep_denormals else []
    result["command"] = shown(command)

    def report(title: str, part: str, rows: list[Row], note: str = "") -> None:
        line = shown([*command, "--parts", part])
        result["parts"][title] = {"command": line, "rows": rows}
        print(f"## {title}\n\n`{line}`\n{note}\n{table(rows)}\n", flush=True)

    if "generation" in wanted:  # first, so that the peak memory is its own
        note = f"\n{NUM_SEGMENTS} segments, {NUM_STEPS} steps.\n"
        report("Writing", "generation", measure_generation(model, repetitions), note)
    if "training" in wanted:
        first, second, about = measure_training(repetitions, quick)
        result["training data"] = about
        note = f"\n{'; '.join(f'{name}: {cell(value)}' for name, value in about.items())}.\n"
        report("Training, representation", "training", first, note)
        report("Training, diffusion", "training", second)
    if "command" in wanted:
        report("Command line", "command", measure_command(model, repetitions, threads))
    if out is not None:
        out.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    typer.run(main)
