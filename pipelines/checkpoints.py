"""Checkpoints of a training run: safetensors and JSON only, written whole or not at all.

There is no random state to store: every step seeds its randomness from (seed, step).
"""

import json
import shutil
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from .files import replace_folder, write_json

PREFIX = "checkpoint-"


def module_tensors(module: nn.Module) -> dict[str, Tensor]:
    """Parameters and buffers, tied ones once."""
    return {name: value.detach() for name, value in [*module.named_parameters(), *module.named_buffers()]}


def optimizer_tensors(optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """State of an optimizer as named tensors."""
    state = optimizer.state_dict()["state"]
    return {
        f"{index}.{name}": torch.as_tensor(value) for index, entry in state.items() for name, value in entry.items()
    }


def load_optimizer(optimizer: torch.optim.Optimizer, tensors: dict[str, Tensor]) -> None:
    """Inverse of `optimizer_tensors`; learning rates stay as they are."""
    state: dict[int, dict[str, Tensor]] = {}
    for key, value in tensors.items():
        index, name = key.split(".", 1)
        state.setdefault(int(index), {})[name] = value
    optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})


def save_checkpoint(folder: Path, step: int, tensors: dict[str, dict[str, Tensor]], state: dict[str, Any]) -> None:
    """Write `folder/checkpoint-<step>` and remove older ones.

    Args:
        folder: of the run.
        step: steps done.
        tensors: file stem -> named tensors.
        state: JSON values.
    """
    target = folder / f"{PREFIX}{step}"
    temporary = folder / f"{PREFIX}{step}.tmp"
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir(parents=True)
    for stem, named in tensors.items():
        save_file({k: v.contiguous().cpu() for k, v in named.items()}, temporary / f"{stem}.safetensors")
    write_json(temporary / "state.json", {**state, "step": step})
    replace_folder(temporary, target)
    for other in folder.glob(f"{PREFIX}*"):
        if other != target:
            shutil.rmtree(other, ignore_errors=True)


def latest_checkpoint(folder: Path) -> Path | None:
    """The newest complete checkpoint of a run, if any."""
    found = [path for path in folder.glob(f"{PREFIX}*") if path.name.removeprefix(PREFIX).isdigit()]
    return max(found, key=lambda path: int(path.name.removeprefix(PREFIX)), default=None)


def load_checkpoint(path: Path, stems: list[str]) -> tuple[dict[str, dict[str, Tensor]], dict[str, Any]]:
    """Read what `save_checkpoint` wrote.

    Raises:
        ValueError: a file is missing or damaged.
    """
    try:
        tensors = {stem: load_file(path / f"{stem}.safetensors") for stem in stems}
        return tensors, json.loads((path / "state.json").read_text(encoding="utf-8"))
    except (OSError, SafetensorError, ValueError, RecursionError) as error:
        raise ValueError(f"checkpoint {path} is damaged ({error}); delete it to start again") from None
