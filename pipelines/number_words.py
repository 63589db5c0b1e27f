"""Numbers in English text, in digits or in words, by their value."""

import re
from collections import Counter
from collections.abc import Iterable

from ..encoders.word_tables import NUMBERS, TENS, words

_DIGITS = {word: value for value, word in enumerate(["one", *NUMBERS[:8]], start=1)}  # one .. nine
_TEENS = words("thirteen fourteen fifteen sixteen seventeen eighteen nineteen")
_CARDINALS = {"zero": 0} | {word: value for value, word in enumerate([*NUMBERS, *_TEENS], start=2)}  # "one" is apart
_TENS = {word: 10 * value for value, word in enumerate(TENS, start=2)}
_ORDINAL_WORDS = words("first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth")
_ORDINALS = {word: value for value, word in enumerate(_ORDINAL_WORDS, start=1)}
_SCALES = {"dozen": 12, "hundred": 100, "thousand": 1000, "million": 1_000_000}
_VALUES = {**_DIGITS, **_CARDINALS, **_TENS, **_ORDINALS, "twice": 2, "once": 1}


def _any(words: Iterable[str]) -> str:
    return f"(?:{'|'.join(words)})"


_NUMERAL = r"\d+(?:[.,:/]\d+)*"
_SMALL = rf"(?:{_any(_TENS)}(?:[-\s]{_any([*_DIGITS, *_ORDINAL_WORDS[:9]])}\b)?|{_any(_CARDINALS)})\b"
_NUMBER = re.compile(
    rf"""
    (?:(?P<count>{_NUMERAL}|\bone\b|\b{_SMALL})[-\s])?\b(?P<scale>{_any(_SCALES)})\b(?:\s(?:and\s)?(?P<rest>{_SMALL}))?
    | (?P<numeral>{_NUMERAL})
    | \b(?P<small>{_SMALL})
    | \b(?:the|his|her|my|your|its|our|their)\s(?:very\s)?(?P<early>first|second)\b   # not "at first", nor "a second"
    | \b(?P<ordinal>{_any(_ORDINAL_WORDS[2:])}|twice)\b
    | [a-z]\s(?P<once>once)(?=\s(?:an?|every|each|per)\s(?:hour|day|night|week|month|year)\b)
    | \b(?P<half>half)\b
    """,
    re.IGNORECASE | re.VERBOSE,
)
_ONE = re.compile(r"\bone\b", re.IGNORECASE)


def number_values(text: str) -> Counter[str]:
    """How often each number stands in a text: "2" for 2, two, second, two times and twice; "25" for twenty-five.

    The word "one" counts inside greater numbers alone ("one hundred"), since it may be a pronoun; see `count_ones`.
    """
    return Counter(_value(match) for match in _NUMBER.finditer(text))


def count_ones(text: str) -> int:
    """How often the word "one" stands in a text."""
    return len(_ONE.findall(text))


def _value(match: re.Match[str]) -> str:
    if match["scale"]:
        count = _small(match["count"]) if match["count"] else "1"
        try:
            return f"{float(count) * _SCALES[match['scale'].lower()] + float(_small(match['rest'] or '0')):.12g}"
        except ValueError:  # such as 1/2 million
            return f"{count} {match['scale'].lower()}"
    if match["half"]:
        return "1/2"
    return _small(next(found for found in match.groups() if found))


def _small(number: str) -> str:
    """The value of a numeral, or of one or two words below a hundred."""
    if number[0].isdigit():
        return number.replace(",", "")
    return str(sum(_VALUES[word] for word in re.split(r"[-\s]+", number.lower())))
