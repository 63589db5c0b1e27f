"""A short way to write down patterns of everyday English and what may stand in their place."""

import re

from .word_tables import words

MACROS = {
    "<det>": "(?:an?|the|his|her|my|their|our|some)",
    "<his>": "(?:his|her|my|their|our)",
    "<him>": "(?:him|her|me|them|us)",
    "<he>": "(?:I|he|she|they|we|it)",
    "<was>": "(?:was|were)",
    # Before a past form that is a participle too, or an infinitive too.
    "<past>": "".join(
        rf"(?<!{word} )"
        for word in words("""
            had have has 'd 've been was were be is are get got being never just already not always
            n't
        """)
    ),
    "<finite>": "".join(
        rf"(?<!{word} )"
        for word in words("""
            to would could not n't can will should and me him her them us 'd 'll must or help let
            you did
        """)
    ),
    # A single subject: a pronoun, or the first word where it is most likely a name.
    "<one>": (
        "(?:I|he|she|^(?!(?:they|we|you|it|there|this|that|these|those|both|all|some|many|most|others?|several|each"
        "|people|kids|parents|students|everything|who|what|which|nothing|then|so|and|but|now|never|always|only)\\b)"
        "[a-z]+)"
    ),
    "<end>": "(?=[.,!]|$)",
    "<stop>": (
        "(?=[.,!]| (?:and|but|because|so|when|after|before|while|until|with|for|at|in|on|from|that|all|every|last"
        "|yesterday|today|early|late)\\b)"
    ),
    "<room>": (
        "(?:room|house|store|building|kitchen|restaurant|bedroom|bathroom|classroom|office|bar|garage|shop|cave"
        "|library|gym|theater|hospital|church|mall|apartment|museum|hotel)"
    ),
    "<place>": (
        "(?:stores?|shop|market|mall|park|beach|kitchen|gym|zoo|bank|library|airport|restaurant|pool|house|lake|museum"
        "|garage|bathroom|bedroom|room|basement|hospital|doctor|dentist|vet|office|movies|theater|cafe|bar|diner|club"
        "|river|fair|carnival|aquarium|bakery|bookstore|fridge|refrigerator|door|window|car|mechanic|dealership|ocean"
        "|farm|woods|mountains|forest|cafeteria|playground|casino|salon|shelter|station|stop|party|concert|game)"
    ),
    "<folk>": (
        "(?:dog|cat|son|daughter|kids?|children|wife|husband|girlfriend|boyfriend|mom|mother|dad|father|puppy|kitten"
        "|baby|family|car|phone|computer|laptop|bike|friends?|sister|brother|bird|niece|nephew)"
    ),
    "<feels>": (
        "(?:tired|excited|nervous|proud|upset|scared|sad|happy|angry|hungry|worried|thrilled|relieved|terrified"
        "|embarrassed|ashamed|guilty|lonely|confident|disappointed|miserable|frustrated|confused|overwhelmed"
        "|devastated|heartbroken|delighted|ecstatic|furious|jealous|anxious|bored|grateful|frightened|exhausted"
        "|crushed|humiliated|refreshed|satisfied|uncomfortable|sleepy|thirsty|dizzy|uneasy|betrayed|insecure)"
    ),
    "<unit>": "(?:days|weeks|months|years|hours|minutes|miles|dollars|people|pounds|times|kids|children|friends|books)",
}


_FORMS = re.compile("[a-z']+(?:/[a-z']+)+")
_CLOSED = re.compile(r"(?<![\\\w])(an\?|the|it|to|on|in|at|her|we)(?=[|)])")  # `the` of a choice is no begin of `them`


def frames(table: str) -> list[tuple[str, str]]:
    """Reads lines `pattern => replacement` into pairs of regular expressions and what replaces them.

    A word in <> is a macro, and both ends of a pattern are ends of words. `go/went` on both sides stands for a line
    with the first form and one with the second. A replacement that ends in `_` ends in a space; a line that ends in a
    backslash goes on in the next.
    """
    lines = filter(None, map(str.strip, re.sub(r"\\\n {8}", "", table).splitlines()))
    return [_frame(form) for line in lines for form in _forms(line)]


def _forms(line: str) -> list[str]:
    count = max((found.count("/") + 1 for found in _FORMS.findall(line)), default=1)
    forms = [line] * count
    for found in _FORMS.findall(line):
        forms = [form.replace(found, word, 1) for form, word in zip(forms, found.split("/"), strict=True)]
    return forms


def _frame(line: str) -> tuple[str, str]:
    pattern, replacement = line.split(" =>")
    pattern = re.sub("<[a-z]+>", lambda macro: MACROS[macro.group()], pattern)
    pattern = _CLOSED.sub(r"\1\\b", pattern)
    return rf"\b{pattern}\b", re.sub("_$", " ", replacement.strip())
