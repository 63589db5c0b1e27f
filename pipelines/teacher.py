"""A trained sentence encoder as the teacher of what segments mean: its vectors of some texts, made once for a run.

M texts, P pairs of texts, E width of the teacher's vectors.
"""

import hashlib
import os
from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file
from transformers import PreTrainedTokenizerFast

from ..configs.schema import RepresentationConfig
from .batches import SegmentBatch, pad_rows
from .prepared import PreparedCorpus, Ragged
from .sentence_encoders import load_sentence_encoder
from .tokenization import detokenize

FILE = "teacher.safetensors"
OPTION = "distillation.teacher"


@dataclass(frozen=True)
class Teacher:
    """Pairs of texts that are close to each other, and a teacher's vectors of them.

    Attributes:
        texts: token ids; rows 2p and 2p + 1 are a pair.
        vectors: (M, E) of length one.
    """

    texts: Ragged
    vectors: np.ndarray

    def add(self, batch: SegmentBatch, num_pairs: int, rng: np.random.Generator) -> SegmentBatch:
        """The batch with `num_pairs` of the pairs (all where there are fewer), each text once."""
        count = len(self.texts) // 2
        pairs = rng.choice(count, min(num_pairs, count), replace=False)
        rows = [row for pair in pairs for row in (2 * int(pair), 2 * int(pair) + 1)]
        rows = list({self.texts[row].tobytes(): row for row in rows}.values())
        taught, mask = pad_rows([self.texts[row] for row in rows])
        vectors = torch.from_numpy(self.vectors[rows].astype(np.float32))
        return replace(batch, taught=taught, taught_mask=mask, teacher=vectors)


def load_teacher(
    name: str,
    config: RepresentationConfig,
    corpus: PreparedCorpus,
    tokenizer: PreTrainedTokenizerFast,
    folder: Path,
    device: str = "cpu",
) -> Teacher:
    """The pairs and their vectors, from `folder/teacher.safetensors` where an earlier part of the run wrote it.

    Args:
        name: of the sentence encoder, see `load_sentence_encoder`. The file is known by it: where a folder's model was
            replaced by another, delete the file.
        config: how many texts, and the seed that draws them.
        corpus: that they are drawn from, see `pairs_of`.
        tokenizer: of the corpus.
        folder: run folder.
        device: where the teacher runs.

    Raises:
        ValueError: no such teacher, a corpus of fewer than two pairs, or a damaged file.
    """
    texts = pairs_of(corpus, config.distillation.texts // 2, np.random.default_rng([config.loop.seed, 3]))
    if len(texts) < 4:
        raise ValueError(f"{OPTION} needs two or more paraphrases, or documents of two or more segments")
    path, made_of = folder / FILE, {"made_of": _digest(texts, name)}
    if path.exists():
        try:
            with safe_open(path, "numpy") as file:
                if file.metadata() == made_of:
                    return Teacher(texts, file.get_tensor("vectors"))
        except SafetensorError as error:
            raise ValueError(f"{path} is damaged ({error}); delete it, and it is made again") from None
    model = load_sentence_encoder(name, device, OPTION)
    ids, _ = pad_rows([texts[row] for row in range(len(texts))])
    words = detokenize(tokenizer, ids)
    encoded = model.encode(words, batch_size=128, normalize_embeddings=True, show_progress_bar=True)
    vectors = np.ascontiguousarray(encoded, dtype=np.float16)
    folder.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f"{path.name}.tmp")
    save_file({"vectors": vectors}, temporary, metadata=made_of)
    os.replace(temporary, path)
    return Teacher(texts, vectors)


def _digest(texts: Ragged, name: str) -> str:
    digest = hashlib.sha256(f"{name}\0".encode())
    digest.update(texts.flat.tobytes())
    digest.update(texts.offsets.tobytes())
    return digest.hexdigest()[:16]


def pairs_of(corpus: PreparedCorpus, count: int, rng: np.random.Generator) -> Ragged:
    """At most `count` pairs of different texts, the rows 2p and 2p + 1.

    Half of them are paraphrases of the data, as far as it has them; the others are segments that follow each other in
    a document: alike enough to tell the teacher's opinion from chance.
    """
    given = _different((corpus.anchors[row], corpus.positives[row]) for row in range(corpus.num_paraphrases))
    documents = (corpus.documents[row] for row in range(len(corpus.documents)))
    following = ((corpus.segments[int(a)], corpus.segments[int(b)]) for rows in documents for a, b in pairwise(rows))
    made = _different(following)
    num_given = min(len(given), max(count // 2, count - len(made)))
    chosen = [given[int(index)] for index in rng.permutation(len(given))[:num_given]]
    chosen += [made[int(index)] for index in rng.permutation(len(made))[: count - num_given]]
    return Ragged.of([row.tolist() for pair in chosen for row in pair])


def _different(pairs: Iterable[tuple[np.ndarray, np.ndarray]]) -> list[tuple[np.ndarray, np.ndarray]]:
    """Each pair once, whichever way round, without pairs of one text twice."""
    found: dict[frozenset[bytes], tuple[np.ndarray, np.ndarray]] = {}
    for pair in pairs:
        key = frozenset(row.tobytes() for row in pair)
        if len(key) == 2:
            found.setdefault(key, pair)
    return list(found.values())
