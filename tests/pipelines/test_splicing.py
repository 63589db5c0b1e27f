"""Edits are found, applied and put together."""

from segdiff.pipelines.splicing import Edit, combinations, find_edits, single_edits, splice

SOURCE = "Tom quickly ran to the old house today."


def test_all_edits_of_a_text_give_the_text() -> None:
    for text in [
        "He ran to a house today.",
        "Tom quickly ran to the old house today.",
        "Nobody knew.",
        SOURCE + " Now.",
    ]:
        assert splice(SOURCE, find_edits(SOURCE, text)) == text
    assert find_edits(SOURCE, SOURCE) == []


def test_single_edits_change_one_stretch() -> None:
    singles = single_edits(SOURCE, ["Tom slowly ran to the new house today.", "Tom slowly ran to the old house."])
    assert set(singles) == {
        "Tom slowly ran to the old house today.",
        "Tom quickly ran to the new house today.",
        "Tom quickly ran to the old house.",
    }


def test_a_capital_stays_where_the_first_word_goes() -> None:
    assert splice(SOURCE, [Edit(0, 1, ())]) == "Quickly ran to the old house today."
    assert splice("so he left.", [Edit(0, 1, ())]) == "he left."


def test_articles_are_those_of_the_next_word() -> None:
    found = single_edits("He got a new phone.", ["He got a phone.", "He got a old phone."])
    assert set(found) == {"He got a phone.", "He got an old phone."}


def test_combinations_come_near_the_wanted_change_without_clashes() -> None:
    edits = [Edit(1, 2, ("slowly",)), Edit(1, 2, ("never",)), Edit(5, 6, ("new",)), Edit(7, 8, ("again.",))]
    assert combinations(SOURCE, edits, 1, 2) == [
        "Tom slowly ran to the old house today.",
        "Tom never ran to the old house today.",
    ]
    assert combinations(SOURCE, edits, 3, 1) == ["Tom slowly ran to the new house again."]
    assert combinations(SOURCE, [], 3, 5) == []
    assert Edit(1, 2, ()).clashes(Edit(2, 3, ())) and not Edit(1, 2, ()).clashes(Edit(3, 4, ()))
