"""Rules that keep the meaning of an English sentence and build a part of it anew; see `corruptions.keep_meaning`.

As in `reordering`, each takes a sentence and a random state and returns another sentence, or None.
"""

from __future__ import annotations

import random
import re

from .movement_tables import (
    ACTIVITIES,
    ANYONE,
    BASE_TOO,
    FREE_NOUNS,
    HOLDS_CLAUSE,
    LATE_TIME,
    MANNERS,
    PERSONS,
    STATES,
)
from .reordering import ALL_NAMES, SUBJECTS, Rule, like, lowered
from .verbs import BASE, GERUND, INFINITIVE, PASTS
from .word_tables import FEMALE, MALE, MORE_FEMALE, MORE_MALE

_PRONOUN = dict.fromkeys((*MALE, *MORE_MALE), "he") | dict.fromkeys((*FEMALE, *MORE_FEMALE), "she")
_OBJECT_OF = {"I": "me", "He": "him", "She": "her", "They": "them", "We": "us"}
_SUBJECT_OF = {"him": "he", "her": "she", "me": "I", "us": "we", "them": "they"}
_OWNER = {"his": "he", "her": "she", "my": "I", "their": "they"}
_NOUN_SUBJECT = "(?:The|His|Her|My|Their) [a-z]+"
_NUMBER = r"an?|one|two|three|four|five|six|ten|several|many|a few|\d+"
_UNIT = "(?:hours?|minutes?|days?|weeks?|months?|years?)"
_OTHER_CLAUSE = re.compile(
    r"\b(?:I|he|she|they|we|you|who|that|which|what|when|while|as|if|because|how|where|had|so|and|but|let|made|saw"
    r"|heard|watched|got|have|has|someone|everyone|be|being|been|would|could|will|can|named|called)\b"
)

# ------------------------------------------------------------------------------------------------ two deeds of one

_TWO_DEEDS = re.compile(
    rf"^(I|He|She|We|They|{_NOUN_SUBJECT}|[A-Z][a-z]+) ([a-z]+)\b([^\"?!;:,]*?),? and"
    r" ((?:then |finally |never |quickly |immediately )?)([a-z]+)((?: [^\"?!;:]+)?)\.$"
)
_ALSO_MEANT = {
    "he": ["him"],
    "she": [r"her(?= (?:up|out|to|in|on|for|with|at|back|over|home|down|from)\b|$)"],
    "they": ["them", "[a-z]+s"],
    "it": ["it", "him", "her"],
    "we": [],
    "I": [],
}
_RIVALS = {
    pronoun: re.compile(
        rf"\b(?:{'|'.join([*ANYONE, *others, *(noun for noun, stands in PERSONS.items() if stands == pronoun)])})s?\b"
    )
    for pronoun, others in _ALSO_MEANT.items()
}


def _repeat_subject(text: str, rng: random.Random) -> str | None:
    """He slept well and went home. -> He slept well, and he went home."""
    match = _TWO_DEEDS.match(text)
    if match is None:
        return None
    subject, verb, middle, adverb, second, rest = match.groups()
    pronoun = subject if subject == "I" else subject.lower()
    if subject not in _OBJECT_OF:
        pronoun = PERSONS.get(subject.split()[-1], "") if " " in subject else _PRONOUN.get(subject, "")
    if not pronoun or verb not in PASTS or second not in PASTS or second in BASE_TOO or verb in HOLDS_CLAUSE:
        return None
    if middle.count(" ") < 1 or (middle + rest).count(" ") < 3 or _OTHER_CLAUSE.search(middle):
        return None
    if re.search(r"[A-Z]", middle) or (pronoun not in ("I", "we") and _RIVALS[pronoun].search(middle)):
        return None  # the pronoun may be taken for another person
    return f"{subject} {verb}{middle}, and {pronoun} {adverb}{second}{rest}."


# ------------------------------------------------------------------------------------------------ adverbs

_ALSO = re.compile(rf"^({SUBJECTS}|[A-Z][a-z]+|{_NOUN_SUBJECT}) also ([a-z]+) ([^\"?!;:,]+)\.$")
_INSTEAD = re.compile(r"^([^\"?!;:,]+),? instead\.$")
_JOINED = re.compile(r"\b(?:and|but|so|to|that|when|if|because)\b|^It\b")
_MANNER = re.compile(
    rf"^({SUBJECTS}|[A-Z][a-z]+|{_NOUN_SUBJECT}) ({'|'.join(MANNERS)}) ([a-z]+)((?: [a-z]+){{1,5}})\.$"
)
_ACCIDENT = re.compile(r"\b(accidentally) ([a-z]+)((?: (?!and\b|but\b|so\b|when\b|while\b|that\b|as\b)[a-z]+){1,6})\.$")
_AUXILIARY = {"is", "are", "am", "was", "were"}
_NOW_FIRST = re.compile(r"^Now,? (I|he|she|they|we|it|[A-Z][a-z]+) ([a-z]+) ([^\"?!;:]+)\.$")
_NOW_INSIDE = re.compile(r"^([A-Z][a-z]*) (?:(is|are|am|was|were|has|have|had) now|now ([a-z]+)) ([^\"?!;:]+)\.$")
_NEVER_BEFORE = re.compile(r"\b((?:had|has|have|'d|'s|'ve) never [^,;:]+) before\.$")
_NO_LONGER = re.compile(
    r"\b(could|would|can|will|was|were|is|are)? ?no longer ([a-z]+)"
    r"((?: (?!and\b|but\b|so\b|because\b|when\b|that\b|who\b)[a-z']+){0,6})\.$"
)


def _also_to_end(text: str, rng: random.Random) -> str | None:
    """He also bought a hat. -> He bought a hat as well."""
    match = _ALSO.match(text)
    if match is None or match[2] not in PASTS or _OTHER_CLAUSE.search(match[3]):
        return None
    return f"{match[1]} {match[2]} {match[3]} as well."


def _instead_first(text: str, rng: random.Random) -> str | None:
    match = _INSTEAD.match(text)
    if match is None or _JOINED.search(match[1]) or (rest := lowered(match[1])) is None:
        return None
    return f"Instead, {rest}."


def _manner_to_end(text: str, rng: random.Random) -> str | None:
    """She carefully opened the box. -> She opened the box carefully."""
    match = _MANNER.match(text)
    if match is None or match[3] not in PASTS or _OTHER_CLAUSE.search(match[4]) or re.search(LATE_TIME, match[4]):
        return None
    return f"{match[1]} {match[3]}{match[4]} {match[2]}."


def _accident_to_end(text: str, rng: random.Random) -> str | None:
    match = _ACCIDENT.search(text)
    if match is None or match[2] not in PASTS:
        return None
    return f"{text[: match.start()]}{match[2]}{match[3]} by accident."


def _move_now(text: str, rng: random.Random) -> str | None:
    """Now he is old. -> He is now old. And back."""
    if match := _NOW_FIRST.match(text):
        subject, verb, rest = match.groups()
        if subject[0].isupper() and subject != "I" and subject not in ALL_NAMES:
            return None
        if verb in _AUXILIARY:
            denied = re.search(r"\b(?:not|never|no)\b", rest)
            return None if denied else f"{like('A', subject)} {verb} now {rest}."
        return f"{like('A', subject)} now {verb} {rest}." if verb in PASTS or verb in ("has", "have") else None
    match = _NOW_INSIDE.match(text)
    if match is None or (subject := lowered(match[1]) or "") == "" or match[3] == "that":
        return None
    return f"Now {subject} {match[2] or match[3]} {match[4]}."


def _never(text: str, rng: random.Random) -> str | None:
    """He had never flown before. -> He had never flown."""
    match = _NEVER_BEFORE.search(text)
    return f"{text[: match.start()]}{match[1]}." if match else None


def _not_anymore(text: str, rng: random.Random) -> str | None:
    """She could no longer see. -> She could not see anymore."""
    match = _NO_LONGER.search(text)
    if match is None:
        return None
    auxiliary, verb, rest = match.groups()
    before = text[: match.start()]
    if auxiliary:
        return f"{before}{auxiliary} not {verb}{rest} anymore."
    return f"{before} did not {BASE[verb]}{rest} anymore." if verb in BASE and before and before[-1] != " " else None


def _drop_and(text: str, rng: random.Random) -> str | None:
    """And he left. -> He left."""
    match = re.match(r"And,? ((?:he|she|they|we|I|the|his|her|my|their) )(?=[a-z])", text)
    return like("A", match[1]) + text[match.end() :] if match else None


# ------------------------------------------------------------------------------------------------ times and clauses

_LATER = re.compile(rf"^({_NUMBER}) ({_UNIT}) later,? (?=\w)", re.IGNORECASE)
_AFTER = re.compile(rf"^After ({_NUMBER}) ({_UNIT}), (?=\w)")
_DURATION = re.compile(
    rf"^([^\"?!;:,]*\b(?:{'|'.join(ACTIVITIES)})\b[^\"?!;:,]*)"
    rf" (for (?:about |almost |over )?(?:{_NUMBER}) {_UNIT})\.$"
)
_ORDER_MATTERS = re.compile(
    r"\b(?:and|but|so|to [a-z]+|that|who|when|if|because|before|after|until|not|never|n't|had|already)\b"
)
_NO_COMMA = re.compile(
    r"^((?:When|After|Before|As|While|Once|Because|If|Since) (?:I|he|she|they|we|it) [^,;:\"?!A-Z]*?[a-z]+)"
    r" ((?:I|he|she|they|we) ([a-z]+) ([^,;:\"?!]+))\.$"
)
_UNSURE_END = re.compile(
    r"\b(?:that|what|who|how|where|when|thought|knew|saw|said|realized|heard|noticed|told|the|felt|found|out|day|time"
    r"|like|and|but|so|because|as|if|than|everything|everyone|all|way)$"
)


def _after_later(text: str, rng: random.Random) -> str | None:
    """Two days later he left. -> After two days, he left. And back."""
    if match := _LATER.match(text):
        return f"After {match[1].lower()} {match[2]}, {text[match.end() :]}"
    if match := _AFTER.match(text):
        return f"{like('A', match[1])} {match[2]} later, {text[match.end() :]}"
    return None


def _duration_first(text: str, rng: random.Random) -> str | None:
    """He worked there for two years. -> For two years, he worked there."""
    match = _DURATION.match(text)
    if match is None or _ORDER_MATTERS.search(match[1]) or (rest := lowered(match[1])) is None:
        return None
    return f"{like('A', match[2])}, {rest}."


def _leading_clause_last(text: str, rng: random.Random) -> str | None:
    """When she was done she went home. -> She went home when she was done."""
    match = _NO_COMMA.match(text)
    if match is None or match[3] not in PASTS or match[3] == "had":
        return None
    clause, main, _, rest = match.groups()
    if len(re.findall(r"\b(?:I|he|she|they|we|you)\b", text)) != 2 or clause.count(" ") < 2:
        return None
    if _UNSURE_END.search(clause):
        return None
    if _OTHER_CLAUSE.search(rest) or re.search(r"\b(?:was|were|is|to)\b", rest):
        return None
    return f"{like('A', main)} {clause[0].lower()}{clause[1:]}."


# ------------------------------------------------------------------------------------------------ verbs

_TO_GERUND = re.compile(r"\b(continue[ds]?|managed|(?:was|were) determined) to ([a-z]+)\b(?! to [a-z]+ing)")
_CONTINUED = re.compile(r"\b(continue[ds]?) ([a-z]+ing)\b")
_ASKED = re.compile(r"\basked (him|her|me|us|them|(?:his|her|my|their) ([a-z]+)) to ([a-z]+)\b")
_TOO_TO = re.compile(r"^(I|He|She|They|We|[A-Z][a-z]+) (was|were) too ([a-z]+) to ([a-z]+)\b([^\"?!;:,]*)\.$")
_THERE = re.compile(
    r"^There (was|were) ((?:an?|some|many|several|two|three|four|lots of|a lot of) [a-z]+(?: [a-z]+)?) ([a-z]+ing)"
    r" ((?:in|on|at|to|around|down|across|the|an?|his|her|my|their|outside|by|from|with|for|near|under) [^\"?!;:,]+)\.$"
)
_BY = re.compile(
    r"^((?:I|He|She|They|We)|[A-Z][a-z]+) (?:was|were|got) (hit|stung|chased|attacked|rescued|bitten|robbed|bullied"
    r"|teased|scolded|stopped|greeted|followed|startled|scared|surprised|hired) by (an?|the|some)"
    r" ([a-z]+(?: (?!who|that|while|when|and|in|at|on|yesterday|today|again)[a-z]+)?)\.$"
)


def _infinitive_to_gerund(text: str, rng: random.Random) -> str | None:
    """He managed to win. -> He succeeded in winning."""
    match = _TO_GERUND.search(text)
    if match and match[2] in GERUND and not re.match(r".* (?:and|or)\b", text[match.end() :]):
        verb = match[1].replace("managed", "succeeded in").replace("determined", "intent on")
        return f"{text[: match.start()]}{verb} {GERUND[match[2]]}{text[match.end() :]}"
    match = _CONTINUED.search(text)
    if match and match[2] in INFINITIVE and not re.match(r".* (?:and|or)\b", text[match.end() :]):
        return f"{text[: match.start()]}{match[1]} to {INFINITIVE[match[2]]}{text[match.end() :]}"
    return None


def _asked_whether(text: str, rng: random.Random) -> str | None:
    """He asked her to stay. -> He asked her if she would stay."""
    match = _ASKED.search(text)
    if match is None or match[3] not in GERUND or match[3] in ("go", "be"):
        return None
    subject = PERSONS.get(match[2], "") if match[2] else _SUBJECT_OF[match[1]]
    if subject in ("", "it"):
        return None
    return f"{text[: match.start()]}asked {match[1]} if {subject} would {match[3]}{text[match.end() :]}"


def _so_that_not(text: str, rng: random.Random) -> str | None:
    """He was too tired to go. -> He was so tired that he couldn't go."""
    match = _TOO_TO.match(text)
    if match is None or match[4] not in GERUND or match[3] in ("much", "many", "late", "early"):
        return None
    pronoun = _PRONOUN.get(match[1]) or (match[1] if match[1] == "I" else match[1].lower())
    if pronoun not in ("he", "she", "I", "they", "we"):
        return None
    return f"{match[1]} {match[2]} so {match[3]} that {pronoun} couldn't {match[4]}{match[5]}."


def _there_was(text: str, rng: random.Random) -> str | None:
    """There was a man standing at the door. -> A man was standing at the door."""
    match = _THERE.match(text)
    if match is None or match[3] not in INFINITIVE or _OTHER_CLAUSE.search(match[4]):
        return None
    return f"{like('A', match[2])} {match[1]} {match[3]} {match[4]}."


def _by_active(text: str, rng: random.Random) -> str | None:
    """He was stung by a bee. -> A bee stung him."""
    match = _BY.match(text)
    if match is None or not (match[1] in _OBJECT_OF or match[1] in ALL_NAMES):
        return None
    verb = "bit" if match[2] == "bitten" else match[2]
    return f"{like('A', match[3])} {match[4]} {verb} {_OBJECT_OF.get(match[1], match[1])}."


# ------------------------------------------------------------------------------------------------ nouns

_FAVORITE = re.compile(r"\b(his|her|my|their) favorite ([a-z]+)\.$")
_FAVORITE_WAS = re.compile(r"^(His|Her|My|Their|[A-Z][a-z]+'s) favorite ([a-z]+) (was|were) (?=[a-z])")
_NOT_LIKED = {"of", "part", "color", "time", "thing"}
_PRESENT = re.compile(r"\b(?:is|are|am|has|have|does|do|will|can|goes|likes|loves|wants|\w+'s)\b")
_FOR_ONESELF = re.compile(
    r"\b(made|bought|got|cooked|poured|fixed|ordered|baked|make|buy|get|cook|pour) (himself|herself|myself|themselves)"
    r" ((?:an?|some) [a-z]+(?: (?!to\b|in\b|for\b|ready\b)[a-z]+)?)(?=[.,!]| and\b| for\b| to\b)"
)
_STATE = "|".join(STATES)
_STATES = re.compile(
    rf"\b(?:was|were|felt|is|are|so|very|got|looked) ({_STATE}) and ({_STATE})(?=[.,!]| (?:when|after|because)\b|$)"
)
_NOUN = "|".join(FREE_NOUNS)
_NOUNS = re.compile(
    r"\b(?:some|with|of|the|her|his|my|their|eats?|ate|buy|bought|had|get|got|made?|make|loved?|loves|sold|into"
    rf"|like[ds]?) ({_NOUN}) and ({_NOUN})(?=[.!]|,? (?:for|because|so|but)\b|$)"
)
_FIXED_PAIRS = [
    {"bread", "butter"}, {"fish", "chips"}, {"cats", "dogs"}, {"chicken", "waffles"}, {"sick", "tired"},
]  # fmt: skip


def _liked_best(text: str, rng: random.Random) -> str | None:
    """They ate at his favorite cafe. -> They ate at the cafe he liked best."""
    match = _FAVORITE.search(text)
    if match is None or _PRESENT.search(text) or match[2] in _NOT_LIKED or match.start() == 0:
        return None
    return f"{text[: match.start()]}the {match[2]} {_OWNER[match[1]]} liked best."


def _favorite_was(text: str, rng: random.Random) -> str | None:
    """Her favorite food was rice. -> The food she liked best was rice."""
    match = _FAVORITE_WAS.match(text)
    if match is None or match[2] in _NOT_LIKED:
        return None
    who = _OWNER.get(match[1].lower()) or match[1].removesuffix("'s")
    return f"The {match[2]} {who} liked best {match[3]} {text[match.end() :]}"


def _for_oneself(text: str, rng: random.Random) -> str | None:
    """He made himself a snack. -> He made a snack for himself."""
    match = _FOR_ONESELF.search(text)
    if match is None:
        return None
    return f"{text[: match.start()]}{match[1]} {match[3]} for {match[2]}{text[match.end() :]}"


def _swap_pair(text: str, rng: random.Random) -> str | None:
    """bread and milk -> milk and bread; tired and hungry -> hungry and tired."""
    for pattern in (_STATES, _NOUNS):
        match = pattern.search(text)
        if match and match[1] not in ("nice", match[2]) and {match[1], match[2]} not in _FIXED_PAIRS:
            return f"{text[: match.start(1)]}{match[2]} and {match[1]}{text[match.end() :]}"
    return None


RESTRUCTURINGS: list[Rule] = [
    _repeat_subject,
    _also_to_end,
    _instead_first,
    _manner_to_end,
    _accident_to_end,
    _move_now,
    _never,
    _not_anymore,
    _drop_and,
    _after_later,
    _duration_first,
    _leading_clause_last,
    _infinitive_to_gerund,
    _asked_whether,
    _so_that_not,
    _there_was,
    _by_active,
    _liked_best,
    _favorite_was,
    _for_oneself,
    _swap_pair,
]
