"""How much structure the latents have for a denoiser to learn: effective rank, and what a slot says about the others.

python benchmarks/latent_structure.py DATA/stories/roc.train.jsonl.gz --model stories-tiny
"""

from itertools import islice
from pathlib import Path
from typing import Annotated

import typer

from segdiff.pipelines.corpus import read_documents
from segdiff.pipelines.latent_statistics import effective_rank, explained
from segdiff.pipelines.loading import load_representation
from segdiff.pipelines.rendering import encode_texts
from segdiff.pipelines.tokenization import segment_tokens


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
    shares = [explained(latents, slot) for slot in range(slots)]
    print("explained by the others:", " ".join("-" if share is None else f"{share:.2f}" for share in shares))


if __name__ == "__main__":
    typer.run(main)
