"""The whole report on a tiny model: what is in the folder, and that it is written whole or not at all."""

import json
import re
import sys
from copy import deepcopy
from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch
from typer.testing import CliRunner

from segdiff.cli import app
from segdiff.pipelines.codec import ModelCodec
from segdiff.pipelines.corpus import Document, read_documents
from segdiff.pipelines.report_page import cell, report_page
from segdiff.pipelines.representation_plots import pca, plots
from segdiff.pipelines.representation_report import (
    check_folder,
    headlines,
    held_out,
    representation_report,
    write_report,
)
from segdiff.pipelines.saving import save_pipeline

PICTURES = ["channels", "length", "paraphrases", "pca", "robustness", "spectrum"]
PNG = b"\x89PNG"


@pytest.fixture(scope="module")
def pipeline(tiny_pipeline):
    """The tiny pipeline with a decoder that writes segments as long as the encoder reads."""
    longer = deepcopy(tiny_pipeline)
    longer.decoder.register_to_config(max_tokens=40)
    return longer


@pytest.fixture(scope="module")
def codec(pipeline):
    return ModelCodec(pipeline.encoder, pipeline.decoder, pipeline.tokenizer)


@pytest.fixture(scope="module")
def report(pipeline, codec, tiny_corpus):
    pairs = {"toy": [("Tom wanted a kite.", "Tom wished for a kite."), ("He laughed.", "He smiled.")]}
    documents = read_documents(tiny_corpus)
    found = representation_report(codec, documents, pairs, [Document(("Prices rose.",))], 20, pipeline=pipeline)
    settings = {"model": "<tiny>", "data": "stories", **found.numbers["settings"]}
    return replace(found, numbers={**found.numbers, "settings": settings})


@pytest.fixture
def without_umap(monkeypatch):
    monkeypatch.setitem(sys.modules, "umap", None)


def test_numbers(report, codec):
    json.dumps(report.numbers, allow_nan=False)
    parts = ["reconstruction", "robustness", "smoothness", "paraphrases", "paraphrases_all_latents", "latents"]
    assert list(report.numbers) == ["settings", *parts]
    assert report.numbers["paraphrases_all_latents"] == []  # without a gist the others are of all latents already
    assert [row["position"] for row in report.numbers["smoothness"]["inserted_word"]] == [0, 0.5, 1]
    assert report.numbers["settings"]["segments"] == 20
    assert {row["pairs_of"] for row in report.numbers["paraphrases"]} == {"rules", "toy"}
    assert {name: len(some) for name, some in report.groups.items()} == {
        "in domain": 20,
        "paraphrases": 2,
        "out of domain": 1,
    }
    latents = (codec.encoder.config.num_latents, codec.encoder.config.latent_dim)
    assert report.path.shape == (20, *latents) and report.pairs.shape == (2, 2, *latents)


def test_worst_case_is_below_random_on_a_model(codec):
    from segdiff.encoders.latents import add_noise, unit_direction
    from segdiff.pipelines.robustness import worst_case

    texts = ["Tom wanted a kite.", "He laughed."]
    latents = codec.encode(texts)
    worst = add_noise(latents, 0.5, unit_direction(worst_case(codec, texts, latents, 0.5)))
    noise = torch.randn(latents.shape, generator=torch.Generator().manual_seed(0))
    random = add_noise(latents, 0.5, unit_direction(noise))
    assert codec.loss(worst, texts) > codec.loss(random, texts)


def test_measured_and_reference_segments_are_disjoint(codec):
    documents = [Document((f"He ran {number} times.", "He ran.", "word " * 60)) for number in range(20)]
    found = held_out(codec, documents, 100)
    assert len(found.measured) == 10 and len(found.reference) == 11 and found.left_out == 20
    assert not set(found.measured) & set(found.reference)
    with pytest.raises(ValueError, match="2 different segments fit the model and 1 are too long"):
        held_out(codec, documents[:1], 100)


def test_headlines_say_what_is_better(report):
    rows = {row["measure"]: row for row in headlines(report.numbers)}
    assert rows["reconstruction, BLEU"]["better"] == "higher" and rows["dead channels"]["better"] == "lower"
    assert rows["AUC, toy, random"]["control"] == "chance: 0.5 (2 pairs)"
    measured = [row for row in report.numbers["paraphrases"] if row["auc"] is not None]
    assert len(measured) < len(report.numbers["paraphrases"])  # what was not measured is no headline
    assert sum(name.startswith("AUC") for name in rows) == len(measured)


def test_all_latents_have_rows_of_their_own(report):
    numbers = deepcopy(report.numbers)
    row = {"pairs_of": "toy", "negatives": "random", "pairs": 20, "auc": 0.625, "interval": [0.5, 0.75]}
    numbers["paraphrases_all_latents"] = [row, {**row, "negatives": "name", "auc": None, "interval": None}]
    rows = {row["measure"]: row["value"] for row in headlines(numbers)}
    assert rows["AUC of all latents, toy, random"] == 0.625 and "AUC of all latents, toy, name" not in rows
    page = report_page(numbers, {}, path=False)
    assert "The same by all 2 latents" in page and "0.500 – 0.750" in page
    assert "The same by all" not in report_page(report.numbers, {}, path=False)


def test_page_warns_of_few_segments(report):
    few = deepcopy(report.numbers)
    assert "with more, the rank would come out higher" in report_page(few, {}, path=False)
    assert "not measured, too few segments" not in report_page(few, {}, path=False)
    few["latents"]["segments"] = 100_000
    few["latents"]["explained_by_other_slots"] = [None, None]
    page = report_page(few, {}, path=False)
    assert "the rank would come out higher" not in page and "not measured, too few segments" in page


@pytest.mark.usefixtures("without_umap")
def test_pictures_and_page(report, tmp_path):
    images = plots(report, seed=0)
    assert sorted(images) == PICTURES and all(image.startswith(PNG) for image in images.values())
    page = report_page(report.numbers, images, path=True)
    assert page.count("data:image/png;base64,") == len(PICTURES)
    assert not re.search(r'(src|href)="(?!data:)', page)  # nothing is fetched
    assert "&lt;tiny&gt;" in page and "<tiny>" not in page
    assert "denoising path" in page and "denoising path" not in report_page(report.numbers, images, path=False)
    assert plots(replace(report, path=None), seed=0)["pca"] != images["pca"]


def test_umap_is_drawn_where_it_is_installed(report, monkeypatch):
    class Umap:
        def __init__(self, **options):
            assert options["random_state"] == 3

        def fit_transform(self, rows):
            return self.transform(rows)

        def transform(self, rows):
            return rows[:, :2]

    monkeypatch.setitem(sys.modules, "umap", SimpleNamespace(UMAP=Umap))
    assert sorted(plots(report, seed=3)) == sorted([*PICTURES, "umap"])


def test_pca_finds_the_widest_directions():
    latents = torch.randn(200, 2, 3, generator=torch.Generator().manual_seed(0)) * torch.tensor(
        [[1, 9, 1], [1, 1, 4.0]]
    )
    project, labels = pca(latents)
    points = project(latents)
    assert points.shape == (200, 2) and float(points[:, 0].std()) > 8 and 3 < float(points[:, 1].std()) < 5
    assert labels[0].startswith("PC 1 (7") or labels[0].startswith("PC 1 (8")


@pytest.mark.usefixtures("without_umap")
def test_missing_matplotlib_names_the_extra(report, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ValueError, match=r"segdiff\[report\]"):
        plots(report, seed=0)


def test_folder_is_written_whole_or_not_at_all(report, tmp_path):
    folder = tmp_path / "report"
    with pytest.raises(TypeError):
        write_report(folder, {"no": object()}, {}, "page")
    assert list(tmp_path.iterdir()) == []
    write_report(folder, {"run": 1}, {"a": PNG}, "page")
    with pytest.raises(TypeError):
        write_report(folder, {"run": 2}, {"a": PNG, "b": "no bytes"}, "page")
    assert json.loads((folder / "report.json").read_text()) == {"run": 1}
    write_report(folder, {"run": 3}, {"b": PNG}, "page")
    assert sorted(file.name for file in folder.iterdir()) == ["b.png", "report.html", "report.json"]
    assert list(tmp_path.iterdir()) == [folder]


def test_folders_that_hold_something_else(tmp_path):
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(ValueError, match="holds something else than a report"):
        check_folder(tmp_path)
    with pytest.raises(ValueError, match="is a file"):
        check_folder(tmp_path / "thesis.txt")
    with pytest.raises(FileNotFoundError, match="there is no folder"):
        check_folder(tmp_path / "no" / "where")


def test_cells():
    assert [cell(value) for value in (None, 3, 0.12345, 99.97, "a")] == ["–", "3", "0.123", "100.0", "a"]


@pytest.mark.usefixtures("without_umap")
@pytest.mark.parametrize("whole", [True, False])
def test_command(pipeline, tiny_corpus, tmp_path, whole):
    model = tmp_path / "model"
    save_pipeline(pipeline, model)
    if not whole:
        (model / "model_index.json").unlink()
    pairs = tmp_path / "pairs.jsonl"
    pairs.write_text('{"a": "He ran.", "b": "He was running."}\n{"a": "It rained.", "b": "Rain fell."}\n')
    arguments = ["evaluate", "representation", "--model", model, "--data", tiny_corpus, "--segments", 16]
    arguments += ["--paraphrases", pairs, "--ood", tiny_corpus, "--out", tmp_path / "out", "--device", "cpu"]
    done = CliRunner().invoke(app, list(map(str, arguments)), catch_exceptions=False)
    assert done.exit_code == 0
    assert "AUC, pairs, random" in done.stdout and "effective rank" in done.stdout
    files = sorted(file.name for file in (tmp_path / "out").iterdir())
    assert files == sorted([*(f"{name}.png" for name in PICTURES), "report.html", "report.json"])
    numbers = json.loads((tmp_path / "out" / "report.json").read_text())
    assert numbers["settings"]["data"] == tiny_corpus.name and numbers["settings"]["segments"] == 16
    assert ("denoising path" in (tmp_path / "out" / "report.html").read_text()) == whole
