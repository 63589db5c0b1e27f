"""The ceiling: human stories encoded and decoded by a model, the best that its sampler could make of its latents."""

from collections.abc import Sequence

from ..codec import ModelCodec
from ..ladder import BATCH_STORIES, latent_grid, recorded_endings
from ..rendering import render
from ..story import StoryPipeline
from .texts import HumanStory, WrittenStory, given_ends, suits


def reconstructed(pipeline: StoryPipeline, stories: Sequence[HumanStory], tasks: Sequence[str]) -> list[WrittenStory]:
    """Every story for every task that it suits: what is given stays, the written part is decoded from its own latents.

    Stories with a segment that does not fit the model are left out.
    """
    codec = ModelCodec(pipeline.encoder, pipeline.decoder, pipeline.tokenizer)
    fitting = [story for story in stories if all(codec.fits(story.segments))]
    decoded: dict[str, tuple[list[str], list[bool]]] = {}
    for start in range(0, len(fitting), BATCH_STORIES):
        batch = fitting[start : start + BATCH_STORIES]
        latents, mask = latent_grid(pipeline, [story.segments for story in batch])
        with recorded_endings(pipeline.decoder) as ended:
            texts = render(pipeline.decoder, pipeline.tokenizer, latents, mask)
        flags = iter(ended)
        for story, segments in zip(batch, texts, strict=True):
            decoded[story.id] = ([" ".join(text.split()) for text in segments], [next(flags) for _ in segments])
    return [_filled(task, story, *decoded[story.id]) for task in tasks for story in fitting if suits(task, story)]


def _filled(task: str, story: HumanStory, segments: Sequence[str], ended: Sequence[bool]) -> WrittenStory:
    count = len(story.segments)
    head, tail = given_ends(task, count)
    written = range(head, count - tail)
    return WrittenStory(
        task,
        story.id,
        tuple(segments[place] if place in written else story.segments[place] for place in range(count)),
        tuple(ended[place] if place in written else True for place in range(count)),
    )
