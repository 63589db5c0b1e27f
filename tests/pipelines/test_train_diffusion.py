"""The diffusion stage as a run: cached latents, resume, and what it starts from."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from segdiff.configs.schema import DiffusionConfig
from segdiff.decoders import SegmentDecoder
from segdiff.encoders import SegmentEncoder
from segdiff.pipelines.corpus import Document
from segdiff.pipelines.loading import load_representation
from segdiff.pipelines.prepared import prepare
from segdiff.pipelines.story import StoryPipeline
from segdiff.pipelines.train_diffusion import cached_latents, train_diffusion

CONDITION = {"text_config": {"d_model": 16, "num_layers": 1, "num_heads": 2, "d_kv": 8, "d_ff": 32}, "max_tokens": 24}
DENOISER = {"width": 32, "num_layers": 2, "num_heads": 2, "dropout": 0.1}


# ------------------------------------------------------------------------------------------------- cache


def test_latents_are_cached_for_one_encoder(tiny_model_dir, tmp_path, monkeypatch):
    encoder, _, tokenizer = load_representation(tiny_model_dir)
    corpus = prepare([Document(("Tom got a kite.", "It flew high.", "He was happy."))], [], tokenizer, max_tokens=40)
    file = tmp_path / "latents.safetensors"
    first = cached_latents(encoder, corpus, file)
    assert first.dtype == torch.float16 and first.shape == (len(corpus.segments), 2, 8)
    used = {"count": 0}
    encode = SegmentEncoder.forward

    def counted(self, *inputs):
        used["count"] += 1
        return encode(self, *inputs)

    monkeypatch.setattr(SegmentEncoder, "forward", counted)
    assert torch.equal(cached_latents(encoder, corpus, file), first) and used["count"] == 0
    file.write_bytes(file.read_bytes()[:-5])  # cut short by a kill
    assert torch.equal(cached_latents(encoder, corpus, file), first) and used["count"] > 0
    other = SegmentEncoder.from_config(encoder.config).eval()
    assert not torch.equal(cached_latents(other, corpus, file), first)


# ------------------------------------------------------------------------------------------------- stage


def stage(tiny_model_dir: Path, tiny_corpus: Path, **loop: Any) -> DiffusionConfig:
    defaults = {"max_steps": 12, "warmup_steps": 3, "batch_documents": 8, "checkpoint_every": 4, "log_every": 1}
    data = {"train": [str(tiny_corpus)], "valid": [str(tiny_corpus)], "vocab_size": 320, "max_segments": 6}
    options: dict[str, Any] = {"representation": str(tiny_model_dir), "data": data, "ema_decay": 0.8}
    options |= {"condition": CONDITION, "denoiser": DENOISER, "loop": {**defaults, **loop}}
    return DiffusionConfig.model_validate(options)


def losses(folder: Path) -> list[dict[str, float]]:
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return [{k: v for k, v in line.items() if k not in ("seconds", "segments_per_second")} for line in lines]


@pytest.fixture(scope="module")
def whole_run(tiny_model_dir: Path, tiny_corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder: Path = tmp_path_factory.mktemp("diffusion") / "run"
    train_diffusion(stage(tiny_model_dir, tiny_corpus), folder)
    return folder


def test_stage_writes_a_pipeline(whole_run):
    pipeline = StoryPipeline.from_pretrained(whole_run / "model")
    assert pipeline.denoiser.config.encoder_fingerprint == pipeline.encoder.fingerprint()
    assert pipeline.denoiser.config.max_count == 6
    story = pipeline("A kite", num_inference_steps=2)[0]
    assert 1 <= len(story.segments) <= 6
    result = json.loads((whole_run / "result.json").read_text())
    assert result["metrics"]["step"] == 12 and {"valid_denoising", "valid_count"} <= result["metrics"].keys()


def test_resume_after_a_kill_is_bit_identical(whole_run, tiny_model_dir, tiny_corpus, tmp_path, killed_at):
    with killed_at(9):
        train_diffusion(stage(tiny_model_dir, tiny_corpus), tmp_path / "run")
    assert (tmp_path / "run" / "checkpoint-8").is_dir() and not (tmp_path / "run" / "model").exists()
    train_diffusion(stage(tiny_model_dir, tiny_corpus), tmp_path / "run")
    assert losses(tmp_path / "run") == losses(whole_run)
    for part in ("denoiser", "condition_encoder"):
        name = f"model/{part}/diffusion_pytorch_model.safetensors"
        assert (tmp_path / "run" / name).read_bytes() == (whole_run / name).read_bytes(), part


def test_fine_tuning_starts_from_the_given_denoiser(whole_run, tiny_model_dir, tiny_corpus, tmp_path):
    config = stage(tiny_model_dir, tiny_corpus, max_steps=2, learning_rate=1e-9)
    train_diffusion(config, tmp_path / "run", init=str(whole_run / "model"))
    old, new = (StoryPipeline.from_pretrained(f / "model").denoiser for f in (whole_run, tmp_path / "run"))
    for name, tensor in old.state_dict().items():
        torch.testing.assert_close(new.state_dict()[name], tensor, rtol=0, atol=1e-6)


def test_no_representation(tiny_corpus, tmp_path):
    with pytest.raises(ValueError, match="no representation: give --representation FOLDER"):
        train_diffusion(DiffusionConfig.model_validate({"data": {"train": [str(tiny_corpus)]}}), tmp_path)


def other_representation(tiny_model_dir: Path, folder: Path, **change: Any) -> Path:
    """The tiny representation with other weights, or another shape."""
    encoder, decoder, tokenizer = load_representation(tiny_model_dir)
    encoder = SegmentEncoder.from_config({**encoder.config, **change})
    if change:
        decoder = SegmentDecoder.from_config({**decoder.config, **change})
    for name, part in {"encoder": encoder, "decoder": decoder, "tokenizer": tokenizer}.items():
        part.save_pretrained(folder / name)
    return folder


def test_denoiser_goes_on_to_another_representation_of_its_shape(whole_run, tiny_model_dir, tiny_corpus, tmp_path):
    other = other_representation(tiny_model_dir, tmp_path / "other")
    config = stage(other, tiny_corpus, max_steps=2)
    train_diffusion(config, tmp_path / "run", init=str(whole_run / "model"))
    pipeline = StoryPipeline.from_pretrained(tmp_path / "run" / "model")
    recorded = pipeline.denoiser.config.encoder_fingerprint
    assert (
        recorded == load_representation(other)[0].fingerprint() != load_representation(tiny_model_dir)[0].fingerprint()
    )


def test_denoiser_of_other_latents_is_refused(whole_run, tiny_model_dir, tiny_corpus, tmp_path):
    other = other_representation(tiny_model_dir, tmp_path / "other", num_latents=3)
    with pytest.raises(ValueError, match="denoises other latents than the 3 x 8 of"):
        train_diffusion(stage(other, tiny_corpus), tmp_path / "run", init=str(whole_run / "model"))
