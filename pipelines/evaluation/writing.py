"""The tasks written by a story pipeline. S segments, K latents per segment, D latent width."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from ..codec import ModelCodec
from ..ladder import recorded_endings
from ..story import StoryPipeline
from .texts import HumanStory, WrittenStory, given_ends, given_part, suits

AGAIN_CONDITIONS, AGAIN_SEEDS = 10, 4  # titles that are written again, and how often
SEED_STEP = 1_000_003  # between the seeds of one title


@dataclass
class Written:
    """What a pipeline wrote.

    Attributes:
        texts: of all tasks.
        latents: task -> sampled latents (S, K, D) of the written segments, a tensor a story.
        left_out: stories whose given segments do not fit the model, over all tasks.
    """

    texts: list[WrittenStory] = field(default_factory=list)
    latents: dict[str, list[Tensor]] = field(default_factory=lambda: defaultdict(list))
    left_out: int = 0


def write_tasks(
    pipeline: StoryPipeline,
    stories: Sequence[HumanStory],
    tasks: Sequence[str],
    seed: int = 0,
    options: dict[str, Any] | None = None,
    progress: Callable[[str], None] = lambda _: None,
) -> Written:
    """Write every task for every story that suits it, with as many segments as the human story has.

    Args:
        pipeline: the model.
        stories: human stories.
        tasks: of `TASKS`.
        seed: story i is written with `seed + i` in every task; titles are written again with seeds far from those.
        options: of the call of the pipeline: guidance_scale, temperature, num_candidates, ...
        progress: told what is under way.
    """
    result = Written()
    for task in tasks:
        done = 0
        for index, story in enumerate(stories):
            if not suits(task, story):
                continue
            if not fits(pipeline, task, story):
                result.left_out += 1
                continue
            times = 1 + AGAIN_SEEDS if task == "title" and done < AGAIN_CONDITIONS else 1
            for again in range(times):
                text, latents = write(pipeline, task, story, seed + index + again * SEED_STEP, options)
                result.texts.append(text)
                if not again and latents is not None:
                    result.latents[task].append(latents)
            done += 1
            if done % 50 == 0:
                progress(f"{task}: {done} stories written")
    return result


def fits(pipeline: StoryPipeline, task: str, story: HumanStory) -> bool:
    """Whether the model can take the given segments."""
    codec = ModelCodec(pipeline.encoder, pipeline.decoder, pipeline.tokenizer)
    return all(codec.fits(given_part(task, story)))


def write(
    pipeline: StoryPipeline, task: str, story: HumanStory, seed: int, options: dict[str, Any] | None = None
) -> tuple[WrittenStory, Tensor | None]:
    """One text, and the sampled latents (S, K, D) of its written segments as the sampler left them.

    No latents of a story that was written in several goes or chosen among candidates; of the latter, and where some
    segments were decoded twice, the text does not tell which segments came to an end.
    """
    count = len(story.segments)
    head, tail = given_ends(task, count)
    first, last = list(story.segments[:head]), list(story.segments[count - tail :])
    seen: list[Tensor] = []
    arguments: dict[str, Any] = {"seed": seed, "callback_on_step_end": lambda _, latents: seen.append(latents)}
    arguments |= options or {}
    with recorded_endings(pipeline.decoder) as ended:
        if task == "infilling":
            (found,) = pipeline(segments=[*first, *[None] * (count - head - tail), *last], **arguments)
        else:
            title = story.title if task in ("title", "ending") else None
            (found,) = pipeline(title, count, start=first, end=last, **arguments)
    alone = pipeline.resolved(**arguments)["num_candidates"] == 1
    told = alone and len(ended) == count - head - tail  # given segments are not decoded
    flags = (*[True] * head, *ended, *[True] * tail) if told else None
    text = WrittenStory(task, story.id, tuple(" ".join(segment.split()) for segment in found.segments), flags, seed)
    if not seen or seen[-1].shape[1] != count or not alone:
        return text, None
    return text, seen[-1][0, head : count - tail].float().cpu()


def joined(latents: Sequence[Tensor]) -> Tensor | None:
    """Latents (N, K, D) of all stories; None without any."""
    return torch.cat(list(latents)) if latents else None
