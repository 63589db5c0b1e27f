"""Calibration: the error of a denoiser of known error, and what words move in latents of known shape."""

import json
from copy import deepcopy

import pytest
import torch

from segdiff import cli
from segdiff.encoders.latents import rms
from segdiff.pipelines import calibration
from segdiff.pipelines.calibration import LEVELS, denoising_errors, insertion_sensitivity
from segdiff.pipelines.corpus import Document, read_documents


@pytest.fixture(scope="module")
def pipeline(tiny_pipeline):
    pipeline = deepcopy(tiny_pipeline)
    for model in (pipeline.encoder, pipeline.decoder):
        model.register_to_config(max_tokens=60)  # so that all stories fit
    return pipeline


@pytest.fixture(scope="module")
def documents(tiny_corpus):
    return list(read_documents(tiny_corpus))


def test_an_error_of_known_size_is_measured(pipeline, documents, monkeypatch):
    def known(pipeline, titles, latents, mask, noise, level, num_inference_steps):
        assert len(titles) == len(latents) and num_inference_steps == 7
        off = torch.randn_like(latents)
        wrong = latents + level * off * (latents[mask].square().mean().sqrt() / rms(off))
        return torch.where(mask[..., None, None], wrong, 1e6)  # what is no segment does not count

    monkeypatch.setattr(calibration, "denoise", known)
    rows = denoising_errors(pipeline, documents, (0.1, 0.5), num_stories=40, num_inference_steps=7)
    assert [row["level"] for row in rows] == [0.1, 0.5]
    torch.testing.assert_close([row["noise"] for row in rows], [0.1 / 0.9, 1.0])
    torch.testing.assert_close([row["error"] for row in rows], [0.1, 0.5], rtol=0.05, atol=0.0)


def test_errors_of_a_real_sampler_repeat_and_start_small(pipeline, documents):
    first, again = (denoising_errors(pipeline, documents[:4], (1e-3, 0.9), num_inference_steps=3) for _ in range(2))
    assert (
        first == again and denoising_errors(pipeline, documents[:4], (0.9,), seed=1, num_inference_steps=3) != again[1:]
    )
    assert first[0]["error"] < 0.05 < first[1]["error"]


@pytest.mark.parametrize("levels", [(0.0,), (0.5, 1.0), (-0.1,)])
def test_levels_outside_are_refused(pipeline, documents, levels):
    with pytest.raises(ValueError, match="levels has"):
        denoising_errors(pipeline, documents, levels)
    with pytest.raises(ValueError, match="no story fits the model: 1 read"):
        denoising_errors(pipeline, [Document(("word " * 500,), None)])


def test_the_command_prints_a_row_a_level(tiny_model_dir, tmp_path, capsys):
    data = tmp_path / "short.jsonl"
    data.write_text(json.dumps({"segments": ["Tom.", "He laughed."]}) + "\n")
    options = ["--model", str(tiny_model_dir), "--data", str(data), "--stories", "3", "--steps", "2"]
    with pytest.raises(SystemExit) as end:
        cli.main(["evaluate", "noise", *options, "--json"])
    assert end.value.code == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert tuple(row["level"] for row in rows) == LEVELS
    assert all(set(row) == {"level", "noise", "error"} for row in rows)


TEXTS = [f"{name} saw the {thing} by the river ." for name in ("Tom", "Anna", "Sue") for thing in ("boat", "kite")]


def test_an_inserted_word_moves_less_than_another_text(pipeline):
    rows = insertion_sensitivity(pipeline.encoder, pipeline.tokenizer, TEXTS, positions=(0.0, 1.0))
    assert [row["position"] for row in rows] == [0.0, 1.0]
    assert all(row["slots"] > 0 and row["mean"] > 0 for row in rows)
    shuffled = insertion_sensitivity(
        pipeline.encoder, pipeline.tokenizer, [*TEXTS, *TEXTS, "one"], positions=(0.0, 1.0)
    )
    assert shuffled == rows  # repeated and short texts are left out


def test_sensitivity_of_latents_of_known_shape(pipeline, monkeypatch):
    """Two slots that swap when a word is inserted: slot by slot as far as another text, in the mean not at all."""

    def encoded(encoder, tokenizer, texts):
        generator = torch.Generator().manual_seed(0)
        table = {text: torch.randn(2, 64, generator=generator) for text in TEXTS}
        plain = [text.replace("really ", "") for text in texts]
        rows = [table[text].flip(0) if text != whole else table[text] for text, whole in zip(plain, texts, strict=True)]
        return torch.stack(rows)

    monkeypatch.setattr(calibration, "encode_texts", encoded)
    (row,) = insertion_sensitivity(pipeline.encoder, pipeline.tokenizer, TEXTS, positions=(0.5,))
    assert abs(row["slots"] - 1) < 0.15 and row["mean"] < 1e-6


def test_sensitivity_refuses_what_it_cannot_measure(pipeline):
    with pytest.raises(ValueError, match="positions has 1"):
        insertion_sensitivity(pipeline.encoder, pipeline.tokenizer, TEXTS, positions=(1.5,))
    with pytest.raises(ValueError, match="1 texts of two words or more"):
        insertion_sensitivity(pipeline.encoder, pipeline.tokenizer, [TEXTS[0], TEXTS[0], "one", "word " * 500])
