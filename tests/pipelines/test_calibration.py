"""Calibration: the error of a denoiser of known error, and what words move in latents of known shape."""

import json
from copy import deepcopy

import pytest
import torch

from segdiff import cli
from segdiff.encoders.latents import rms
from segdiff.pipelines import calibration
from segdiff.pipelines.calibration import LEVELS, denoising_errors, insertion_sensitivity
from segdiff.pipelines.codec import ModelCodec
from segdiff.pipelines.corpus import Document, read_documents


@pytest.fixture(scope="module")
def pipeline(tiny_pipeline):
    pipeline = deepcopy(tiny_pipeline)
    for model in (pipeline.encoder, pipeline.decoder):
        model.register_to_config(max_tokens=60)  # so that all stories fit
    return pipeline


@pytest.fixture(scope="module")
def codec(pipeline):
    return ModelCodec(pipeline.encoder, pipeline.decoder, pipeline.tokenizer)


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


def test_decoded_errors_are_those_of_the_denoised_latents(pipeline, documents, monkeypatch):
    """A denoiser that finds the truth and a decoder that can read: 100; random noise of no strength: 100 as well."""
    truth = {}

    def rendered(decoder, tokenizer, grid, mask, level):
        return [
            [truth[tuple(row.flatten().tolist())] for row in rows[kept]] for rows, kept in zip(grid, mask, strict=True)
        ]

    def remembered(pipeline, stories):
        latents, mask = latent_grid(pipeline, stories)
        for rows, kept, story in zip(latents, mask, stories, strict=True):
            truth.update({tuple(row.flatten().tolist()): text for row, text in zip(rows[kept], story, strict=True)})
        return latents, mask

    def reversed_(latents, mask):
        """Every story has the segments of its end at its start."""
        found = latents.clone()
        for rows, kept in zip(found, mask, strict=True):
            rows[kept] = rows[kept].flip(0)
        return found

    latent_grid = calibration.latent_grid
    monkeypatch.setattr(calibration, "latent_grid", remembered)
    monkeypatch.setattr(calibration, "render", rendered)
    monkeypatch.setattr(calibration, "denoise", lambda pipeline, titles, latents, *rest: latents)
    (row,) = denoising_errors(pipeline, documents, (0.5,), num_stories=40)
    assert row["error"] == 0
    torch.testing.assert_close([row["bleu_denoised"], row["bleu_random"]], [100.0, 100.0])
    monkeypatch.setattr(calibration, "denoise", lambda pipeline, titles, latents, mask, *rest: reversed_(latents, mask))
    monkeypatch.setattr(calibration, "add_noise", lambda latents, strength, noise: latents)
    (row,) = denoising_errors(pipeline, documents[::5], (0.5,), num_stories=40)
    assert row["bleu_denoised"] < 90 and row["bleu_random"] > 99.9


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
    assert all(set(row) == {"level", "noise", "error", "bleu_denoised", "bleu_random"} for row in rows)
    with pytest.raises(SystemExit):
        cli.main(["evaluate", "noise", *options])
    head = capsys.readouterr().out.splitlines()[0]
    assert head.split(maxsplit=3)[3] == "BLEU denoised  BLEU, random noise of that error"


TEXTS = [f"{name} saw the {thing} by the river ." for name in ("Tom", "Anna", "Sue") for thing in ("boat", "kite")]


def test_an_inserted_word_moves_less_than_another_text(codec):
    rows = insertion_sensitivity(codec, TEXTS, positions=(0.0, 1.0))
    assert [row["position"] for row in rows] == [0.0, 1.0]
    assert all(row["slots"] > 0 and row["mean"] > 0 for row in rows)
    shuffled = insertion_sensitivity(codec, [*TEXTS, *TEXTS, "one"], positions=(0.0, 1.0))
    assert shuffled == rows  # repeated and short texts are left out


def test_sensitivity_of_latents_of_known_shape(codec, monkeypatch):
    """Two slots that swap when a word is inserted: slot by slot as far as another text, in the mean not at all."""

    def encoded(codec, texts):
        generator = torch.Generator().manual_seed(0)
        table = {text: torch.randn(2, 64, generator=generator) for text in TEXTS}
        plain = [text.replace("really ", "") for text in texts]
        rows = [table[text].flip(0) if text != whole else table[text] for text, whole in zip(plain, texts, strict=True)]
        return torch.stack(rows)

    monkeypatch.setattr(ModelCodec, "encode", encoded)
    (row,) = insertion_sensitivity(codec, TEXTS, positions=(0.5,))
    assert abs(row["slots"] - 1) < 0.15 and row["mean"] < 1e-6


def test_sensitivity_leaves_out_what_it_cannot_measure(codec):
    with pytest.raises(ValueError, match="positions has 1"):
        insertion_sensitivity(codec, TEXTS, positions=(1.5,))
    assert insertion_sensitivity(codec, [TEXTS[0], TEXTS[0], "one", "word " * 500]) == []
