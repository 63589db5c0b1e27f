"""Rewrites of English sentences by rule, as material for contrastive training.

`keep_meaning` gives a positive (other words, same meaning), `change_meaning` a hard negative (nearly the
same words, another meaning). The rules are tables and patterns over everyday English, with no parser behind
them: where a rule cannot be sure of the grammar it leaves the sentence alone, and both functions may then
return None.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterable, Iterator

from .corruption_tables import ALTERNATIVES, ANTONYMS
from .phrase_tables import FRAMES
from .reordering import MOVES, SUBJECTS, Rule, like
from .restructuring import RESTRUCTURINGS
from .rewording_tables import CONTRACTIONS, PHRASES
from .synonym_tables import SYNONYMS
from .verbs import BASE, PAST
from .word_tables import NAMES, NUMBERS, TENS

MAX_LENGTH = 1000  # of a text that is rewritten: some patterns take time by its square

# ------------------------------------------------------------------------------------------------- patterns

_INTENSIFIER = re.compile(
    r"(?<!not )(?<!n't )(?<!how )\b(?:really|very|extremely|incredibly|truly|absolutely|totally"
    r"|completely|definitely) (?=[a-z])"
    r"|(?<=[a-z] )(?:just|actually|literally|simply|even|basically) (?=[a-z])"
)
_NOT_DROPPED = re.compile(
    r"(?:not|n't|never|how|very|only) (?:really|just|even|actually|truly)\b"
    r"|\b(?:was|were|is) (?:just|even|simply|basically)\b"
    r"|\b(?:just|even) (?:as|like|when|if|though|then|before|after|in|about|to|the|an?|one"
    r"|because|more|bigger|better|worse|for|barely)\b"
    r"|\bhad just\b|\bthe very|\bvery (?:much|few|own|first|last|next|well)|\breally,|\bvery little"
)

# ------------------------------------------------------------------------------------------------- plumbing


def mend_articles(text: str) -> str:
    """Sets a/an by the first letter of the next word, which holds for every word of the tables but `hour`."""

    def mend(match: re.Match[str]) -> str:
        article, space, word = match.groups()
        lowered = word.lower()
        vowel = lowered[0] in "aeiou" and not re.match(r"uni|use|usu|one|once|eu|uti|ukulele", lowered)
        vowel = vowel or re.match(r"hour|honest|honor|heir", lowered) is not None
        return like(article, "an" if vowel else "a") + space + word

    return re.sub(r"(?<!\b[aA]n )(?<!\b[aA] )\b(an|a|(?:(?<=^)|(?<=[.!?\"“] ))(?:An|A))( )([a-z]{2,})", mend, text)


def _sub_one(pattern: str | re.Pattern[str], replacement: str, text: str, rng: random.Random) -> str | None:
    """Replaces one randomly chosen match."""
    matches = list(re.finditer(pattern, text))
    if not matches:
        return None
    match = rng.choice(matches)
    return text[: match.start()] + match.expand(replacement) + text[match.end() :]


def _alternation(phrases: Iterable[str]) -> re.Pattern[str]:
    """Matches any of the phrases, the longest first; grouped by their first letters, which takes less time."""
    heads: dict[str, list[str]] = {}
    for phrase in sorted(phrases, key=len, reverse=True):
        heads.setdefault(phrase[:2], []).append(re.escape(phrase[2:]))
    grouped = (f"{re.escape(head)}(?:{'|'.join(tails)})" for head, tails in heads.items())
    return re.compile(r"(?<![\w'-])(?:" + "|".join(grouped) + r")(?![\w-]|['’](?:t\b|(?!\w)))")


def _both_cases(table: dict[str, list[str]]) -> dict[str, list[str]]:
    raised = {like("A", key): [like("A", value) for value in values] for key, values in table.items()}
    raised.pop("Rich", None)  # a name more often than an adjective
    return raised | table


_SYNONYMS = _both_cases(SYNONYMS)
_ANTONYMS = _both_cases(ANTONYMS)
_ALTERNATIVES = _both_cases(ALTERNATIVES)
_SYNONYM_PATTERN = _alternation(_SYNONYMS)
_ANTONYM_PATTERN = _alternation(_ANTONYMS)
_ALTERNATIVE_PATTERN = _alternation(_ALTERNATIVES)


def _swap_from(table: dict[str, list[str]], pattern: re.Pattern[str], text: str, rng: random.Random) -> str | None:
    matches = list(pattern.finditer(text))
    if not matches:
        return None
    match = rng.choice(matches)
    return text[: match.start()] + rng.choice(table[match.group()]) + text[match.end() :]


# -------------------------------------------------------------------------- rules that keep the meaning


def _swap_synonym(text: str, rng: random.Random) -> str | None:
    return _swap_from(_SYNONYMS, _SYNONYM_PATTERN, text, rng)


class _Patterns:
    """Patterns with their replacements, found by a word that a sentence must have for a pattern to match."""

    def __init__(self, rules: list[tuple[str, str]]):
        self.by_word: dict[str, list[tuple[re.Pattern[str], str]]] = {}
        for pattern, replacement in rules:
            compiled = re.compile(pattern, re.IGNORECASE)
            self.by_word.setdefault(_needed_word(pattern), []).append((compiled, replacement))

    def apply_one(self, text: str, rng: random.Random) -> str | None:
        """Applies one of the patterns that match; first letters keep their case."""
        present = ["", *sorted({word for word in _WORD.findall(text.lower()) if word in self.by_word})]
        rules = [rule for word in present for rule in self.by_word.get(word, ())]
        for pattern, replacement in rng.sample(rules, len(rules)):
            matches = list(pattern.finditer(text))
            if matches:
                match = rng.choice(matches)
                return text[: match.start()] + like(match.group(), _expand(match, replacement)) + text[match.end() :]
        return None


_WORD = re.compile(r"[a-z]+")


def _needed_word(pattern: str) -> str:
    """The longest word that stands in every match of the pattern; "" where none is sure to."""
    bare = re.sub(r"\\.|\[[^]]*\]", lambda m: " " if m.group() == r"\b" else "#", pattern)
    while "(" in bare:  # what is behind a place stands beside its word, any other group may be a part of it
        bare = re.sub(r"\([^()]*\)", lambda m: " " if m.group().startswith("(?<") else "#", bare)
    words = [] if "|" in bare else re.findall(r"(?<![^ ^])[a-z]+(?![^ $])", bare)
    return max(words, key=len, default="")


def _expand(match: re.Match[str], replacement: str) -> str:
    if replacement == "{digits}":
        return f"{NUMBERS.index(match.group(1).lower()) + 2} "
    if replacement == "{words}":
        return NUMBERS[int(match.group(1)) - 2] + " "
    return match.expand(replacement)


_PHRASES = _Patterns(PHRASES + FRAMES)
_CONTRACTIONS = _Patterns(CONTRACTIONS)


def _swap_phrase(text: str, rng: random.Random) -> str | None:
    return _PHRASES.apply_one(text, rng)


def _swap_contraction(text: str, rng: random.Random) -> str | None:
    return _CONTRACTIONS.apply_one(text, rng)


def _drop_intensifier(text: str, rng: random.Random) -> str | None:
    if _NOT_DROPPED.search(text):
        return None
    return _sub_one(_INTENSIFIER, "", text, rng)


_KEEP_RULES: list[Rule] = [
    _swap_synonym,
    _swap_phrase,
    _swap_contraction,
    _drop_intensifier,
    *MOVES,
    *RESTRUCTURINGS,
]


_DRAWS: dict[Rule, int] = {_swap_synonym: 6, _swap_phrase: 6, _swap_contraction: 2, _drop_intensifier: 2}


def keep_meaning(text: str, rng: random.Random) -> str | None:
    """Rewrites `text` by one to three rules that keep its meaning.

    Returns None where no rule applies, or the text is longer than MAX_LENGTH characters. The same `rng` state gives the
    same rewrite.
    """
    if len(text) > MAX_LENGTH:
        return None
    wanted = rng.choice((1, 1, 2, 3))
    calm, end = _calmed(text)
    applied, result = 0, calm
    for rule in rng.sample(_KEEP_RULES, len(_KEEP_RULES)):
        changed = rule(result, rng)
        if changed is not None and changed != result:
            result, applied = changed, applied + 1
        if applied == wanted:
            break
    result = _finished(result, end)
    return result if applied and result != text else None


def rewordings(text: str, rng: random.Random) -> list[str]:
    """Rewrites of `text` by one rule each that keep its meaning, all different; of rules with a choice, a few each."""
    calm, end = _calmed(text)
    found = []
    for rule in _KEEP_RULES if len(text) <= MAX_LENGTH else ():
        for _ in range(_DRAWS.get(rule, 1)):
            if (changed := rule(calm, rng)) is None:
                break
            found.append(_finished(changed, end))
    return [one for one in dict.fromkeys(found) if one != text]


def _calmed(text: str) -> tuple[str, str]:
    """A text with a full stop for its exclamation mark, since many rules look for one, and the mark it had."""
    return (f"{text[:-1]}.", "!") if re.search(r"\w!$", text) else (text, "")


def _finished(text: str, end: str) -> str:
    return mend_articles(re.sub(r"\.$", end, text) if end else text)


# ------------------------------------------------------------------------ rules that change the meaning

_INSERT_NOT = re.compile(
    r"(?<=[a-z\"] )(was|were|is|are|could|would|should|will|must|can) "
    r"(?!not\b|never\b|also\b|still\b|already\b|always\b|just\b|only\b|soon\b|often\b|finally\b"
    r"|so\b|too\b|nothing\b|no\b|barely\b"
    r"|I\b|he\b|she\b|it\b|they\b|we\b|you\b|there\b|supposed\b|once\b|now\b|even\b|eventually\b|recently\b"
    r"|later\b)(?=[a-z])"
)
_DROP_NOT = re.compile(
    r"\b(was|were|is|are|could|would|should|must|had|have|has|can|will)(?:n't| not|not) (?!only\b)(?=[a-z])",
    re.I,
)
_DID_NOT = re.compile(r"\bdid(?:n't| not) (really |even |ever )?([a-z]+)\b")
_DOES_NOT = re.compile(r"\bdoes(?:n't| not) (?:really |even |ever )?([a-z]+)\b")
_DO_NOT = re.compile(rf"\b({SUBJECTS}) do(?:n't| not) (?=[a-z]+)", re.I)
_ANY_NAME = "|".join(NAMES)
_PAST_VERB = re.compile(
    rf"((?:\b(?i:{SUBJECTS})|^(?:The|His|Her|My|Their|Our) [a-z]+|\b(?:{_ANY_NAME})) )([a-z]+)\b(?! by\b)"
)
_POLARITY = [
    (r"\banything\b", "something"),
    (r"\banyone\b", "someone"),
    (r"\banybody\b", "somebody"),
    (r"\bany\b", "some"),
    (r" (?:anymore|at all|yet|either)\b", ""),
    (r"\banywhere\b", "somewhere"),
]


def _positive_words(text: str) -> str:
    for pattern, replacement in _POLARITY:
        text = re.sub(pattern, replacement, text)
    return text


def _third_person(verb: str) -> str:
    if verb == "have":
        return "has"
    if verb.endswith(("s", "sh", "ch", "x", "o")):
        return verb + "es"
    return verb[:-1] + "ies" if verb.endswith("y") and verb[-2:-1] not in "aeiou" else verb + "s"


def _drop_negation(text: str, rng: random.Random) -> str | None:
    match = _DID_NOT.search(text)
    if match and match[2] in PAST and not text.endswith("?"):
        return text[: match.start()] + PAST[match[2]] + _positive_words(text[match.end() :])
    match = _DO_NOT.search(text)
    if match and match[1].lower() not in ("he", "she", "it") and not text.endswith("?"):
        return text[: match.start()] + match[1] + " " + _positive_words(text[match.end() :])
    match = _DOES_NOT.search(text)
    if match and not text.endswith("?"):
        return text[: match.start()] + _third_person(match[1]) + _positive_words(text[match.end() :])
    match = _DROP_NOT.search(text)
    if match:
        return text[: match.start()] + match[1] + " " + _positive_words(text[match.end() :])
    if re.search(r"\bwon't ", text):
        return re.sub(r"\bwon't ", "will ", _positive_words(text), count=1)
    if re.search(r"\b(?:can't|cannot) ", text):
        return re.sub(r"\b(?:can't|cannot) ", "can ", _positive_words(text), count=1)
    return None


def _insert_negation(text: str, rng: random.Random) -> str | None:
    if re.search(r"n't\b|\bnot\b|\bnever\b|\?$", text):
        return None
    edits = [text[: m.start()] + f"{m[1]} not " + text[m.end() :] for m in _INSERT_NOT.finditer(text)]
    edits += [
        text[: m.start(2)] + f"didn't {BASE[m[2]]}" + text[m.end(2) :]
        for m in _PAST_VERB.finditer(text)
        if m[2] in BASE and _may_negate(m[2], text[m.end() :], text[: m.start()])
    ]
    return rng.choice(edits) if edits else None


def _may_negate(verb: str, rest: str, before: str) -> bool:
    if verb == "had":  # the auxiliary has no base form
        return re.match(r" (?:an?|the|to|some|many|lots|his|her|my|their|two|three|several)\b", rest) is not None
    if verb == "did":
        return re.match(r" (?:it|so|his|her|my|their|the|well)\b", rest) is not None
    return not before.endswith(("had ", "have ", "has ", "having "))


_CAPITALISED = re.compile(r"\b[A-Z][a-z]+\b(?!'t)")  # "Don't" holds no Don


def _swap_name(text: str, rng: random.Random) -> str | None:
    present = [word for word in dict.fromkeys(_CAPITALISED.findall(text)) if word in NAMES]
    if not present:
        return None
    name = rng.choice(present)
    other = rng.choice([other for other in NAMES[name] if other not in present])
    return re.sub(rf"\b{name}\b(?!'t)", other, text)


def _swap_roles(text: str, rng: random.Random) -> str | None:
    present = [word for word in dict.fromkeys(_CAPITALISED.findall(text)) if word in NAMES]
    if len(present) != 2 or re.search(rf"{present[0]} (?:and|or) {present[1]}", text):
        return None
    first, second = present
    return re.sub(rf"\b(?:{first}|{second})\b", lambda m: second if m.group() == first else first, text)


def _change_number(text: str, rng: random.Random) -> str | None:
    words = [*NUMBERS, *TENS, "hundred", "thousand", "million"]
    matches = list(re.finditer(rf"(?<![\w.,:/-])(?:\d{{1,4}}|(?i:{'|'.join(words)}))(?![\w:/-]|[.,]\d)", text))
    if not matches:
        return None
    match = rng.choice(matches)
    other = _other_number(match.group().lower(), rng)
    return text[: match.start()] + like(match.group(), other) + text[match.end() :]


def _other_number(number: str, rng: random.Random) -> str:
    for words in (NUMBERS, TENS, ["hundred", "thousand", "million"]):
        if number in words:
            return rng.choice([word for word in words if word != number])
    value = int(number)
    spread = max(2, value // 2) if value < 1900 or value > 2100 else 12
    low = max(2, value - spread)
    return str(rng.choice([other for other in range(low, value + spread + 1) if other != value]))


def _swap_antonym(text: str, rng: random.Random) -> str | None:
    return _swap_from(_ANTONYMS, _ANTONYM_PATTERN, text, rng)


def _swap_alternative(text: str, rng: random.Random) -> str | None:
    return _swap_from(_ALTERNATIVES, _ALTERNATIVE_PATTERN, text, rng)


_HER_IS_OBJECT = re.compile(
    r"\s*(?:$|[.,;:!?\"]|(?:to|and|at|in|on|for|with|that|an?|the|if|up|off|out|what|how|so|by"
    r"|from|because|when|but|or|about"
    r"|as|very|into|not|his|he|she|over|down|away|back|while|after|before|again|some|who|where"
    r"|why|it|they|more|every|all"
    r"|of|through|was|were|is|until|too|home|there|go|get|feel|know|one)\b)"
)
_GENDERED = {"he": "she", "she": "he", "his": "her", "him": "her", "himself": "herself", "herself": "himself"}


def _swap_gender(text: str, rng: random.Random) -> str | None:
    def swap(match: re.Match[str]) -> str:
        word = match.group()
        lowered = word.lower()
        if lowered == "her":
            return like(word, "him" if _HER_IS_OBJECT.match(text, match.end()) else "his")
        if lowered == "his" and re.match(r"[.,!?]|$", text[match.end() :]):
            return like(word, "hers")
        return like(word, _GENDERED[lowered])

    result, count = re.subn(r"\b(?:he|she|his|him|her|himself|herself)\b", swap, text, flags=re.IGNORECASE)
    return result if count else None


# Numbers, names and negations stand in few sentences: where one does, it is what changes most often.
_CHANGE_RULES: dict[Rule, int] = {
    _drop_negation: 6,
    _insert_negation: 2,
    _swap_name: 4,
    _swap_roles: 1,
    _change_number: 8,
    _swap_antonym: 1,
    _swap_alternative: 1,
    _swap_gender: 1,
}


def change_meaning(text: str, rng: random.Random) -> str | None:
    """Changes few words of `text` so that it says something else: a hard negative.

    Returns None where no rule applies. The same `rng` state gives the same result.
    """
    order = sorted(_CHANGE_RULES, key=lambda rule: -(rng.random() ** (1 / _CHANGE_RULES[rule])))
    return next(_changes(text, order, rng), None)


def changes_of_meaning(text: str, rng: random.Random) -> list[str]:
    """Hard negatives of `text`, all different: of each rule of `change_meaning` at most as many as it weighs."""
    rules = [rule for rule, weight in _CHANGE_RULES.items() for _ in range(weight)]
    return list(dict.fromkeys(_changes(text, rules, rng)))


def _changes(text: str, rules: Iterable[Rule], rng: random.Random) -> Iterator[str]:
    for rule in rules if len(text) <= MAX_LENGTH else ():
        changed = rule(text, rng)
        if changed is not None and (changed := mend_articles(changed)) != text:
            yield changed
