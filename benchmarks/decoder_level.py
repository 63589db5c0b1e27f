"""How plain the decoder should write: fluency and diversity of stories against the noise level that it is told.

python benchmarks/decoder_level.py DATA/stories/roc.judge.jsonl.gz DATA/stories/roc.test.jsonl.gz --model stories-tiny

Fluency is the log-probability a word under interpolated trigrams of the judge's corpus. It is easily won by saying the
same again, so distinct-2 stands beside it; human text and the same with its words shuffled are the controls. Title
recall is the share of the title's words that the story has, beside that of another story's title.
"""

import random
from itertools import islice
from pathlib import Path
from typing import Annotated

import typer

from segdiff.pipelines.card import table
from segdiff.pipelines.corpus import read_documents
from segdiff.pipelines.ladder import diversity, faults, share, words
from segdiff.pipelines.story import StoryPipeline
from segdiff.pipelines.trigrams import TrigramModel

Stories = list[list[str]]


def recall(titles: list[str], stories: Stories) -> float:
    """Share of the titles' words of four letters or more that their stories have."""
    pairs = (
        (word, set(words(" ".join(story))))
        for title, story in zip(titles, stories, strict=True)
        for word in words(title)
    )
    return share(word in story for word, story in pairs if len(word) > 3)


def row(name: str, stories: Stories, titles: list[str], judge: TrigramModel) -> dict[str, object]:
    """One line of the table."""
    segments = [segment for story in stories for segment in story]
    return {
        "stories": name,
        "log-probability a word": sum(map(judge.log_probability, segments)) / len(segments),
        "distinct_2": diversity([" ".join(story) for story in stories])["distinct_2"],
        "looping": faults(stories)["looping"],
        "title recall": recall(titles, stories),
        "another title's": recall(titles[1:] + titles[:1], stories),
    }


def main(
    judge_corpus: Annotated[Path, typer.Argument(help="Fits the judge; no generator may have seen it.")],
    titles_corpus: Annotated[Path, typer.Argument(help="Held-out stories with titles.")],
    model: str = "stories-tiny",
    num_stories: int = 60,
    levels: str = "0,0.5,0.7,0.85,1",
    guidance_scale: float = 2.0,
) -> None:
    """Print the table."""
    judge = TrigramModel(segment for document in read_documents(judge_corpus) for segment in document.segments)
    documents = list(islice((one for one in read_documents(titles_corpus) if one.title), num_stories))
    titles = [str(document.title) for document in documents]
    human = [list(document.segments) for document in documents]
    rng = random.Random(0)
    shuffled = [[" ".join(rng.sample(segment.split(), len(segment.split()))) for segment in story] for story in human]
    rows = [row("human", human, titles, judge), row("human, words shuffled", shuffled, titles, judge)]
    pipeline = StoryPipeline.from_pretrained(model)
    for level in map(float, levels.split(",")):
        written = [
            pipeline(title, 5, seed=seed, decoder_level=level, guidance_scale=guidance_scale)[0].segments
            for seed, title in enumerate(titles)
        ]
        rows.append(row(f"decoder level {level:g}", written, titles, judge))
    print(table(rows))


if __name__ == "__main__":
    typer.run(main)
