"""What words say about the rest of their document, in closed form.

V vocabulary, C numbers of a vector, B documents, N segments.
"""

import numpy as np
import torch
from scipy.sparse import csr_matrix, diags
from scipy.sparse.linalg import eigsh
from torch import Tensor

from .prepared import PreparedCorpus, Ragged

RARE = 1e-5  # share of all words, added to every word's: keeps the rarest from deciding


def learn_topics(corpus: PreparedCorpus, vocab_size: int, size: int, seed: int = 0) -> Tensor:
    """Vectors of tokens, of which a segment's sum tells most about the other segments of its document, and its title.

    The leading canonical directions of the words of two segments of one document ("eigenwords"; Dhillon, Foster and
    Ungar, JMLR 2015), each as long as the root of its correlation. In stories the first ones say who it is about (he,
    she, I, they), the others the subject.

    Args:
        corpus: prepared documents.
        vocab_size: V.
        size: C, below V.
        seed: of the start of the eigenvectors' iteration.

    Returns:
        (V, C).

    Raises:
        ValueError: the vocabulary is not larger than the vectors, or no document has two segments, or one and a title.
    """
    if size >= vocab_size:
        raise ValueError(f"{size} topic numbers need a larger vocabulary than {vocab_size} tokens")
    together = company(corpus, vocab_size)
    total = together.sum()
    if total <= 0:
        raise ValueError(
            "topics are learned from documents of two or more segments, or with titles, and the corpus has none; "
            "set encoder.gist_latents=0"
        )
    share = together.sum(axis=1) / total
    scale = (share + RARE) ** -0.5
    excess = scale[:, None] * (together / total - np.outer(share, share)) * scale
    start = np.random.default_rng(seed).standard_normal(vocab_size)
    values, vectors = eigsh((excess + excess.T) / 2, k=size, which="LA", v0=start)
    order = np.argsort(-values)
    return torch.from_numpy(scale[:, None] * vectors[:, order] * np.sqrt(values[order].clip(0))).float()


def company(corpus: PreparedCorpus, vocab_size: int) -> np.ndarray:
    """(V, V): how often two tokens stand in different segments of a document, the title being one.

    A segment counts as much in a long document as in a short one.
    """
    segments = presence(corpus.segments, corpus.documents.flat, vocab_size)
    titles = presence(corpus.titles, np.arange(len(corpus.titles)), vocab_size)
    lengths = corpus.documents.lengths
    owner = np.repeat(np.arange(len(lengths)), lengths)
    membership = csr_matrix((np.ones(len(owner)), (owner, np.arange(len(owner)))), shape=(len(lengths), len(owner)))
    others = lengths + (corpus.titles.lengths > 0) - 1
    weight = np.where(others > 0, 1 / np.maximum(others, 1), 0)
    whole = membership @ segments + titles
    both = whole.T @ diags(weight) @ whole
    same = segments.T @ diags(weight[owner]) @ segments + titles.T @ diags(weight) @ titles
    return np.asarray((both - same).todense())


def presence(rows: Ragged, chosen: np.ndarray, vocab_size: int) -> csr_matrix:
    """(N, V) sparse: 1 where a token stands in one of the chosen rows."""
    tokens = [np.unique(rows[int(index)]) for index in chosen]
    indptr = np.concatenate([[0], np.cumsum([len(row) for row in tokens])])
    indices = np.concatenate(tokens) if tokens else np.empty(0, dtype=np.int64)
    return csr_matrix((np.ones(len(indices)), indices, indptr), shape=(len(chosen), vocab_size))
