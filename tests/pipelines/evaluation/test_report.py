"""What a report has of the model itself: the ceiling, and its latents, each story once."""

import pytest

from segdiff.pipelines.corpus import Document
from segdiff.pipelines.evaluation.ceiling import reconstructed
from segdiff.pipelines.evaluation.report import latent_rows
from segdiff.pipelines.evaluation.texts import TASKS, HumanStory, WrittenStory, given_ends, given_part
from segdiff.pipelines.evaluation.writing import write_tasks
from segdiff.pipelines.ladder import latent_rungs

STORIES = [
    HumanStory(f"s{number}", f"The {thing}", (f"A {thing} came.", "It sat.", f"{name} ran.", "It fell."))
    for number, (name, thing) in enumerate((name, thing) for name in ("Tom", "Sue", "Ben") for thing in ("cat", "dog"))
]
LONG = HumanStory("long", "T", ("It was " + "very " * 60 + "long.", "It fell.", "It sat."))


@pytest.mark.parametrize("task", TASKS)
def test_the_ceiling_is_the_human_story_through_encoder_and_decoder(pipeline, task):
    texts = reconstructed(pipeline, [*STORIES, LONG], [task])
    documents = [Document(story.segments, story.title) for story in STORIES]
    rung = latent_rungs(pipeline, documents, 0, 2)[0]
    assert rung.name == "reconstructed"
    assert [text.id for text in texts] == [story.id for story in STORIES], "the one that does not fit is left out"
    head, tail = given_ends(task, 4)
    for index, (text, story) in enumerate(zip(texts, STORIES, strict=True)):
        whole = [" ".join(segment.split()) for segment in rung.stories[index]]
        assert text.segments == (*story.segments[:head], *whole[head : 4 - tail], *story.segments[4 - tail :])
        flags = rung.ended[4 * index : 4 * index + 4]
        assert text.ended == (*[True] * head, *flags[head : 4 - tail], *[True] * tail)
        assert given_part(task, story) == (*text.segments[:head], *text.segments[4 - tail :])
    assert any(text.segments != story.segments for text, story in zip(texts, STORIES, strict=True))


def test_latents_of_all_tasks_and_each_story_once(pipeline):
    written = write_tasks(pipeline, STORIES, TASKS, options={"num_inference_steps": 2, "temperature": 1.0})
    own = [WrittenStory(task, story.id, story.segments) for story in STORIES for task in TASKS for _ in range(3)]
    assert sum(text.task == "title" for text in written.texts) > len(STORIES), "some titles are written again"
    judge_stories = [HumanStory(str(number), None, story.segments) for number, story in enumerate(STORIES * 2)]
    rows, note = latent_rows(pipeline, STORIES, judge_stories, {"other": own}, TASKS, written)
    assert note is None
    segments = {row["row"]: row["segments"] for row in rows}
    for task in TASKS:
        head, tail = given_ends(task, 4)
        assert segments[f"other, encoded, {task}"] == len(STORIES) * (4 - head - tail)
        assert segments[f"sampled, {task}"] == len(STORIES) * (4 - head - tail)
