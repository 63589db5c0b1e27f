"""Where stories come apart: in the gists that the denoiser writes, or where the decoder renders them?

    python benchmarks/where_lost.py DATA/stories/roc.train.jsonl.gz DATA/stories/roc.test.jsonl.gz --out lost
    segdiff evaluate stories --model none --tasks title --data DATA/stories/roc.test.jsonl.gz \\
        --judge-data DATA/stories/roc.judge.jsonl.gz --out report --texts true-gists=lost/true-gists.jsonl \\
        --texts true-gists-retrieved=lost/true-gists-retrieved.jsonl --texts sampled-gists=lost/sampled-gists.jsonl \\
        --texts sampled-gists-retrieved=lost/sampled-gists-retrieved.jsonl

Writes texts to be scored beside each other:

- true-gists: the gists of human stories, rendered by the decoder as it renders what is written from nothing;
- sampled-gists: what the model writes from the title;
- true-gists-retrieved, sampled-gists-retrieved: for each gist the human sentence of the bank whose gist is nearest.

What is lost from true to sampled gists, the denoiser loses. What is retrieved is fluent, whatever the gist, but taken
from many stories: it shows what a gist alone says of a story, not what a good decoder would make of it.
"""

from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import Annotated

import torch
import torch.nn.functional as F
import typer
from torch import Tensor

from segdiff.pipelines.codec import ModelCodec
from segdiff.pipelines.corpus import read_documents
from segdiff.pipelines.evaluation.texts import HumanStory, WrittenStory, read_stories, write_texts
from segdiff.pipelines.evaluation.writing import write
from segdiff.pipelines.rendering import render
from segdiff.pipelines.story import StoryPipeline
from segdiff.pipelines.writing import told_levels


class Bank:
    """Human sentences, found by their gists.

    Args:
        codec: makes the gists.
        texts: the sentences.
    """

    def __init__(self, codec: ModelCodec, texts: Sequence[str]) -> None:
        self.texts = texts
        self.size = codec.decoder.context_latents
        self.gists = self.directions(codec.encode(texts))

    def directions(self, latents: Tensor) -> Tensor:
        """(N, K, D) -> unit vectors of the gists."""
        return F.normalize(latents[:, : self.size].flatten(1).float(), dim=-1)

    def nearest(self, latents: Tensor) -> tuple[str, ...]:
        """The sentence with the nearest gist to each of (N, K, D)."""
        return tuple(self.texts[int(row)] for row in (self.directions(latents) @ self.gists.T).argmax(1))


def gists_alone(pipeline: StoryPipeline, latents: Tensor) -> tuple[str, ...]:
    """(S, K, D) of a story's sentences -> their renderings when the gist is all that is known."""
    written_from_nothing = torch.ones(1, len(latents))
    told = told_levels(pipeline.decoder, written_from_nothing, pipeline.config.decoder_level)
    return tuple(
        render(pipeline.decoder, pipeline.tokenizer, latents[None], written_from_nothing.bool(), level=told)[0]
    )


def texts_of(
    pipeline: StoryPipeline, codec: ModelCodec, bank: Bank, story: HumanStory, seed: int
) -> dict[str, WrittenStory] | None:
    """The four texts of a story; None where it has no title or does not fit the model."""
    if not story.title or not all(codec.fits(story.segments)):
        return None
    written, sampled = write(pipeline, "title", story, seed)
    if sampled is None:
        return None
    latents = codec.encode(story.segments)
    texts = {
        "true-gists": gists_alone(pipeline, latents),
        "true-gists-retrieved": bank.nearest(latents),
        "sampled-gists-retrieved": bank.nearest(sampled),
    }
    return {"sampled-gists": written, **{name: WrittenStory("title", story.id, some) for name, some in texts.items()}}


def main(
    bank_corpus: Annotated[Path, typer.Argument(help="Human stories whose sentences can be retrieved.")],
    test_corpus: Annotated[Path, typer.Argument(help="Held-out stories with titles.")],
    out: Annotated[Path, typer.Option(help="Folder for the JSONL files.")],
    model: str = "stories-tiny",
    num_stories: Annotated[int, typer.Option(min=1)] = 200,
    bank_size: Annotated[int, typer.Option(min=1, help="Sentences in the bank.")] = 20_000,
    threads: Annotated[int, typer.Option(min=1)] = 2,
) -> None:
    """Write the JSONL files."""
    torch.set_num_threads(threads)
    pipeline = StoryPipeline.from_pretrained(model)
    pipeline.set_progress_bar_config(disable=True)
    codec = ModelCodec(pipeline.encoder, pipeline.decoder, pipeline.tokenizer)
    sentences = dict.fromkeys(text for story in read_documents(bank_corpus) for text in story.segments)
    fitting = (text for text in sentences if codec.fits([text])[0])
    bank = Bank(codec, list(islice(fitting, bank_size)))
    stories = read_stories(test_corpus, num_stories)
    every = (texts_of(pipeline, codec, bank, story, seed) for seed, story in enumerate(stories))
    rows = [texts for texts in every if texts is not None]
    if not rows:
        raise ValueError(f"{test_corpus}: none of the first {num_stories} stories has a title and fits the model")
    out.mkdir(parents=True, exist_ok=True)
    for name in rows[0]:
        write_texts(
            out / f"{name}.jsonl", [texts[name] for texts in rows], {story.id: story.title for story in stories}
        )
        print(f"{len(rows)} stories: {out / f'{name}.jsonl'}")


if __name__ == "__main__":
    typer.run(main)
