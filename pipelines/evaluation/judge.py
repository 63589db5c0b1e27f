"""Everything that is learnt from human judge stories, which no writer has seen; kept in a folder to be used again."""

import hashlib
import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from ..files import replace_folder, write_json
from .coherence import MIN_ACCURACY, CoherenceClassifier, accuracy_of_easiest, probabilities, train_classifier
from .embedding import Embedder
from .entities import Names
from .fluency import NgramJudge
from .relevance import document_frequency
from .texts import HumanStory

SETTINGS, WEIGHTS = "judge.json", "judge.safetensors"
Array = np.ndarray


@dataclass(frozen=True)
class Judge:
    """What measures need.

    Attributes:
        vectors: of each judge story, (S, D); the reference of distributions.
        fluency: n-gram model.
        coherence: classifier of stories.
        held_out: its accuracy on held-out judge stories, a row for each corruption.
        names: which words are names.
        frequency: share of the stories that have a word.
    """

    vectors: list[Array]
    fluency: NgramJudge
    coherence: CoherenceClassifier
    held_out: list[dict[str, Any]]
    names: Names
    frequency: dict[str, float]

    @property
    def why_no_coherence(self) -> str | None:
        """Why the classifier is not to be asked: it cannot even tell sentences of different stories. None: it can."""
        accuracy = accuracy_of_easiest(self.held_out)
        if accuracy >= MIN_ACCURACY:
            return None
        return (
            f"'taken for real' is left out: the classifier of {len(self.vectors)} judge stories is right in only "
            f"{accuracy:.0%} where all sentences are foreign, {MIN_ACCURACY:.0%} are needed; give more judge stories"
        )

    def taken_for_real(self, stories: Sequence[Array]) -> float | None:
        """Share of the stories (S, D) that the classifier takes for real; None where it is not to be asked."""
        if self.why_no_coherence is not None:
            return None
        return float((probabilities(self.coherence, stories) > 0.5).mean())


def make_judge(
    stories: Sequence[HumanStory],
    embedder: Embedder,
    seed: int,
    folder: Path | None = None,
    progress: Callable[[str], None] = lambda _: None,
) -> Judge:
    """Train a judge, or take the slow parts (embeddings and classifier) from `folder` where they are.

    Args:
        stories: judge stories.
        embedder: of their sentences.
        seed: of the classifier.
        folder: kept here; made when it is missing, made anew when it is of other stories, encoder or seed.
        progress: told whether it is made or taken.

    Raises:
        ValueError: too few stories, or `folder` holds something else.
    """
    texts = [story.segments for story in stories]
    key = _fingerprint(texts, embedder.name, seed)
    found = _load(folder, key) if folder is not None else None
    progress(f"making the judge of {len(stories)} stories" if found is None else f"judge taken from {folder}")
    if found is None:
        vectors = embedder.stories(texts)
        found = (vectors, *train_classifier(vectors, seed))
        if folder is not None:
            _save(folder, key, *found)
    vectors, classifier, held_out = found
    return Judge(
        vectors,
        NgramJudge(segment for story in texts for segment in story),
        classifier,
        held_out,
        Names(texts),
        document_frequency(texts),
    )


def check_judge_folder(folder: Path) -> None:
    """Refuse a folder that a judge cannot be kept in, before anything is trained.

    Raises:
        FileNotFoundError: its parent does not exist.
        ValueError: it is a file, or holds something else.
    """
    if not folder.absolute().parent.is_dir():
        raise FileNotFoundError(f"--judge {folder}: there is no folder {folder.absolute().parent}")
    if folder.exists() and not folder.is_dir():
        raise ValueError(f"--judge {folder} is a file; give a folder")
    if folder.is_dir() and any(folder.iterdir()) and not (folder / SETTINGS).is_file():
        raise ValueError(f"--judge {folder} holds something else than a judge; give a new folder")


def _fingerprint(texts: Sequence[Sequence[str]], encoder: str, seed: int) -> str:
    content = json.dumps([texts, encoder, seed], ensure_ascii=False).encode()
    return hashlib.sha256(content).hexdigest()


def _save(
    folder: Path, key: str, vectors: list[Array], classifier: CoherenceClassifier, held_out: list[dict[str, Any]]
) -> None:
    temporary = folder.with_name(folder.name + ".tmp")
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir()
    tensors = {f"coherence.{name}": value.contiguous() for name, value in classifier.state_dict().items()}
    tensors["vectors"] = torch.from_numpy(np.concatenate(vectors)).half()
    tensors["counts"] = torch.tensor([len(story) for story in vectors])
    save_file(tensors, temporary / WEIGHTS)
    write_json(temporary / SETTINGS, {"fingerprint": key, "held_out": held_out})
    replace_folder(temporary, folder)


def _load(folder: Path, key: str) -> tuple[list[Array], CoherenceClassifier, list[dict[str, Any]]] | None:
    """What `_save` wrote; None where there is nothing or it is of something else."""
    check_judge_folder(folder)
    if not (folder / SETTINGS).is_file() or not (folder / WEIGHTS).is_file():
        return None
    try:
        settings = json.loads((folder / SETTINGS).read_text(encoding="utf-8"))
        if settings["fingerprint"] != key:
            return None
        tensors = load_file(folder / WEIGHTS)
        flat, counts = tensors.pop("vectors").float().numpy(), tensors.pop("counts").tolist()
        classifier = CoherenceClassifier(flat.shape[1])
        classifier.load_state_dict({name.removeprefix("coherence."): value for name, value in tensors.items()})
        held_out = settings["held_out"]
    except (SafetensorError, ValueError, KeyError, RuntimeError) as error:  # a RecursionError is a RuntimeError
        why = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ValueError(f"--judge {folder} is damaged ({why}); remove it, it will be made again") from None
    return np.split(flat, np.cumsum(counts)[:-1]), classifier.eval(), held_out
