"""Plain faults of what was written, and how much it varies when one condition is given again."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from itertools import combinations
from typing import Any

from ..ladder import faults, share, words
from .relevance import common_subsequence
from .texts import HumanStory, WrittenStory, given_ends, given_part, written_part

FINAL = tuple(".!?…。！？।؟\"'”’»)】」")


def failures(
    task: str,
    stories: Sequence[Sequence[str]],
    humans: Sequence[HumanStory],
    ended: Sequence[Sequence[bool] | None] | None = None,
) -> dict[str, Any]:
    """Shares of the written segments that are empty, repeated, like the one before, looping, unfinished, or copied.

    Args:
        task: says which segments were given.
        stories: whole stories of one system.
        humans: those that the given segments are of, in the same order.
        ended: whether each segment came to an end token, where the system tells.

    Returns:
        also `too_short` and `given_changed`, shares of stories: fewer segments than the human one; the given segments
        not word for word in their places. None where a measure does not apply or nothing is told.
    """
    pairs = list(zip(stories, humans, strict=True))
    written = [written_part(task, story, len(human.segments)) for story, human in pairs]
    given = [given_part(task, human) for human in humans]
    flags = [
        flag
        for human, told in zip(humans, ended or (), strict=bool(ended))
        for flag in _gap_of(task, told or (), len(human.segments))
    ]
    return {
        **faults(written),
        "unfinished": share(unfinished(text) for part in written for text in part),
        "endless": share(not flag for flag in flags) if flags else None,
        "too_short": share(len(story) < len(human.segments) for story, human in pairs),
        "copies_given": share(text in known for part, known in zip(written, given, strict=True) for text in part)
        if any(given)
        else None,
        "given_changed": share(not keeps_given(task, *pair) for pair in pairs) if any(given) else None,
    }


def unfinished(text: str) -> bool:
    """Whether a segment breaks off without a final mark; an empty one does not count."""
    return bool(text.strip()) and not text.rstrip().endswith(FINAL)


def keeps_given(task: str, story: Sequence[str], human: HumanStory) -> bool:
    """Whether the given segments of the human story are in their places, word for word."""
    head, tail = given_ends(task, len(human.segments))
    kept = (*story[:head], *story[len(story) - tail :]) if tail else tuple(story[:head])
    return len(story) >= head + tail and kept == given_part(task, human)


def _gap_of(task: str, flags: Sequence[bool], count: int) -> Sequence[bool]:
    head, tail = given_ends(task, count)
    return flags[head : max(head, len(flags) - tail)]


def repeats_of_conditions(task: str, texts: Iterable[WrittenStory], humans: Sequence[HumanStory]) -> dict[str, Any]:
    """How alike the texts for one condition are, beside those for different ones.

    Likeness is ROUGE-L between written parts, 0 .. 100. `within` near 100: the seed is ignored. `within` no higher
    than `across`: the condition is ignored. Conditions with a single text are left out.

    Returns:
        `conditions`, `texts`, `within`, `across`, `identical` (share of pairs within that are the same); values are
        None where there are no two such conditions.
    """
    counts = {human.id: len(human.segments) for human in humans}
    groups: dict[str, list[list[str]]] = defaultdict(list)
    for text in texts:
        if text.task == task and text.id in counts:
            groups[text.id].append(words(" ".join(written_part(task, text.segments, counts[text.id]))))
    several = [group for group in groups.values() if len(group) > 1]
    within = [alike(*pair) for group in several for pair in combinations(group, 2)]
    across = [alike(*pair) for one, other in combinations(several, 2) for pair in zip(one, other, strict=False)]
    enough = len(several) > 1
    return {
        "conditions": len(several),
        "texts": sum(map(len, several)),
        "within": sum(within) / len(within) if enough else None,
        "across": sum(across) / len(across) if enough else None,
        "identical": share(left == right for group in several for left, right in combinations(group, 2))
        if enough
        else None,
    }


def alike(left: Sequence[str], right: Sequence[str]) -> float:
    """ROUGE-L F1 of two lists of words, 0 .. 100; two empty ones are the same."""
    if not left and not right:
        return 100.0
    return 200 * common_subsequence(left, right) / (len(left) + len(right))
