"""How much structure the latents have for a denoiser to learn: effective rank, and what a slot says about the others.

python benchmarks/latent_structure.py DATA/stories/roc.train.jsonl.gz --model stories-tiny
"""

from itertools import islice
from pathlib import Path
from typing import Annotated

import torch
import typer
from torch import Tensor

from segdiff.pipelines.corpus import read_documents
from segdiff.pipelines.loading import load_representation
from segdiff.pipelines.rendering import encode_texts
from segdiff.pipelines.tokenization import segment_tokens


def effective_rank(latents: Tensor) -> float:
    """exp of the entropy of the normalised covariance spectrum (Roy and Vetterli, 2007) of (N, K, D)."""
    flat = latents.flatten(1) - latents.flatten(1).mean(0)
    values = torch.linalg.eigvalsh(flat.T @ flat / len(flat)).clamp_min(0)
    share = values / values.sum()
    return float((-(share * share.clamp_min(1e-12).log()).sum()).exp())


def explained(latents: Tensor, slot: int) -> float:
    """Share of a slot's variance that a linear map from the other slots explains, on the last quarter of (N, K, D)."""
    target = latents[:, slot]
    others = torch.cat([latents[:, :slot], latents[:, slot + 1 :]], dim=1).flatten(1)
    others = torch.cat([others, torch.ones(len(others), 1)], dim=1)
    cut = len(latents) * 3 // 4
    weight = torch.linalg.lstsq(others[:cut], target[:cut]).solution
    error = (target[cut:] - others[cut:] @ weight).square().mean()
    return float(1 - error / target[cut:].var())


def main(
    data: Annotated[Path, typer.Argument(help="A corpus.")],
    model: str = "stories-tiny",
    segments: int = 20_000,
) -> None:
    """Print effective rank and the variance of each slot that the others explain."""
    encoder, _, tokenizer = load_representation(model)
    every = (text for document in read_documents(data) for text in document.segments)
    texts = list(islice(every, segments))
    fits = [len(row) <= encoder.config.max_tokens for row in segment_tokens(tokenizer, texts)]
    latents = encode_texts(encoder, tokenizer, [text for text, fit in zip(texts, fits, strict=True) if fit])
    slots, width = latents.shape[1:]
    print(f"effective rank {effective_rank(latents):.1f} of {slots * width}")
    print("explained by the others:", " ".join(f"{explained(latents, slot):.2f}" for slot in range(slots)))


if __name__ == "__main__":
    typer.run(main)
