"""Names and pronouns that are kept or change."""

from segdiff.pipelines.evaluation.entities import MIN_MENTIONS, Names, gender_kept, names_kept


def test_names(humans):
    names = Names([*[story.segments for story in humans], ["Then we saw the lake.", "The lake met Tom and Sue."]])
    assert names.names("The wind met Tom's sister Sue.") == ["tom", "sue"]
    assert names.names("Zelda and I went to Paris. I'm fine.") == ["paris"]  # Zelda might be any word
    assert names.names("Lake water is cold.") == []


def test_names_that_change(humans):
    names = Names([story.segments for story in humans])
    kept = names_kept([story.segments for story in humans], names)
    assert kept == 1.0
    broken = [(*story.segments[:3], humans[(index + 8) % 48].segments[3]) for index, story in enumerate(humans)]
    assert names_kept(broken, names) == 0.0


def test_pronouns_that_change():
    same = [("She ran.", "Her dog barked.", "It rained.", "She fell.")] * MIN_MENTIONS
    mixed = [("She ran.", "His dog barked.", "It rained.", "She fell.")] * MIN_MENTIONS
    both = [("She ran to him.", "He fell.")] * MIN_MENTIONS  # the first says nothing
    assert gender_kept(same) == 1.0
    assert gender_kept(mixed) == 0.0
    assert gender_kept(both) is None


def test_texts_without_any(humans):
    names = Names([story.segments for story in humans])
    assert names_kept([("物語が始まる。", "")], names) is None
    assert gender_kept([]) is None
