"""Run folders: one config each, and nothing of anybody else's is touched."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import BaseModel

from segdiff.configs.schema import (
    AdaptationConfig,
    DiffusionConfig,
    LoopConfig,
    RepresentationConfig,
    StoryModelConfig,
)
from segdiff.pipelines.runs import first_difference, is_finished, locked, open_run, progress_of


def config(**loop: Any) -> RepresentationConfig:
    return RepresentationConfig(loop=LoopConfig(**loop))


def checkpoint(folder: Path, step: int = 3) -> Path:
    path = folder / f"checkpoint-{step}"
    path.mkdir()
    return path


def test_a_new_run_keeps_its_config(tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "run"
    open_run(folder, config(seed=3, learning_rate=1e-5))
    assert [path.name for path in folder.iterdir()] == ["config.yaml"]
    values = yaml.safe_load((folder / "config.yaml").read_text())
    assert RepresentationConfig(**values) == config(seed=3, learning_rate=1e-5)
    checkpoint(folder)
    before = (folder / "config.yaml").stat().st_mtime_ns
    open_run(folder, config(seed=3, learning_rate=1e-5))
    assert (folder / "config.yaml").stat().st_mtime_ns == before


def test_another_config_is_refused(tmp_path: Path) -> None:
    open_run(tmp_path, config(seed=3, max_steps=7))
    checkpoint(tmp_path)
    with pytest.raises(ValueError, match=r"loop\.max_steps is 7 there and 8 now; use another --out"):
        open_run(tmp_path, config(seed=4, max_steps=8))
    with pytest.raises(ValueError, match=r"encoder is \{.*\} there and not set now; use another --out"):
        open_run(tmp_path, DiffusionConfig(loop=LoopConfig(seed=3, max_steps=7)))


def test_a_finished_run_of_another_config_is_refused(tmp_path: Path) -> None:
    open_run(tmp_path, config(seed=3))
    assert not is_finished(tmp_path)
    (tmp_path / "result.json").write_text("{}")
    assert is_finished(tmp_path)
    with pytest.raises(ValueError, match=r"loop\.seed is 3 there and 0 now"):
        open_run(tmp_path, config())


def test_what_stands_beside_the_config_is_kept_too(tmp_path: Path) -> None:
    open_run(tmp_path, config(), init="a")
    checkpoint(tmp_path)
    open_run(tmp_path, config(), init="a")
    with pytest.raises(ValueError, match="init is 'a' there and 'b' now; use another --out"):
        open_run(tmp_path, config(), init="b")
    with pytest.raises(ValueError, match="init is 'a' there and not set now"):
        open_run(tmp_path, config(), init=None)


class Inner(BaseModel):
    old: int = 1
    new: int = 2
    options: dict[str, int] = {"width": 8}


class Young(BaseModel):
    """A config that has got the key `new`, since a run of it was begun, in three places."""

    old: int = 1
    new: list[int] = [3]
    plain: Inner = Inner()
    set_here: Inner = Inner(new=5)


OLD = {
    "old": 1,
    "plain": {"old": 1, "options": {"width": 8}},
    "set_here": {"old": 1, "options": {"width": 8}},
    "init": "a",
}


def old_run(folder: Path, values: dict[str, Any]) -> Path:
    (folder / "config.yaml").write_text(yaml.safe_dump(values))
    checkpoint(folder)
    return folder


def test_a_key_that_is_younger_than_the_run_had_its_default(tmp_path: Path) -> None:
    open_run(old_run(tmp_path, OLD), Young(), init="a")
    with pytest.raises(ValueError, match=r"new is \[3\] there and \[4\] now"):
        open_run(tmp_path, Young(new=[4]), init="a")
    with pytest.raises(ValueError, match=r"plain\.new is 2 there and 3 now"):
        open_run(tmp_path, Young(plain=Inner(new=3)), init="a")
    with pytest.raises(ValueError, match=r"set_here\.new is 5 there and 2 now"):
        open_run(tmp_path, Young(set_here=Inner()), init="a")
    with pytest.raises(ValueError, match="init is 'a' there and 'b' now"):
        open_run(tmp_path, Young(), init="b")


def test_a_key_that_was_removed_still_counts(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="gone is 7 there and not set now"):
        open_run(old_run(tmp_path, {**OLD, "gone": 7}), Young(), init="a")


def test_a_mapping_of_options_is_not_completed(tmp_path: Path) -> None:
    other = {**OLD, "plain": {"old": 1, "options": {"depth": 8}}}
    with pytest.raises(ValueError, match=r"plain\.options\.width is not set there and 8 now"):
        open_run(old_run(tmp_path, other), Young(), init="a")


def test_a_run_of_every_stage_from_before_a_key_goes_on(tmp_path: Path) -> None:
    """Every option has a default, so every one may have been added after a run was begun."""
    for schema in (RepresentationConfig, DiffusionConfig, AdaptationConfig, StoryModelConfig):
        folder = tmp_path / schema.__name__
        folder.mkdir()
        open_run(old_run(folder, {}), schema())


def test_a_run_without_checkpoint_takes_the_new_config(tmp_path: Path) -> None:
    open_run(tmp_path, config(seed=3))
    (tmp_path / "data").mkdir()
    open_run(tmp_path, config(seed=4))
    assert yaml.safe_load((tmp_path / "config.yaml").read_text())["loop"]["seed"] == 4


def test_foreign_folders_and_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    with pytest.raises(ValueError, match=r"holds no run \(it has photos\)"):
        open_run(tmp_path, config())
    assert [path.name for path in tmp_path.iterdir()] == ["photos"]
    (tmp_path / "file").write_text("")
    with pytest.raises(ValueError, match="is a file"):
        open_run(tmp_path / "file", config())


def test_an_empty_folder_is_fine_and_so_is_what_a_kill_left(tmp_path: Path) -> None:
    (tmp_path / "config.yaml.123.tmp").write_text("loop:")
    open_run(tmp_path, config())
    assert (tmp_path / "config.yaml").is_file()


def test_a_damaged_config_is_named(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("loop: [")
    with pytest.raises(ValueError, match=r"config\.yaml is damaged"):
        open_run(tmp_path, config())


def test_nothing_is_left_when_writing_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.replace", full)
    with pytest.raises(OSError, match="No space left"):
        open_run(tmp_path, config())
    assert list(tmp_path.iterdir()) == []


def test_progress(tmp_path: Path) -> None:
    assert "no checkpoint" in progress_of(tmp_path / "missing")
    assert "no checkpoint" in progress_of(tmp_path)
    checkpoint(tmp_path, 20)
    assert f"{checkpoint(tmp_path, 100)} (step 100)" in progress_of(tmp_path)


@pytest.mark.parametrize(
    ("there", "here", "difference"),
    [
        ({"a": {"b": 1}}, {"a": {"b": 1}}, None),
        ({"a": {"b": 1}}, {"a": {"b": 2}}, ("a.b", 1, 2)),
        ({"a": {"b": 1, "c": 0}}, {"a": {"b": 1}}, ("a.c", 0, "not set")),
        ({}, {"a": None}, ("a", "not set", None)),
        ({"a": [1]}, {"a": [1, 2]}, ("a", [1], [1, 2])),
        ({"a": 1}, {"a": {"b": 1}}, ("a", 1, {"b": 1})),
    ],
)
def test_first_difference(there: Any, here: Any, difference: tuple[str, Any, Any] | None) -> None:
    assert first_difference(there, here) == difference


def test_second_process_is_kept_out(tmp_path):
    with locked(tmp_path), pytest.raises(ValueError, match="another process is at work"), locked(tmp_path):
        pass
    with locked(tmp_path):
        pass


class Failed(Exception):
    pass


def fail(folder: Path, *made: str) -> None:
    """A command that makes files in a run's folder and fails."""
    with pytest.raises(Failed), locked(folder):
        open_run(folder, config())
        for name in made:
            (folder / name).parent.mkdir(exist_ok=True)
            (folder / name).write_text("")
        raise Failed


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_a_failed_start_leaves_nothing(tmp_path: Path) -> None:
    fail(tmp_path / "deep" / "run", "data/key.json")
    assert names(tmp_path) == set()
    (tmp_path / "empty").mkdir()
    fail(tmp_path / "empty", "latents.safetensors")
    assert names(tmp_path / "empty") == set()


def test_a_failed_start_takes_away_nothing_of_others(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "run"
    with locked(folder):
        open_run(folder, config())
    (folder.parent / "notes").write_text("")
    (folder / "data").mkdir()
    before = names(folder)
    fail(folder, "data.tmp/key.json")
    assert names(folder) == before and names(folder.parent) == {"run", "notes"}
    with locked(folder):
        (folder / "later").write_text("")
        with pytest.raises(ValueError, match="another process is at work"), locked(folder):
            pass
    assert names(folder) == {*before, "later"}


@pytest.mark.parametrize("metrics", ["metrics.jsonl", "stage/metrics.jsonl"])
def test_a_run_that_fails_after_its_start_stays(tmp_path: Path, metrics: str) -> None:
    fail(tmp_path / "run", metrics, "data/key.json")
    assert {"config.yaml", "data", metrics.split("/")[0]} <= names(tmp_path / "run")
