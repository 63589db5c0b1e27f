"""The benchmark runs on a tiny model and reports every number it promises; how large they are is not tested."""

import json
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest
import torch
import typer

SCRIPT = Path(__file__).resolve().parents[2] / "benchmarks" / "first_light.py"


@pytest.fixture(scope="module")
def first_light():
    spec = spec_from_file_location("first_light", SCRIPT)
    module = module_from_spec(spec)
    sys.modules["first_light"] = module
    threads = torch.get_num_threads()
    try:
        spec.loader.exec_module(module)
        yield module
    finally:
        torch.set_num_threads(threads)
        del sys.modules["first_light"]


def test_quick_run_reports_every_number(first_light, tiny_model_dir, tmp_path, capsys):
    out = tmp_path / "numbers.json"
    with torch.random.fork_rng(devices=[]):
        first_light.main(model=str(tiny_model_dir), threads=1, quick=True, out=out)
    parts = json.loads(out.read_text())["parts"]
    whats = {title: [row["what"] for row in part["rows"]] for title, part in parts.items()}
    assert whats["Writing"] == ["load", "write, 1 at once", "write, 16 at once", "peak memory"]
    assert whats["Training, representation"] == [
        "plain T5",
        "regularisers off",
        "noise",
        "contrastive",
        "adversarial",
        "all three",
    ]
    assert whats["Training, diffusion"] == [
        "plain BERT",
        "plain BERT and T5, reading the condition",
        "diffusion",
    ]
    assert [what.split()[:2] for what in whats["Command line"]] == [["segdiff", "generate"], ["segdiff", "--help"]]
    for row in [row for part in parts.values() for row in part["rows"]]:
        assert all(value > 0 for name, value in row.items() if name != "what")

    printed = capsys.readouterr().out
    for title, part in parts.items():
        assert f"## {title}\n\n`{part['command']}`" in printed


def test_plain_models_are_about_the_size_of_ours(first_light):
    _, rows, _ = first_light.measure_training(repetitions=1, quick=True)
    plain, reading, ours = (row["parameters"] for row in rows)
    looked_up = 400 * 16  # the condition encoder's token embedding
    assert plain == pytest.approx(ours - looked_up, rel=0.02)
    assert reading == pytest.approx(ours, rel=0.02)


def test_contrastive_rows_have_triples_and_plain_has_none(first_light):
    representation = first_light.load_config(
        first_light.RepresentationConfig, "representation-tiny", first_light.QUICK_REPRESENTATION
    )
    corpus, tokenizer = first_light.synthetic_corpus(20, 400, 80)
    contenders = first_light.representation_contenders(representation, corpus, tokenizer)
    triples = {name: contender.batch_at(0).triples is not None for name, contender in contenders.items()}
    assert triples == {
        "plain T5": False,
        "regularisers off": False,
        "noise": False,
        "contrastive": True,
        "adversarial": False,
        "all three": True,
    }
    assert {int(contender.batch_at(0).tokens.sum()) for contender in contenders.values()} == {
        int(contenders["plain T5"].batch_at(0).tokens.sum())
    }
    terms = {
        name: set(contender.model(contender.batch_at(0))) - {"loss", "reconstruction"}
        for name, contender in contenders.items()
        if name != "plain T5"
    }
    assert terms == {
        "regularisers off": set(),
        "noise": set(),
        "contrastive": {"contrastive"},
        "adversarial": {"adversarial"},
        "all three": {"contrastive", "adversarial"},
    }


def test_synthetic_sentences_have_5_to_19_words():
    from measure import synthetic_documents

    documents = synthetic_documents(50)
    lengths = [len(text.split()) for document in documents for text in document.segments]
    assert min(lengths) >= 5
    assert max(lengths) <= 19
    assert 9 < sum(lengths) / len(lengths) < 11
    assert documents == synthetic_documents(50)


def test_failures_are_loud(first_light):
    with pytest.raises(RuntimeError, match="failed"):
        first_light.measure_command("no/such/model", 1, 1)
    with pytest.raises(typer.BadParameter, match="nonsense"):
        first_light.main(parts="nonsense")
