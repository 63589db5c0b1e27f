"""Does augmentation help? A small text classifier on few labelled sentences, with and without paraphrases of them.

python benchmarks/augmentation.py DATA --model stories-tiny --out runs/augmentation

The tasks need no annotation that the texts do not have: does a sentence open its story or end it (in the model's
domain), and the topic of a news sentence (far outside it). The classifier is logistic regression on TF-IDF of words and
word pairs. Every seed draws other training sentences; the test sentences stay. "repeated" trains on each sentence as
often as "paraphrases" has rows for it, "word dropout" on as many noised copies.
"""

import gzip
import json
import random
import statistics
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import Annotated, Any

import torch
import typer

from segdiff.pipelines.card import table
from segdiff.pipelines.corpus import read_documents
from segdiff.pipelines.files import write_json
from segdiff.pipelines.paraphrase import ParaphrasePipeline

Labelled = list[tuple[str, str]]


def opening_or_ending(data: Path) -> tuple[Labelled, Labelled]:
    """First and last sentences of held-out stories: those to draw training sentences from, and the test."""

    def ends(name: str) -> Labelled:
        stories = [one.segments for one in read_documents(data / f"stories/{name}.jsonl.gz")]
        return [pair for story in stories for pair in ((story[0], "opening"), (story[-1], "ending"))]

    return ends("roc.valid"), ends("roc.test")


def news_topic(data: Path) -> tuple[Labelled, Labelled]:
    """Sentences of news and their topics."""
    with gzip.open(data / "ood/ag_news.jsonl.gz", "rt", encoding="utf-8") as file:
        records = [json.loads(line) for line in file]
    pairs = [(record["text"], record["topic"]) for record in records]
    random.Random(0).shuffle(pairs)
    return pairs[: len(pairs) // 2], pairs[len(pairs) // 2 :]


def accuracy(train: Labelled, test: Labelled) -> float:
    """Share of the test that the classifier gets right."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    model = make_pipeline(
        TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True), LogisticRegression(C=10, max_iter=1000)
    )
    texts, labels = zip(*train, strict=True)
    return float(model.fit(texts, labels).score(*zip(*test, strict=True)))


def augmented(pipeline: ParaphrasePipeline, train: Labelled, num: int, seed: int, **options: Any) -> Labelled:
    """Every sentence with `num` rewordings of its own label, those that lost a fact left out."""
    documents = pipeline.documents([text for text, _ in train], num=num, strict=True, seed=seed, **options)
    pairs = zip(train, documents, strict=True)
    return [
        (text, label)
        for (source, label), document in pairs
        for text in (source, *(document.rewrite(number) for number in range(len(document))))
    ]


def dropped(train: Labelled, num: int, seed: int, share: float = 0.2) -> Labelled:
    """Every sentence with `num` copies that lack some words."""
    rng = random.Random(seed)

    def lacking(text: str) -> str:
        return " ".join(word for word in text.split() if rng.random() >= share) or text

    return [(copy, label) for text, label in train for copy in (text, *(lacking(text) for _ in range(num)))]


def measure(
    pipeline: ParaphrasePipeline,
    pool: Labelled,
    test: Labelled,
    size: int,
    num: int,
    seeds: Sequence[int],
    **options: Any,
) -> list[dict[str, Any]]:
    """Mean accuracy and its standard deviation over seeds, a row per training set."""
    scores: dict[str, list[float]] = {}
    for seed in seeds:
        train = random.Random(seed).sample(pool, size)
        sets = {
            "labelled sentences": train,
            "repeated": [pair for pair in train for _ in range(num + 1)],
            "word dropout": dropped(train, num, seed),
            "paraphrases": augmented(pipeline, train, num, seed, **options),
        }
        for name, some in sets.items():
            scores.setdefault(name, []).append(accuracy(some, test))
    plain = scores["labelled sentences"]
    return [
        {
            "trained on": name,
            "accuracy": round(statistics.mean(values), 4),
            "spread": round(statistics.stdev(values), 4) if len(values) > 1 else None,
            "better by": round(statistics.mean(v - p for v, p in zip(values, plain, strict=True)), 4),
            "seeds it is better with": sum(v > p for v, p in zip(values, plain, strict=True)),
        }
        for name, values in scores.items()
    ]


def main(
    data: Annotated[Path, typer.Argument(help="Folder of the corpora.")],
    model: str = "stories-tiny",
    size: int = 200,
    num: int = 4,
    seeds: int = 5,
    strength: float = 0.4,
    tasks: str = "story,news",
    max_test: int = 2000,
    threads: int = 2,
    out: Path = Path("runs/augmentation"),
) -> None:
    """Print a table per task and write the numbers."""
    torch.set_num_threads(threads)
    pipeline = ParaphrasePipeline.from_pretrained(model)
    sources = {"story": opening_or_ending, "news": news_topic}
    result: dict[str, Any] = {"model": model, "size": size, "num": num, "seeds": seeds, "strength": strength}
    for task in tasks.split(","):
        pool, test = sources[task](data)
        rows = measure(pipeline, pool, list(islice(test, max_test)), size, num, range(seeds), strength=strength)
        result[task] = rows
        print(f"\n### {task}\n\n{table(rows)}")
    out.mkdir(parents=True, exist_ok=True)
    write_json(out / "numbers.json", result)


if __name__ == "__main__":
    typer.run(main)
