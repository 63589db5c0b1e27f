"""Every control spoils what it says, leaves what is given, and is the same for the same seed."""

import pytest

from segdiff.pipelines.evaluation.controls import CONTROLS, controls, truncated
from segdiff.pipelines.evaluation.failures import keeps_given, unfinished
from segdiff.pipelines.evaluation.texts import TASKS, HumanStory, written_part

TRAINING = [tuple(f"Copy {number}, sentence {place}." for place in range(number)) for number in (3, 5, 7)]


@pytest.mark.parametrize("task", TASKS)
def test_rows_keep_what_is_given_and_the_number_of_segments(task, humans):
    rows = controls(task, humans, 0, TRAINING)
    assert set(rows) == set(CONTROLS) - ({"shuffled human"} if task == "infilling" else set())
    for name, texts in rows.items():
        for text, human in zip(texts, humans, strict=True):
            shorter = name == "truncated human" and task != "infilling"
            assert len(text) == len(human.segments) - shorter
            assert keeps_given(task, text, human)
    assert rows == controls(task, humans, 0, TRAINING)
    assert "copied from training" not in controls(task, humans, 0)
    assert rows["mixed human"] != controls(task, humans, 1)["mixed human"]


def test_what_each_does(humans):
    rows = controls("title", humans, 0, TRAINING)
    for index, human in enumerate(humans):
        assert rows["human"][index] == human.segments
        assert rows["shuffled human"][index] != human.segments
        assert sorted(rows["shuffled human"][index]) == sorted(human.segments)
        assert rows["random human"][index] == humans[(index + 1) % len(humans)].segments
        assert rows["title echoed"][index] == (human.title,) * 5
        assert rows["one story for all"][index] == humans[0].segments
        assert rows["truncated human"][index][:3] == human.segments[:3]
        assert human.segments[3].startswith(rows["truncated human"][index][3])
        assert unfinished(rows["truncated human"][index][3])
        assert rows["copied from training"][index] in {TRAINING[1], TRAINING[2][:5]}
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
    assert list(controls("continuation", alone, 0)) == [
        "human",
        "shuffled human",
        "title echoed",
        "truncated human",
    ]
    assert controls("continuation", alone, 0)["title echoed"] == [("One.", "One.", "One.")]


def test_stories_of_different_length():
    stories = [HumanStory(str(n), "T", tuple(f"{n} {place}." for place in range(n))) for n in (2, 5, 9)]
    for task in ("title", "continuation", "ending"):
        for name, texts in controls(task, stories, 0, TRAINING).items():
            if name != "truncated human":
                assert [len(text) for text in texts] == [2, 5, 9]
            assert all(written_part(task, text, len(text)) for text in texts)


def test_what_is_left_of_a_truncated_text():
    assert truncated(("One came in.", "Two went out again.", "Three.")) == ("One came in.", "Two went")
    assert truncated(("Two went out.",)) == ("Two went",)
    assert truncated(("She ran. Then?", "X.")) == ("She ran",)
    assert truncated(("物語が始まる。",)) == ("物語が始",)
