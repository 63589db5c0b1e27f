"""`segdiff paraphrase --output` that is killed with SIGKILL and given again writes the same file."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL"),
]

LINES = 120  # of which 32 at a time are written


def command(source: Path, output: Path, batch_size: int) -> list[str]:
    files = ("--input", str(source), "--output", str(output))
    options = ("--num", "2", "--oversample", "2", "--augment", "--batch-size", str(batch_size))
    return [sys.executable, "-m", "segdiff", "paraphrase", *files, *options]


def finish(arguments: list[str]) -> str:
    done = subprocess.run(arguments, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stderr.splitlines()[-1]


def test_a_killed_run_goes_on_with_another_batch_size(tmp_path: Path) -> None:
    source, whole, output = tmp_path / "in.txt", tmp_path / "whole.jsonl", tmp_path / "out.jsonl"
    people, things = ("Tom", "Anna", "My uncle", "The baker", "Sue", "He"), ("kite", "cake", "boat", "lamp", "bike")
    texts = [f"{people[i % 6]} wanted a {things[i % 5]} for {i + 2} weeks." for i in range(LINES)]
    source.write_text("\n".join(texts) + "\n", encoding="utf-8")
    unbroken = finish(command(source, whole, 512))

    part = tmp_path / "out.jsonl.part"
    process = subprocess.Popen(command(source, output, 512), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 600
        while not (part.exists() and part.stat().st_size):
            assert process.poll() is None and time.monotonic() < deadline, "it ended by itself, or did not come so far"
            time.sleep(0.002)
        os.kill(process.pid, signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL, "it had ended before it was killed"
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()

    assert not output.exists() and 0 < part.stat().st_size < whole.stat().st_size
    resumed = finish(command(source, output, 96))
    assert output.read_bytes() == whole.read_bytes()
    assert " from before)" in resumed and resumed.split("; ")[1] == unbroken.split("; ")[1]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.txt", "out.jsonl", "whole.jsonl"]
