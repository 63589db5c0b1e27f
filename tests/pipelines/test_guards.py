"""Guards see what a rewording loses or adds, and leave alone what it may change."""

from itertools import islice
from pathlib import Path

import pytest

from segdiff.pipelines.corpus import read_documents
from segdiff.pipelines.guards import facts, guard_warnings


@pytest.mark.parametrize(
    ("source", "candidate", "warnings"),
    [
        ("She paid 20 dollars.", "She paid dollars.", ["number lost: 20"]),
        ("She paid 20 dollars.", "She paid 30 dollars.", ["number lost: 20", "number added: 30"]),
        ("She had two dogs.", "She had 2 dogs.", []),
        ("It cost 1,000 dollars.", "It cost 1000 dollars.", []),
        ("Two of the two left.", "Two left.", ["number lost: 2"]),
        ("Tom went home.", "He went home.", ["name lost: Tom"]),
        ("He went home.", "Gary went home.", ["name added: Gary"]),
        ("Anna and Tom met.", "Tom and Anna met.", []),
        ("We flew to Paris.", "We flew to London.", ["name lost: Paris", "name added: London"]),
        ("Leia had always been kind.", "She had always been kind.", ["name lost: Leia"]),
        ("The dog barked.", "A dog barked.", []),
        ("Yrsa keeps the lighthouse.", "She keeps the lighthouse.", ["name lost: Yrsa"]),
        ("Other kids in the class laughed.", "Kids in the class laughed.", []),
        ("He did not go.", "He went.", ["negation lost"]),
        ("He went.", "He never went.", ["negation added"]),
        ("He had no money.", "He didn't have any money.", []),
        ('He said "no way" to her.', "He said no to her.", ["quote lost: no way"]),
        ("He said “hello”.", 'He said "Hello".', []),
        ("He was fifteen.", "He was young.", ["number lost: 15"]),
        ("It had zero errors.", "It had errors.", ["number lost: 0"]),
        ("She won the first prize.", "She won the last prize.", ["number lost: 1"]),
        ("It was the very first time.", "It was the last time.", ["number lost: 1"]),
        ("At first he was scared.", "He was scared.", []),
        ("First he ate. Wait a second.", "He ate. Wait.", []),
        ("Her second car broke.", "Her car broke.", ["number lost: 2"]),
        ("It was the 3rd day.", "It was the third day.", []),
        ("He called twice.", "He called.", ["number lost: 2"]),
        ("He called twice.", "He called once.", ["number lost: 2"]),
        ("He called twice.", "He called two times.", []),
        ("They meet once a week.", "They meet every week.", ["number lost: 1"]),
        ("Once a week had passed, he left at once.", "When a week had passed, he left.", []),
        ("He was twenty-five.", "He was 25.", []),
        ("He was twenty five.", "He was twenty-six.", ["number lost: 25", "number added: 26"]),
        ("It cost two hundred and fifty dollars.", "It cost 250 dollars.", []),
        ("A hundred people saw two dozen films.", "100 people saw 24 films.", []),
        ("They paid 1.5 million.", "They paid 1,500,000.", []),
        ("He liked the red one.", "He liked the red car.", []),
        ("He had 1 dog.", "He had one dog.", []),
        ("He had one dog.", "He had 1 dog.", []),
        ("He had 1 dog.", "He had a dog.", ["number lost: 1"]),
        ("We saw Élodie.", "We saw her.", ["name lost: Élodie"]),
        ("We saw E\u0301lodie.", "We saw Élodie.", []),
        ("We saw Łukasz in Århus.", "We saw Łukasz in Oslo.", ["name lost: Århus", "name added: Oslo"]),
        ("He said 'no way' to her.", "He said that to her.", ["negation lost", "quote lost: no way"]),
        ("She yelled 'I can't stay,' and left.", "She yelled and left.", ["negation lost", "quote lost: i can't stay"]),
        ("He said 'stop' to her.", 'He said "stop" to her.', []),
        ("He said «bonjour» to me.", "He said it to me.", ["quote lost: bonjour"]),
        ("The boys' dogs and the girls' cats ran.", "The boys had dogs and the girls cats, which ran.", []),
        ("It's Tom's and the kids' home.", "It is the home of Tom and the kids.", []),
        (
            "He told 'em of the dogs' rock 'n' roll in the '90s.",
            "He told them of the rock and roll of the 90s dogs.",
            [],
        ),
        ("He dont know.", "He does know.", ["negation lost"]),
        ("She didnt go.", "She did not go.", []),
        ("He failed to open it.", "He opened it.", ["negation lost"]),
        ("He failed to open it.", "He did not open it.", []),
        ("He failed the test.", "He flunked the test.", []),
    ],
)
def test_warnings(source: str, candidate: str, warnings: list[str]) -> None:
    assert guard_warnings(source, candidate) == warnings


@pytest.mark.parametrize("text", ["She had two dogs and Tom did not like them.", 'Ann said "stop" 3 times.', "", "!?"])
def test_a_text_keeps_its_own_facts(text: str) -> None:
    assert guard_warnings(text, text) == []


def test_sentences_keep_their_own_facts(data_dir: Path) -> None:
    stories = read_documents(data_dir / "stories/roc.test.jsonl.gz")
    for text in islice((segment for story in stories for segment in story.segments), 300):
        assert guard_warnings(text, text) == []


def test_openers_are_no_names() -> None:
    assert not facts("However, he left. Then it stopped. One day it rained. Everyone was glad.").names
    assert facts("Spencer got out of his car on Monday.").names == {"Spencer": 1, "Monday": 1}
