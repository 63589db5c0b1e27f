"""What a rewording must not lose: numbers, names, negation and quoted words, found by rule in English text."""

import re
import unicodedata
from collections import Counter
from dataclasses import dataclass

from ..encoders.corruption_tables import ALTERNATIVES
from ..encoders.word_tables import IRREGULAR_PASTS, LOWERABLE, NAMES, words
from .number_words import count_ones, number_values

_NEGATION = re.compile(
    r"n['’]t\b|\b(?:not|no|never|cannot|nobody|nothing|none|nowhere|neither|nor|without|hardly|barely|unable|refused"
    r"|fail(?:s|ed|ing)? to|(?:do|does|did|ca|wo|is|are|was|were|has|have|had|could|would|should|ai)nt)\b",
    re.IGNORECASE,
)
_ELIDED = r"(?:n|em|til|twas|tis|cause|bout|round|\d\ds?)\b"  # words that begin with an apostrophe
_QUOTED = re.compile(
    r"\"([^\"]+)\"|[“„]([^“”]+)[“”]|«([^»]+)»|‹([^›]+)›"
    rf"|(?<![\w'’])['‘](?!{_ELIDED})(?=\S)((?:[^'’‘\"“”\n]|(?<=\w)['’](?=\w))+)(?<=\S)['’](?!\w)",
    re.IGNORECASE,
)
_UPPER = "".join(letter for letter in map(chr, range(0x2000)) if letter.isupper())
_CAPITALISED = re.compile(rf"(?<!\w)(?<!\w['’])[{_UPPER}]\w*(?:['’][{_UPPER}]\w+)?")
_OPENING = re.compile(r"(?:^|[.!?:;]\s+)[\"“'‘«(]*$|\s[\"“'‘«]$")
_VERBS = "|".join(
    ["was", "is", "were", "had", "has", "would", "could", "did", "will", "can", *IRREGULAR_PASTS.values()]
)
_OBJECT = "the|an?|his|her|its|my|their|our|it|him|them|me|us"
_SUBJECT = re.compile(rf"['’]s\b|\s+(?:and [A-Z]|(?:{_VERBS}|\w+ed)\b|\w+s (?:{_OBJECT})\b)")
_TIMES = {word for word in ALTERNATIVES if word[0].isupper()}
_COMMON_OPENERS = {word.lower() for word in LOWERABLE} | set(
    words("""
    but and so then when after before while as because if once since finally eventually later soon suddenly luckily
    unfortunately however still now today yesterday at in on for with from by to of not what why how who where which
    i i'm i'd i've let's mom dad grandma grandpa people kids everything nothing something anyone no yes oh well
    afterwards also even just only instead sadly nowadays years days weeks one during until though although
    """)
)


@dataclass(frozen=True)
class Facts:
    """What was found in a text; each is counted, so that one of two lost is seen. `ones`: the word "one", which is a
    number or a pronoun."""

    numbers: Counter[str]
    ones: int
    names: Counter[str]
    negations: int
    quotes: Counter[str]


def facts(text: str) -> Facts:
    """Numbers (as digits, "two" is 2), names, how many negations, and what stands in quotation marks.

    A capitalised word is a name inside a sentence; as its first word where it is a known name, or is no common opener
    and a verb follows it. So a plural that opens a sentence ("Dogs barked") counts as a name: rather one warning more.
    """
    text = unicodedata.normalize("NFC", text)
    quotes = Counter(
        next(filter(None, match.groups())).strip().rstrip(",.").lower() for match in _QUOTED.finditer(text)
    )
    return Facts(number_values(text), count_ones(text), _names(text), len(_NEGATION.findall(text)), quotes)


def _names(text: str) -> Counter[str]:
    found: Counter[str] = Counter()
    for match in _CAPITALISED.finditer(text):
        word = match.group()
        if word == "I":
            continue
        if not _OPENING.search(text[: match.start()]) or word in NAMES or word in _TIMES:
            is_name = True
        else:
            is_name = word.lower() not in _COMMON_OPENERS and bool(_SUBJECT.match(text, match.end()))
        found[word] += is_name
    return +found


def guard_warnings(source: str | Facts, candidate: str) -> list[str]:
    """What a rewording has lost or added: "number lost: 20", "name added: Tom", "negation lost", "quote lost: ...".

    Args:
        source: the text that was reworded, or its facts.
        candidate: the rewording.
    """
    before = facts(source) if isinstance(source, str) else source
    after = facts(candidate)
    words = set(re.findall(r"\w+", unicodedata.normalize("NFC", candidate)))
    lost, added = before.numbers - after.numbers, after.numbers - before.numbers
    if before.ones != after.ones:  # a 1 that became "one", or the other way round
        (lost if before.ones < after.ones else added).pop("1", None)
    found = [f"number lost: {value}" for value in lost]
    found += [f"number added: {value}" for value in added]
    found += [f"name lost: {name}" for name in before.names if name not in words and name not in after.names]
    found += [f"name added: {name}" for name in after.names if name not in before.names]
    if before.negations != after.negations:
        found.append("negation lost" if after.negations < before.negations else "negation added")
    found += [f"quote lost: {quote}" for quote in before.quotes - after.quotes]
    return found
