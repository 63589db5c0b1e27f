"""What words are about, in closed form: vectors from the company that they keep in a corpus's documents.

V vocabulary, C numbers of a vector.
"""

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from .prepared import PreparedCorpus

RARE = 1e-3  # a word this frequent has half the weight of the rarest (the a of SIF)
OVERSAMPLING = 64
CHUNK = 4096


@torch.no_grad()
def learn_topics(corpus: PreparedCorpus, vocab_size: int, size: int, seed: int = 0) -> Tensor:
    """Vectors of tokens, of which a segment's sum says what it is about.

    The leading eigenvectors of the positive pointwise mutual information of two tokens sharing a document (Levy and
    Goldberg, 2014), each as long as its token is rare (SIF; Arora et al., 2017).

    Args:
        corpus: prepared documents.
        vocab_size: V.
        size: C, below V.
        seed: of the sketch that finds the eigenvectors.

    Returns:
        (V, C); zero for tokens that half of the documents have.

    Raises:
        ValueError: the vocabulary is smaller than the vectors.
    """
    if size >= vocab_size:
        raise ValueError(f"{size} topic numbers need a larger vocabulary than {vocab_size} tokens")
    documents = []
    for row in range(len(corpus.documents)):
        tokens = np.concatenate([corpus.segments[int(segment)] for segment in corpus.documents[row]])
        documents.append(np.unique(tokens))
    rows = np.repeat(np.arange(len(documents)), [len(tokens) for tokens in documents])
    indices = torch.from_numpy(np.stack([rows, np.concatenate(documents)]).astype(np.int64))
    shape = (len(documents), vocab_size)
    present = torch.sparse_coo_tensor(indices, torch.ones(indices.shape[1]), shape, check_invariants=True).coalesce()
    together = torch.zeros(vocab_size, vocab_size)
    for start in range(0, len(documents), CHUNK):
        some = present.index_select(0, torch.arange(start, min(start + CHUNK, len(documents)))).to_dense()
        together += some.T @ some
    share = together.diagonal() / len(documents)  # of the documents that a token is in
    expected = (share[:, None] * share * len(documents)).clamp_min(1e-9)
    information = (together / expected).clamp_min(1e-9).log().clamp_min(0.0)
    information *= together / (together + 5)  # pairs seen a few times only say little
    information.fill_diagonal_(0)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        vectors, values, _ = torch.svd_lowrank(information, q=min(size + OVERSAMPLING, vocab_size), niter=6)
    vectors = F.normalize(vectors[:, :size] * values[:size].sqrt(), dim=-1)
    frequency = np.bincount(corpus.segments.flat, minlength=vocab_size) / len(corpus.segments.flat)
    weight = torch.from_numpy(RARE / (RARE + frequency)).float() * (share < 0.5)
    return vectors * weight[:, None]
