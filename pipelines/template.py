"""What is given of a story and what is to be written: from arguments, or from a file with blanks."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

from .rendering import check_text

MAX_SEGMENTS = 10_000  # of a story
MAX_TOGETHER = 64  # denoised at once
SEPARATOR, PARAGRAPH = " ", "\n\n"
BLANK = re.compile(r"_{3,}")


@dataclass(frozen=True)
class Template:
    """What is given of a story.

    Attributes:
        head: its first segments, None where text is wanted.
        tail: its last segments.
        levels: noise level each segment of `head` starts from: 1 = to be written, 0 = kept.
        count: how many segments there are; None when the model is to choose.
        separators: between the segments of `head`; a space where there are too few.
        tail_separators: between those of `tail`.
    """

    head: list[str | None]
    tail: list[str]
    levels: list[float]
    count: int | None
    separators: list[str] = field(default_factory=list)
    tail_separators: list[str] = field(default_factory=list)

    @property
    def least(self) -> int:
        """Smallest number of segments with at least one to write."""
        return len(self.head) + len(self.tail) + (not any(self.levels))

    def texts(self, count: int) -> list[str | None]:
        """The segments of a story of `count` segments, None where text is wanted."""
        return [*self.head, *[None] * (count - len(self.head) - len(self.tail)), *self.tail]

    def starts(self, count: int) -> list[float]:
        """Noise level that each of them starts from: 1 = to be written, 0 = kept."""
        return [*self.levels, *[1.0] * (count - len(self.head) - len(self.tail)), *[0.0] * len(self.tail)]

    def joints(self, count: int) -> list[str]:
        """The `count` - 1 separators between them."""
        between = [*self.separators, *[SEPARATOR] * count][: count - 1]
        tail = self.tail_separators[-(count - 1) :] if count > 1 else []
        return between[: count - 1 - len(tail)] + tail


def make_template(
    num_segments: int | None = None,
    segments: Sequence[str | None] | None = None,
    start: Sequence[str] = (),
    end: Sequence[str] = (),
    keep: Mapping[int, str] | None = None,
    strength: Sequence[float | None] | None = None,
    separators: Sequence[str] = (),
    end_separators: Sequence[str] = (),
) -> Template:
    """Check what is given and what is to be written; the arguments are those of `StoryPipeline`.

    Raises:
        ValueError: they contradict each other, are out of range, or leave nothing to write.
    """
    whole = isinstance(num_segments, int) and not isinstance(num_segments, bool)
    if num_segments is not None and not (whole and 1 <= num_segments <= MAX_SEGMENTS):
        raise ValueError(f"num_segments is {num_segments}; it must be between 1 and {MAX_SEGMENTS}")
    if segments is not None and (start or end):
        raise ValueError("give either segments, or start and end")
    for value, name in [(segments, "segments"), (start, "start"), (end, "end")]:
        if value is not None and not isinstance(value, list | tuple):
            raise ValueError(f"{name} must be a list of texts; got {type(value).__name__}")
    head: list[str | None] = list(start) if segments is None else list(segments)
    place_kept(head, end, keep or {}, num_segments)
    for text in (*head, *end):
        if text is not None:
            check_text(text, "a given segment")
    given = len(head) + len(end)
    if segments is not None and num_segments is None:
        num_segments = given
    if given > MAX_SEGMENTS or num_segments == 0:
        raise ValueError(f"segments has {given} entries; it must have between 1 and {MAX_SEGMENTS}")
    if num_segments is not None:
        if num_segments < given:
            raise ValueError(f"num_segments is {num_segments}, fewer than the {given} segments given")
        head += [None] * (num_segments - given)
    levels = start_levels(head, strength, segments is not None or bool(keep))
    if num_segments is not None and not any(levels):
        raise ValueError("every segment is given; leave at least one to write (None) or give it a strength")
    for texts, name, limit in [
        (separators, "separators", given - len(end)),
        (end_separators, "end_separators", len(end)),
    ]:
        if not isinstance(texts, list | tuple):
            raise ValueError(f"{name} must be a list of white space; got {type(texts).__name__}")
        for text in texts:
            if not isinstance(text, str) or text.strip():
                raise ValueError(f"{name} has {text!r}; it must be white space")
        if len(texts) > max(limit - 1, 0):
            raise ValueError(f"{name} has {len(texts)} entries for {limit} segments; give one less than segments")
    return Template(head, list(end), levels, num_segments, list(separators), list(end_separators))


def place_kept(head: list[str | None], end: Sequence[str], keep: Mapping[int, str], num_segments: int | None) -> None:
    """Put segments to be kept into `head`, which grows as far as they reach.

    Raises:
        ValueError: an index is out of range, or its segment is given twice.
    """
    limit = MAX_SEGMENTS if num_segments is None else num_segments
    if not isinstance(keep, Mapping) or not all(isinstance(index, int) for index in keep):
        raise ValueError(f"keep must be a dictionary from places to texts; got {keep!r:.60}")
    for index, text in sorted(keep.items()):
        if isinstance(index, bool) or not isinstance(index, int) or not 0 <= index < limit:
            raise ValueError(f"keep has the index {index}; it must be between 0 and {limit - 1}")
        head += [None] * (index + 1 - len(head))
        if head[index] is not None or (num_segments is not None and index >= num_segments - len(end)):
            raise ValueError(f"keep gives the segment with index {index}, which is given already")
        head[index] = text


def start_levels(head: list[str | None], strength: Sequence[float | None] | None, allowed: bool) -> list[float]:
    """Noise level that each segment of `head` starts from.

    Raises:
        ValueError: strengths that do not fit, or of a segment that there is no text of.
    """
    if strength is None:
        return [1.0 if text is None else 0.0 for text in head]
    if not allowed:
        raise ValueError("strength needs segments")
    if not isinstance(strength, list | tuple) or not all(isinstance(one, int | float | None) for one in strength):
        raise ValueError(f"strength must be a list of numbers or None, one for each segment; got {strength!r:.60}")
    if len(strength) != len(head):
        raise ValueError(f"strength has {len(strength)} entries for {len(head)} segments")
    levels = [1.0 if text is None else float(level or 0) for text, level in zip(head, strength, strict=True)]
    if not all(0 <= level <= 1 for level in levels):
        raise ValueError(f"strength must be between 0 and 1; got {list(strength)}")
    return levels


def read_template(path: str | Path) -> tuple[list[str | None], list[str]]:
    """A file with a segment a line -> its segments and the separators between them.

    A line of three or more underscores is a blank, to be written; empty lines between two segments are a paragraph
    break. Segments are kept byte for byte, the white space at their ends too.

    Raises:
        FileNotFoundError: no such file.
        ValueError: it is no UTF-8 text, has no segment, or has a blank inside a line.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f"no template file {str(path)!r}")
    try:
        text = Path(path).read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"template {path} is no UTF-8 text (byte {error.start})") from None
    lines = re.split(r"\r?\n", text)  # a lone carriage return is a part of its segment
    numbers = [number for number, line in enumerate(lines) if line.strip()]
    if not numbers:
        raise ValueError(f"template {path} is empty; write a segment a line, and ___ for each that is to be written")
    segments: list[str | None] = []
    for number in numbers:
        blank = BLANK.search(lines[number])
        if blank and lines[number].strip() != blank[0]:
            raise ValueError(
                f"template {path}, line {number + 1}: a blank inside a segment; a blank is a line of its own"
            )
        segments.append(None if blank else lines[number])
    return segments, [SEPARATOR if right == left + 1 else PARAGRAPH for left, right in pairwise(numbers)]


class Joiner:
    """Puts segments together to a text, as they come. An empty segment leaves no gap: of the separators around it the
    longer one stays.

    Args:
        separators: between the segments; a space where there are too few.
    """

    def __init__(self, separators: Sequence[str]) -> None:
        self.separators = list(separators)
        self.count = 0
        self.begun = False
        self.gap = ""

    def add(self, segments: Sequence[str]) -> str:
        """What further segments add to the text, the separator before them included."""
        added = ""
        for segment in segments:
            if self.begun:
                between = self.separators[self.count - 1] if self.count <= len(self.separators) else SEPARATOR
                self.gap = max(self.gap, between, key=len)
            self.count += 1
            if segment:
                added += self.gap + segment
                self.gap, self.begun = "", True
        return added


def join_segments(segments: Sequence[str], separators: Sequence[str]) -> str:
    """The text of a story."""
    return Joiner(separators).add(segments)
