"""Every control spoils what it says, leaves what is given, and is the same for the same seed."""

import pytest

from segdiff.pipelines.evaluation.controls import CONTROLS, controls
from segdiff.pipelines.evaluation.failures import keeps_given
from segdiff.pipelines.evaluation.texts import TASKS, HumanStory, written_part


@pytest.mark.parametrize("task", TASKS)
def test_rows_keep_what_is_given_and_the_number_of_segments(task, humans):
    rows = controls(task, humans, 0)
    assert set(rows) == set(CONTROLS) - ({"shuffled human"} if task == "infilling" else set())
    for texts in rows.values():
        for text, human in zip(texts, humans, strict=True):
            assert len(text) == len(human.segments)
            assert keeps_given(task, text, human)
    assert rows == controls(task, humans, 0)
    assert rows["mixed human"] != controls(task, humans, 1)["mixed human"]


def test_what_each_does(humans):
    rows = controls("title", humans, 0)
    for index, human in enumerate(humans):
        assert rows["human"][index] == human.segments
        assert rows["shuffled human"][index] != human.segments
        assert sorted(rows["shuffled human"][index]) == sorted(human.segments)
        assert rows["random human"][index] == humans[(index + 1) % len(humans)].segments
        assert rows["title echoed"][index] == (human.title,) * 5
    # sentences of as many other stories as there are places, each in its old place
    sources = [
        [{other.id for other in humans if other.segments[place] == text} for place, text in enumerate(story)]
        for story in rows["mixed human"]
    ]
    assert all(all(places) for places in sources)
    assert sum(bool(set.intersection(*places)) for places in sources) < len(humans) / 4
    used = [text for story in rows["mixed human"] for text in story]
    assert sorted(used) == sorted(text for human in humans for text in human.segments)  # each once


def test_one_story_has_no_others():
    alone = [HumanStory("a", None, ("One.", "Two.", "Three."))]
    assert list(controls("continuation", alone, 0)) == ["human", "shuffled human", "title echoed"]
    assert controls("continuation", alone, 0)["title echoed"] == [("One.", "One.", "One.")]


def test_stories_of_different_length():
    stories = [HumanStory(str(n), "T", tuple(f"{n} {place}." for place in range(n))) for n in (2, 5, 9)]
    for task in ("title", "continuation", "ending"):
        for texts in controls(task, stories, 0).values():
            assert [len(text) for text in texts] == [2, 5, 9]
            assert all(written_part(task, text, len(text)) for text in texts)
