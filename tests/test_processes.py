"""Training on two processes: each sees data of its own, and one of them writes."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not torch.distributed.is_available(), reason="this torch has no torch.distributed"),
]

# The command itself, which notes what its process sees and writes.
SCRIPT = """
import json
import os
import sys
from pathlib import Path

stage, out = sys.argv[2], str(Path(sys.argv[sys.argv.index("--out") + 1]).resolve())
notes = open(f"{out}-{os.environ['RANK']}.jsonl", "w")


def note(**values):
    print(json.dumps(values), file=notes, flush=True)


def hook(event, arguments):
    written = {
        "open": lambda path, mode, flags: path if flags & (os.O_WRONLY | os.O_RDWR) else None,
        "os.mkdir": lambda path, *rest: path,
        "os.rename": lambda source, target, *rest: target,
    }
    path = written[event](*arguments) if event in written else None
    if isinstance(path, str | os.PathLike) and os.path.abspath(path).startswith(out + os.sep):
        note(writes=os.path.relpath(path, out))


sys.addaudithook(hook)

from segdiff import cli
from segdiff.pipelines import train_diffusion, train_representation

module, name, position = {
    "representation": (train_representation, "segment_batch", 1),
    "diffusion": (train_diffusion, "latent_batch", 2),
}[stage]
batch = getattr(module, name)


def noted(*arguments):
    note(sees=sorted(int(document) for document, _, _ in arguments[position]))
    return batch(*arguments)


setattr(module, name, noted)
cli.main()
"""
STEPS = 6
TEXT = "{d_model: 16, num_layers: 1, num_heads: 2, d_kv: 8, d_ff: 16}"
OPTIONS = {
    "representation": [
        "data.vocab_size=300",
        f"encoder.text_config={TEXT}",
        f"decoder.text_config={TEXT}",
        "encoder.num_latents=3",
        "encoder.gist_latents=1",
        "encoder.latent_dim=8",
        "contrastive.pairs=4",
        "adversarial.segments=4",
    ],
    "diffusion": [
        "denoiser.width=16",
        "denoiser.num_heads=2",
        "denoiser.num_layers=2",
        f"condition.text_config={TEXT}",
    ],
}
LOOP = ["max_steps=6", "warmup_steps=1", "checkpoint_every=2", "log_every=1", "batch_documents=4"]


@pytest.fixture
def port() -> int:
    """A free port of this machine."""
    try:
        with socket.create_server(("127.0.0.1", 0)) as server:
            return int(server.getsockname()[1])
    except OSError as error:
        pytest.skip(f"no port can be opened: {error}")


@pytest.mark.parametrize("stage", list(OPTIONS))
def test_two_processes_train_one_model(stage, port, tiny_corpus, tiny_model_dir, tmp_path):
    script, out = tmp_path / "noted.py", tmp_path / "run"
    script.write_text(SCRIPT, encoding="utf-8")
    sets = [*OPTIONS[stage], "data.max_tokens=64", *(f"loop.{option}" for option in LOOP)]
    launch = ["torch.distributed.run", "--nproc_per_node=2", "--master_addr=127.0.0.1", f"--master_port={port}"]
    start = ["--representation", str(tiny_model_dir)] if stage == "diffusion" else []
    done = subprocess.run(
        [
            *[sys.executable, "-m", *launch, str(script), "train", stage, str(tiny_corpus), "--out", str(out), *start],
            *(word for value in sets for word in ("--set", value)),
        ],
        env={**os.environ, "ACCELERATE_USE_CPU": "true", "OMP_NUM_THREADS": "1", "TORCH_CPP_LOG_LEVEL": "ERROR"},
        capture_output=True,
        text=True,
        timeout=900,
    )
    assert done.returncode == 0, done.stderr[-3000:]

    notes = [[json.loads(line) for line in Path(f"{out}-{rank}.jsonl").read_text().splitlines()] for rank in range(2)]
    drawn = [[set(row["sees"]) for row in rows if "sees" in row] for rows in notes]
    seen = [steps[:STEPS] for steps in drawn]  # the statistics of the latents are of some more
    assert len(seen[0]) == len(seen[1]) == STEPS and all(map(len, seen[0] + seen[1]))
    for step, (one, other) in enumerate(zip(*seen, strict=True)):
        assert not one & other, f"both processes see the same documents at step {step}"
    written = [{row["writes"] for row in rows if "writes" in row} for rows in notes]
    assert {"config.yaml", "metrics.jsonl", "result.json"} <= written[0]
    assert not written[1], "a process beside the main one writes too"

    rows = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
    assert [row["step"] for row in rows] == list(range(1, STEPS + 1))
    assert (out / "model" / "encoder" / "config.json").is_file()
