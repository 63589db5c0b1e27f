"""Every planted fault is counted under its name and no other."""

import pytest

from segdiff.pipelines.evaluation.failures import failures, keeps_given, repeats_of_conditions, unfinished
from segdiff.pipelines.evaluation.texts import HumanStory, WrittenStory

HUMAN = HumanStory("a", "T", ("One came.", "Two went.", "Three sat.", "Four stood.", "Five ran."))
CLEAN = HUMAN.segments


def test_clean_text_has_no_faults():
    for task in ("title", "continuation", "infilling", "ending"):
        found = failures(task, [CLEAN], [HUMAN], [(True,) * 5])
        assert not any(value for value in found.values() if value is not None)
        assert (found["given_changed"] is None) == (task == "title")
    assert failures("title", [CLEAN], [HUMAN])["endless"] is None


@pytest.mark.parametrize(
    ("task", "story", "fault", "value"),
    [
        ("title", (*CLEAN[:4], ""), "empty", 1 / 5),
        ("title", (*CLEAN[:4], CLEAN[0]), "repeated", 2 / 5),
        ("title", (*CLEAN[:4], CLEAN[3]), "adjacent_duplicate", 1 / 5),
        ("title", (*CLEAN[:4], "He ran on he ran on he ran on."), "looping", 1 / 5),
        ("title", (*CLEAN[:4], "Five ran and"), "unfinished", 1 / 5),
        ("title", CLEAN[:4], "too_short", 1),
        ("continuation", (*CLEAN[:4], CLEAN[0]), "copies_given", 1 / 4),
        ("infilling", (*CLEAN[:2], CLEAN[0], *CLEAN[3:]), "copies_given", 1),
        ("ending", (*CLEAN[:4], "Six ran."), "given_changed", 1),
        ("ending", (), "given_changed", 1),
    ],
)
def test_planted_faults(task, story, fault, value):
    assert failures(task, [story], [HUMAN])[fault] == pytest.approx(value)


def test_endless_segments_count_where_they_were_written():
    ended = [(False, True, True, True, False)]
    assert failures("title", [CLEAN], [HUMAN], ended)["endless"] == pytest.approx(2 / 5)
    assert failures("continuation", [CLEAN], [HUMAN], ended)["endless"] == pytest.approx(1 / 4)
    assert failures("infilling", [CLEAN], [HUMAN], ended)["endless"] == 0


def test_marks_of_other_languages():
    assert not any(map(unfinished, ["物語。", "Fin !", 'He said "go."', "سؤال؟", ""]))
    assert unfinished("And then")
    assert not keeps_given("infilling", CLEAN[:3], HUMAN)


def test_one_condition_again():
    humans = [HUMAN, HumanStory("b", "U", CLEAN)]

    def texts(*rows):
        return [WrittenStory("title", name, (text,)) for name, text in rows]

    seedless = texts(("a", "A dog ran."), ("a", "A dog ran."), ("b", "The sun set."), ("b", "The sun set."))
    blind = texts(("a", "A dog ran."), ("a", "The sun set."), ("b", "A dog ran."), ("b", "The sun set."))
    found = repeats_of_conditions("title", seedless, humans)
    assert (found["conditions"], found["texts"]) == (2, 4)
    assert (found["within"], found["across"], found["identical"]) == (100, 0, 1)
    found = repeats_of_conditions("title", blind, humans)
    assert (found["within"], found["across"]) == (0, 100)
    alone = repeats_of_conditions("title", texts(("a", "x"), ("a", "y")), humans)
    assert alone["within"] is None and alone["conditions"] == 1
    assert repeats_of_conditions("ending", seedless, humans)["conditions"] == 0
