"""Rules that keep the meaning of an English sentence and move its parts; see `corruptions.keep_meaning`.

Each takes a sentence and a random state and returns another sentence, or None where it does not apply or cannot be sure
of the grammar.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable

from .movement_tables import (
    DATIVE_FOR,
    DATIVE_TO,
    EARLY_TIME,
    GIVEN_IDIOMS,
    LATE_TIME,
    LOOSE_TIME,
    MOVABLE_ADVERBS,
    PARTICLE_VERBS,
    SINGLE_EVENTS,
    STREETS,
    TIMES,
)
from .verbs import GERUND, INFINITIVE, PASTS
from .word_tables import LOWERABLE, MORE_FEMALE, MORE_MALE, NAMES, words

Rule = Callable[[str, random.Random], "str | None"]

ALL_NAMES = {*NAMES, *MORE_MALE, *MORE_FEMALE}
SUBJECTS = r"(?:I|he|she|they|we|it|you)"
_LEADING_TIME = re.compile(rf"^({LATE_TIME}),? ([^\"?!,;:]+)\.$", re.IGNORECASE)
_TRAILING_TIME = re.compile(rf"^([^\"?!,;:]+?) ({LATE_TIME})\.$")
_LEADING_OTHER = re.compile(rf"^({EARLY_TIME}|{LOOSE_TIME}),? ([^\"?!,;:]+)\.$", re.IGNORECASE)
_TRAILING_OTHER = re.compile(rf"^([^\"?!,;:]+?) ({LOOSE_TIME})\.$")
_INFINITIVE = re.compile(r"\bto (?!(?:the|an?|his|her|my|their|our|work|school|him|me|them|us)\b)[a-z]+")
_TWO_DEEDS = re.compile(r" and ([a-z]+)\b")
_SUBORDINATE = re.compile(
    r"\b(?:when|but|because|while|if|so|before|after|until|till|since|that|who|where|as|and|although|though"
    r"|unless|whether)\b"
)
# A leading clause may go behind only if no name stands in it, or a pronoun would come before its name.
_REPORTED = re.compile(
    r"\b(?:realized|noticed|thought|said|told|decided|found|knew|felt|saw|hoped|forgot|remembered)\b"
    r".* (?:he|she|they|I|it|we|was|were|had|is)\b"
)
_LEADING_CLAUSE = re.compile(
    rf"^(When|After|Before|As|While|Because|Once) ({SUBJECTS} [^,;:\"?!A-Z]+), "
    r"((?:he|she|they|we|I|it|the|his|her|my|their|a|an|everyone|one|there) [^,;:\"?!]+)\.$"
)
_EVENT = "|".join(SINGLE_EVENTS)
_LEADING_EVENT = re.compile(
    rf"^(When|After|Before|As|While|Because|Once|Since|If|As soon as) ((?:the|his|her|my|their) (?:{_EVENT})"
    r" [^,;:\"?!A-Z]+), ((?:he|she|they|we|I|his|her|my|their|everyone|[A-Z][a-z]+) [^,;:\"?!]+)\.$"
)
_LEADING_DEED = re.compile(
    r"^(After|Before|While|Without|By|Upon) ([a-z]+ing\b[^,;:\"?!A-Z]*),"
    r" ((?:he|she|they|we|I|[A-Z][a-z]+) [^,;:\"?!]+)\.$"
)
_LEADING_NAMED = re.compile(
    r"^(When|After|Before|While|Because|Once) ((?:he|she|they) [^,;:\"?!A-Z]+), ([A-Z][a-z]+ [^,;:\"?!]+)\.$"
)
_TRAILING_EVENT = re.compile(
    rf"^([^,;:\"?!]+?) (when|after|before|because) ((?:the|his|her|my|their) (?:{_EVENT}) [^,;:\"?!A-Z]+)\.$"
)
_TRAILING_CLAUSE = re.compile(
    rf"^([^,;:\"?!]+?) (when|after|before|while"
    rf"|because) ({SUBJECTS} (?!was$)[^,;:\"?!A-Z]+ [^,;:\"?!A-Z]+)\.$"
)
_LEADING_CLAUSES = (_LEADING_CLAUSE, _LEADING_EVENT, _LEADING_DEED, _LEADING_NAMED)
_CAUSE = re.compile(rf"^([^,;:\"?!]+?),? so ({SUBJECTS} (?!could|would|can|will|won't)[^,;:\"?!]+)\.$")
_CONCESSION = re.compile(rf"^([^,;:\"?!]+?),? but ({SUBJECTS} [^,;:\"?!]+)\.$")
_ALTHOUGH = re.compile(rf"^Although ({SUBJECTS} [^,;:\"?!]+), ({SUBJECTS} [^,;:\"?!]+)\.$")

_NO_END = re.compile(
    r"\b(?:is|was|are|were|be|of|about|for|to|with|at|in|on|hates?|hated|loves?|loved|likes?|liked"
    r"|remembers?|remembered|spends?|spent|miss|missed)$"
)
_ASKING = re.compile(
    r"\b(?:know|knows|knew|ask|asked|wonder|wondered|forget|forgot|remember|remembered|tell|told|see|saw)$"
)
_DENIED = re.compile(r"n't\b|\b(?:not|never|rarely|hardly|no)\b")

_MOVING = PASTS - {"was", "were", "had"}
_ADVERB = "|".join(MOVABLE_ADVERBS)
_LOWER_SUBJECT = rf"(?:{SUBJECTS}|(?:the|his|her|my|their|our) [a-z]+)"
_SUBJECT = rf"(?:{_LOWER_SUBJECT}|[A-Z][a-z]+)"
_LEADING_ADVERB = re.compile(rf"^({_ADVERB}),? ({_SUBJECT}) ([a-z]+)\b([^\"?!;:]*)\.$", re.IGNORECASE)
_INNER_ADVERB = re.compile(rf"^({_SUBJECT}) ({_ADVERB}) ([a-z]+)\b([^\"?!;:]*)\.$", re.IGNORECASE)

_DETERMINER = r"(?:an?|the|some|his|her|my|their|our)"
_NO_NOUN = r"(?!\w+ly\b|anyway|again|too\b|instead|later|today|yesterday|tonight|back|home|once|himself|herself|myself)"
_OBJECT = rf"{_DETERMINER} {_NO_NOUN}(?:[a-z]+ {_NO_NOUN})?[a-z]+"
_PLACE_OR_TIME = "|".join((*STREETS, *TIMES))
_BEHIND = r"(?=[.,!]| (?:and|to|at|from|in|on|for|with|before|after|but|so|when|because)\b)"
_PARTICLE = "|".join(PARTICLE_VERBS)
_PARTICLES = "|".join(sorted({name for names in PARTICLE_VERBS.values() for name in names}))
_VERB_PARTICLE = re.compile(
    rf"\b({_PARTICLE}) ({_PARTICLES}) ({_DETERMINER} (?!(?:{_PLACE_OR_TIME})s?\b)[a-z]+){_BEHIND}"
)
_SPLIT_PARTICLE = re.compile(
    rf"\b({_PARTICLE}) ((?!.{{0,20}}\b(?:{_PLACE_OR_TIME})s?\b){_OBJECT}) ({_PARTICLES}){_BEHIND}"
)

_RELATIVE = "mom|mother|dad|father|friend|sister|brother|wife|husband|son|daughter|boss|parents|kids|children|teacher"
_RECEIVER = rf"(?:(?:his|her|my|their) (?:{_RELATIVE})|me|him|her|us|them|[A-Z][a-z]+)"
_GIVEN = "|".join((*DATIVE_TO, *DATIVE_FOR))
_DOUBLE_OBJECT = re.compile(rf"\b({_GIVEN}) ({_RECEIVER}) ({_OBJECT})(?=[.!]$|, | and\b)")
_PREPOSITIONAL = re.compile(rf"\b({_GIVEN}) ({_OBJECT}) (to|for) ({_RECEIVER})(?=[.!]$|, | and\b)")

_LIKING = "(?:lov|hat|lik)(?:e|es|ed)|(?:prefer|start)(?:s|red|ed)?|begins?|began"
_NOT_AS = "".join(f"(?<!{word} )" for word in words("felt feel feels feeling looked looks look sounded sounds was is"))
_LIKED_INFINITIVE = re.compile(rf"\b({_LIKING}) to ([a-z]+)\b")
_LIKED_GERUND = re.compile(
    rf"{_NOT_AS}\b({_LIKING}) ([a-z]+ing)"
    r"(?=[.,!]| (?:an?|the|his|her|my|their|our|it|them|him|me|this|that|in|on|at|with|for|up|out|about|from|around"
    r"|there|home|to)\b)"
)
_VERB_FOLLOWS = re.compile(r" (?:and|or)\b| to [a-z]+ing\b")


def like(original: str, replacement: str) -> str:
    """Gives `replacement` the case of the first letter of `original`."""
    if original[:1].isupper() and replacement:
        return replacement[0].upper() + replacement[1:]
    return replacement


def lowered(clause: str) -> str | None:
    """A clause as it stands inside a sentence; None where its first word may be no name and yet be capital."""
    first = clause.split()[0]
    if first in LOWERABLE:
        return clause[0].lower() + clause[1:]
    return clause if first == "I" or first in ALL_NAMES else None


def _ends_in_time(clause: str) -> bool:
    """Whether what follows may belong to the last word: an hour before, only when."""
    return clause.split()[-1].removesuffix("s") in (*TIMES, "just", "only", "even", "right")


def _move_time(text: str, rng: random.Random) -> str | None:
    leading = _LEADING_TIME.match(text) or _LEADING_OTHER.match(text)
    if leading:
        time, rest = leading.groups()
        first = rest.split()[0]
        subject = like("A", first) in LOWERABLE or first in ALL_NAMES or first == "I"
        joined = _TWO_DEEDS.search(rest) if time.lower() in ("one day", "one night") else None
        plain = rest.replace(" and ", " ", 1) if joined and joined[1] in PASTS else rest
        if _SUBORDINATE.search(plain) or _REPORTED.search(rest) or _NO_END.search(rest) or not subject:
            return None
        if leading.re is _LEADING_OTHER and _INFINITIVE.search(rest):
            return None
        return f"{like('A', rest)} {time[0].lower() + time[1:]}."
    trailing = _TRAILING_TIME.match(text) or _TRAILING_OTHER.match(text)
    if trailing:
        rest, time = trailing.groups()
        if _SUBORDINATE.search(rest) or _REPORTED.search(rest) or _NO_END.search(rest):
            return None
        if trailing.re is _TRAILING_OTHER and (
            _INFINITIVE.search(rest) or rest.startswith(("It ", "There ")) or _ends_in_time(rest)
        ):
            return None
        if (lowered_rest := lowered(rest)) is not None:
            return f"{like('A', time)}, {lowered_rest}."
    return None


def _move_clause(text: str, rng: random.Random) -> str | None:
    leading = next(filter(None, (pattern.match(text) for pattern in _LEADING_CLAUSES)), None)
    if leading:
        word, clause, main = leading.groups()
        if _REPORTED.search(main) or main.count(" ") < 2:
            return None
        if leading.re is not _LEADING_CLAUSE and (_SUBORDINATE.search(main) or _INFINITIVE.search(main)):
            return None
        if main[0].isupper() and not main.startswith("I ") and main.split()[0] not in ALL_NAMES:
            return None
        return f"{like('A', main)} {word.lower()} {clause}."
    trailing = _TRAILING_CLAUSE.match(text) or _TRAILING_EVENT.match(text)
    if trailing:
        main, word, clause = trailing.groups()
        if _REPORTED.search(main) or main.startswith("It ") or _ASKING.search(main):
            return None
        if _ends_in_time(main) or (word == "because" and _DENIED.search(main)):
            return None
        if trailing.re is _TRAILING_EVENT and (_SUBORDINATE.search(main) or _INFINITIVE.search(main)):
            return None
        if (moved := lowered(main)) is not None:
            return f"{like('A', word)} {clause}, {moved}."
    return None


def _swap_coordinated(text: str, rng: random.Random) -> str | None:
    pairs = re.finditer(r"\b([A-Z][a-z]+) and ([A-Z][a-z]+)\b(?!')", text)
    matches = [match for match in pairs if match[1] in ALL_NAMES and match[2] in ALL_NAMES]
    if not matches:
        return None
    match = rng.choice(matches)
    return f"{text[: match.start()]}{match[2]} and {match[1]}{text[match.end() :]}"


def _cause_first(text: str, rng: random.Random) -> str | None:
    """It rained, so he left. -> Since it rained, he left."""
    match = _CAUSE.match(text)
    if match is None or _SUBORDINATE.search(match[1]) or (cause := lowered(match[1])) is None:
        return None
    if "," not in text or re.match(LATE_TIME, cause) or re.search(r"\b(?:say|said|think|thought|hoped?)$", cause):
        return None
    return f"Since {cause}, {match[2]}."


def _concession_first(text: str, rng: random.Random) -> str | None:
    """He tried, but he failed. -> Although he tried, he failed. And back."""
    if match := _ALTHOUGH.match(text):
        return f"{like('A', match[1])}, but {match[2]}."
    match = _CONCESSION.match(text)
    if match is None or _SUBORDINATE.search(match[1]) or (given := lowered(match[1])) is None:
        return None
    if " " not in given or re.search(r"\bsorry\b|^(?:no|every|any|some) ?(?:one|body)$", given):
        return None
    return f"Although {given}, {match[2]}."


def _move_adverb(text: str, rng: random.Random) -> str | None:
    """Soon, she left. -> She soon left. And back."""
    if match := _LEADING_ADVERB.match(text):
        adverb, subject, verb, rest = match.groups()
        if verb in _MOVING and (re.fullmatch(_LOWER_SUBJECT, subject) or subject in ALL_NAMES):
            return f"{like('A', subject)} {adverb.lower()} {verb}{rest}."
    if match := _INNER_ADVERB.match(text):
        subject, adverb, verb, rest = match.groups()
        if verb in _MOVING and (subject := lowered(subject) or "") and adverb.islower():
            return f"{like('A', adverb)}, {subject} {verb}{rest}."
    return None


def _shift_particle(text: str, rng: random.Random) -> str | None:
    """picked up the bag <-> picked the bag up."""
    for pattern, verb, particle, thing in ((_VERB_PARTICLE, 1, 2, 3), (_SPLIT_PARTICLE, 1, 3, 2)):
        match = pattern.search(text)
        if match and match[particle] in PARTICLE_VERBS[match[verb]]:
            order = (verb, thing, particle) if pattern is _VERB_PARTICLE else (verb, particle, thing)
            moved = " ".join(match[part] for part in order)
            return text[: match.start()] + moved + text[match.end() :]
    return None


def _shift_receiver(text: str, rng: random.Random) -> str | None:
    """gave her a book <-> gave a book to her."""
    match = _DOUBLE_OBJECT.search(text)
    if match and match[3].split()[-1] not in GIVEN_IDIOMS and _may_receive(match[2]):
        word = "to" if match[1] in DATIVE_TO else "for"
        return f"{text[: match.start()]}{match[1]} {match[3]} {word} {match[2]}{text[match.end() :]}"
    match = _PREPOSITIONAL.search(text)
    if match and match[3] == ("to" if match[1] in DATIVE_TO else "for") and _may_receive(match[4]):
        return f"{text[: match.start()]}{match[1]} {match[4]} {match[2]}{text[match.end() :]}"
    return None


def _may_receive(receiver: str) -> bool:
    return receiver[0].islower() or receiver in ALL_NAMES


def _exchange_infinitive(text: str, rng: random.Random) -> str | None:
    """loved to eat <-> loved eating."""
    match = _LIKED_INFINITIVE.search(text)
    if _VERB_FOLLOWS.search(text):
        return None
    if match and match[2] in GERUND and not re.search(r"\bwould(?:n't)?\b|'d\b", text):
        return f"{text[: match.start()]}{match[1]} {GERUND[match[2]]}{text[match.end() :]}"
    match = _LIKED_GERUND.search(text)
    if match and match[2] in INFINITIVE:
        return f"{text[: match.start()]}{match[1]} to {INFINITIVE[match[2]]}{text[match.end() :]}"
    return None


MOVES: list[Rule] = [
    _move_time,
    _move_clause,
    _swap_coordinated,
    _cause_first,
    _concession_first,
    _move_adverb,
    _shift_particle,
    _shift_receiver,
    _exchange_infinitive,
]
