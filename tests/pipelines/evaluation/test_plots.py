"""Every picture is drawn of what there is, and left out where there is nothing."""

import pytest

from segdiff.pipelines.evaluation.metrics import THEMES
from segdiff.pipelines.evaluation.plots import plots

PNG = b"\x89PNG"


def numbers(system=True):
    names = ["human", "shuffled human", *(["ours"] if system else [])]
    rows = [
        {
            "task": task,
            "row": name,
            "mauve": 0.5 if task == "title" else None,
            "interval": [0.4, 0.6] if task == "title" else None,
            "taken_for_real": 0.7,
            "perplexity": 100.0 + len(name),
            "entropy": 7.0,
            "overlap_4": 0.0,
        }
        for task in ("title", "infilling")
        for name in names
    ]
    sweep = [
        {
            "varied": varied,
            "value": value,
            "perplexity": 50.0,
            "entropy": 7.0,
            "distinct_2": 0.5,
            "taken_for_real": 0.4,
            "similarity": 0.3,
        }
        for varied, value in (("human", None), ("guidance", 1.0), ("guidance", 4.0), ("temperature", 0.5))
    ]
    return {"tables": dict.fromkeys(THEMES, rows), "sweep": sweep if system else []}


def test_all_pictures():
    images = plots(numbers())
    assert set(images) == {"distribution", "coherence", "fluency", "memorisation", "sweep"}
    assert all(image.startswith(PNG) for image in images.values())


def test_pictures_with_nothing_to_show_are_left_out():
    assert set(plots(numbers(system=False))) == {"distribution", "coherence", "memorisation"}
    assert plots({"tables": {theme: [] for theme in THEMES}, "sweep": []}) == {}


def test_other_values_other_picture():
    before = plots(numbers())["sweep"]
    for measure in ("perplexity", "entropy", "distinct_2"):
        changed = numbers()
        changed["sweep"][1][measure] *= 1.5
        assert plots({**changed, "tables": {theme: [] for theme in THEMES}})["sweep"] != before, measure
    with pytest.raises(KeyError):
        plots({"tables": {}, "sweep": []})
