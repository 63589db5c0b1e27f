"""Do generated paragraph breaks fall where the topic turns? Five-sentence stories, one after the other, as one text.

    python benchmarks/paragraphs.py DATA/stories/roc.valid.jsonl.gz

A paragraph should begin where a story begins. The control rows shuffle the sentences, so that nothing turns anywhere,
and break after every five sentences from another start.
"""

from pathlib import Path
from random import Random
from typing import Annotated

import torch
import typer
from measure import Row, table
from torch import Tensor

from segdiff import RepresentationPipeline
from segdiff.pipelines.corpus import read_documents
from segdiff.pipelines.paragraphs import Paragraphs

SENTENCES = 5


def breaks(vectors: Tensor, mean_length: int) -> set[int]:
    """Places where a paragraph begins."""
    paragraphs = Paragraphs(mean_length)
    return {place for place, vector in enumerate(vectors) if paragraphs.begins(vector)}


def row(name: str, found: list[set[int]], together: int) -> Row:
    """Precision and recall of the places where a story begins."""
    true = set(range(SENTENCES, SENTENCES * together, SENTENCES))
    hits, number = sum(len(true & one) for one in found), sum(map(len, found))
    return {
        "breaks": name,
        "number": number,
        "precision": hits / max(number, 1),
        "recall": hits / (len(true) * len(found)),
    }


def main(
    stories: Annotated[Path, typer.Argument(help="Stories of five sentences.")],
    model: Annotated[str, typer.Option(help="Bundled model or folder.")] = "stories-tiny",
    num_texts: Annotated[int, typer.Option(min=1, help="Texts that are put together.")] = 20,
    together: Annotated[int, typer.Option(min=2, help="Stories of a text.")] = 20,
) -> None:
    """Measure and print Markdown."""
    documents = [one.segments for one in read_documents(stories) if len(one.segments) == SENTENCES]
    documents = documents[: num_texts * together]
    if len(documents) < num_texts * together:
        raise typer.BadParameter(f"{stories} has {len(documents)} stories of {SENTENCES} sentences; give --num-texts")
    pipeline = RepresentationPipeline.from_pretrained(model)
    latents = pipeline.encode([text for segments in documents for text in segments]).float()
    gist = latents[:, : pipeline.decoder.context_latents].flatten(1)
    size = SENTENCES * together
    order = list(range(size))
    Random(0).shuffle(order)
    rows = []
    for name, places in (("by topic", range(size)), ("by topic, sentences shuffled", order)):
        for mean_length in (4, 5, 6):
            found = [
                breaks(gist[first:][:size][torch.tensor(places)], mean_length) for first in range(0, len(gist), size)
            ]
            rows.append(row(f"{name}, {mean_length}", found, together))
    rows.append(row("every five, from the third", [set(range(3, size, SENTENCES))] * num_texts, together))
    print(table(rows))


if __name__ == "__main__":
    typer.run(main)
