"""The encoding benchmark runs on a tiny model and reports what it promises."""

import json
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest
import torch

SCRIPT = Path(__file__).resolve().parents[2] / "benchmarks" / "encoding.py"


def test_every_number_is_there(tiny_model_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spec = spec_from_file_location("encoding_benchmark", SCRIPT)
    assert spec is not None and spec.loader is not None
    module = module_from_spec(spec)
    sys.modules["encoding_benchmark"] = module
    threads = torch.get_num_threads()
    try:
        spec.loader.exec_module(module)
        options = {"threads": 1, "segments": 20, "batch_size": 8, "repetitions": 1, "sizes": "30"}
        with torch.random.fork_rng(devices=[]):
            module.main(model=str(tiny_model_dir), out=tmp_path / "numbers.json", **options)
    finally:
        torch.set_num_threads(threads)
        del sys.modules["encoding_benchmark"]
    result = json.loads((tmp_path / "numbers.json").read_text())
    plain, wider, ours = result["speed"]
    assert plain["parameters"] < ours["parameters"] == pytest.approx(wider["parameters"], rel=0.02)
    assert ours["ours, of this"] == 1 and plain["segments/s"] > 0
    (row,) = result["memory"]
    assert row["segments"] == 30 and row["peak MB"] > 50
    assert len(capsys.readouterr().out.splitlines()) == 4
