"""`segdiff evaluate ladder`."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Run = Callable[..., Any]


def test_evaluate_ladder(
    run: Run, tiny_model_dir: Path, tiny_corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from segdiff.pipelines import ladder

    table = [{"row": "human", "bleu": 100.0, "words": 5}, {"row": "sampled", "bleu": 3.25, "novel": 0.98765}]
    seen: list[Any] = []

    def evaluate(pipeline: object, documents: Any, num_stories: int, seed: int) -> dict[str, Any]:
        seen.extend([len(list(documents)), num_stories, seed])
        return {"table": table}

    monkeypatch.setattr(ladder, "evaluate_ladder", evaluate)
    options = ["--model", tiny_model_dir, "--data", tiny_corpus, "--stories", 12, "--seed", 3]
    done = run("evaluate", "ladder", *options, "--out", tmp_path / "ladder.json")
    assert (done.code, done.err, seen) == (0, "", [40, 12, 3])
    assert done.out.splitlines() == [
        "row      bleu  words  novel",
        "human     100      5      -",
        "sampled  3.25      -  0.988",
    ]
    assert json.loads((tmp_path / "ladder.json").read_text()) == {"table": table}
    assert "nowhere" in run("evaluate", "ladder", "--model", tiny_model_dir, "--data", "nowhere").error
