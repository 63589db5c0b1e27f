"""Where sentences begin: rules for quotes, abbreviations, ellipses and the like."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Container, Iterable
from typing import TYPE_CHECKING, Any

import numpy

from .segment import strip

if TYPE_CHECKING:
    from spacy.tokens import Doc


def _word_set(table: str) -> frozenset[str]:
    return frozenset(table.split())


_TITLES = _word_set("""
    Mr Mrs Ms Dr Prof Rev Gen Sen Rep Gov Capt Col Sgt Lt Cmdr Maj Adm Hon Pres Messrs Mme Mlle Supt Cpl
    Pvt
""")
_NEVER_LAST = _word_set("vs v.s e.g i.e cf viz approx ca incl resp")
_NUMBERED = _word_set("""
    no nos nr fig figs p pp vol vols eq eqs sec secs ch chap chaps art arts ex op tab ref refs v vv par
    pt pts app
""")
_SELDOM_LAST = _word_set("""
    al inc co corp ltd jr sr bros dept univ assn plc st mt ft ave blvd rd hwy esq est Jan Feb Mar Apr
    Jun Jul Aug Sep Sept Oct Nov Dec Mon Tue Tues Wed Thu Thur Thurs Fri
""")
_CALENDAR = _word_set("""
    Monday Tuesday Wednesday Thursday Friday Saturday Sunday January February March April May June July
    August September October November December Eastern Central Mountain Pacific EST EDT CST CDT MST MDT
    PST PDT GMT UTC ET PT CT
""")
# Capitalised words that hardly ever go on a sentence: the full stop of an abbreviation before them ends one.
_OPENERS = _word_set("""
    The A An He She It I They We You This That These Those There But And So Or In On At When After
    Before As If His Her Their My Our Its Your What Why How Who Where Which However Then Now Once Some
    Many Most All Yes For From With While Since Because Although Though Also Another Both Each Every
    Here Just Later Meanwhile Today Yesterday Finally Despite During To Do Did Does Is Was Were Are Can
    Could Will Would Please Let Not I'm I've I'll I'd It's He's She's They're We're You're That's
    There's Don't Didn't
""")
_SPEECH = (
    r"(?:said|says|asked|asks|replied|cried|shouted|yelled|whispered|answered|exclaimed|called|muttered|added"
    r"|screamed|told|thought|wondered|murmured|laughed|sighed|begged|demanded|continued|responded|growled)\b"
)
_SPEECH_TAG = re.compile(rf"(?:[A-Z][\w'’.-]* ){{1,3}}{_SPEECH}(?! that\b)|(?:The|His|Her|My|Their|Our) \w+ {_SPEECH}")

_CARELESS_OPENER = re.compile(r"(?:i|i'm|you|he|she|it|we|they|this|there|the|what|how|why|where|just|so|but)\b")
_EMOTICON = r"[:;]-?[()DP](?!\S)"
_STOP = re.compile(
    rf"([.!?…]+|(?<=\s){_EMOTICON}|[—–-](?=[\"”]))([\"'”’»)\]*_]*)(\s[\"”’](?=\s))?"
    rf"(?:\s?\[\d{{1,3}}\]|\s{_EMOTICON})*\s+(?=\S)"
)
_LAST_WORD = re.compile(r"[^\s(\"“”‘\[/–—]+$")
_OPENING = "\"'“‘«([{*_¿¡"
_DOTTED = re.compile(r"(?:[A-Za-z]{1,2}\.)+[A-Za-z]{1,2}")
_ENUMERATOR = re.compile(r"\s*\(?(?:\d{1,3}|[A-Za-z]|[ivxIVX]{1,5})")
_WORD = re.compile(r"[\w'’]+")


def sentence_starts(text: str, proposals: Iterable[int], abbreviations: Container[str]) -> set[int]:
    """Returns the offsets at which sentences begin.

    `proposals` are offsets that another sentence splitter believes in; they count for the punctuation that
    the rules do not know. `abbreviations` are words with their full stop.
    """
    starts, judged = {0}, set()
    first_letter = next(filter(str.isalpha, text), "A")
    ignores_case = first_letter.islower()  # who begins in lower case does so in every sentence
    for stop in _STOP.finditer(text):
        start = stop.end()
        if stop[3] and text.count('"', 0, stop.start(3) + 1) % 2 == 0 and stop[3].endswith('"'):
            start = stop.start(3) + 1  # it opens the next sentence
        judged.add(start)
        if _ends_sentence(text, stop, start, ignores_case, abbreviations):
            starts.add(start)
    for proposal in proposals:
        start = proposal
        while start > 0 and text[start - 1] in _OPENING:
            start -= 1
        if start not in judged and _is_plausible(text, start):
            starts.add(start)
    return starts


def _ends_sentence(
    text: str, stop: re.Match[str], start: int, ignores_case: bool, abbreviations: Container[str]
) -> bool:
    rest = text[start : start + 80]
    following = rest.lstrip(_OPENING)
    if not following or (following[0] in ".!?…,;:-–—&" and not re.match(r"-[A-Z]", following)):  # -Anna signs a letter
        return False
    if stop[1] in "—–-":  # speech that is cut off ends only where other speech begins
        return rest[0] in '"“'
    quoted = any(mark in "\"'”’»" for mark in stop[2] + (stop[3] or ""))
    if following[0].islower() and not re.match(r"[a-z]+[A-Z]", following):  # eBay may begin a sentence
        careless = ignores_case or (not quoted and _begins_carelessly(text, stop, following))
        if not careless or ".." in stop[1] or "…" in stop[1]:
            return False
    # `"Why?" Tom asked.` goes on; after a full stop the quotation ended: `"I see." Tom asked for more.`
    if quoted and stop[1] != "." and rest == following and _SPEECH_TAG.match(rest):
        return False
    if stop[1] != "." or stop[2]:
        return True
    if _ENUMERATOR.fullmatch(text, 0, stop.start()):
        return False
    before = text[max(0, stop.start() - 60) : stop.start()]
    word = _LAST_WORD.search(before)
    return word is None or not _is_abbreviation(before[: word.start()], word.group().lstrip("'"), rest, abbreviations)


def _begins_carelessly(text: str, stop: re.Match[str], following: str) -> bool:
    """True for `prohibited. just call me`: a plain word, a stop, and a word that begins many sentences."""
    before = text[max(0, stop.start() - 6) : stop.start()]
    return (
        stop[1] in (".", "?")
        and _CARELESS_OPENER.match(following) is not None
        and re.search(r"[a-z]{3}$", before) is not None
        and not before.endswith(("etc", "approx", "resp", "incl", "dept"))
    )


def _is_abbreviation(before: str, word: str, rest: str, abbreviations: Container[str]) -> bool:
    """True where the full stop behind `word` belongs to it and no sentence ends there."""
    lowered = word.lower()
    next_word = _WORD.match(rest)
    # An opener with a full stop of its own is an initial: J. A. Smith.
    opens = next_word is not None and next_word.group() in _OPENERS and not re.match(r"[A-Z]\.", rest)
    if word.isalpha() and word[0].isupper() and word.capitalize() in _TITLES:
        return True
    if lowered in _NEVER_LAST:
        return True
    if lowered in _NUMBERED and (rest[0].isdigit() or (len(word) > 1 and re.match(r"[A-Z]?\d|[IVX]{2,}\b", rest))):
        return True
    if lowered in ("a.m", "p.m"):
        return next_word is not None and (next_word.group() in _CALENDAR or rest[0].isdigit())
    if len(word) == 1 and word.isalpha():
        after_lower = re.search(r"[a-z][,;]? $", before) is not None
        return not (opens and after_lower) if word.isupper() else not opens and word != "i"
    seldom = word in _SELDOM_LAST or lowered in _SELDOM_LAST or word + "." in abbreviations
    return (seldom or _DOTTED.fullmatch(word) is not None) and not opens


def _is_plausible(text: str, start: int) -> bool:
    """Judges a proposal that no known full stop stands before."""
    _, end = strip(text, 0, start)
    if end == 0 or (end == start and text[end - 1] not in ".!?"):
        return False
    if end == start:  # a forgotten space: "home.The"
        next_word = _WORD.match(text, start)
        forgotten = re.search(r"[a-z]{2}[.!?]$", text[max(0, start - 3) : start]) is not None
        return forgotten and next_word is not None and len(next_word.group()) > 1 and next_word.group() in _OPENERS
    stop = text[end - 1]
    return unicodedata.category(stop) == "Po" and stop not in "\"'.!?…,;:%&*#@/\\"


class SentenceRules:
    """The spaCy component: replaces the sentence starts of the sentencizer by those of the rules."""

    def __init__(self, abbreviations: Container[str]) -> None:
        self.abbreviations = abbreviations

    def __call__(self, doc: Doc) -> Doc:
        proposals = [token.idx for token in doc if token.is_sent_start]
        starts = sentence_starts(doc.text, proposals, self.abbreviations)
        # Setting `token.is_sent_start` looks through the whole document each time; an array goes in at once.
        marks: Any = numpy.array([1 if token.idx in starts else -1 for token in doc], dtype="int64")
        return doc.from_array(["SENT_START"], marks.astype("uint64"))
