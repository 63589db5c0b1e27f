"""The model card: what it says comes from the records it was given."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

from segdiff.configs.schema import StoryModelConfig, WritingConfig
from segdiff.pipelines.card import LIMITS, Sample, table, write_card

PLAN = StoryModelConfig(name="made-up", test=["test.jsonl"], sources="Nine fables.", notes="It likes foxes.")
SAMPLES = [
    Sample("titles", "The fox", ["A fox came.", "It left."], [False, False]),
    Sample("titles", None, ["It rained."], [False]),
    Sample("infills", None, ["A fox came.", "It sat.", "It left."], [True, False, True]),
    Sample("long", "The fox", ["A fox came.", "It left."], [False, False], ["\n\n"]),
]


def results(**adaptation: float) -> dict[str, dict[str, Any]]:
    stages = {
        "representation": {"step": 700, "loss": 1.23456, "seconds": 90.0},
        "diffusion": {"step": 500, "loss": 0.5, "seconds": 630.0},
        "adaptation": {"step": 30, "loss": 2.0, "seconds": 60.0, **adaptation},
    }
    return {stage: {"metrics": metrics, "config": {}} for stage, metrics in stages.items()}


def ladder(bleu: float) -> dict[str, Any]:
    return {
        "table": [{"row": "human", "bleu": 100.0}, {"row": "sampled", "bleu": bleu}],
        "examples": [{"title": "The fox", "human": ["A fox came."]}],
        "settings": {"num_stories": 7},
    }


EVALUATION = {"adapted": ladder(12.3456), "before_adaptation": ladder(9.5)}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "denoiser").mkdir()
    save_file({"weight": np.zeros(1_000_000, dtype=np.float16)}, tmp_path / "denoiser" / "model.safetensors")
    return tmp_path


def card(folder: Path, plan: StoryModelConfig = PLAN, evaluation: dict[str, Any] = EVALUATION, **metrics: float) -> str:
    write_card(folder, plan, results(**metrics), evaluation, SAMPLES)
    return (folder / "README.md").read_text(encoding="utf-8")


def test_tables_limits_and_samples_in_order(folder):
    text = card(folder)
    assert text.startswith("# made-up: ") and "2.0 MB of 16-bit weights" in text
    parts = [
        "## Training data\n\nNine fables.",
        "    segdiff train story-model --config made-up --data DATA --out runs/made-up\n",
        "| stage | minutes | steps | loss |\n| --- | --- | --- | --- |\n| representation | 1.5 | 700 | 1.235 |\n"
        "| diffusion | 10.5 | 500 | 0.5 |\n| adaptation | 1 | 30 | 2 |",
        "`segdiff evaluate ladder --model made-up --data test.jsonl --stories 7`",
        "| row | bleu |\n| --- | --- |\n| human | 100 |\n| sampled | 12.346 |",
        "The same before decoder adaptation, with 32-bit weights:\n\n"
        "| row | bleu |\n| --- | --- |\n| human | 100 |\n| sampled | 9.5 |",
        f"## Limits\n\nIt likes foxes.\n\n{LIMITS}",
        "## Samples, unselected",
    ]
    places = [text.index(part) for part in parts]
    assert places == sorted(places)
    assert text.endswith(
        "\n\n### From a title\n\n**The fox** A fox came. It left.\n\n**(no title)** It rained."
        "\n\n### A sentence between four given ones\n\n**A fox came.** It sat. **It left.**"
        "\n\n### Long, from a title\n\n**The fox** A fox came.\n\nIt left.\n"
    )


def test_how_it_writes_and_what_else_was_measured(folder):
    assert "2.0 MB of 16-bit weights. Unless told otherwise it takes the likeliest words.\n" in card(folder)
    writing = {"temperature": 0.9, "min_p": 0.1, "num_candidates": 16}
    plan = PLAN.model_copy(
        update={"critic": "critic-small", "measured": "Foxes: 7.", "writing": WritingConfig(**writing)}
    )
    text = card(folder, plan)
    assert "Encoder, denoiser, decoder and critic of segdiff" in text
    assert "it draws its words at a temperature of 0.9, min-p 0.1, and keeps of 16 stories the one that its" in text
    assert "## Measured besides\n\nFoxes: 7.\n\n## Limits" in text


def test_adaptation_before_and_after(folder):
    assert "before and after" not in card(folder)
    text = card(folder, before_valid_noise_0_loss=0.75, after_valid_noise_0_loss=0.5)
    assert "| held-out reconstruction | noise_0_loss |\n| --- | --- |\n| before | 0.75 |\n| after | 0.5 |" in text


def test_nothing_held_out_no_notes_and_another_account(folder):
    plan = PLAN.model_copy(update={"notes": "", "made_by": "By hand."})
    text = card(folder, plan, {})
    assert "held-out" not in text and "evaluate ladder" not in text
    assert f"## Limits\n\n{LIMITS}" in text
    assert "## How it was made\n\nBy hand." in text and "train story-model" not in text


def test_metrics_hold_every_number_and_no_text(folder):
    card(folder)
    metrics = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
    assert metrics["stages"] == {stage: result["metrics"] for stage, result in results().items()}
    assert metrics["ladder"]["adapted"] == {key: EVALUATION["adapted"][key] for key in ("table", "settings")}
    assert set(metrics["ladder"]) == {"adapted", "before_adaptation"}


@pytest.mark.parametrize(
    ("value", "cell"), [(0.12345, "0.123"), (2.0, "2"), (0.0, "0"), (10.0, "10"), (100, "100"), (None, "None")]
)
def test_cells(value, cell):
    assert table([{"a": value}]) == f"| a |\n| --- |\n| {cell} |"


def test_tables_of_rows_with_gaps_and_of_none():
    assert table([{"a": 1, "b": 2}, {"a": 3}]).splitlines()[-1] == "| 3 |  |"
    assert table([]) == ""
