"""A trained sentence encoder as the teacher of what segments mean: its vectors of some texts, made once for a run.

M texts, P pairs of texts, E width of the teacher's vectors.
"""

import hashlib
import os
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file
from transformers import PreTrainedTokenizerFast

from ..configs.schema import DistillationConfig
from .batches import SegmentBatch, pad_rows
from .prepared import PreparedCorpus, Ragged
from .sentence_encoders import load_sentence_encoder

FILE = "teacher.safetensors"


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
        rows = np.stack([2 * pairs, 2 * pairs + 1], axis=1).ravel()
        _, first = np.unique([self.texts[int(row)].tobytes() for row in rows], return_index=True)
        rows = rows[np.sort(first)]
        taught, mask = pad_rows([self.texts[int(row)] for row in rows])
        vectors = torch.from_numpy(self.vectors[rows].astype(np.float32))
        return replace(batch, taught=taught, taught_mask=mask, teacher=vectors)


def load_teacher(
    config: DistillationConfig,
    corpus: PreparedCorpus,
    tokenizer: PreTrainedTokenizerFast,
    folder: Path,
    seed: int,
    device: str = "cpu",
) -> Teacher:
    """The pairs and their vectors, from `folder/teacher.safetensors` where an earlier part of the run wrote it.

    Half of the pairs are paraphrases of the data, as far as it has them; the others are segments that follow each
    other in a document: alike enough to tell the teacher's opinion from chance.

    Raises:
        ValueError: no such teacher, a corpus of fewer than two pairs, or a damaged file.
    """
    texts = pairs_of(corpus, config.texts // 2, np.random.default_rng([seed, 3]))
    if len(texts) < 4:
        raise ValueError("distillation.teacher needs paraphrases, or documents of two or more segments")
    path, made_of = folder / FILE, {"made_of": _digest(texts, config.teacher)}
    if path.exists():
        try:
            with safe_open(path, "numpy") as file:
                if file.metadata() == made_of:
                    return Teacher(texts, file.get_tensor("vectors"))
        except SafetensorError as error:
            raise ValueError(f"{path} is damaged ({error}); delete it, and it is made again") from None
    assert config.teacher is not None
    model = load_sentence_encoder(config.teacher, device)
    words = tokenizer.batch_decode([texts[row].tolist() for row in range(len(texts))], skip_special_tokens=True)
    words = [text.strip() for text in words]
    encoded = model.encode(words, batch_size=128, normalize_embeddings=True, show_progress_bar=True)
    vectors = np.ascontiguousarray(encoded, dtype=np.float16)
    folder.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f"{path.name}.tmp")
    save_file({"vectors": vectors}, temporary, metadata=made_of)
    os.replace(temporary, path)
    return Teacher(texts, vectors)


def _digest(texts: Ragged, teacher: str | None) -> str:
    digest = hashlib.sha256(f"{teacher}\0".encode())
    digest.update(texts.flat.tobytes())
    digest.update(texts.offsets.tobytes())
    return digest.hexdigest()[:16]


def pairs_of(corpus: PreparedCorpus, count: int, rng: np.random.Generator) -> Ragged:
    """At most `count` pairs, the rows 2p and 2p + 1: paraphrases for half of them, neighbours for the rest."""
    distinct: dict[tuple[bytes, bytes], int] = {}
    for row in range(corpus.num_paraphrases):  # a paraphrase stands there both ways, and once for each hard negative
        key = tuple(sorted((corpus.anchors[row].tobytes(), corpus.positives[row].tobytes())))
        distinct.setdefault(key, row)
    given = rng.permutation(list(distinct.values()))
    firsts = np.concatenate([corpus.documents[row][:-1] for row in range(len(corpus.documents))])
    made = rng.permutation(firsts)[: count - min(len(given), count // 2)]
    given = given[: count - len(made)]
    rows = [row for pair in given for row in (corpus.anchors[int(pair)], corpus.positives[int(pair)])]
    rows += [row for first in made for row in (corpus.segments[int(first)], corpus.segments[int(first) + 1])]
    return Ragged.of(rows)
