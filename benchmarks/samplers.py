"""Samplers, guidance and choice: quality of stories against the number of denoiser calls.

python benchmarks/samplers.py DATA/stories/roc.judge.jsonl.gz DATA/stories/roc.test.jsonl.gz --model stories-tiny

Fluency is the log-probability a word under interpolated trigrams of the judge's corpus; saying the same again wins it
easily, so distinct-2 over all stories stands beside it. "Nearer its title" is the share of the other stories that are
further from a story's title than its own (0.5 = the title does not matter), by the embeddings of the model's encoder.
Every sampler gets as many steps as its number of calls allows.
"""

import time
from itertools import islice, product
from pathlib import Path
from typing import Annotated, Any

import torch
import torch.nn.functional as F
import typer
from torch import Tensor

from segdiff.diffusion import SAMPLERS, make_scheduler
from segdiff.pipelines.card import table
from segdiff.pipelines.corpus import read_documents
from segdiff.pipelines.ladder import diversity, faults
from segdiff.pipelines.latents import embeddings
from segdiff.pipelines.rendering import encode_texts
from segdiff.pipelines.story import LIKELIEST, StoryPipeline
from segdiff.pipelines.tokenization import segment_tokens
from segdiff.pipelines.trigrams import TrigramModel

Stories = list[list[str]]


def vectors(pipeline: StoryPipeline, texts: list[str]) -> Tensor:
    """One vector a text: the centred embedding of its segments that the encoder can read."""
    limit = pipeline.encoder.config.max_tokens
    tokens = segment_tokens(pipeline.tokenizer, texts)
    fit = [text if text.strip() and len(row) <= limit else "." for text, row in zip(texts, tokens, strict=True)]
    latents = encode_texts(pipeline.encoder, pipeline.tokenizer, fit)
    return embeddings(latents, pipeline.encoder.meaning)


def nearer(pipeline: StoryPipeline, titles: list[str], stories: Stories) -> float:
    """Mean share of the other stories that are further from a title than its own."""
    about = vectors(pipeline, titles)
    whole = torch.stack([vectors(pipeline, story).mean(0) for story in stories])
    centred = [F.normalize(each - each.mean(0), dim=-1) for each in (about, whole)]
    alike = centred[0] @ centred[1].T
    return float((alike < alike.diagonal()[:, None]).float().sum(1).mean()) / (len(titles) - 1)


def steps_for(sampler: str, calls: int) -> int:
    """Steps of a sampler that take at most so many calls."""
    return (calls + 1) // 2 if sampler == "flow-heun" else calls


def row(
    name: dict[str, Any], stories: Stories, titles: list[str], judge: TrigramModel, pipeline: StoryPipeline
) -> dict[str, Any]:
    """One line of the table."""
    segments = [segment for story in stories for segment in story]
    return {
        **name,
        "log-probability a word": sum(map(judge.log_probability, segments)) / len(segments),
        "distinct_2": diversity([" ".join(story) for story in stories])["distinct_2"],
        "looping": faults(stories)["looping"],
        "nearer its title": nearer(pipeline, titles, stories),
    }


def main(
    judge_corpus: Annotated[Path, typer.Argument(help="Fits the judge; no generator may have seen it.")],
    titles_corpus: Annotated[Path, typer.Argument(help="Held-out stories with titles.")],
    model: str = "stories-tiny",
    num_stories: int = 60,
    calls: str = "4,8,16,32,64",
    samplers: str = ",".join(SAMPLERS),
    guidance: str = "4",
    intervals: Annotated[str, typer.Option(help="Of guidance, as LOW-HIGH.")] = "0-1",
    candidates: Annotated[str, typer.Option(help="As 1, 8-mbr or 8-likelihood.")] = "1",
    num_segments: int = 5,
    judge_stories: int | None = None,
) -> None:
    """Print the table."""
    judge = TrigramModel(text for one in islice(read_documents(judge_corpus), judge_stories) for text in one.segments)
    documents = list(islice((one for one in read_documents(titles_corpus) if one.title), num_stories))
    titles = [str(document.title) for document in documents]
    pipeline = StoryPipeline.from_pretrained(model)
    pipeline.register_to_config(**LIKELIEST)
    human = [list(document.segments) for document in documents]
    empty = dict.fromkeys(("sampler", "calls", "guidance", "interval", "candidates"), "")
    rows = [{**row({**empty, "sampler": "human"}, human, titles, judge, pipeline), "seconds a story": ""}]
    ways = [samplers, calls, guidance, intervals, candidates]
    for sampler, count, scale, interval, several in product(*(way.split(",") for way in ways)):
        pipeline.scheduler = make_scheduler(sampler)
        number, _, choose = several.partition("-")
        low, high = map(float, interval.split("-"))
        options: dict[str, Any] = {
            "num_inference_steps": steps_for(sampler, int(count)),
            "guidance_scale": float(scale),
            "guidance_interval": (low, high),
            "num_candidates": int(number),
            "choose": choose or "mbr",
        }
        began = time.perf_counter()
        written = [pipeline(title, num_segments, seed=seed, **options)[0] for seed, title in enumerate(titles)]
        seconds = (time.perf_counter() - began) / len(titles)
        name = {
            "sampler": sampler,
            "calls": written[0].denoiser_calls,
            "guidance": scale,
            "interval": interval,
            "candidates": several,
        }
        stories = [story.segments for story in written]
        rows.append({**row(name, stories, titles, judge, pipeline), "seconds a story": seconds})
    print(table(rows))


if __name__ == "__main__":
    typer.run(main)
