"""The driver trains, resumes and stops as it is told."""

import json
import shutil

import pytest
import torch
from safetensors.torch import load_file


def rows(folder):
    lines = (folder / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    return {row["step"]: row["loss"] for row in map(json.loads, lines) if "loss" in row}


@pytest.mark.parametrize("kind", ["ar", "masked"])
def test_training_stops_at_its_tokens_and_resumes_to_the_same_losses(kind, train_tiny, tmp_path, capsys):
    whole = train_tiny(kind, tmp_path / "whole", 1800)
    assert 1800 <= whole["text_tokens"] < 2200
    assert whole["parameters"] == pytest.approx(45_000, rel=0.05)
    assert f"{whole['parameters']:,} parameters" in capsys.readouterr().out
    losses = rows(tmp_path / "whole")
    assert sorted(losses) == list(range(1, whole["step"] + 1))

    stopped = tmp_path / "stopped"
    fit_until(kind, train_tiny, stopped, steps=3)
    resumed = train_tiny(kind, stopped, 1800)
    assert rows(stopped) == losses
    assert resumed["loss"] == whole["loss"] and resumed["valid_loss"] == whole["valid_loss"]
    weights = [load_file(tmp_path / name / "model" / "model.safetensors") for name in ("whole", "stopped")]
    assert weights[0].keys() == weights[1].keys()
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])

    train_tiny(kind, stopped, 1800)
    assert "finished already" in capsys.readouterr().out


def test_minutes_become_a_number_of_steps(tiny_corpus, tiny_model_dir, tmp_path):
    from baselines.train import main

    settings = ["width=32", "num_layers=1", "parameters=45000", "batch_tokens=300", "data.max_tokens=60"]
    settings += ["loop.warmup_steps=2", "loop.calibration_steps=2"]
    main("ar", [tiny_corpus], tmp_path / "run", minutes=0.005, like=str(tiny_model_dir), settings=settings)
    state = json.loads((tmp_path / "run" / "result.json").read_text(encoding="utf-8"))["metrics"]
    assert state["step"] == state["total_steps"] >= 3
    assert state["text_tokens_per_second"] > 0


def fit_until(kind, train_tiny, out, steps):
    """Train as `train_tiny` does, and break off while the batch after `steps` is made."""
    from baselines import tokens

    made = 0
    plain = tokens.batch

    def breaking(*args, **kwargs):
        nonlocal made
        made += kwargs.get("fragment_share", args[6] if len(args) > 6 else 0.0) > 0  # training batches only
        if made > steps:
            raise KeyboardInterrupt
        return plain(*args, **kwargs)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tokens, "batch", breaking)
        with pytest.raises(KeyboardInterrupt):
            train_tiny(kind, out, 1800)
    assert (out / "checkpoint-2").is_dir()


def test_passages_are_documents_of_one_segment(prepared):
    from baselines.passage import passages

    made = passages(prepared, max_tokens=60)
    assert made.documents.lengths.tolist() == [1] * len(prepared.documents)
    assert made.segments.lengths.max() <= 60
    for document in range(len(made.segments)):
        tokens = [token for row in prepared.documents[document] for token in prepared.segments[int(row)].tolist()[:-1]]
        passage = made.segments[document].tolist()
        assert passage[:-1] == tokens[: len(passage) - 1] and passage[-1] == 1
    assert made.titles is prepared.titles


def test_passage_model_runs_through_its_stages(train_tiny, tiny_pipeline, tmp_path):
    from segdiff import StoryPipeline

    sizes = "text_config={d_model: 16, num_layers: 1, num_heads: 2, d_kv: 8, d_ff: 32}"
    loop = '"loop.batch_documents=8", "loop.warmup_steps=1"'
    small = '"denoiser.width=16", "denoiser.num_heads=2", "denoiser.num_layers=1", "denoiser.latents_per_token=2"'
    metrics = train_tiny(
        "passage",
        tmp_path / "run",
        4000,
        f'representation=["encoder.{sizes}", "decoder.{sizes}", {loop}]',
        f'diffusion=["condition.{sizes}", {small}, {loop}]',
        f"adaptation=[{loop}]",
    )
    pipeline = StoryPipeline.from_pretrained(tmp_path / "run" / "adaptation" / "model")
    assert pipeline.encoder.config.num_latents == 5 * tiny_pipeline.encoder.config.num_latents
    assert metrics["parameters"] > 0
    assert sum(metrics[f"{stage}_text_tokens"] for stage in ("representation", "diffusion", "adaptation")) >= 3900
    (story,) = pipeline("Tom and the kite", num_segments=1, num_inference_steps=2)
    assert len(story.segments) == 1


def test_mistakes_are_one_clear_line(train_tiny, tiny_corpus, tiny_model_dir, tmp_path):
    from baselines.train import main

    with pytest.raises(ValueError, match="--minutes or --tokens"):
        main("ar", [tiny_corpus], tmp_path / "a")
    with pytest.raises(ValueError, match="unknown key"):
        train_tiny("ar", tmp_path / "b", 100, "widht=32")
    with pytest.raises(FileNotFoundError, match="no such corpus"):
        main("ar", [tmp_path / "none.jsonl"], tmp_path / "c", tokens=100, like=str(tiny_model_dir))
    other = tmp_path / "other"
    shutil.copytree(tiny_model_dir, other)
    train_tiny("ar", tmp_path / "d", 300)
    with pytest.raises(ValueError, match="another config"):
        main("ar", [tiny_corpus], tmp_path / "d", tokens=300, like=str(other))
