"""Does the distance of latents tell same from other meaning? Area under the ROC curve over pairs of texts.

N pairs, K latents per segment, D latent width.
"""

import gzip
import json
import random
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..encoders import corruptions
from ..encoders.corruptions import Rule, keep_meaning
from ..encoders.objectives import similarity
from .codec import Codec

Pair = tuple[str, str]
RESAMPLES = 1000
MIN_INTERVAL = 10  # resamples of fewer pairs often agree, and say nothing of how sure the value is
SAME_SCORE = 4  # of 0 .. 5 in graded pairs

HARD_NEGATIVES: dict[str, tuple[Rule, ...]] = {
    "negation": (corruptions._drop_negation, corruptions._insert_negation),
    "name": (corruptions._swap_name,),
    "number": (corruptions._change_number,),
}


def read_pairs(path: str | Path, limit: int) -> list[Pair]:
    """The first `limit` held-out pairs of a file that mean the same.

    Args:
        path: JSONL, gzipped or not, of {"a", "b", "label"?, "score"?, "split"?} or {"texts": [...], "split"?}. Where
            records name a split only "test" counts; a group of texts gives one pair, so that pairs are independent.
        limit: how many.

    Raises:
        FileNotFoundError: no such file.
        ValueError: a line is no such record, or no pair is left.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"no such file of paraphrases: {path}")
    pairs: list[Pair] = []
    try:
        with gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else path.open(encoding="utf-8") as file:
            for number, line in enumerate(file, start=1):
                if line.strip() and (pair := _pair(line, f"{path} line {number}")) is not None:
                    pairs.append(pair)
                if len(pairs) == limit:
                    break
    except (UnicodeDecodeError, EOFError, gzip.BadGzipFile) as error:
        raise ValueError(f"{path} is not UTF-8 text, or no complete gzip file: {error}") from None
    if not pairs:
        raise ValueError(f"{path} holds no held-out pairs: none of split test (or without a split) mean the same")
    return pairs


def _pair(line: str, where: str) -> Pair | None:
    try:
        record = json.loads(line)
        if record.get("split", "test") != "test" or not record.get("label", 1):
            return None
        if record.get("score", SAME_SCORE) < SAME_SCORE:
            return None
        left, right = record["texts"][:2] if "texts" in record else (record["a"], record["b"])
        if not (isinstance(left, str) and isinstance(right, str)):
            raise TypeError
    except (AttributeError, KeyError, TypeError, ValueError, RecursionError):
        raise ValueError(f'{where} is no pair of texts: expected {{"a", "b"}} or {{"texts": [...]}}') from None
    return left, right


def rule_pairs(texts: Sequence[str], seed: int) -> list[Pair]:
    """Texts with their rewrites by `keep_meaning`, for those that have one."""
    rng = random.Random(seed)
    return [(text, rewrite) for text in texts if (rewrite := keep_meaning(text, rng)) is not None]


def hard_negative(text: str, kind: str, rng: random.Random) -> str | None:
    """`text` with another meaning by one rule of a kind of `HARD_NEGATIVES`; None where none applies."""
    for rule in HARD_NEGATIVES[kind]:
        changed = rule(text, rng)
        if changed is not None and changed != text:
            return changed
    return None


def paraphrase_auc(
    codec: Codec, sets: Mapping[str, Sequence[Pair]], seed: int, latents: slice | None = None
) -> list[dict[str, Any]]:
    """AUC of `similarity` on normalised latents: paraphrase pairs against every kind of negative.

    Against random texts it detects latents that do not encode meaning (0.5); against texts of like length, latents
    that encode little but length; against hard negatives, latents that encode the words and not what they say (below
    0.5 where one changed word moves less than a paraphrase does).

    Args:
        codec: the representation.
        sets: pairs that mean the same, by name.
        seed: of negatives and bootstrap.
        latents: which of the K latents are compared; those that say what a text means (`Codec.meaning`) when None.

    Returns:
        A row per set and kind of negative: pairs, AUC (None where fewer than two pairs) and its 95% bootstrap interval
        (None where fewer than ten).
    """
    compared = codec.meaning if latents is None else latents
    rows = []
    for name, given in sets.items():
        rng = random.Random(seed)
        pairs = fitting_pairs(codec, given)
        if len(pairs) < 2:
            rows.append({"pairs_of": name, "negatives": "random", "pairs": len(pairs), "auc": None, "interval": None})
            continue
        left, right = (codec.encode(texts)[:, compared] for texts in zip(*pairs, strict=True))
        positive = paired_similarity(left, right)
        for kind, (chosen, other) in negatives(codec, pairs, right, rng, compared).items():
            row: dict[str, Any] = {"pairs_of": name, "negatives": kind, "pairs": len(chosen)}
            if len(chosen) < 2:
                rows.append({**row, "auc": None, "interval": None})
                continue
            scores = positive[chosen].cpu().numpy(), paired_similarity(left[chosen], other).cpu().numpy()
            interval = bootstrap_interval(*scores, seed) if len(chosen) >= MIN_INTERVAL else None
            rows.append({**row, "auc": auc(*scores), "interval": interval})
    return rows


def fitting_pairs(codec: Codec, pairs: Sequence[Pair]) -> list[Pair]:
    """Pairs of which both texts can be encoded."""
    if not pairs:
        return []
    both = [codec.fits(texts) for texts in zip(*pairs, strict=True)]
    return [pair for pair, *fit in zip(pairs, *both, strict=True) if all(fit)]


def negatives(
    codec: Codec, pairs: Sequence[Pair], right: Tensor, rng: random.Random, compared: slice
) -> dict[str, tuple[list[int], Tensor]]:
    """For each kind, which pairs have a negative, and its `compared` latents (n, k, D).

    `right` (N, k, D) are those of the second texts.
    """
    every = list(range(len(pairs)))
    shuffled = rng.sample(every, len(every))
    by_length = sorted(shuffled, key=lambda index: len(pairs[index][1].split()))
    found = {}
    for name, order in (("random", shuffled), ("like length", by_length)):
        following = dict(zip(order, [*order[1:], order[0]], strict=True))
        found[name] = every, right[[following[index] for index in every]]
    for kind in HARD_NEGATIVES:
        texts = {
            index: text for index, (own, _) in enumerate(pairs) if (text := hard_negative(own, kind, rng)) is not None
        }
        fits = codec.fits(list(texts.values()))
        texts = {index: text for (index, text), fit in zip(texts.items(), fits, strict=True) if fit}
        found[kind] = list(texts), codec.encode(list(texts.values()))[:, compared] if texts else right[:0]
    return found


def paired_similarity(left: Tensor, right: Tensor) -> Tensor:
    """`similarity` of row i of (N, K, D) with row i of (N, K, D), (N,)."""
    rows = zip(left.split(256), right.split(256), strict=True)
    return torch.cat([similarity(one, other).diagonal() for one, other in rows])


def auc(positive: np.ndarray, negative: np.ndarray) -> float:
    """Probability that a positive score exceeds a negative one, ties counting half."""
    ordered = np.sort(negative)
    below = np.searchsorted(ordered, positive, "left") + np.searchsorted(ordered, positive, "right")
    return float(below.mean() / 2 / len(negative))


def bootstrap_interval(positive: np.ndarray, negative: np.ndarray, seed: int) -> list[float]:
    """95% percentile interval of the AUC; a pair is drawn together with its negative (both (N,))."""
    drawn = np.random.default_rng(seed).integers(len(positive), size=(RESAMPLES, len(positive)))
    low, high = np.quantile([auc(positive[rows], negative[rows]) for rows in drawn], [0.025, 0.975])
    return [float(low), float(high)]
