"""What the options of `segdiff generate` give of a story, as arguments of the pipeline."""

from pathlib import Path
from typing import Any

MAX_SEGMENTS = 10_000  # as in pipelines.template, which is slow to import


def given_arguments(
    segments: int | None,
    start: list[str] | None,
    end: list[str] | None,
    keep: list[str] | None,
    template: Path | None,
    strength: list[str] | None,
) -> dict[str, Any]:
    """What is given of the story, as arguments of the pipeline. Segments are counted from 1 here, from 0 there."""
    kept = {index - 1: text for index, text in _numbered(keep, "--keep", segments).items()}
    for index, text in kept.items():
        if not text.strip():
            raise ValueError(f"--keep {index + 1}= is empty; give some text or leave it out")
    given: dict[str, Any] = {"num_segments": segments}
    if template is not None:
        if start or end or keep:
            raise ValueError("give either --template, or --start, --end and --keep")
        from ..pipelines.template import read_template

        given["segments"], given["separators"] = read_template(template)
        count = len(given["segments"])
        if segments is not None and segments < count:
            raise ValueError(f"--segments is {segments}, fewer than the {count} lines of {template}")
        if None not in given["segments"] and not strength and (segments or count) == count:
            raise ValueError(f"template {template} has no blank; mark what is to be written with a line ___")
    else:
        given["start"], given["separators"] = _sentences(start, "--start")
        given["end"], given["end_separators"] = _sentences(end, "--end")
        first, last = len(given["start"]), len(given["end"])
        for index in kept:
            if index < first or (segments is not None and index >= segments - last):
                raise ValueError(
                    f"--keep {index + 1}: this segment is given by {'--start' if index < first else '--end'}"
                )
        given["keep"] = kept
    if strength:
        given["strength"] = _levels(strength, given, kept)
    return given


def _numbered(values: list[str] | None, option: str, segments: int | None) -> dict[int, str]:
    """Options of the form N=VALUE."""
    found: dict[int, str] = {}
    for value in values or []:
        number, is_, rest = value.partition("=")
        if not is_ or not number.strip().isdecimal():
            raise ValueError(f"{option} is {value!r}; it must be a segment's number and its value, as in 3=...")
        last = segments or MAX_SEGMENTS
        index = int(number) if len(number.strip()) <= len(str(MAX_SEGMENTS)) else 0
        if not 1 <= index <= last:
            raise ValueError(f"{option} {number.strip()[:20]} is out of range: segments are numbered 1 to {last}")
        if index in found:
            raise ValueError(f"{option} {index} is given twice")
        found[index] = rest
    return found


def _levels(values: list[str], given: dict[str, Any], kept: dict[int, str]) -> list[float | None]:
    """Noise levels of the segments of the head, of which those that are rewritten must be given."""
    head: list[str | None] = list(given.get("segments", given.get("start", [])))
    count = given["num_segments"]
    levels = _numbered(values, "--strength", len(head) if "segments" in given and count is None else count)
    for index, text in kept.items():
        head += [None] * (index + 1 - len(head))
        head[index] = text
    for index in levels:
        if index > len(head) or head[index - 1] is None:
            raise ValueError(f"--strength {index}: this segment is not given, so there is nothing to rewrite")
    length = len(head) if count is None else count - len(given.get("end", []))
    return [_level(levels[index], index) if index in levels else None for index in range(1, length + 1)]


def _level(text: str, index: int) -> float:
    try:
        level = float(text)
    except ValueError:
        level = -1.0
    if not 0 <= level <= 1:
        raise ValueError(f"--strength {index}={text}: a noise level is a number from 0 to 1")
    return level


def _sentences(texts: list[str] | None, option: str) -> tuple[list[str], list[str]]:
    """What the user gave as sentences, and what lies between them; spaCy is loaded only to cut something."""
    if not texts:
        return [], []
    if not all(text.strip() for text in texts):
        raise ValueError(f"{option} is empty; give some text or leave it out")
    from itertools import pairwise

    from ..encoders import SentenceSegmenter

    segmenter = SentenceSegmenter()
    sentences: list[str] = []
    separators: list[str] = []
    for text in texts:
        segments = segmenter(text)
        separators += [" "] * bool(sentences)
        sentences += [segment.text for segment in segments]
        separators += [text[left.end : right.start] for left, right in pairwise(segments)]
    return sentences, separators
