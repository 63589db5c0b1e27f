"""Paraphrase AUC over several files of pairs together: against random texts, and against all hard negatives.

python benchmarks/pooled_auc.py DATA --model general-small --model stories-small
"""

import random
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

FILES = ("roc-llm", "captions")


def main(
    data: Annotated[Path, typer.Argument(help="Folder of the corpora.")],
    model: Annotated[list[str], typer.Option(help="Repeatable.")],
    pairs: Annotated[int, typer.Option(help="Of a file, at most.")] = 500,
    seed: int = 0,
) -> None:
    """Print a row for each model; the negatives are those of `segdiff evaluate representation`."""
    from segdiff.pipelines.card import table
    from segdiff.pipelines.codec import ModelCodec
    from segdiff.pipelines.loading import load_representation
    from segdiff.pipelines.paraphrase_auc import (
        HARD_NEGATIVES,
        auc,
        bootstrap_interval,
        fitting_pairs,
        negatives,
        paired_similarity,
        read_pairs,
    )

    rows = []
    for name in model:
        codec = ModelCodec(*load_representation(name))
        scores: dict[str, list[tuple[np.ndarray, np.ndarray]]] = {"random": [], "hard": []}
        for file in FILES:
            some = fitting_pairs(codec, read_pairs(data / f"paraphrase/{file}.jsonl.gz", pairs))
            left, right = (codec.encode(texts)[:, codec.meaning] for texts in zip(*some, strict=True))
            alike, rng = paired_similarity(left, right), random.Random(seed)
            for kind, (chosen, other) in negatives(codec, some, right, rng, codec.meaning).items():
                group = "hard" if kind in HARD_NEGATIVES else kind
                if chosen and group in scores:
                    scores[group].append((alike[chosen].numpy(), paired_similarity(left[chosen], other).numpy()))
        row: dict[str, object] = {"model": name}
        for group, found in scores.items():
            same, others = (np.concatenate(column) for column in zip(*found, strict=True))
            low, high = bootstrap_interval(same, others, seed)
            row |= {f"{group}, pairs": len(same), group: auc(same, others), f"{group}, 95%": f"{low:.3f}-{high:.3f}"}
        rows.append(row)
    print(table(rows))


if __name__ == "__main__":
    typer.run(main)
