"""Rules that rewrite sentences: deterministic, and each does what its name says."""

import random

import pytest

from segdiff.encoders import corruptions
from segdiff.encoders.corruption_tables import MALE
from segdiff.encoders.corruptions import change_meaning, changes_of_meaning, keep_meaning

SENTENCES = [
    "Yesterday, Tom bought a new car for his mom.",
    "She didn't want to go to the store because it was raining.",
    "Anna and Ben were really happy when they got home.",
    "He decided to buy two old bikes on Monday.",
    "My sister wasn't afraid of the big dog.",
]


def outputs(function, sentence: str, tries: int = 200) -> set[str]:
    return {result for seed in range(tries) if (result := function(sentence, random.Random(seed))) is not None}


@pytest.mark.parametrize("function", [keep_meaning, change_meaning])
@pytest.mark.parametrize("sentence", SENTENCES)
def test_result_differs_and_repeats_with_the_seed(function, sentence):
    for seed in range(20):
        result = function(sentence, random.Random(seed))
        assert result != sentence
        assert result == function(sentence, random.Random(seed))
    assert len(outputs(function, sentence)) > 1


@pytest.mark.parametrize("function", [keep_meaning, change_meaning])
@pytest.mark.parametrize("text", ["", " ", "Hm.", "…", "12:30", "\U0001f600", "\ud800", "日本語。", "a" * 5000])
def test_text_without_a_rule_gives_none(function, text):
    assert function(text, random.Random(0)) is None


@pytest.mark.parametrize(
    ("sentence", "rewrite"),
    [
        ("He didn't go.", "He did not go."),
        ("He did not go.", "He didn't go."),
        ("I'm sad.", "I am sad."),
        ("He was really tall.", "He was tall."),
        ("Yesterday, he fell.", "He fell yesterday."),
        ("He fell last night.", "Last night, he fell."),
        ("Tom and Jerry fell.", "Jerry and Tom fell."),
        ("My mom slept.", "My mother slept."),
        ("Mothers sleep.", "Moms sleep."),
        ("He said that he fell.", "He said he fell."),
        ("He said he fell.", "He said that he fell."),
        ("When he fell, he yelled out loud.", "He yelled out loud when he fell."),
        ("It was a large egg.", "It was a big egg."),
        ("It was a big egg.", "It was a large egg."),
        ("It was a huge egg.", "It was an enormous egg."),
        ("It took 3 days.", "It took three days."),
        ("It took three days.", "It took 3 days."),
    ],
)
def test_keeps_meaning(sentence, rewrite):
    assert rewrite in outputs(keep_meaning, sentence)


@pytest.mark.parametrize(
    ("sentence", "negative"),
    [
        ("He went home.", "He didn't go home."),
        ("He didn't go home.", "He went home."),
        ("They stopped.", "They didn't stop."),
        ("The dog cried.", "The dog didn't cry."),
        ("She does not worry.", "She worries."),
        ("It was cold.", "It was not cold."),
        ("It wasn't cold.", "It was cold."),
        ("He can't swim.", "He can swim."),
        ("He won't eat any fish.", "He will eat some fish."),
        ("He had a dog.", "He didn't have a dog."),
        ("Tom saw Anna.", "Anna saw Tom."),
        ("I gave her a hug.", "I gave him a hug."),
        ("I took her bag.", "I took his bag."),
        ("He was happy.", "He was sad."),
        ("It was at night.", "It was in the morning."),
        ("I bought an orange.", "I sold an orange."),
        ("It was an old hat.", "It was a new hat."),
        ("It was a new hat.", "It was an old hat."),
    ],
)
def test_changes_meaning(sentence, negative):
    assert negative in outputs(change_meaning, sentence)


def test_a_name_keeps_its_gender():
    results = outputs(change_meaning, "Tom yawns.")
    assert len(results) > 20
    assert {result.split()[0] for result in results} <= set(MALE) - {"Tom"}


def test_a_sentence_has_many_hard_negatives_all_different():
    found = changes_of_meaning("Tom found three coins.", random.Random(0))
    assert len(found) == len(set(found))
    assert sum(text.startswith("Tom found") and "three" not in text for text in found) >= 4  # numbers stand in few
    assert any("didn't" in text or "never" in text for text in found)
    assert found == changes_of_meaning("Tom found three coins.", random.Random(0))


def test_numbers_become_other_numbers():
    for result in outputs(change_meaning, "We saw 14 geese."):
        if result.startswith("We saw ") and result.endswith(" geese."):
            assert 7 <= int(result.split()[2]) <= 21


def test_auxiliary_had_is_not_negated_as_a_verb():
    assert "He didn't have gone." not in outputs(change_meaning, "He had gone.")


def test_contraction_is_no_name():
    assert not any("'t" in result and "Don't" not in result for result in outputs(change_meaning, "Don't yawn."))


def test_tables_have_no_word_that_stands_for_itself():
    for table in (corruptions._SYNONYMS, corruptions._ANTONYMS, corruptions._ALTERNATIVES):
        for word, others in table.items():
            assert others and word not in others


def test_most_real_sentences_have_a_rule(data_dir):
    from segdiff.pipelines.corpus import read_documents

    file = data_dir / "stories" / "roc.valid.jsonl.gz"
    sentences = [text for story in read_documents(file, max_documents=400) for text in story.segments]
    rng = random.Random(0)
    kept = sum(keep_meaning(text, rng) is not None for text in sentences) / len(sentences)
    changed = sum(change_meaning(text, rng) is not None for text in sentences) / len(sentences)
    assert kept > 0.5, f"{kept:.1%} of sentences have a rewrite"
    assert changed > 0.9, f"{changed:.1%} of sentences have a negative"
