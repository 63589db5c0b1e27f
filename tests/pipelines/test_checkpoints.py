"""Checkpoints are whole or not there, and load as they were saved."""

from pathlib import Path

import pytest
import torch

from segdiff.pipelines import checkpoints
from segdiff.pipelines.checkpoints import (
    latest_checkpoint,
    load_checkpoint,
    load_optimizer,
    module_tensors,
    optimizer_tensors,
    save_checkpoint,
)
from segdiff.pipelines.files import replace_folder, write_json

TENSORS = {
    "model": {"weight": torch.randn(3, 4).t(), "half": torch.ones(2, dtype=torch.float16)},
    "optimizer": {"0.step": torch.tensor(7.0)},
}


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_saved_is_loaded_and_older_ones_go(tmp_path):
    for step in (4, 8, 12):
        save_checkpoint(tmp_path, step, TENSORS, {"total_steps": None})
        assert names(tmp_path) == [f"checkpoint-{step}"]
    path = latest_checkpoint(tmp_path)
    assert path is not None and path == tmp_path / "checkpoint-12"
    tensors, state = load_checkpoint(path, ["model", "optimizer"])
    assert state == {"total_steps": None, "step": 12}
    for stem, named in TENSORS.items():
        assert tensors[stem].keys() == named.keys()
        for name, tensor in named.items():
            assert torch.equal(tensors[stem][name], tensor) and tensors[stem][name].dtype == tensor.dtype
    assert {file.suffix for file in path.iterdir()} == {".safetensors", ".json"}


def test_newest_by_number_and_unfinished_ones_are_ignored(tmp_path):
    assert latest_checkpoint(tmp_path) is None
    for name in ("checkpoint-9", "checkpoint-10", "checkpoint-11.tmp", "checkpoint-12.old", "checkpoint-", "data"):
        (tmp_path / name).mkdir()
    assert latest_checkpoint(tmp_path) == tmp_path / "checkpoint-10"


def test_a_kill_while_saving_leaves_the_older_checkpoint(tmp_path, monkeypatch):
    save_checkpoint(tmp_path, 4, TENSORS, {})
    save = checkpoints.save_file

    def killed(tensors, file):
        if file.name == "optimizer.safetensors":
            raise KeyboardInterrupt
        save(tensors, file)

    monkeypatch.setattr(checkpoints, "save_file", killed)
    with pytest.raises(KeyboardInterrupt):
        save_checkpoint(tmp_path, 8, TENSORS, {})
    assert latest_checkpoint(tmp_path) == tmp_path / "checkpoint-4"
    load_checkpoint(tmp_path / "checkpoint-4", ["model", "optimizer"])
    monkeypatch.undo()
    save_checkpoint(tmp_path, 8, TENSORS, {})  # what the kill left is in nobody's way
    assert names(tmp_path) == ["checkpoint-8"]


@pytest.mark.parametrize("damage", ["cut", "missing", "state", "no state"])
def test_damaged_checkpoint(tmp_path, damage):
    save_checkpoint(tmp_path, 4, TENSORS, {})
    path = tmp_path / "checkpoint-4"
    model = path / "model.safetensors"
    if damage == "cut":
        model.write_bytes(model.read_bytes()[:-4])
    elif damage == "missing":
        model.unlink()
    elif damage == "state":
        (path / "state.json").write_text('{"step": ')
    else:
        (path / "state.json").unlink()
    with pytest.raises(ValueError, match=r"checkpoint .*checkpoint-4 is damaged .*delete it to start again"):
        load_checkpoint(path, ["model", "optimizer"])


def test_tied_weights_are_stored_once():
    module = torch.nn.Sequential(torch.nn.Linear(3, 3), torch.nn.Linear(3, 3), torch.nn.BatchNorm1d(3))
    module[1].weight = module[0].weight
    tensors = module_tensors(module)
    assert "0.weight" in tensors and "1.weight" not in tensors and "2.running_mean" in tensors


def test_optimizer_round_trip():
    def trained(steps: int) -> tuple[torch.nn.Linear, torch.optim.Optimizer]:
        torch.manual_seed(0)
        layer = torch.nn.Linear(3, 2)
        optimizer = torch.optim.AdamW(layer.parameters(), lr=0.1)
        for _ in range(steps):
            layer(torch.ones(1, 3)).square().sum().backward()
            optimizer.step()
        return layer, optimizer

    _, old = trained(3)
    _, new = trained(0)
    new.param_groups[0]["lr"] = 0.5
    load_optimizer(new, optimizer_tensors(old))
    assert new.param_groups[0]["lr"] == 0.5
    for index, state in old.state_dict()["state"].items():
        for name, value in state.items():
            assert torch.equal(new.state_dict()["state"][index][name], value), name


def test_folder_is_replaced_whole(tmp_path):
    for name in ("new", "target", "target.old"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_text(name)
    replace_folder(tmp_path / "new", tmp_path / "target")
    assert names(tmp_path) == ["target"]
    assert (tmp_path / "target" / "file").read_text() == "new"


def test_json_is_readable_and_leaves_nothing_behind(tmp_path):
    write_json(tmp_path / "a.json", {"é": [1, None]})
    assert (tmp_path / "a.json").read_text(encoding="utf-8") == '{\n  "é": [\n    1,\n    null\n  ]\n}\n'
    assert names(tmp_path) == ["a.json"]
