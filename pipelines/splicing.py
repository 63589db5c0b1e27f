"""Part by part: what the decoder wrote differently from the source is cut into edits, and the best of them are put back
into the source. So one bad word does not spoil a rewording, and a wanted amount of change can be met.

An edit is a stretch of the source's words and the words in its place. Every word of a spliced text is the source's own
or one that the decoder wrote at that place; "a" or "an" is what the next word asks for.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

from ..encoders.corruptions import mend_articles


@dataclass(frozen=True)
class Edit:
    """Puts `words` in place of the source's words from `start` to `end`."""

    start: int
    end: int
    words: tuple[str, ...]

    def clashes(self, other: "Edit") -> bool:
        """Whether they touch: two edits side by side were not written for each other."""
        return self.start <= other.end and other.start <= self.end


def find_edits(source: str, text: str) -> list[Edit]:
    """The stretches in which a rewording differs from its source, in order."""
    before, after = source.split(), text.split()
    blocks = SequenceMatcher(None, before, after, autojunk=False).get_opcodes()
    return [Edit(i, j, tuple(after[k:m])) for kind, i, j, k, m in blocks if kind != "equal"]


def splice(source: str, edits: Sequence[Edit]) -> str:
    """The source with edits that do not clash; its first letter stays a capital where it was one."""
    words = source.split()
    for edit in sorted(edits, key=lambda one: -one.start):
        words[edit.start : edit.end] = edit.words
    text = mend_articles(" ".join(words))
    return text[:1].upper() + text[1:] if source.lstrip()[:1].isupper() else text


def single_edits(source: str, texts: Sequence[str]) -> dict[str, Edit]:
    """Every edit of some rewordings on its own: the source with that edit, and the edit."""
    found = dict.fromkeys(edit for text in texts for edit in find_edits(source, text))
    return {splice(source, [edit]): edit for edit in found}


def combinations(source: str, edits: Sequence[Edit], words: float, count: int) -> list[str]:
    """`count` texts that change about `words` of the source's words.

    The i-th starts from the i-th edit and takes the following ones, round and round, that clash with none before and
    lead no further beyond `words` than it was below it.

    Args:
        source: the sentence.
        edits: best first.
        words: wanted number of changed words.
        count: how many; there are at most as many as edits.
    """
    found = []
    for first in range(min(count, len(edits))):
        chosen: list[Edit] = []
        changed = 0
        for edit in [*edits[first:], *edits[:first]]:
            size = max(edit.end - edit.start, len(edit.words))
            nearer = abs(changed + size - words) < abs(changed - words)
            if not chosen or (nearer and not any(edit.clashes(other) for other in chosen)):
                chosen.append(edit)
                changed += size
        found.append(splice(source, chosen))
    return found
