"""Text -> segments, without loss: each segment knows where it stood; only white space lies between them.

A segmenter is any callable from text to `Segment`s. `SentenceSegmenter` cuts into sentences: spaCy's
tokenizer and sentencizer propose, rules for quotes, abbreviations, ellipses and the like (the spaCy component
at the end of this file) decide.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy

if TYPE_CHECKING:
    from spacy.language import Language
    from spacy.tokens import Doc


@dataclass(frozen=True)
class Segment:
    """A piece of a text: `text` equals the source from `start` to `end` (in characters)."""

    text: str
    start: int
    end: int

    def __str__(self) -> str:
        return self.text


class Segmenter(Protocol):
    """Cuts a text into segments in order, that do not overlap and leave out nothing but white space."""

    def __call__(self, text: str) -> Sequence[Segment]: ...


def join(text: str, segments: Sequence[Segment]) -> str:
    """Puts segments back into the gaps that `text` has between them; gives `text` for its own segments."""
    pieces, end = [], 0
    for segment in segments:
        pieces += [text[end : segment.start], segment.text]
        end = segment.end
    return "".join([*pieces, text[end:]])


class SentenceSegmenter:
    """Cuts text into sentences of at most `max_chars` characters.

    Paragraphs, headings and list items are cut first, so no sentence runs over them; lines that an editor has
    wrapped are not cut. Sentences that are too long are cut at the last semicolon, colon, comma or space.

    Args:
        max_chars: longest segment, in characters.
        language: a language code of spaCy, for its tokenizer. The rules for abbreviations are English.

    Raises:
        ValueError: `max_chars` is below 1, or spaCy does not know the language.
    """

    def __init__(self, max_chars: int = 250, language: str = "en") -> None:
        if max_chars < 1:
            raise ValueError(f"max_chars must be at least 1, got {max_chars}")
        self.max_chars = max_chars
        self.language = language
        self._nlp = _build_pipeline(language)

    def __call__(self, text: str) -> list[Segment]:
        segments: list[Segment] = []
        for start, end in _blocks(text):
            for sentence_start, sentence_end in self._sentences(text, start, end):
                for piece in split_long(text[sentence_start:sentence_end], self.max_chars):
                    segments.append(Segment(piece.text, sentence_start + piece.start, sentence_start + piece.end))
        return segments

    def _sentences(self, text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
        if _LONG_RUN.search(text, start, end):  # no prose, and the tokenizer takes quadratic time on such
            yield start, end
            return
        # spaCy cannot encode lone surrogates; the stand-in has the same length, so offsets stay right.
        block = _SURROGATES.sub("\ufffd", text[start:end])
        for sentence in self._nlp(block).sents:
            yield start + sentence.start_char, start + sentence.end_char


# ------------------------------------------------------------------------------ cutting what is too long

_STRONG_CUT = re.compile(r"[;:—](?=\s)|[。！？；]")
_WEAK_CUT = re.compile(r",(?=\s)|[，、]")
_SPACE_CUT = re.compile(r"(?=\s)")


def split_long(text: str, max_chars: int) -> list[Segment]:
    """Cuts `text` into pieces of at most `max_chars` characters, without white space at their ends.

    Prefers a semicolon or colon, then a comma, then a space, each as late as fits; a word is cut only where
    it is longer than `max_chars`.
    """
    if max_chars < 1:
        raise ValueError(f"max_chars must be at least 1, got {max_chars}")
    pieces = []
    start, end = _strip(text, 0, len(text))
    while end - start > max_chars:
        cut = _find_cut(text, start, start + max_chars)
        _, piece_end = _strip(text, start, cut)
        pieces.append(Segment(text[start:piece_end], start, piece_end))
        start, end = _strip(text, cut, end)
    if start < end:
        pieces.append(Segment(text[start:end], start, end))
    return pieces


def _find_cut(text: str, start: int, limit: int) -> int:
    # Punctuation close to the start would leave a scrap; a space there is still better than a cut word.
    earliest = start + (limit - start) // 3
    for pattern, lowest in ((_STRONG_CUT, earliest), (_WEAK_CUT, earliest), (_SPACE_CUT, start)):
        # One character more than the piece may have, so that the space behind it is seen.
        cuts = [match.end() for match in pattern.finditer(text, lowest, limit + 1) if match.end() <= limit]
        if cuts and cuts[-1] > start:
            return cuts[-1]
    cut = limit
    while cut > start + 1 and _continues_character(text, cut):
        cut -= 1
    return cut if cut > start + 1 else limit


def _continues_character(text: str, index: int) -> bool:
    """True where a cut before `text[index]` would part an accent, joiner or modifier from its character."""
    return (
        unicodedata.combining(text[index]) != 0
        or "\u200d" in text[index - 1 : index + 1]
        or text[index] in "\ufe0e\ufe0f"
        or "\U0001f3fb" <= text[index] <= "\U0001f3ff"
    )


def _strip(text: str, start: int, end: int) -> tuple[int, int]:
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    return start, end


# --------------------------------------------------------------------------- paragraphs, headings, list items

_LINE = re.compile(r"[^\n\r\f\v\x1c-\x1e\x85\u2028\u2029]+")
_PAGE_BREAKS = frozenset("\f\v\x1c\x1d\x1e\u2029")
_LIST_ITEM = re.compile(r"[-*+•–#>|]+\s|\(?(?:\d{1,3}|[a-zA-Z])[.)]\s")
_CJK_STOP = re.compile(r"[。！？｡]+[」』”’）】]*")
_LONG_RUN = re.compile(r"\S{201}")
_MAX_BLOCK = 50_000
_SURROGATES = re.compile("[\ud800-\udfff]")


def _blocks(text: str) -> Iterator[tuple[int, int]]:
    """Yields the spans that no sentence may cross, stripped."""
    line_spans: list[tuple[int, int]] = []
    end = 0
    for match in _LINE.finditer(text):
        start, stop = _strip(text, *match.span())
        if start == stop:
            continue
        if line_spans and _parts_paragraphs(text[end:start]):
            yield from _paragraph_blocks(text, line_spans)
            line_spans = []
        line_spans.append((start, stop))
        end = stop
    yield from _paragraph_blocks(text, line_spans)


def _parts_paragraphs(gap: str) -> bool:
    line_breaks = gap.count("\n") + gap.count("\r") - gap.count("\r\n")
    return line_breaks > 1 or not _PAGE_BREAKS.isdisjoint(gap)


def _paragraph_blocks(text: str, lines: list[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Cuts a paragraph where a line was ended on purpose."""
    if not lines:
        return
    width = max(end - start for start, end in lines)
    block_start, block_end = lines[0]
    for start, end in lines[1:]:
        if _ended_on_purpose(text, block_end, (start, end), width, lines):
            yield from _pieces(text, block_start, block_end)
            block_start = start
        block_end = end
    yield from _pieces(text, block_start, block_end)


def _ended_on_purpose(text: str, end: int, line: tuple[int, int], width: int, lines: list[tuple[int, int]]) -> bool:
    """An editor wraps a line only if the next word does not fit; a line with room was ended by its writer."""
    start, stop = line
    head = text[start : min(stop, start + width + 1)]
    if _LIST_ITEM.match(head):
        return True
    if head[0].islower() and text[end - 1] not in ".!?":
        return False
    line_start = text.rfind("\n", 0, end) + 1
    line_start = max(line_start, lines[0][0])
    first_word = len(head.split(None, 1)[0])
    return (end - line_start) + 1 + first_word <= width


def _pieces(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Cuts after full stops that take no space behind them, and blocks too large for one run of spaCy."""
    for match in _CJK_STOP.finditer(text, start, end):
        yield from _bounded(text, start, match.end())
        start = match.end()
    yield from _bounded(text, start, end)


def _bounded(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    start, end = _strip(text, start, end)
    while end - start > _MAX_BLOCK:
        stops = [match.end() for match in re.finditer(r"[.!?]\s", text[start : start + _MAX_BLOCK])]
        cut = start + stops[-1] if stops else _find_cut(text, start, start + _MAX_BLOCK)
        yield _strip(text, start, cut)
        start, end = _strip(text, cut, end)
    if start < end:
        yield start, end


# -------------------------------------------------------------------------------------- where sentences begin


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
_STOP = re.compile(r"([.!?…]+)([\"'”’»)\]*_]*)(\s[\"”’](?=\s))?(?:\s?\[\d{1,3}\])*\s+(?=\S)")
_LAST_WORD = re.compile(r"[^\s(\"“”‘\[/–—]+$")
_OPENING = "\"'“‘«([{*_¿¡"
_DOTTED = re.compile(r"(?:[A-Za-z]{1,2}\.)+[A-Za-z]{1,2}")
_ENUMERATOR = re.compile(r"\s*\(?(?:\d{1,3}|[A-Za-z]|[ivxIVX]{1,5})")
_WORD = re.compile(r"[\w'’]+")


def _sentence_starts(text: str, proposals: Iterable[int], abbreviations: Container[str]) -> set[int]:
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
    if not following or following[0] in ".!?…,;:-–—&":
        return False
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
    _, end = _strip(text, 0, start)
    if end == 0 or (end == start and text[end - 1] not in ".!?"):
        return False
    if end == start:  # a forgotten space: "home.The"
        next_word = _WORD.match(text, start)
        forgotten = re.search(r"[a-z]{2}[.!?]$", text[max(0, start - 3) : start]) is not None
        return forgotten and next_word is not None and len(next_word.group()) > 1 and next_word.group() in _OPENERS
    stop = text[end - 1]
    return unicodedata.category(stop) == "Po" and stop not in "\"'.!?…,;:%&*#@/\\"


class _SentenceRules:
    """The spaCy component: replaces the sentence starts of the sentencizer by those of the rules."""

    def __init__(self, abbreviations: Container[str]) -> None:
        self.abbreviations = abbreviations

    def __call__(self, doc: Doc) -> Doc:
        proposals = [token.idx for token in doc if token.is_sent_start]
        starts = _sentence_starts(doc.text, proposals, self.abbreviations)
        # Setting `token.is_sent_start` looks through the whole document each time; an array goes in at once.
        marks: Any = numpy.array([1 if token.idx in starts else -1 for token in doc], dtype="int64")
        return doc.from_array(["SENT_START"], marks.astype("uint64"))


_COMPONENT = "segdiff_sentence_rules"


def _make_rules(nlp: Language, name: str) -> Callable[[Doc], Doc]:
    rules = getattr(nlp.tokenizer, "rules", None) or {}  # some languages bring a tokenizer of their own
    return _SentenceRules(frozenset(word for word in rules if word.endswith(".")))


def _build_pipeline(language: str) -> Any:
    import spacy  # takes seconds, so only who segments waits for it
    from spacy.language import Language

    if not Language.has_factory(_COMPONENT):
        Language.factory(_COMPONENT, func=_make_rules)
    try:
        nlp = spacy.blank(language)
    except ImportError as error:
        raise ValueError(
            f"spaCy cannot cut language {language!r}; give a code such as 'en', 'de' or 'xx' (any): {error}"
        ) from error
    nlp.add_pipe("sentencizer")
    nlp.add_pipe(_COMPONENT)
    return nlp
