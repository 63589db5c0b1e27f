"""How many words of written stories are in no text at all: with the list of known words, without it, and of people.

python benchmarks/invented_words.py DATA/stories/roc.valid.jsonl.gz DATA/stories/roc.train.jsonl.gz \
    DATA/stories/roc.restored.jsonl.gz DATA/stories/roc.judge.jsonl.gz DATA/open_stories/train.jsonl.gz

A word that none of the corpora after the first has, whatever its case, counts as invented.
"""

import re
from itertools import islice
from pathlib import Path
from typing import Annotated

import typer

WORD = re.compile(r"[^\W\d_]+")


def words(texts: list[str]) -> list[str]:
    return [word.lower() for text in texts for word in WORD.findall(text)]


def main(
    titles_corpus: Annotated[Path, typer.Argument(help="Held-out stories with titles, each of which is written for.")],
    corpora: Annotated[list[Path], typer.Argument(help="What is a word, because one of them has it.")],
    model: str = "stories-small",
    stories: int = 100,
    temperatures: str = "0,0.9",
    min_p: float = 0.1,
    show: Annotated[int, typer.Option(help="So many invented words of each row.")] = 8,
) -> None:
    """Print the table; every story is the only one of its seed."""
    from segdiff import StoryPipeline
    from segdiff.pipelines.card import table
    from segdiff.pipelines.corpus import read_documents

    known = {word for path in corpora for one in read_documents(path) for word in words(list(one.segments))}
    documents = list(islice((one for one in read_documents(titles_corpus) if one.title), stories))
    pipeline = StoryPipeline.from_pretrained(model)
    written = {("people", ""): [text for one in documents for text in one.segments]}
    for temperature in map(float, temperatures.split(",")):
        for bound in (False, True):
            found = [
                pipeline(
                    one.title, 5, seed=seed, temperature=temperature, min_p=min_p, num_candidates=1, known_words=bound
                )
                for seed, one in enumerate(documents)
            ]
            texts = [text for (story,) in found for text in story.segments]
            written["known words" if bound else "any words", f"{temperature:g}"] = texts
    rows = []
    for (what, temperature), texts in written.items():
        every = words(texts)
        invented = [word for word in every if word not in known]
        share = f"{len(invented) / max(len(every), 1):.2%}"
        shown = ", ".join(islice(dict.fromkeys(invented), show))
        rows.append(
            {"written by": what, "temperature": temperature, "words": len(every), "invented": share, "such as": shown}
        )
    print(table(rows))


if __name__ == "__main__":
    typer.run(main)
