"""The words that a text may be made of: sampled letters then never make up a word.

N rows, V vocabulary.
"""

from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np
import torch
from torch import Tensor

OUTSIDE = 0  # state of a row that is not inside a word


class WordTokens:
    """Which tokens words are spelt with: a word is one token of letters and those that go on with it.

    Args:
        letters: (V,) True for tokens that begin with a letter, a space before it aside.
        spaced: (V,) True for tokens that begin with a space.
    """

    def __init__(self, letters: np.ndarray, spaced: np.ndarray) -> None:
        self.letters = letters
        self.goes_on = letters & ~spaced  # or begins a word that has no space before it, as behind a quotation mark

    def words(self, token_ids: np.ndarray, least: int = 1) -> list[tuple[int, ...]]:
        """The different words in a flat array of token ids that occur at least so often."""
        letters, goes_on = self.letters[token_ids], self.goes_on[token_ids]
        inside = goes_on & np.concatenate([[False], letters[:-1]])
        begins = np.flatnonzero(letters & ~inside)
        ends = np.flatnonzero(letters & ~np.concatenate([inside[1:], [False]])) + 1
        counts = Counter(tuple(token_ids[begin:end].tolist()) for begin, end in zip(begins, ends, strict=True))
        return [word for word, count in counts.items() if count >= least]


class Lexicon:
    """A trie of words over token ids, walked by many rows at once.

    What is not spelt with letters (punctuation, digits, the end) is free wherever a word may end.

    Args:
        words: token ids of each word, at least one.
        tokens: which tokens they are spelt with.
        device: where the tensors are.
    """

    def __init__(self, words: Iterable[Sequence[int]], tokens: WordTokens, device: torch.device | str = "cpu") -> None:
        rows = sorted({tuple(word) for word in words})
        lengths = np.array([len(row) for row in rows])
        filled = np.arange(lengths.max()) < lengths[:, None]
        ids = np.full(filled.shape, -1)
        ids[filled] = np.concatenate(rows)
        # of words in order, a prefix that the word above does not have is a new node
        differs = np.concatenate([np.ones_like(ids[:1], dtype=bool), ids[1:] != ids[:-1]])
        new = np.logical_or.accumulate(differs, axis=1) & filled
        nodes = np.zeros_like(ids)
        nodes[new] = np.arange(1, new.sum() + 1)
        nodes = np.maximum.accumulate(nodes, axis=0)
        parents = np.concatenate([np.full_like(nodes[:, :1], OUTSIDE), nodes[:, :-1]], axis=1)
        self.vocabulary = len(tokens.letters)
        keys = parents[new] * self.vocabulary + ids[new]
        order = np.argsort(keys)
        ends = np.zeros(new.sum() + 1, dtype=bool)
        ends[OUTSIDE] = ends[nodes[np.arange(len(rows)), lengths - 1]] = True
        free = ~tokens.letters
        free[ids[:, 0]] |= ~tokens.goes_on[ids[:, 0]]
        offsets = np.searchsorted(keys[order], np.arange(len(ends) + 1) * self.vocabulary)
        arrays = (keys[order], order + 1, offsets, ends, free, tokens.letters, tokens.goes_on)
        tensors = [torch.from_numpy(array).to(device) for array in arrays]
        self.keys, self.children, self.offsets, self.ends, self.free, self.letters, self.goes_on = tensors

    def allowed(self, states: Tensor) -> Tensor:
        """(N, V), True for the tokens that rows in `states` (N,) may go on with; always one at least."""
        allowed = self.ends[states].unsqueeze(1) & self.free
        begin, counts = self.offsets[states], self.offsets[states + 1] - self.offsets[states]
        rows = torch.arange(len(states), device=states.device).repeat_interleave(counts)
        within = torch.arange(len(rows), device=states.device) - (counts.cumsum(0) - counts)[rows]
        places = begin[rows] + within
        allowed[rows, self.keys[places] % self.vocabulary] = True
        return allowed

    def step(self, states: Tensor, token_ids: Tensor) -> Tensor:
        """The states (N,) after `token_ids` (N,)."""
        parents = torch.where(self.goes_on[token_ids], states, OUTSIDE)
        wanted = parents * self.vocabulary + token_ids
        places = torch.searchsorted(self.keys, wanted).clamp_max(len(self.keys) - 1)
        known = self.letters[token_ids] & (self.keys[places] == wanted)
        return torch.where(known, self.children[places], OUTSIDE)
