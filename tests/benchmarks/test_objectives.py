"""The rows of the objectives' ablation: each is another run, from random weights or from a model."""

import json

import pytest

from segdiff.configs import load_config
from segdiff.configs.schema import RepresentationConfig
from segdiff.pipelines import train_representation


def test_every_row_changes_the_run():
    import objectives

    configs = {name: load_config(RepresentationConfig, None, settings) for name, settings in objectives.RUNS.items()}
    assert len({config.model_dump_json() for config in configs.values()}) == len(configs)
    both_off = configs["no noise, no adversarial"]
    assert (both_off.noise.max_strength, both_off.noise.max_gist_strength, both_off.adversarial.weight) == (0, 0, 0)
    assert not configs["not length-matched"].contrastive.length_matched
    assert [configs[f"radius {radius}"].adversarial.radius for radius in ("0.1", "0.5")] == [0.1, 0.5]


@pytest.mark.parametrize("init", [None, "stories-tiny"])
def test_settings_of_all_runs_come_before_those_of_a_row(tmp_path, monkeypatch, capsys, init):
    import objectives

    seen = []

    def trained(options, folder, init):
        folder.mkdir(parents=True)
        seen.append((folder.name, options.encoder.gist_latents, options.contrastive.similarity, init))

    monkeypatch.setattr(train_representation, "train_representation", trained)
    monkeypatch.setattr(objectives, "measure", lambda folder, *rest: {"BLEU": 50.0})
    rows = ["contrast slot by slot", "contrast of means"]
    settings = ["encoder.gist_latents=0", "encoder.topic_latents=0", "contrastive.similarity=mixed"]
    objectives.main(tmp_path, tmp_path, tmp_path / "out", init, only=rows, set_=settings)
    assert seen == [("contrast-slot-by-slot", 0, "slots", init), ("contrast-of-means", 0, "mean", init)]
    assert capsys.readouterr().out.count("contrast of means") == 2
    assert json.loads((tmp_path / "out/contrast-of-means/row.json").read_text())["row"]["BLEU"] == 50
