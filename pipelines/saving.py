"""Models to disk, whole or not at all."""

import shutil
from copy import deepcopy
from pathlib import Path

import torch

from .files import replace_folder
from .story import StoryPipeline


def save_pipeline(pipeline: StoryPipeline, folder: Path, half: bool = False) -> None:
    """Write a pipeline to `folder`, replacing an older one only when the new one is complete.

    Args:
        pipeline: a story pipeline; left as it is.
        folder: target.
        half: store 16-bit weights (half the size; loading gives single precision again).
    """
    temporary = folder.with_name(folder.name + ".tmp")
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.parent.mkdir(parents=True, exist_ok=True)
    if half:
        pipeline = deepcopy(pipeline).to(dtype=torch.float16)
    pipeline.save_pretrained(temporary, safe_serialization=True)
    readable(temporary)
    replace_folder(temporary, folder)


def readable(folder: Path) -> None:
    """Let all read the weights: they are written for their owner alone, which breaks a shared or packaged model."""
    for file in folder.rglob("*.safetensors"):
        file.chmod(0o644)
