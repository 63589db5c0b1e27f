"""What all tests share."""

from __future__ import annotations

import io
import json
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest import mock

import pytest

# Both are read when the libraries are first imported, so that tests without torch stay fast.
os.environ["HF_HUB_OFFLINE"] = "1"  # no test needs the network
os.environ.setdefault("OMP_NUM_THREADS", "2")  # torch.get_num_threads(); tiny models are slower with more

if TYPE_CHECKING:
    from segdiff import StoryPipeline

REPOSITORY = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """Folder with the real corpora; the test is skipped where there is none."""
    folder = Path(os.environ.get("SEGDIFF_DATA") or REPOSITORY.parent / "shared" / "data")
    if not folder.is_dir():
        pytest.skip("no real data: set SEGDIFF_DATA to its folder")
    return folder


def template_stories() -> list[dict[str, object]]:
    """40 titled stories of three to five sentences, all different."""
    people = ["Tom", "Anna", "My uncle", "The baker", "Sue"]
    things = ["kite", "cake", "boat", "puppy", "lamp", "garden", "letter", "bike"]
    ends = ["He laughed.", "It was a good day.", "Nobody knew why.", "They went home."]
    stories: list[dict[str, object]] = []
    for number, (person, thing) in enumerate((person, thing) for person in people for thing in things):
        segments = [
            f"{person} wanted a {thing}.",
            f"There was a {thing} in the shop, but it cost {number + 2} dollars.",
            f"{person} worked hard for {number % 7 + 2} weeks.",
            f"Then {person} bought the {thing}.",
        ][: 2 + number % 3] + [ends[number % len(ends)]]
        stories.append({"title": f"{person} and the {thing}", "segments": segments})
    return stories


@pytest.fixture(scope="session")
def tiny_corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A JSONL file of 40 short stories with titles. Not to be written to."""
    file = tmp_path_factory.mktemp("corpus") / "stories.jsonl"
    file.write_text("".join(json.dumps(story) + "\n" for story in template_stories()), encoding="utf-8")
    return file


@pytest.fixture(scope="session")
def tiny_pipeline() -> StoryPipeline:
    """A story pipeline with random weights, small enough to write in milliseconds. Not to be changed."""
    import torch

    from segdiff import ConditionEncoder, SegmentDecoder, SegmentDenoiser, SegmentEncoder, StoryPipeline
    from segdiff.pipelines.story import default_scheduler
    from segdiff.pipelines.tokenization import train_tokenizer

    texts = [text for story in template_stories() for text in story["segments"]]  # type: ignore[attr-defined]
    tokenizer = train_tokenizer(texts, vocab_size=320)
    text_config = {
        "vocab_size": len(tokenizer),
        "d_model": 16,
        "num_layers": 1,
        "num_heads": 2,
        "d_kv": 8,
        "d_ff": 32,
        "feed_forward_proj": "gated-silu",
        "dropout_rate": 0.0,
        "pad_token_id": tokenizer.pad_token_id,
        "eos_token_id": tokenizer.eos_token_id,
    }
    latents = {"num_latents": 2, "latent_dim": 8}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        encoder = SegmentEncoder(text_config, **latents, states_per_latent=2, max_tokens=40)
        decoder = SegmentDecoder(
            text_config,
            **latents,
            states_per_latent=2,
            context_window=1,
            max_tokens=12,
            bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
        )
        denoiser = SegmentDenoiser(
            **latents,
            condition_dim=16,
            width=16,
            num_layers=2,
            num_heads=2,
            max_count=6,
            encoder_fingerprint=encoder.fingerprint(),
        )
        for parameter in denoiser.parameters():  # a fresh one is the identity: nothing would depend on its input
            torch.nn.init.normal_(parameter, std=0.2)
        condition_encoder = ConditionEncoder(text_config, max_tokens=16)
    return StoryPipeline(encoder, condition_encoder, denoiser, decoder, default_scheduler(), tokenizer)


@pytest.fixture(scope="session")
def tiny_model_dir(tiny_pipeline: StoryPipeline, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`tiny_pipeline` on disk. Not to be written to: tests that break files copy it first."""
    from segdiff.pipelines.saving import save_pipeline

    folder = tmp_path_factory.mktemp("model") / "tiny"
    save_pipeline(tiny_pipeline, folder)
    return folder


@dataclass
class Result:
    """What a command gave back."""

    code: int
    out: str
    err: str

    @property
    def rows(self) -> list[dict[str, Any]]:
        """Its JSON lines."""
        return [json.loads(line) for line in self.out.splitlines()]

    @property
    def error(self) -> str:
        """The message of a failed command, which says nothing else."""
        assert self.code == 2 and self.out == ""
        (line,) = self.err.splitlines()
        assert line.startswith("segdiff: error: ")
        return line.removeprefix("segdiff: error: ")


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Result]]:
    """`run("generate", "--num", 2)` is `segdiff generate --num 2`, in this process."""
    from segdiff import cli

    def run(*arguments: object, stdin: bytes = b"") -> Result:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        with pytest.raises(SystemExit) as end:
            cli.main([str(argument) for argument in arguments])
        assert isinstance(end.value.code, int)
        return Result(end.value.code, *capsys.readouterr())

    with mock.patch.dict(os.environ):
        yield run
