"""Control rows: human texts in place of a system's, whole or spoilt in one known way.

Each fills the gaps of a task as a system would, so that every measure shows what it makes of the spoilt part.
"""

from collections.abc import Callable, Sequence
from random import Random

from .failures import FINAL
from .texts import HumanStory, given_ends

Segments = tuple[str, ...]

CONTROLS = {
    "human": "the human stories themselves",
    "shuffled human": "written part in another order",
    "mixed human": "every written sentence from another story, same place",
    "random human": "the whole written part from one other story",
    "title echoed": "the title in place of every written sentence",
    "one story for all": "the same human story's written part every time",
    "truncated human": "written part without its last sentence, and half of the one before",
    "copied from training": "written part from a training story",
}
CEILING = {"reconstructed human": "written part encoded and decoded by the model: the best that it can write"}


def controls(
    task: str, stories: Sequence[HumanStory], seed: int, training: Sequence[Sequence[str]] | None = None
) -> dict[str, list[Segments]]:
    """The control rows of a task, a text for each story, in the order of `CONTROLS`.

    A row that cannot differ from the human one is left out: one written sentence cannot be shuffled, one story alone
    has no other. Stories without a title echo their first given sentence, or their own first one. Where one sentence
    alone is written, it is truncated itself. Without training stories there is nothing to copy.
    """
    rows = {"human": [story.segments for story in stories]}
    sources = _sources(stories, training, seed) if training else []
    distances = range(1, len(stories))
    shifts = Random(f"{seed} mixed").sample(distances, min(len(distances), max(len(s.segments) for s in stories)))
    fills: dict[str, Callable[[int, Random], Segments | None]] = {
        "shuffled human": lambda index, random: shuffled(_gap(task, stories[index]), random),
        "mixed human": lambda index, _: _mixed(task, stories, index, shifts) if shifts else None,
        "random human": lambda index, _: _random(task, stories, index),
        "title echoed": lambda index, _: _echo(task, stories[index]),
        "one story for all": lambda index, _: (
            _part_of(task, stories[0].segments, stories[index]) if len(stories) > 1 else None
        ),
        "truncated human": lambda index, _: truncated(_gap(task, stories[index])),
        "copied from training": lambda index, _: _part_of(task, sources[index], stories[index]) if sources else None,
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


def truncated(texts: Segments) -> Segments:
    """The texts without the last, and without the second half of the one before; one alone loses its second half."""
    *kept, last = texts[:-1] or texts
    words = last.split()
    half = " ".join(words[: (len(words) + 1) // 2]) if len(words) > 1 else last[: (len(last) + 1) // 2]
    return (*kept, half.rstrip("".join(FINAL)) or half)


def _sources(stories: Sequence[HumanStory], training: Sequence[Sequence[str]], seed: int) -> list[Sequence[str]]:
    """A training story for each of the stories, the same in every task, with as many segments or more if any has."""
    random = Random(f"{seed} copied")
    known: dict[int, list[Sequence[str]]] = {}
    for count in {len(story.segments) for story in stories}:
        known[count] = [other for other in training if len(other) >= count] or [max(training, key=len)]
    return [random.choice(known[len(story.segments)]) for story in stories]


def _part_of(task: str, segments: Sequence[str], story: HumanStory) -> Segments:
    """The written part of a story from other segments: those in its places, the last again where they are fewer."""
    count = len(story.segments)
    head, tail = given_ends(task, count)
    return tuple(segments[min(place, len(segments) - 1)] for place in range(head, count - tail))


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
