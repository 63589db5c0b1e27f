"""Control rows: human texts in place of a system's, whole or spoilt in one known way.

Each fills the gaps of a task as a system would, so that every measure shows what it makes of the spoilt part.
"""

from collections.abc import Callable, Sequence
from random import Random

from .texts import HumanStory, given_ends

Segments = tuple[str, ...]

CONTROLS = {
    "human": "the human stories themselves",
    "shuffled human": "written part in another order",
    "mixed human": "every written sentence from another story, same place",
    "random human": "the whole written part from one other story",
    "title echoed": "the title in place of every written sentence",
}


def controls(task: str, stories: Sequence[HumanStory], seed: int) -> dict[str, list[Segments]]:
    """The control rows of a task, a text for each story, in the order of `CONTROLS`.

    A row that cannot differ from the human one is left out: one written sentence cannot be shuffled, one story alone
    has no other. Stories without a title echo their first given sentence, or their own first one.
    """
    rows = {"human": [story.segments for story in stories]}
    distances = range(1, len(stories))
    shifts = Random(f"{seed} mixed").sample(distances, min(len(distances), max(len(s.segments) for s in stories)))
    fills: dict[str, Callable[[int, Random], Segments | None]] = {
        "shuffled human": lambda index, random: shuffled(_gap(task, stories[index]), random),
        "mixed human": lambda index, _: _mixed(task, stories, index, shifts) if shifts else None,
        "random human": lambda index, _: _random(task, stories, index),
        "title echoed": lambda index, _: _echo(task, stories[index]),
    }
    for name, fill in fills.items():
        random = Random(f"{seed} {task} {name}")
        gaps = [fill(index, random) for index in range(len(stories))]
        if any(gap is not None for gap in gaps):
            pairs = zip(stories, gaps, strict=True)
            rows[name] = [_filled(task, story, gap) if gap else story.segments for story, gap in pairs]
    return rows


def shuffled(texts: Segments, random: Random) -> Segments | None:
    """The texts in another order; None where there is none."""
    if len(set(texts)) < 2:
        return None
    while True:
        drawn = tuple(random.sample(texts, len(texts)))
        if drawn != texts:
            return drawn


def _gap(task: str, story: HumanStory) -> Segments:
    head, tail = given_ends(task, len(story.segments))
    return story.segments[head : len(story.segments) - tail]


def _filled(task: str, story: HumanStory, gap: Segments) -> Segments:
    head, tail = given_ends(task, len(story.segments))
    return story.segments[:head] + gap + story.segments[len(story.segments) - tail :]


def _at(story: HumanStory, place: int, count: int) -> str:
    """The sentence of a story at the relative place of `place` in a story of `count`."""
    return story.segments[min(place * len(story.segments) // count, len(story.segments) - 1)]


def _mixed(task: str, stories: Sequence[HumanStory], index: int, shifts: Sequence[int]) -> Segments:
    """Place p takes the sentence there of the story `shifts[p]` further on, so that each sentence is used once."""
    count = len(stories[index].segments)
    head, tail = given_ends(task, count)
    others = [stories[(index + shifts[place % len(shifts)]) % len(stories)] for place in range(count)]
    return tuple(_at(others[place], place, count) for place in range(head, count - tail))


def _random(task: str, stories: Sequence[HumanStory], index: int) -> Segments | None:
    if len(stories) < 2:
        return None
    count = len(stories[index].segments)
    head, tail = given_ends(task, count)
    other = stories[(index + 1) % len(stories)]
    return tuple(_at(other, place, count) for place in range(head, count - tail))


def _echo(task: str, story: HumanStory) -> Segments:
    head, tail = given_ends(task, len(story.segments))
    text = story.title or story.segments[0 if head else -1 if tail else 0]
    return (text,) * (len(story.segments) - head - tail)
