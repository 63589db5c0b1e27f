"""Files and folders that are written whole or not at all; needs no torch."""

import json
import os
import shutil
from pathlib import Path
from typing import Any


def check_folder_of(path: Path) -> None:
    """Refuse a path that has a file where a folder would have to be.

    Raises:
        ValueError: there is one.
    """
    for folder in path.parents:
        if folder.exists() and not folder.is_dir():
            raise ValueError(f"{folder} is a file, and {path} would need a folder of that name; give another name")


def write_json(path: Path, value: Any) -> None:
    """Write JSON whole or not at all."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 text whole or not at all; line ends stay as they are."""
    temporary = path.with_name(path.name + ".tmp")
    try:
        temporary.write_text(text, encoding="utf-8", newline="")
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def replace_folder(temporary: Path, folder: Path) -> None:
    """Rename `temporary` to `folder`; an older `folder` is removed only after the new one is complete."""
    old = folder.with_name(folder.name + ".old")
    shutil.rmtree(old, ignore_errors=True)
    if folder.exists():
        os.replace(folder, old)
    os.replace(temporary, folder)
    shutil.rmtree(old, ignore_errors=True)
