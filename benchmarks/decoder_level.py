"""How plain the decoder should write: fluency and diversity of stories against the noise level that it is told.

python benchmarks/decoder_level.py DATA/stories/roc.judge.jsonl.gz DATA/stories/roc.test.jsonl.gz --model stories-tiny

Fluency is the log-probability a word under interpolated trigrams of the judge's corpus. It is easily won by saying the
same again, so distinct-2 stands beside it; human text and the same with its words shuffled are the controls. Title
recall is the share of the title's words that the story has, beside that of another story's title. "Nearer its title" is
the share of the other stories that are further from a story's title than the story itself, by the model's topic vectors
(0.5 = the title does not matter); only for models with topic latents.
"""

import random
from itertools import islice
from pathlib import Path
from typing import Annotated

import torch.nn.functional as F
import typer
from torch import Tensor

from segdiff.pipelines.card import table
from segdiff.pipelines.corpus import read_documents
from segdiff.pipelines.ladder import diversity, faults, share, words
from segdiff.pipelines.story import LIKELIEST, StoryPipeline
from segdiff.pipelines.tokenization import pad_tokens, segment_tokens
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


def nearer(titles: list[str], stories: Stories, pipeline: StoryPipeline) -> float | str:
    """Mean share of the other stories whose topics are further from a title than those of its own story."""
    if pipeline.encoder.gist is None or not pipeline.encoder.config.topic_latents:
        return "-"
    topics = pipeline.encoder.gist.topics

    def about(texts: list[str]) -> Tensor:
        ids, mask = pad_tokens(segment_tokens(pipeline.tokenizer, texts), 0)
        found = F.normalize((topics[ids] * mask.unsqueeze(-1)).sum(1), dim=-1)
        return F.normalize(found - found.mean(0), dim=-1)

    alike = about(titles) @ about([" ".join(story) for story in stories]).T
    return float((alike < alike.diagonal()[:, None]).float().sum(1).mean()) / (len(titles) - 1)


def row(
    name: str, stories: Stories, titles: list[str], judge: TrigramModel, pipeline: StoryPipeline
) -> dict[str, object]:
    """One line of the table."""
    segments = [segment for story in stories for segment in story]
    return {
        "stories": name,
        "log-probability a word": sum(map(judge.log_probability, segments)) / len(segments),
        "distinct_2": diversity([" ".join(story) for story in stories])["distinct_2"],
        "looping": faults(stories)["looping"],
        "title recall": recall(titles, stories),
        "another title's": recall(titles[1:] + titles[:1], stories),
        "nearer its title": nearer(titles, stories, pipeline),
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
    pipeline = StoryPipeline.from_pretrained(model)
    pipeline.register_to_config(**LIKELIEST)
    controls = {"human": human, "human, words shuffled": shuffled}
    rows = [row(name, stories, titles, judge, pipeline) for name, stories in controls.items()]
    for level in map(float, levels.split(",")):
        written = [
            pipeline(title, 5, seed=seed, decoder_level=level, guidance_scale=guidance_scale)[0].segments
            for seed, title in enumerate(titles)
        ]
        rows.append(row(f"decoder level {level:g}", written, titles, judge, pipeline))
    print(table(rows))


if __name__ == "__main__":
    typer.run(main)
