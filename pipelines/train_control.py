"""`segdiff train control`: a classifier of latents from labelled segments. N segments, K latents, D latent width."""

import json
import math
import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from ..defaults import DEFAULT_MODEL
from ..diffusion.noise import log_snr, signal_and_noise
from .controls import LatentClassifier
from .corpus import numbered_lines
from .files import replace_folder, write_json
from .loading import load_representation
from .rendering import encode_texts
from .tokenization import segment_tokens

LEAST = 5  # examples of a label
HELD_OUT = 0.1
BATCH = 256
EVALUATE_EVERY = 50
LEVELS = (0.0, 0.5, 0.8)  # noise levels of the report


def read_labelled(path: Path) -> tuple[list[str], list[str]]:
    """Texts and labels of a JSONL file of {"text": ..., "label": ...}.

    Raises:
        FileNotFoundError: no such file.
        ValueError: a line is something else, there is one label only, or too few examples of one.
    """
    if not path.is_file():
        raise FileNotFoundError(f'no file {str(path)!r}; give JSONL of {{"text": ..., "label": ...}}')
    texts, labels = [], []
    for number, line in numbered_lines(path):
        if not line.strip():
            continue
        try:
            value = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise ValueError(f"{path}, line {number} is no JSON ({error})") from None
        text, label = (value.get("text"), value.get("label")) if isinstance(value, dict) else (None, None)
        if not (isinstance(text, str) and text.strip() and isinstance(label, str) and label.strip()):
            raise ValueError(f'{path}, line {number} must have a text and a label: {{"text": ..., "label": ...}}')
        texts.append(text)
        labels.append(label)
    counts = Counter(labels)
    if len(counts) < 2:
        raise ValueError(f"{path} has {len(counts)} label{'s' * (len(counts) != 1)}; a control needs two at least")
    rare, count = min(counts.items(), key=lambda item: item[1])
    if count < LEAST:
        raise ValueError(f"{path} has {count} examples of {rare!r}; each label needs {LEAST} at least")
    return texts, labels


def train_control(
    path: Path, out: Path, model: str = DEFAULT_MODEL, steps: int = 1000, seed: int = 0, device: str = "cpu"
) -> dict[str, Any]:
    """Train a classifier on the latents of labelled segments; write it to `out`. A tenth of them is held out.

    It is trained on what a denoiser estimates, not on clean latents alone: alpha^2 * z + alpha * sigma * e, which is
    the best linear estimate of z from alpha * z + sigma * e, at all noise levels. The step with the smallest held-out
    loss is kept.

    Args:
        path: JSONL of {"text", "label"}.
        out: folder; an older control in it is replaced.
        model: whose latents.
        steps: of the optimiser, in batches of 256.
        seed: of the split, the weights and the noise.
        device: where.

    Returns:
        "labels" with their counts, "left_out" (too long for the model), held-out "accuracy" at some noise levels (each
        label counts the same), and "chance".

    Raises:
        FileNotFoundError, ValueError: the file or the model is unfit, or `out` holds something else.
    """
    if out.exists() and not (out.is_dir() and ((out / "control.json").is_file() or not any(out.iterdir()))):
        raise ValueError(f"{out} holds something else than a control; give another --out")
    texts, names = read_labelled(path)
    encoder, _, tokenizer = load_representation(model)
    encoder.to(device)
    lengths = [len(tokens) for tokens in segment_tokens(tokenizer, texts)]
    fit = [index for index, length in enumerate(lengths) if length <= encoder.config.max_tokens]
    labels = sorted({names[index] for index in fit})
    target = torch.tensor([labels.index(names[index]) for index in fit])
    if len(labels) < 2 or int(target.bincount().min()) < LEAST:
        limit = encoder.config.max_tokens
        raise ValueError(f"only {len(fit)} of {len(texts)} segments of {path} fit the model (at most {limit} tokens)")
    latents = encode_texts(encoder, tokenizer, [texts[index] for index in fit]).float().cpu()

    source = torch.Generator().manual_seed(seed)
    held_out = split(target, source)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        classifier = LatentClassifier(
            labels=labels,
            num_latents=encoder.config.num_latents,
            latent_dim=encoder.config.latent_dim,
            gist_latents=encoder.config.gist_latents,
            encoder_fingerprint=encoder.fingerprint(),
        )
        fit_classifier(classifier, latents, target, held_out, steps, source)
    result = {
        "labels": {label: int((target == index).sum()) for index, label in enumerate(labels)},
        "left_out": len(texts) - len(fit),
        "accuracy": {
            f"noise level {level:g}": round(accuracy(classifier, latents[held_out], target[held_out], level), 4)
            for level in LEVELS
        },
        "chance": round(1 / len(labels), 4),
        "model": model,
        "seed": seed,
    }
    save_control(classifier, result, out)
    return result


def split(target: Tensor, source: torch.Generator) -> Tensor:
    """(N,) True where an example is held out: a tenth of each label, one at least."""
    held_out = torch.zeros(len(target), dtype=torch.bool)
    for label in range(int(target.max()) + 1):
        rows = (target == label).nonzero().squeeze(1)
        rows = rows[torch.randperm(len(rows), generator=source)]
        held_out[rows[: max(1, math.floor(HELD_OUT * len(rows)))]] = True
    return held_out


def estimates(latents: Tensor, level: Tensor, source: torch.Generator) -> tuple[Tensor, Tensor]:
    """Best linear estimates (N, K, D) of latents from their noised form at levels (N,), and log SNR (N,)."""
    alpha, sigma = signal_and_noise(level)
    noise = torch.randn(latents.shape, generator=source)
    wide_alpha, wide_sigma = alpha[:, None, None], sigma[:, None, None]
    return wide_alpha * (wide_alpha * latents + wide_sigma * noise), log_snr(alpha, sigma)


def fit_classifier(
    classifier: LatentClassifier, latents: Tensor, target: Tensor, held_out: Tensor, steps: int, source: torch.Generator
) -> None:
    """Train; end with the weights of the smallest held-out loss. Every label weighs the same."""
    train = (~held_out).nonzero().squeeze(1)
    weight = 1 / target[train].bincount(minlength=len(classifier.config.labels)).float()
    weight = weight / weight.mean()
    optimizer = torch.optim.AdamW(classifier.parameters(), lr=2e-3, weight_decay=0.05)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    valid = latents[held_out], target[held_out]
    levels = torch.linspace(0, 0.95, len(valid[1]))
    fixed = estimates(valid[0], levels[torch.randperm(len(levels), generator=source)], source)
    least, kept = math.inf, {name: value.clone() for name, value in classifier.state_dict().items()}
    for step in range(1, steps + 1):
        rows = train[torch.randint(len(train), (min(BATCH, len(train)),), generator=source)]
        inputs = estimates(latents[rows], torch.rand(len(rows), generator=source), source)
        classifier.train()
        loss = F.cross_entropy(classifier(*inputs), target[rows], weight)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        if step % EVALUATE_EVERY == 0 or step == steps:
            classifier.eval()
            with torch.no_grad():
                found = float(F.cross_entropy(classifier(*fixed), valid[1], weight))
            if found < least:
                least, kept = found, {name: value.clone() for name, value in classifier.state_dict().items()}
    classifier.load_state_dict(kept)
    classifier.eval()


@torch.no_grad()
def accuracy(classifier: LatentClassifier, latents: Tensor, target: Tensor, level: float) -> float:
    """Share of right labels, the mean over labels, on estimates at a noise level."""
    source = torch.Generator().manual_seed(0)
    found = classifier(*estimates(latents, torch.full((len(latents),), level), source)).argmax(-1)
    return float(torch.stack([(found[target == label] == label).float().mean() for label in target.unique()]).mean())


def save_control(classifier: LatentClassifier, result: dict[str, Any], out: Path) -> None:
    """Write weights, configuration and `control.json` whole or not at all."""
    temporary = out.with_name(out.name + ".tmp")
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.parent.mkdir(parents=True, exist_ok=True)
    classifier.save_pretrained(temporary, safe_serialization=True)
    write_json(temporary / "control.json", result)
    replace_folder(temporary, out)
