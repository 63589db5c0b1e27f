"""Sentences."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from .sentence_blocks import blocks
from .sentence_rules import SentenceRules
from .splitting import SpanSegmenter

if TYPE_CHECKING:
    from spacy.language import Language
    from spacy.tokens import Doc

_COMPONENT = "segdiff_sentence_rules"
_NOT_NEEDED = ["ner", "tagger", "morphologizer", "lemmatizer", "trainable_lemmatizer", "attribute_ruler", "textcat"]
_LONG_RUN = re.compile(r"\S{201}")
_SURROGATES = re.compile("[\ud800-\udfff]")


class SentenceSegmenter(SpanSegmenter):
    """Cuts text into sentences of at most `max_chars` characters.

    Paragraphs, headings and list items are cut first, so no sentence runs over them; lines that an editor has
    wrapped are not cut. Inside them, spaCy's tokenizer and sentencizer propose and rules decide; a pipeline that
    is named decides alone. Sentences that are too long are cut at the last semicolon, colon, comma or space.

    Args:
        max_chars: longest segment, in characters; None = no limit.
        language: a language code of spaCy, for its tokenizer. The rules for abbreviations are English.
        pipeline: an installed spaCy pipeline or the folder of one, in place of the rules and the language.

    Raises:
        ValueError: `max_chars` is below 1, spaCy does not know the language, or the pipeline cannot be loaded or
            finds no sentences.
    """

    def __init__(self, max_chars: int | None = 250, language: str = "en", pipeline: str | None = None) -> None:
        super().__init__(max_chars)
        self.language = language
        self.pipeline = pipeline
        self._nlp = _build_pipeline(language) if pipeline is None else _load_pipeline(pipeline)

    def _spans(self, text: str) -> Iterator[tuple[int, int]]:
        for start, end in blocks(text):
            yield from self._sentences(text, start, end)

    def _sentences(self, text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
        if _LONG_RUN.search(text, start, end):  # no prose, and the tokenizer takes quadratic time on such
            yield start, end
            return
        # spaCy cannot encode lone surrogates; the stand-in has the same length, so offsets stay right.
        block = _SURROGATES.sub("\ufffd", text[start:end])
        for sentence in self._nlp(block).sents:
            yield start + sentence.start_char, start + sentence.end_char


def _make_rules(nlp: Language, name: str) -> Callable[[Doc], Doc]:
    rules = getattr(nlp.tokenizer, "rules", None) or {}  # some languages bring a tokenizer of their own
    return SentenceRules(frozenset(word for word in rules if word.endswith(".")))


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


def _load_pipeline(name: str) -> Any:
    import spacy

    try:
        nlp = spacy.load(name, exclude=_NOT_NEEDED)
    except (OSError, ImportError, ValueError) as error:
        raise ValueError(
            f"spaCy cannot load pipeline {name!r}; install it (`python -m spacy download {name}`) or give its folder: "
            + " ".join(str(error).split())
        ) from error
    if not nlp("One. Two.").has_annotation("SENT_START"):
        raise ValueError(f"spaCy pipeline {name!r} finds no sentences; add a parser, senter or sentencizer to it")
    return nlp
