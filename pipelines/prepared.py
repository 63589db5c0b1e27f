"""A prepared corpus: token ids of all documents in one safetensors file, so that training needs no text tools.

Ragged lists are stored flat with offsets: row i of `x` is `x[x_offsets[i] : x_offsets[i + 1]]`.
"""

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file
from tqdm import tqdm
from transformers import PreTrainedTokenizerFast

from ..encoders.corruptions import change_meaning, changes_of_meaning, keep_meaning
from .corpus import Document, extract_keywords
from .rare_words import RareWords
from .tokenization import segment_tokens, token_lists

FILE = "prepared.safetensors"
KEYWORDS_PER_DOCUMENT = 8
RARE_SHARE = 0.25  # of the segments, those that are also kept with rare words in them


@dataclass(frozen=True)
class Ragged:
    """Rows of int32 of different lengths."""

    flat: np.ndarray
    offsets: np.ndarray

    @classmethod
    def of(cls, rows: Sequence[Sequence[int]]) -> "Ragged":
        lengths = np.fromiter((len(row) for row in rows), dtype=np.int64, count=len(rows))
        flat = np.fromiter((value for row in rows for value in row), dtype=np.int32, count=int(lengths.sum()))
        return cls(flat, np.concatenate([[0], lengths.cumsum()]).astype(np.int64))

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __getitem__(self, row: int) -> np.ndarray:
        return self.flat[self.offsets[row] : self.offsets[row + 1]]

    @property
    def lengths(self) -> np.ndarray:
        return np.diff(self.offsets)


@dataclass(frozen=True)
class PreparedCorpus:
    """Token ids of a corpus.

    Attributes:
        segments: one row per segment, end token included.
        documents: one row per document: indices into `segments`.
        titles: one row per document, empty where there is none.
        keywords: one row per keyword.
        document_keywords: one row per document: indices into `keywords`.
        positives: one row per pair: a segment that means the same as its anchor.
        negatives: a hard negative per pair (empty where no rule applied).
        anchors: one row per pair: the anchor's tokens.
        num_paraphrases: how many of the pairs, the first ones, are paraphrases of the data; rules made the others.
        rare: segments with rare names and words in them (`RareWords`); they belong to no document.
    """

    segments: Ragged
    documents: Ragged
    titles: Ragged
    keywords: Ragged
    document_keywords: Ragged
    anchors: Ragged
    positives: Ragged
    negatives: Ragged
    num_paraphrases: int = 0
    rare: Ragged = field(default_factory=lambda: Ragged.of([]))

    def save(self, folder: Path) -> None:
        """Write `folder/prepared.safetensors` whole or not at all."""
        folder.mkdir(parents=True, exist_ok=True)
        arrays = {"num_paraphrases": np.array([self.num_paraphrases])}
        for name, ragged in vars(self).items():
            if isinstance(ragged, Ragged):
                arrays[name] = ragged.flat
                arrays[f"{name}_offsets"] = ragged.offsets
        temporary = folder / (FILE + ".tmp")
        save_file(arrays, temporary)
        os.replace(temporary, folder / FILE)

    @classmethod
    def load(cls, folder: Path) -> "PreparedCorpus":
        """Read what `save` wrote.

        Raises:
            ValueError: the file is damaged or of another format.
        """
        try:
            arrays = load_file(folder / FILE)
            count = arrays.pop("num_paraphrases", np.zeros(1))[0]
            names = [name for name in arrays if not name.endswith("_offsets")]
            ragged = {name: Ragged(arrays[name], arrays[f"{name}_offsets"]) for name in names}
            return cls(**ragged, num_paraphrases=int(count))
        except (SafetensorError, KeyError, TypeError) as error:
            raise ValueError(f"{folder / FILE} is damaged ({error}); delete the folder and prepare again") from None


def document_pieces(lengths: Sequence[int], max_tokens: int) -> list[list[int]]:
    """Indices of a document's segments, cut where a segment is longer than `max_tokens` (that one is left out)."""
    pieces: list[list[int]] = [[]]
    for index, length in enumerate(lengths):
        if length <= max_tokens:
            pieces[-1].append(index)
        elif pieces[-1]:
            pieces.append([])
    return [piece for piece in pieces if piece]


def prepare(
    documents: Iterable[Document],
    paraphrases: Iterable[tuple[str, str]],
    tokenizer: PreTrainedTokenizerFast,
    max_tokens: int,
    seed: int = 0,
    show_progress: bool = False,
    rare_words: Iterable[Document] = (),
) -> PreparedCorpus:
    """Tokenise documents and build contrastive triples.

    Args:
        documents: the corpus.
        paraphrases: pairs of segments that mean the same.
        tokenizer: ours or any fast tokenizer with an end token.
        max_tokens: longer segments are left out.
        seed: of the rules that rewrite segments.
        show_progress: a progress bar on stderr, where that is a terminal.
        rare_words: texts whose rare words are put into a share of the segments.
    """
    rng = Random(seed)
    segments: list[list[int]] = []
    rows: list[list[int]] = []
    titles: list[str] = []
    keywords: list[str] = []
    document_keywords: list[list[int]] = []
    pairs: list[tuple[str, str]] = []
    changed: list[str | None] = []
    for one, other in paraphrases:  # few and precious: both ways, with as many hard negatives as the rules give
        for anchor, positive in ((one, other), (other, one)):
            found: list[str | None] = [*changes_of_meaning(anchor, rng)]
            changed += found or [None]
            pairs += [(anchor, positive)] * max(len(found), 1)
    num_given = len(pairs)
    texts_of: list[tuple[str, ...]] = []
    for document in tqdm(documents, "reading", unit=" documents", disable=None if show_progress else True):
        tokens = segment_tokens(tokenizer, document.segments)
        for piece in document_pieces([len(row) for row in tokens], max_tokens):
            rows.append(list(range(len(segments), len(segments) + len(piece))))
            segments.extend(tokens[index] for index in piece)
            titles.append(document.title or "")
            texts_of.append(tuple(document.segments[index] for index in piece))
    if not rows:
        raise ValueError(f"no segment of the corpus has at most {max_tokens} tokens; raise data.max_tokens")
    frequency: dict[str, int] = {}
    for texts in texts_of:
        for word in {word.strip(".,!?;:\"'").lower() for text in texts for word in text.split()}:
            frequency[word] = frequency.get(word, 0) + 1
    for texts in tqdm(texts_of, "rewriting by rule", unit=" documents", disable=None if show_progress else True):
        words = extract_keywords(texts, frequency, KEYWORDS_PER_DOCUMENT)
        document_keywords.append(list(range(len(keywords), len(keywords) + len(words))))
        keywords.extend(words)
        for text in texts:
            kept = keep_meaning(text, rng)
            if kept is not None:
                pairs.append((text, kept))
                changed.append(change_meaning(text, rng))
    pair_tokens = [segment_tokens(tokenizer, column) for column in ([a for a, _ in pairs], [b for _, b in pairs])]
    hard = [segment_tokens(tokenizer, [text])[0] if text else [] for text in changed]
    fits = [
        index
        for index in range(len(pairs))
        if max(len(pair_tokens[0][index]), len(pair_tokens[1][index]), len(hard[index])) <= max_tokens
    ]
    rare = rare_segments([text for texts in texts_of for text in texts], rare_words, seed)
    return PreparedCorpus(
        segments=Ragged.of(segments),
        documents=Ragged.of(rows),
        titles=Ragged.of(token_lists(tokenizer, titles)),
        keywords=Ragged.of(token_lists(tokenizer, keywords)),
        document_keywords=Ragged.of(document_keywords),
        anchors=Ragged.of([pair_tokens[0][index] for index in fits]),
        positives=Ragged.of([pair_tokens[1][index] for index in fits]),
        negatives=Ragged.of([hard[index] for index in fits]),
        num_paraphrases=sum(index < num_given for index in fits),
        rare=Ragged.of([row for row in segment_tokens(tokenizer, rare) if len(row) <= max_tokens]),
    )


def rare_segments(texts: Sequence[str], rare_words: Iterable[Document], seed: int) -> list[str]:
    """A share of `texts` with rare words of `rare_words` in them; none where that is empty."""
    sources = [text for document in rare_words for text in document.segments]
    if not sources:
        return []
    rare, rng = RareWords(sources, texts), Random(seed)
    chosen = rng.sample(range(len(texts)), round(RARE_SHARE * len(texts)))
    return [changed for index in chosen if (changed := rare.put_into(texts[index], rng)) is not None]
