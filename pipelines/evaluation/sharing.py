"""Stories that stand in two sets which have to be apart: what is scored, what judges learn from, what writers saw."""

from collections.abc import Iterable, Mapping, Sequence

Stories = Sequence[Sequence[str]]

WHY = {
    ("test", "judge"): "the judges know them, so that human rows look better than they are",
    ("test", "training"): "systems may know them by heart",
    ("judge", "training"): "the judges favour what systems were trained on",
}


def shared_notes(sets: Mapping[str, Stories]) -> list[str]:
    """A line for every two sets with stories in common, word for word; case and white space do not count.

    Args:
        sets: stories by what they are for: "test", "judge" and, where known, "training".
    """
    keys = {name: [_key(story) for story in stories] for name, stories in sets.items()}
    known = {name: set(rows) for name, rows in keys.items()}
    notes = []
    for (one, other), why in WHY.items():
        number = sum(key in known.get(other, ()) for key in keys.get(one, ()))
        if number:
            notes.append(f"{number} of {len(keys[one])} {one} stories are {other} stories as well; {why}.")
    return notes


def _key(story: Iterable[str]) -> str:
    return " ".join(" ".join(story).casefold().split())
