"""Sets that have to be apart: what they share is counted, and nothing else is."""

from segdiff.pipelines.evaluation.sharing import shared_notes


def test_stories_in_common(humans):
    texts = [story.segments for story in humans]
    assert shared_notes({"test": texts[:10], "judge": texts[10:30], "training": texts[30:]}) == []
    (note,) = shared_notes({"test": texts[:10], "judge": texts[8:30]})
    assert note.startswith("2 of 10 test stories are judge stories as well")
    notes = shared_notes({"test": texts[:10], "judge": texts[10:20], "training": texts[9:]})
    assert [note.split(";")[0] for note in notes] == [
        "1 of 10 test stories are training stories as well",
        "10 of 10 judge stories are training stories as well",
    ]


def test_case_and_white_space_do_not_count():
    assert shared_notes({"test": [("A dog ran. It  fell.",)], "judge": [("A Dog ran.", "It fell.")]})
    assert not shared_notes({"test": [("A dog ran.",)], "judge": [("A dog ran.", "It fell.")]})
