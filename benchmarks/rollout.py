"""Long stories: what happens to quality along them, memory against their length, speed against an AR model.

python benchmarks/rollout.py DATA/stories/roc.judge.jsonl.gz --model stories-tiny --out rollout.json

* quality: stories of 100 segments; per stretch of positions the log-probability a word (trigrams of the judge's
  corpus), distinct-2, looping segments, and segments that repeat one of the 20 before them;
* memory: largest resident memory of a process that writes 40 segments and of one that writes 400;
* speed: segments a second, beside a GPT-2 of about as many parameters and random weights that writes as many tokens
  with a key-value cache. Both on `--threads` threads; medians of interleaved repetitions.
"""

import resource
import statistics
import subprocess
import sys
import time
from itertools import islice
from pathlib import Path
from typing import Annotated, Any

import torch
import typer
from transformers import GPT2Config, GPT2LMHeadModel

from segdiff import StoryPipeline
from segdiff.pipelines.card import table
from segdiff.pipelines.corpus import read_documents
from segdiff.pipelines.files import write_json
from segdiff.pipelines.ladder import diversity, loops, share
from segdiff.pipelines.story import LIKELIEST
from segdiff.pipelines.tokenization import segment_tokens
from segdiff.pipelines.trigrams import TrigramModel

TITLES = ("The lost dog", "A birthday", "The test", "Camping", "A new job", "The old house", "Rain", "The race")
Row = dict[str, Any]


def quality(stories: list[list[str]], judge: TrigramModel, stretches: list[tuple[int, int]]) -> list[Row]:
    """One row a stretch of positions."""
    rows: list[Row] = []
    for first, last in stretches:
        parts = [story[first:last] for story in stories]
        texts = [text for part in parts for text in part]
        repeated = share(
            text in story[max(0, index - 20) : index]
            for story in stories
            for index, text in enumerate(story)
            if first <= index < last
        )
        rows.append(
            {
                "segments": f"{first + 1} to {last}",
                "log-probability a word": sum(map(judge.log_probability, texts)) / len(texts),
                "distinct_2": statistics.mean(diversity(part)["distinct_2"] for part in parts),
                "looping": share(map(loops, texts)),
                "repeated": repeated,
                "words": diversity(texts)["words"],
            }
        )
    return rows


def peak_memory() -> float:
    """Largest resident memory of this process so far in MiB."""
    unit = 1 if sys.platform == "darwin" else 1024  # bytes there, KiB elsewhere
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**20


def memory(model: str, lengths: list[int], options: list[str]) -> list[Row]:
    """Largest resident memory of a process that loads the model and writes so many segments."""
    rows: list[Row] = []
    for length in lengths:
        command = [sys.executable, __file__, "-", "--model", model, "--write-only", str(length), *options]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        rows.append({"segments": length, "peak MiB": float(done.stdout.split()[-1])})
    return rows


def plain_model(parameters: int, vocabulary: int, positions: int) -> GPT2LMHeadModel:
    """A GPT-2 with random weights of about so many parameters."""
    layers = 6
    width = 64
    while vocabulary * width + 12 * layers * width**2 < parameters:
        width += 64
    config = GPT2Config(
        vocab_size=vocabulary, n_positions=positions, n_embd=width, n_layer=layers, n_head=width // 64,
        bos_token_id=0, eos_token_id=None,
    )  # fmt: skip
    return GPT2LMHeadModel(config).eval()


def speed(pipeline: StoryPipeline, num_segments: int, repetitions: int, options: dict[str, Any]) -> list[Row]:
    """Seconds for a story, and for as many tokens of a plain model; a warm-up comes first."""
    models = (pipeline.encoder, pipeline.condition_encoder, pipeline.denoiser, pipeline.decoder)
    parameters = sum(each.numel() for model in models for each in model.parameters())
    ours: list[float] = []
    plain: list[float] = []
    tokens = 0
    other: GPT2LMHeadModel | None = None
    for repetition in range(repetitions + 1):
        began = time.perf_counter()
        (story,) = pipeline("The lost dog", num_segments, seed=repetition, **options)
        ours.append(time.perf_counter() - began)
        tokens = sum(map(len, segment_tokens(pipeline.tokenizer, story.segments)))
        if other is None:
            other = plain_model(parameters, len(pipeline.tokenizer), 2 * tokens)
        began = time.perf_counter()
        with torch.no_grad():
            other.generate(torch.zeros(1, 1, dtype=torch.long), max_new_tokens=tokens, do_sample=True, use_cache=True)
        plain.append(time.perf_counter() - began)
    assert other is not None
    counts = {"segdiff": parameters, "GPT-2": sum(each.numel() for each in other.parameters())}
    taken = {"segdiff": ours[1:], "GPT-2": plain[1:]}
    return [
        {
            "model": name,
            "parameters": counts[name],
            "segments": num_segments,
            "tokens": tokens,
            "seconds": statistics.median(taken[name]),
            "times GPT-2": statistics.median(left / right for left, right in zip(plain[1:], taken[name], strict=True)),
        }
        for name in ("segdiff", "GPT-2")
    ]


def main(
    judge_corpus: Annotated[Path, typer.Argument(help="Fits the judge; no generator may have seen it.")],
    model: str = "stories-tiny",
    num_stories: int = 8,
    length: int = 100,
    group: int = 4,
    window: int = 8,
    steps: int = 20,
    guidance: float = 2.0,
    memory_lengths: str = "40,400",
    memory_steps: int = 4,
    repetitions: int = 3,
    threads: int = 2,
    judge_stories: int | None = None,
    out: Path | None = None,
    write_only: Annotated[int | None, typer.Option(help="Write so many segments, print the peak memory.")] = None,
) -> None:
    """Print the tables; `--memory-lengths ""` and `--repetitions 0` leave parts out."""
    torch.set_num_threads(threads)
    pipeline = StoryPipeline.from_pretrained(model)
    pipeline.register_to_config(**LIKELIEST)
    options: dict[str, Any] = {
        "group": group,
        "window": window,
        "num_inference_steps": steps,
        "guidance_scale": guidance,
    }
    if write_only is not None:
        pipeline("The lost dog", write_only, **options)
        print(peak_memory())
        return
    titles = (TITLES * num_stories)[:num_stories]
    stories = [pipeline(title, length, seed=seed, **options)[0].segments for seed, title in enumerate(titles)]
    judge = TrigramModel(text for one in islice(read_documents(judge_corpus), judge_stories) for text in one.segments)
    tenth = max(length // 10, 1)
    stretches = [(tenth // 2, tenth), *((first, first + tenth) for first in range(tenth, length - tenth + 1, tenth))]
    result: dict[str, Any] = {"quality": quality(stories, judge, stretches)}
    print(table(result["quality"]))
    print("\nFirst story, its first and last segments:", *stories[0][:8], "...", *stories[0][-8:], sep="\n")
    if memory_lengths:
        same = ["--group", group, "--window", window, "--steps", memory_steps, "--threads", threads]
        result["memory"] = memory(model, [int(one) for one in memory_lengths.split(",")], list(map(str, same)))
        print("\n" + table(result["memory"]))
    if repetitions:
        result["speed"] = speed(pipeline, length, repetitions, options)
        print("\n" + table(result["speed"]))
    if out is not None:
        write_json(out, {**result, "stories": stories, "options": options})


if __name__ == "__main__":
    typer.run(main)
