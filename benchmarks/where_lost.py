"""Where stories come apart: the gist that the denoiser writes, or the decoder that renders it?

python benchmarks/where_lost.py DATA/stories/roc.train.jsonl.gz DATA/stories/roc.test.jsonl.gz --out lost
segdiff evaluate stories --model none --tasks title --texts true-gists-rendered=lost/true-gists-rendered.jsonl ...

Writes texts to be scored beside each other:

- true-gists-rendered: the gists of human stories, rendered by the decoder as it renders what is written from nothing;
- true-gists-retrieved: for each of them the human sentence of the bank whose gist is nearest;
- sampled-gists-retrieved: the same for the gists that the denoiser writes for the stories' titles;
- sampled-gists-rendered: what the model writes.

Rendered worse than retrieved: the decoder. Sampled worse than true: the denoiser.
"""

from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import Annotated

import torch
import torch.nn.functional as F
import typer
from torch import Tensor

from segdiff.pipelines.corpus import read_documents
from segdiff.pipelines.evaluation.texts import HumanStory, WrittenStory, read_stories, write_texts
from segdiff.pipelines.rendering import encode_texts, render
from segdiff.pipelines.story import StoryPipeline


class Bank:
    """Human sentences, found by their gists.

    Args:
        pipeline: whose encoder makes the gists.
        texts: the sentences.
    """

    def __init__(self, pipeline: StoryPipeline, texts: Sequence[str]) -> None:
        self.texts = texts
        self.size = pipeline.decoder.context_latents
        self.gists = self.directions(encode_texts(pipeline.encoder, pipeline.tokenizer, texts))

    def directions(self, latents: Tensor) -> Tensor:
        """(N, K, D) -> unit vectors of the gists."""
        return F.normalize(latents[:, : self.size].flatten(1).float(), dim=-1)

    def nearest(self, latents: Tensor) -> list[str]:
        """The sentence with the nearest gist to each of (N, K, D)."""
        return [self.texts[int(row)] for row in (self.directions(latents) @ self.gists.T).argmax(1)]


def gists_alone(pipeline: StoryPipeline, latents: Tensor) -> list[str]:
    """(S, K, D) of a story's sentences -> their renderings when the gist is all that is known."""
    level = torch.ones(1, *latents.shape[:2])
    level[..., : pipeline.decoder.context_latents] = pipeline.config.decoder_level
    exists = torch.ones(level.shape[:2], dtype=torch.bool)
    return render(pipeline.decoder, pipeline.tokenizer, latents.unsqueeze(0), exists, level=level)[0]


def fitting(pipeline: StoryPipeline, texts: Sequence[str]) -> bool:
    """Whether the encoder takes all of them."""
    limit = pipeline.encoder.config.max_tokens
    return all(len(pipeline.tokenizer(text)["input_ids"]) < limit for text in texts)


def texts_of(pipeline: StoryPipeline, bank: Bank, story: HumanStory, seed: int) -> dict[str, list[str]]:
    """The four texts of a story."""
    latents = encode_texts(pipeline.encoder, pipeline.tokenizer, story.segments)
    seen: list[Tensor] = []
    written = pipeline(
        story.title,
        num_segments=len(story.segments),
        seed=seed,
        callback_on_step_end=lambda _, estimate: seen.append(estimate[0]),
    )
    return {
        "true-gists-rendered": gists_alone(pipeline, latents),
        "true-gists-retrieved": bank.nearest(latents),
        "sampled-gists-rendered": written[0].segments,
        "sampled-gists-retrieved": bank.nearest(seen[-1]),
    }


def main(
    bank_corpus: Annotated[Path, typer.Argument(help="Human stories whose sentences can be retrieved.")],
    test_corpus: Annotated[Path, typer.Argument(help="Held-out stories with titles, in the order of the evaluation.")],
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
    every = (text for story in read_documents(bank_corpus) for text in story.segments if fitting(pipeline, [text]))
    bank = Bank(pipeline, list(dict.fromkeys(islice(every, bank_size))))
    stories = [story for story in read_stories(test_corpus, num_stories) if fitting(pipeline, story.segments)]
    rows = [(story, texts_of(pipeline, bank, story, seed)) for seed, story in enumerate(stories) if story.title]
    if not rows:
        raise ValueError(f"{test_corpus}: none of the first {num_stories} stories has a title and fits the model")
    out.mkdir(parents=True, exist_ok=True)
    titles = {story.id: story.title for story, _ in rows}
    for name in rows[0][1]:
        written = [WrittenStory("title", story.id, tuple(texts[name])) for story, texts in rows]
        write_texts(out / f"{name}.jsonl", written, titles)
        print(f"{len(rows)} stories: {out / f'{name}.jsonl'}")


if __name__ == "__main__":
    typer.run(main)
