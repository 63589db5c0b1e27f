"""A tiny corpus and tiny baselines, which import in the tests as their scripts import them."""

import json
from pathlib import Path

import pytest
import torch

TINY = ["width=32", "num_layers=1", "parameters=45000", "batch_tokens=300", "loop.warmup_steps=2", "loop.log_every=1"]


@pytest.fixture(autouse=True)
def own_randomness():
    with torch.random.fork_rng(devices=[]):
        yield


@pytest.fixture(scope="session")
def prepared(tiny_pipeline, tiny_corpus):
    """The tiny corpus by the tiny pipeline's tokenizer."""
    from segdiff.pipelines.corpus import read_documents
    from segdiff.pipelines.prepared import prepare

    return prepare(read_documents(tiny_corpus), [], tiny_pipeline.tokenizer, max_tokens=60)


@pytest.fixture(scope="session")
def vocabulary(tiny_pipeline):
    from baselines.sequences import Vocabulary

    return Vocabulary.of(tiny_pipeline.tokenizer)


@pytest.fixture(scope="session")
def tiny_model(vocabulary):
    """A transformer with random weights. Not to be trained."""
    from baselines.transformer import build

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return build(vocabulary.size, 45_000, width=32, num_layers=1).eval()


@pytest.fixture(scope="session")
def train_tiny(tiny_corpus, tiny_model_dir):
    """Runs train.py on the tiny corpus: (kind, out, options) -> metrics of the finished run."""
    from baselines.train import main

    def run(kind: str, out: Path, tokens: int, *settings: str) -> dict[str, float]:
        options = ["data.max_tokens=60", "loop.checkpoint_every=2", *TINY, *settings]
        if kind == "passage":
            options = ["max_tokens=150", "data.max_tokens=60", *settings]
        main(kind, [tiny_corpus], out, valid=[tiny_corpus], tokens=tokens, like=str(tiny_model_dir), settings=options)
        return json.loads((out / "result.json").read_text(encoding="utf-8"))["metrics"]

    return run
