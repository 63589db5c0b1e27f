"""The command line as a whole, and one clear line for every mistake."""

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import astuple
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from segdiff import __version__
from segdiff.commands import writing

Run = Callable[..., Any]


def in_a_new_process(*arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "segdiff", *arguments], stderr=subprocess.PIPE, text=True, check=False, **options
    )


def test_exit_codes_and_lines_of_the_installed_command() -> None:
    done = in_a_new_process("--version", stdout=subprocess.PIPE)
    assert (done.returncode, done.stdout, done.stderr) == (0, f"segdiff {__version__}\n", "")
    failed = in_a_new_process("generate", "", stdout=subprocess.PIPE)
    assert (failed.returncode, failed.stdout) == (2, "")
    assert failed.stderr == "segdiff: error: the title is empty; give some text or leave it out\n"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_is_one_line() -> None:
    with open("/dev/full", "w") as full:
        done = in_a_new_process("--version", stdout=full)
    assert done.returncode == 2
    assert done.stderr == "segdiff: error: the disk is full; free some space and try again\n"


def test_a_closed_pipe_ends_in_silence() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    done = in_a_new_process("--version", stdout=writing)
    os.close(writing)
    assert (done.returncode, done.stderr) == (141, "")


def test_help_imports_nothing_heavy() -> None:
    code = """
import sys
from segdiff import cli
for arguments in (["--help"], ["train", "--help"], ["generate", "--help"]):
    try:
        cli.main(arguments)
    except SystemExit as end:
        assert end.code == 0
print(sorted({"torch", "transformers", "diffusers", "spacy", "rich"} & set(sys.modules)), file=sys.stderr)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr == "[]\n"
    assert "Write stories." in done.stdout and "--max-minutes" not in done.stdout


@pytest.mark.parametrize("group", [[], ["train"], ["evaluate"]])
def test_a_group_alone_shows_its_help(run: Run, group: list[str]) -> None:
    shown = run(*group)
    assert shown.code == 0 and "Commands:" in shown.out and shown == run(*group, "--help")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["generat"], "generate"),
        (["generate", "--segment", "2"], "--segments"),
        (["generate", "--segments", "0"], "--segments"),
        (["generate", "--segments", "two"], "--segments"),
        (["generate", "--num", "0"], "--num"),
        (["generate", "--steps", "0"], "--steps"),
        (["generate", "--seed", "-1"], "--seed"),
        (["generate", "--seed", str(2**63 - 2)], "at most"),
        (["generate", "  "], "the title is empty"),
        (["generate", "--keywords", " , "], "--keywords is empty"),
        (["generate", "--segments", "2", "--start", "A.", "--end", "B."], "leave at least one to write"),
        (["reconstruct"], "FILE"),
        (["reconstruct", "nowhere.txt"], "no file 'nowhere.txt'"),
        (["train", "representation"], "--out"),
        (["train", "everything"], "everything"),
        (["train", "adaptation", "--out", "x", "--init", "y"], "--init"),
        (["train", "story-model", "--data", "nowhere", "--out", "x"], "nowhere"),
        (["evaluate", "ladder"], "--data"),
        (["evaluate", "ladder", "--data", "x", "--out", "nowhere/x.json"], "no folder nowhere"),
    ],
)
def test_wrong_arguments(run: Run, arguments: list[str], message: str) -> None:
    assert message.lower() in run(*arguments).error.lower()


def test_debug_shows_the_traceback(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEGDIFF_DEBUG", "1")
    with pytest.raises(ValueError, match="the title is empty"):
        run("generate", "")


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (OSError(28, "No space left on device", "model.bin"), "the disk is full (writing model.bin)"),
        (RuntimeError("I/O error: No space left on device (os error 28)"), "the disk is full;"),
        (PermissionError(13, "Permission denied", "/data/x"), "Permission denied: /data/x"),
        (ValueError("one\n  two"), "one two"),
        (MemoryError(), "out of memory"),
    ],
)
def test_failures_of_the_machine(run: Run, monkeypatch: pytest.MonkeyPatch, error: Exception, message: str) -> None:
    monkeypatch.setattr(writing, "load_pipeline", mock.Mock(side_effect=error))
    assert run("generate").error.startswith(message)


def test_a_mistake_of_ours_keeps_its_traceback(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writing, "load_pipeline", mock.Mock(side_effect=ZeroDivisionError))
    with pytest.raises(ZeroDivisionError):
        run("generate")


def test_interrupt(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writing, "load_pipeline", mock.Mock(side_effect=KeyboardInterrupt))
    assert astuple(run("generate")) == (130, "", "segdiff: error: interrupted\n")
