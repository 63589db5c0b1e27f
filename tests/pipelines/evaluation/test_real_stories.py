"""On real stories the measures keep human texts apart from spoilt ones, with a judge of a size that has learnt it."""

import pytest

from segdiff.pipelines.evaluation.coherence import CORRUPTIONS, EASIEST
from segdiff.pipelines.evaluation.judge import make_judge
from segdiff.pipelines.evaluation.scoring import score
from segdiff.pipelines.evaluation.sharing import shared_notes
from segdiff.pipelines.evaluation.texts import read_stories

JUDGE_STORIES, TEST_STORIES = 1000, 150


@pytest.fixture(scope="module")
def real(data_dir, embedder):
    """Judge stories, test stories with titles, and the judge."""
    known = read_stories(data_dir / "stories" / "roc.judge.jsonl.gz", JUDGE_STORIES)
    test = [story for story in read_stories(data_dir / "stories" / "roc.test.jsonl.gz", 1000) if story.title]
    return known, test[:TEST_STORIES], make_judge(known, embedder, seed=0)


@pytest.fixture(scope="module")
def tables(real, embedder):
    """Theme -> row -> measures, for titles."""
    _, test, judge = real
    numbers = score(test, {}, ["title"], judge, embedder, None)
    return {theme: {row["row"]: row for row in rows} for theme, rows in numbers["tables"].items()}


def test_coherence_falls_with_order_and_further_with_topic(tables, real):
    taken = {name: row["taken_for_real"] for name, row in tables["coherence"].items()}
    assert taken["human"] > taken["shuffled human"] + 0.15
    assert taken["shuffled human"] > taken["mixed human"] + 0.15
    assert taken["mixed human"] < 0.1
    _, _, judge = real
    accuracy = {row["stories"]: row["accuracy"] for row in judge.held_out}
    assert judge.why_no_coherence is None and accuracy[EASIEST] > 0.75
    assert set(accuracy) == {"real", *CORRUPTIONS}


def test_mauve_sees_topics_and_not_order(tables):
    mauve = {name: row["mauve"] for name, row in tables["distribution"].items()}
    assert mauve["human"] > mauve["mixed human"] + 0.2
    assert mauve["shuffled human"] == pytest.approx(mauve["human"], abs=0.02)


def test_relevance_of_a_random_story_is_below_that_of_the_humans(tables):
    human, other = tables["relevance"]["human"], tables["relevance"]["random human"]
    assert human["similarity"] > other["similarity"] + 0.15
    assert human["keyword_recall"] > other["keyword_recall"] + 0.3
    for measure in ("rouge_1", "rouge_2", "rouge_l"):
        assert human[measure] == 100 and other[measure] < 40


def test_judge_and_test_stories_are_apart(real):
    known, test, _ = real
    assert shared_notes({"test": [s.segments for s in test], "judge": [s.segments for s in known]}) == []
