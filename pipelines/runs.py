"""The folder of a training run: which config it belongs to and how far it has come."""

import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import chain
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel

from .checkpoints import PREFIX, latest_checkpoint

CONFIG = "config.yaml"
RESULT = "result.json"
METRICS = "metrics.jsonl"
_ABSENT = "not set"


def open_run(folder: Path, config: BaseModel, **beside: str | None) -> None:
    """Make `folder` the folder of a run of `config`, or check that it already is.

    A run without a checkpoint has nothing to lose: its config is replaced, so that a command with a slip in it can be
    given again. An option that is younger than the run has its default value there. Of the processes of one
    `accelerate launch` the main one does it.

    Args:
        folder: made when absent.
        config: of the run; written to `folder/config.yaml`, whole or not at all.
        beside: what else decides the run, and is kept with its config; None where it is not given.

    Raises:
        ValueError: the folder holds a run of another config, or something that is no run.
    """
    _refuse_file(folder)
    if not _is_main():
        return
    values = config.model_dump(mode="json") | {key: value for key, value in beside.items() if value is not None}
    file = folder / CONFIG
    if file.exists():
        difference = first_difference(with_defaults(_read(file), type(config)()), values)
        if difference is None:
            return
        if latest_checkpoint(folder) is not None or is_finished(folder):
            key, there, here = difference
            raise ValueError(
                f"{folder} holds a run of another config: {key} is {_show(there)} there and {_show(here)} now; "
                "use another --out"
            )
    elif folder.is_dir():
        foreign = sorted(path.name for path in folder.iterdir() if not path.name.startswith(CONFIG))
        if foreign:
            raise ValueError(f"{folder} is not empty and holds no run (it has {foreign[0]}); use another --out")
    folder.mkdir(parents=True, exist_ok=True)
    temporary = folder / f"{CONFIG}.{os.getpid()}.tmp"
    try:
        temporary.write_text(yaml.safe_dump(values, sort_keys=False, allow_unicode=True), encoding="utf-8")
        os.replace(temporary, file)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def locked(folder: Path, name: str = CONFIG, work: str = METRICS) -> Iterator[None]:
    """Keep a second command out of a folder; the processes of one `accelerate launch` share it.

    A command that fails before there is any work to keep takes away what it made there, the folder included; what was
    there before stays.

    Args:
        folder: made when absent.
        name: of the file beside which the lock is.
        work: pattern of the files, in the folder or one below, that are work to keep.

    Raises:
        ValueError: another process is at work there, or it is a file.
    """
    _refuse_file(folder)
    if sys.platform == "win32" or not _is_main():
        yield
        return
    import fcntl

    absent = [path for path in (folder, *folder.parents) if not path.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    lock = folder / f"{name}.lock"
    before = {lock.name} if lock.exists() else set()
    with lock.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ValueError(f"another process is at work in {folder}; wait for it, or use another --out") from None
        before |= {path.name for path in folder.iterdir() if path != lock}
        try:
            yield
        except Exception:
            if not any(chain(folder.glob(work), folder.glob(f"*/{work}"))):
                _remove([path for path in folder.iterdir() if path.name not in before], absent)
            raise


def _remove(paths: list[Path], folders: list[Path]) -> None:
    """Remove files and folders `paths`, then those of `folders` that are empty."""
    for path in paths:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
    for folder in folders:
        with suppress(OSError):
            folder.rmdir()


def _is_main() -> bool:
    return os.environ.get("RANK", "0") == "0"


def _refuse_file(folder: Path) -> None:
    if folder.exists() and not folder.is_dir():
        raise ValueError(f"{folder} is a file; use another --out")


def is_finished(folder: Path) -> bool:
    """True where the run in `folder` has written its result."""
    return (folder / RESULT).is_file()


def progress_of(folder: Path) -> str:
    """How far an interrupted run came and how to go on, for the person who interrupted it."""
    checkpoint = latest_checkpoint(folder) if folder.is_dir() else None
    if checkpoint is None:
        return "no checkpoint was written yet; the same command starts again"
    return (
        f"the last checkpoint is {checkpoint} (step {checkpoint.name.removeprefix(PREFIX)}); "
        "the same command resumes from it"
    )


def with_defaults(stored: Any, default: BaseModel) -> Any:
    """The `stored` values of a config, and those of `default` where a key is absent.

    What is a plain mapping in the config, such as the options of a text model, stays as it was stored.
    """
    if not isinstance(stored, dict):
        return stored
    nested = {key: value for key, value in default if isinstance(value, BaseModel) and key in stored}
    completed = {key: with_defaults(stored[key], value) for key, value in nested.items()}
    return default.model_dump(mode="json") | stored | completed


def first_difference(there: Any, here: Any, path: str = "") -> tuple[str, Any, Any] | None:
    """Dotted key and both values of the first place where two nested mappings differ; None where they are equal."""
    if not isinstance(there, dict) or not isinstance(here, dict):
        return None if there == here else (path, there, here)
    for key in [*here, *(key for key in there if key not in here)]:
        inside = f"{path}.{key}" if path else str(key)
        found = first_difference(there.get(key, _ABSENT), here.get(key, _ABSENT), inside)
        if found is not None:
            return found
    return None


def _show(value: Any) -> str:
    return _ABSENT if value == _ABSENT else repr(value)


def _read(file: Path) -> dict[Any, Any]:
    try:
        values = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ValueError(f"{file} is damaged ({' '.join(str(error).split())}); use another --out") from None
    return values if isinstance(values, dict) else {}
