"""Guards see what a rewording loses or adds, and leave alone what it may change."""

import pytest

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
        ("He did not go.", "He went.", ["negation lost"]),
        ("He went.", "He never went.", ["negation added"]),
        ("He had no money.", "He didn't have any money.", []),
        ('He said "no way" to her.', "He said no to her.", ["quote lost: no way"]),
        ("He said “hello”.", 'He said "Hello".', []),
    ],
)
def test_warnings(source: str, candidate: str, warnings: list[str]) -> None:
    assert guard_warnings(source, candidate) == warnings


@pytest.mark.parametrize("text", ["She had two dogs and Tom did not like them.", 'Ann said "stop" 3 times.', "", "!?"])
def test_a_text_keeps_its_own_facts(text: str) -> None:
    assert guard_warnings(text, text) == []


def test_openers_are_no_names() -> None:
    assert not facts("However, he left. Then it stopped. One day it rained. Everyone was glad.").names
    assert facts("Spencer got out of his car on Monday.").names == {"Spencer": 1, "Monday": 1}
