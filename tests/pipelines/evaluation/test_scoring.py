"""Every row is scored in every table, planted defects move the measure that is for them, and no cell is NaN."""

import json
from dataclasses import replace

import pytest

from segdiff.pipelines.evaluation.controls import CONTROLS
from segdiff.pipelines.evaluation.metrics import THEMES
from segdiff.pipelines.evaluation.scoring import rows_of, score
from segdiff.pipelines.evaluation.texts import TASKS, HumanStory, WrittenStory, suits

COPIED = [
    ("The wizard's owl forgot his spell.", "He asked a toad.", "It croaked three words.", "Frogs fell.", "All sang."),
    ("Zelda mapped a cave.", "Bats followed her out.", "They ate moths by night.", "She drew them.", "It sold well."),
]


@pytest.fixture(scope="module")
def systems(humans):
    """One that is perfect, one that copies training, one that fails in every way, one with a few texts only."""
    perfect = [WrittenStory(task, human.id, human.segments) for task in TASKS for human in humans if suits(task, human)]
    copies = [WrittenStory("title", human.id, humans[0].segments) for human in humans]
    empty = [WrittenStory("title", human.id, ("", "", "")) for human in humans]
    return {"perfect": perfect, "copies": copies, "empty": empty, "few": perfect[:2]}


@pytest.fixture(scope="module")
def numbers(humans, systems, judge, embedder):
    training = [humans[0].segments, *COPIED]
    return score(humans, systems, TASKS, judge, embedder, training)


def rows(numbers, theme, task="title"):
    return {row["row"]: row for row in numbers["tables"][theme] if row["task"] == task}


def test_every_row_in_every_table(numbers):
    json.dumps(numbers, allow_nan=False)
    for theme, (_, metrics) in THEMES.items():
        table = numbers["tables"][theme]
        assert set(rows(numbers, theme)) == {*CONTROLS, "perfect", "copies", "empty", "few"}
        assert {metric.name for metric in metrics} <= set(table[0])
        tasks = set(TASKS) - ({"unconditional"} if theme == "relevance" else set())
        assert {row["task"] for row in table} == tasks


def test_a_perfect_system_is_as_the_human_row(numbers):
    for theme in THEMES:
        for task in TASKS:
            table = rows(numbers, theme, task)
            if table:
                human, perfect = ({**table[name], "row": ""} for name in ("human", "perfect"))
                assert human == perfect


def test_planted_defects_show(numbers):
    relevance, failures = rows(numbers, "relevance"), rows(numbers, "failures")
    assert relevance["human"]["rouge_l"] == 100
    for measure in ("rouge_1", "rouge_2"):
        assert relevance["human"][measure] == 100
        assert relevance["random human"][measure] < 70
    assert relevance["random human"]["rouge_l"] < 60
    assert relevance["human"]["similarity"] > relevance["random human"]["similarity"] + 0.1
    assert relevance["title echoed"]["similarity"] > relevance["human"]["similarity"]
    assert failures["title echoed"]["repeated"] == 1
    assert failures["empty"]["empty"] == failures["empty"]["too_short"] == 1
    assert rows(numbers, "memorisation")["copies"]["overlap_4"] == 1
    assert rows(numbers, "memorisation")["empty"]["overlap_4"] is None
    assert rows(numbers, "diversity")["copies"]["self_bleu"] == pytest.approx(100)
    assert rows(numbers, "diversity")["human"]["self_bleu"] < 99
    assert rows(numbers, "coherence")["empty"]["taken_for_real"] == 0
    assert rows(numbers, "fluency")["empty"]["perplexity"] is None


def test_every_control_shows_its_defect(numbers):
    memorisation, diversity = rows(numbers, "memorisation"), rows(numbers, "diversity")
    failures = rows(numbers, "failures")
    assert diversity["one story for all"]["self_bleu"] == pytest.approx(100)
    assert diversity["human"]["self_bleu"] < 99
    for task in TASKS:
        faults = rows(numbers, "failures", task)
        assert faults["human"]["unfinished"] == faults["human"]["too_short"] == 0
        assert faults["truncated human"]["unfinished"] > 0.2
        assert faults["truncated human"]["too_short"] == (task != "infilling")
    assert failures["truncated human"]["unfinished"] == 1 / 4
    assert memorisation["copied from training"]["overlap_4"] == 1 > memorisation["human"]["overlap_4"] + 0.5
    assert memorisation["copied from training"]["longest_mean"] > memorisation["human"]["longest_mean"] + 5


def test_a_random_story_does_not_take_up_the_title(humans, judge, embedder):
    strict = replace(judge, frequency={})  # every word is a keyword: those of a few stories are all common
    relevance = rows(score(humans[:12], {}, ["title"], strict, embedder, None), "relevance")
    assert relevance["random human"]["keyword_recall"] < relevance["human"]["keyword_recall"] - 0.3


def test_too_few_texts_are_noted(numbers):
    assert all(row["mauve"] is None for row in numbers["tables"]["distribution"])
    assert any("title, few: MAUVE needs" in note for note in numbers["notes"])
    assert any("copies has no texts for the task ending" in note for note in numbers["notes"])


def test_a_classifier_that_has_learnt_nothing_is_not_asked(humans, untrained, judge, embedder):
    found = score(humans[:12], {}, ["title"], untrained, embedder, None)
    for theme in ("distribution", "coherence"):
        assert {row["taken_for_real"] for row in found["tables"][theme]} == {None}
    (note,) = [note for note in found["notes"] if "'taken for real' is left out" in note]
    assert "48 judge stories" in note and "50%" in note
    asked = score(humans[:12], {}, ["title"], judge, embedder, None)
    assert all(row["taken_for_real"] is not None for row in asked["tables"]["coherence"])
    assert not any("taken for real" in note for note in asked["notes"])


def test_a_reference_too_small_for_mauve_is_noted(humans, judge, embedder):
    many = [HumanStory(f"{number}", None, humans[number % 48].segments) for number in range(120)]
    reference = replace(judge, vectors=judge.vectors + judge.vectors[:4])
    notes = score(many, {}, ["unconditional"], reference, embedder, None)["notes"]
    assert any(note.startswith("MAUVE compares 120 texts with 52 judge stories") for note in notes)
    assert any("MAUVE of fewer than 1,500 texts (120 here) is uncertain" in note for note in notes)
    reference = replace(judge, vectors=judge.vectors * 2)
    notes = score(many, {}, ["unconditional"], reference, embedder, None)["notes"]
    assert not any("MAUVE compares" in note for note in notes)


def test_enough_texts_for_mauve(humans, judge, embedder):
    many = [HumanStory(f"{round_}{story.id}", story.title, story.segments) for round_ in "ab" for story in humans]
    bigger = replace(judge, vectors=judge.vectors * 2)
    systems = {"copies": [WrittenStory("unconditional", story.id, humans[0].segments) for story in many]}
    found = score(many, systems, ["unconditional"], bigger, embedder, None)
    table = rows(found, "distribution", "unconditional")
    assert table["human"]["mauve"] > 0.8
    assert table["copies"]["mauve"] < 0.3
    assert table["one story for all"]["mauve"] < 0.3
    fluency = rows(found, "fluency", "unconditional")
    for measure in ("entropy", "distinct_1", "distinct_2"):
        assert fluency["one story for all"][measure] < fluency["human"][measure]
    assert table["human"]["interval"][0] <= table["human"]["mauve"] <= table["human"]["interval"][1]


def test_other_languages_and_stories_without_title(judge, embedder):
    stories = [
        HumanStory("1", None, ("Жил был дед.", "Он ел.", "Конец.")),
        HumanStory("2", None, ("物語。", "終わり。")),
    ]
    systems = {"one": [WrittenStory("continuation", "1", ("Жил был дед.", "🙂")), WrittenStory("title", "1", ("x",))]}
    found = score(stories, systems, TASKS, judge, embedder, [("Жил был дед.",)])
    json.dumps(found, allow_nan=False)
    assert {row["task"] for row in found["tables"]["failures"]} == set(TASKS) - {"title"}
    assert "No test story suits the task title." in found["notes"]


def test_first_text_of_several_counts_and_the_rest_shows_the_variety(humans, judge, embedder):
    texts = [WrittenStory("title", story.id, (word,)) for story in humans[:3] for word in ("First.", "Second one.")]
    (row,) = [row for row in rows_of("title", humans, {"one": texts}, 0) if row.name == "one"]
    assert row.stories == [("First.",)] * 3
    (cells,) = score(humans[:3], {"one": texts}, ["title"], judge, embedder, None)["conditions"]
    assert (cells["conditions"], cells["texts"], cells["within"]) == (3, 6, 0)
