"""Candidate rewordings of a sentence: how they are scored, which are dropped, and in which order the rest comes.

N texts, C numbers of an embedding.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, lru_cache
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any

import torch
from torch import Tensor

from ..encoders.corruptions import rewordings
from .guards import facts, guard_warnings
from .ladder import loops, words
from .paraphrase_options import CHANGE_WEIGHT, WARNING_WEIGHT
from .sentence_encoders import load_sentence_encoder

FLUENCY_WEIGHT = 0.5
LIKELIHOOD_WEIGHT = 0.2
LOSS_WEIGHT = 0.75
ADDITION_WEIGHT = 1.0
RULE_WEIGHT = 1.0
MOST_BY_RULE = 24
INVENTION_WEIGHT = 0.1

Embed = Callable[[Sequence[str]], Tensor]
"""N texts -> unit vectors (N, C)."""


@dataclass(frozen=True)
class Candidate:
    """A rewording and what is known of it.

    Attributes:
        text: the rewording.
        similarity: cosine of its embedding and the source's.
        source_bleu: sentence BLEU against the source, 0 .. 100; 100 = the same words.
        edit_distance: words inserted, deleted or replaced, over the words of the longer text, 0 .. 1.
        fluency: log-probability a token above the source's, by the decoder without latents; at most 0.
        likelihood: log-probability above the source's, by the decoder with the source's gist, a token of the source; at
            most 0.
        lost: share of the source's information that is not among its words, 0 .. 1; see `lost_information`. A word that
            a rule has exchanged for another is neither lost nor added.
        added: share of its own information that is not among the source's words, 0 .. 1.
        score: what candidates are ranked by.
        warnings: numbers, names, negation and quoted words that it lost or added; or that the model hardly knows the
            source.
    """

    text: str
    similarity: float
    source_bleu: float
    edit_distance: float
    fluency: float
    likelihood: float
    lost: float
    added: float
    score: float
    warnings: list[str] = field(default_factory=list)


def normalised(text: str) -> str:
    """Its words in lower case: two texts that differ in case and punctuation only are copies."""
    return " ".join(words(text))


def doubled(text: str) -> int:
    """How often a word stands twice in a row, whatever its case."""
    return sum(one == other for one, other in pairwise(words(text)))


def distinct(source: str, texts: Sequence[str]) -> list[str]:
    """Texts that copy neither the source nor an earlier one, have words, do not go round in a loop, and have no more
    doubled words than the source."""
    seen = {normalised(source), ""}
    kept = []
    for text in texts:
        key = normalised(text)
        if key not in seen and not loops(text) and doubled(text) <= doubled(source):
            seen.add(key)
            kept.append(text)
    return kept


def edit_distance(source: str, text: str) -> float:
    """Levenshtein distance in words over the length of the longer text."""
    left, right = words(source), words(text)
    row = list(range(len(right) + 1))
    for number, word in enumerate(left, start=1):
        diagonal, row[0] = row[0], number
        for place, other in enumerate(right, start=1):
            diagonal, row[place] = row[place], min(row[place] + 1, row[place - 1] + 1, diagonal + (word != other))
    return row[-1] / max(len(left), len(right), 1)


@lru_cache(maxsize=10_000)
def by_rule(source: str) -> tuple[str, ...]:
    """Rewordings by the rules that keep the meaning (synonyms, phrases, contractions); () where none applies.

    First those by one rule, then those by one more, and so on, as many as there is room for.
    """
    rng = Random(0)
    found: list[str] = []
    last = [source]
    while last and len(found) < MOST_BY_RULE:
        further = [text for one in last for text in rewordings(one, rng)]
        rng.shuffle(further)
        last = distinct(source, [*found, *further])[len(found) : MOST_BY_RULE]
        found += last
    return tuple(found)


def lost_information(source: str, text: str, information: Callable[[str], float]) -> float:
    """The share of a source's information, summed over its words, that a rewording does not have.

    A rare word carries more of what a sentence says than a frequent one, as in the weights of BERTScore
    (arXiv 1904.09675).

    Args:
        source: the sentence that was reworded.
        text: its rewording.
        information: nats of a lower-case word.
    """
    said = Counter(words(source))
    weight = {word: information(word) for word in said}
    total = sum(weight[word] * times for word, times in said.items())
    return sum(weight[word] * times for word, times in (said - Counter(words(text))).items()) / total if total else 0.0


def changed_information(source: str, text: str, information: Callable[[str], float]) -> tuple[float, float]:
    """What a rewording loses of its source and what it adds, each as `lost_information`.

    Both against the source or that of its rewordings `by_rule` which is nearest.
    """
    pairs = [
        (lost_information(one, text, information), lost_information(text, one, information))
        for one in (source, *by_rule(source))
    ]
    return min(pairs, key=lambda pair: LOSS_WEIGHT * pair[0] + ADDITION_WEIGHT * pair[1])


@cache
def _bleu() -> Any:
    from sacrebleu.metrics import BLEU

    return BLEU(effective_order=True)


def source_bleu(source: str, text: str) -> float:
    """Sentence BLEU (0 .. 100) of a rewording against its source, as sacrebleu has it."""
    return float(_bleu().sentence_score(text, [source]).score)


def invented(source: str, text: str, is_word: Callable[[str], bool]) -> int:
    """How many words of a rewording are neither in the source or its rewordings `by_rule` nor known: most are no words
    at all."""
    known = {word for meant in (source, *by_rule(source)) for word in words(meant)}
    return sum(word not in known and not is_word(word) for word in words(text))


def measure(
    source: str,
    texts: Sequence[str],
    similarity: Sequence[float],
    nearest: Sequence[float],
    fluency: Sequence[float],
    likelihood: Sequence[float],
    inventions: Sequence[int],
    changed: Sequence[tuple[float, float]],
    warning_weight: float = WARNING_WEIGHT,
) -> list[Candidate]:
    """Candidates with the score that does not ask how much has changed:

        nearest - LOSS_WEIGHT * lost - ADDITION_WEIGHT * added + FLUENCY_WEIGHT * fluency
            + LIKELIHOOD_WEIGHT * likelihood + RULE_WEIGHT * (whether it is `by_rule`)
            - INVENTION_WEIGHT * inventions - warning_weight * warnings

    Args:
        source: the sentence that was reworded.
        texts: its distinct rewordings.
        similarity, fluency, likelihood: of each; see `Candidate`.
        nearest: of each, the similarity to the source or to that of its rewordings `by_rule` which is nearest.
        inventions: of each, its words that are `invented`.
        changed: of each, what is lost and added; see `changed_information`.
        warning_weight: what a warning costs.
    """
    known, ruled = facts(source), set(by_rule(source))
    found = []
    for text, alike, near, fluent, likely, odd, (lost, added) in zip(
        texts, similarity, nearest, fluency, likelihood, inventions, changed, strict=True
    ):
        warnings = guard_warnings(known, text)
        score = near - LOSS_WEIGHT * lost - ADDITION_WEIGHT * added
        score += FLUENCY_WEIGHT * fluent + LIKELIHOOD_WEIGHT * likely + RULE_WEIGHT * (text in ruled)
        score -= INVENTION_WEIGHT * odd + warning_weight * len(warnings)
        numbers = {
            "similarity": alike,
            "source_bleu": source_bleu(source, text),
            "edit_distance": edit_distance(source, text),
            "fluency": fluent,
            "likelihood": likely,
            "lost": lost,
            "added": added,
            "score": score,
        }
        rounded = {name: round(value, 4) for name, value in numbers.items()}
        found.append(Candidate(text=text, warnings=warnings, **rounded))
    return found


def rank(
    candidates: Sequence[Candidate], change: float, change_weight: float = CHANGE_WEIGHT, strict: bool = False
) -> list[Candidate]:
    """Candidates, best first, by their score less `change_weight * |edit_distance - change|`.

    Args:
        candidates: of one sentence, from `measure`.
        change: wanted edit distance.
        change_weight: how much meeting it is worth against similarity.
        strict: leave out those with warnings.
    """
    kept = [one for one in candidates if not (strict and one.warnings)]
    scored = [replace(one, score=round(one.score - change_weight * abs(one.edit_distance - change), 4)) for one in kept]
    return sorted(scored, key=lambda one: -one.score)


def similarity_model(name: str | Path, device: str | torch.device) -> Embed:
    """Embeddings of a `sentence-transformers` model.

    Args:
        name: as `load_sentence_encoder` takes it.
        device: where it runs.

    Raises:
        ValueError: no such model, or it cannot be loaded.
    """
    model = load_sentence_encoder(str(name), str(device), "the similarity model")

    def embed(texts: Sequence[str]) -> Tensor:
        return model.encode(list(texts), normalize_embeddings=True, convert_to_tensor=True, show_progress_bar=False)

    return embed
