"""Training commands that are killed with SIGKILL and given again end as if nothing had happened, bit for bit."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL"),
]

LOOP = {"max_steps": 150, "warmup_steps": 5, "checkpoint_every": 30, "log_every": 1, "batch_documents": 4}
KILL_STEP = 50  # between two checkpoints, and far enough from the end for a slow poll
TEXT = "{d_model: 16, num_layers: 1, num_heads: 2, d_kv: 8, d_ff: 16}"
OPTIONS = {
    "representation": [
        "data.vocab_size=300",
        "data.max_tokens=64",
        f"encoder.text_config={TEXT}",
        f"decoder.text_config={TEXT}",
        "encoder.num_latents=3",
        "encoder.gist_latents=1",
        "encoder.latent_dim=8",
        "contrastive.pairs=4",
        "adversarial.segments=4",
    ],
    "diffusion": [
        "data.max_tokens=64",
        "denoiser.width=16",
        "denoiser.num_heads=2",
        "denoiser.num_layers=2",
        f"condition.text_config={TEXT}",
    ],
    "adaptation": ["data.max_tokens=64", "denoising_steps=2"],
}
START = {"representation": None, "diffusion": "--representation", "adaptation": "--model"}
TIMES = ("seconds", "segments_per_second")


def command(stage: str, corpus: Path, model: Path, out: Path) -> list[str]:
    option = START[stage]
    sets = [*OPTIONS[stage], *(f"loop.{key}={value}" for key, value in LOOP.items())]
    return [
        *[sys.executable, "-m", "segdiff", "train", stage, str(corpus), "--out", str(out)],
        *([option, str(model)] if option else []),
        *(word for value in sets for word in ("--set", value)),
    ]


def finish(arguments: list[str]) -> str:
    """What the command says when it runs to its end."""
    done = subprocess.run(arguments, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stderr


def kill_when(arguments: list[str], reached: Callable[[], bool]) -> None:
    """Start the command and kill it as soon as `reached`."""
    process = subprocess.Popen(arguments, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    try:
        deadline = time.monotonic() + 600
        while not reached():
            assert process.poll() is None, f"it ended by itself: {process.communicate()[1][-2000:]}"
            assert time.monotonic() < deadline, "it did not come so far"
            time.sleep(0.002)
        os.kill(process.pid, signal.SIGKILL)
        process.communicate()
        assert process.returncode == -signal.SIGKILL, "it had ended before it was killed"
    finally:
        if process.poll() is None:
            process.kill()
            process.communicate()


def rows(folder: Path) -> list[dict[str, Any]]:
    """The metrics of every step but the times, a line that was cut short left out."""
    found = []
    file = folder / "metrics.jsonl"
    for line in file.read_text(encoding="utf-8").splitlines() if file.exists() else []:
        try:
            found.append({key: value for key, value in json.loads(line).items() if key not in TIMES})
        except json.JSONDecodeError:
            continue
    return found


def last_step(folder: Path) -> int:
    found = rows(folder)
    return int(found[-1]["step"]) if found else 0


def weights(folder: Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in sorted(folder.rglob("*.safetensors"))}


@pytest.mark.parametrize("stage", list(OPTIONS))
def test_a_killed_run_ends_as_an_unbroken_one(stage, tiny_corpus, tiny_model_dir, tmp_path):
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    finish(command(stage, tiny_corpus, tiny_model_dir, whole))
    again = command(stage, tiny_corpus, tiny_model_dir, killed)

    kill_when(again, lambda: last_step(killed) >= KILL_STEP)
    reached = last_step(killed)
    assert KILL_STEP <= reached < LOOP["max_steps"] and not (killed / "result.json").exists()
    said = finish(again)

    assert "segdiff: resuming from" in said
    resumed_from = int(said.split("checkpoint-")[1].split()[0])
    assert 0 < resumed_from <= reached and resumed_from % LOOP["checkpoint_every"] == 0
    expected = rows(whole)
    assert [row["step"] for row in expected] == list(range(1, LOOP["max_steps"] + 1))
    assert rows(killed) == expected
    trained = weights(whole / "model")
    assert trained and weights(killed / "model") == trained


def test_a_run_killed_while_it_prepares_its_data_starts_again(tiny_corpus, tiny_model_dir, tmp_path):
    out = tmp_path / "run"
    again = command("representation", tiny_corpus, tiny_model_dir, out)
    kill_when(again, (out / "config.yaml").exists)
    assert not (out / "metrics.jsonl").exists()
    finish(again)
    assert last_step(out) == LOOP["max_steps"]
    assert not list(out.glob("*.tmp")), "something half written is left"
