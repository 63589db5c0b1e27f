"""The driver of a whole story model: from a folder of corpora to a model with its card, once and again."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from segdiff import StoryPipeline
from segdiff.pipelines import driver
from segdiff.pipelines.card import Sample
from segdiff.pipelines.driver import build_story_model

TEXT = {"d_model": 16, "num_layers": 1, "num_heads": 2, "d_kv": 8, "d_ff": 16}
LATENTS = {"num_latents": 3, "gist_latents": 1, "latent_dim": 8}
STAGES = {
    "representation": {
        "encoder": {"text_config": TEXT, **LATENTS},
        "decoder": {"text_config": TEXT},
        "contrastive": {"pairs": 4},
        "adversarial": {"segments": 4},
    },
    "diffusion": {
        "denoiser": {"width": 16, "num_heads": 2, "num_layers": 2},
        "condition": {"text_config": TEXT},
    },
    "adaptation": {"denoising_steps": 2},
    "critic": {"critic": {"width": 16, "num_layers": 1, "num_heads": 2}},
}
NAMES = list(STAGES)


@pytest.fixture(scope="module")
def plan(tmp_path_factory: pytest.TempPathFactory, tiny_corpus: Path) -> Path:
    """A config file of a model of two steps a stage; the configs of its stages are beside it."""
    folder = tmp_path_factory.mktemp("plan")
    for name, values in STAGES.items():
        (folder / f"{name}.yaml").write_text(yaml.safe_dump(values), encoding="utf-8")
    values = {
        "name": "rehearsal",
        **{name: str(folder / f"{name}.yaml") for name in STAGES},
        "data": {"train": [tiny_corpus.name], "vocab_size": 300, "max_tokens": 64},
        "test": [tiny_corpus.name],
        "test_stories": 2,
        "samples": {"titles": 1, "continuations": 1, "infills": 1, "long": 1},
        "writing": {"temperature": 3.0, "min_p": 0.01, "num_candidates": 2},
        "loop": {"max_steps": 2, "warmup_steps": 1, "log_every": 1, "checkpoint_every": 2, "batch_documents": 4},
    }
    file = folder / "rehearsal.yaml"
    file.write_text(yaml.safe_dump(values), encoding="utf-8")
    return file


@pytest.fixture(scope="module")
def built(plan: Path, tiny_corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    """Run folder of the rehearsal and what was said."""
    folder, said = tmp_path_factory.mktemp("built") / "run", []
    assert build_story_model(plan, tiny_corpus.parent, folder, say=said.append) == folder / "rehearsal"
    return folder, said


def test_a_rehearsal_of_every_stage(built):
    folder, said = built
    assert said == ["prepare", *NAMES, "export", "evaluate", f"finished: {folder / 'rehearsal'}"]
    for name in NAMES:
        assert json.loads((folder / name / "result.json").read_text())["metrics"]["step"] == 2
    metrics = json.loads((folder / "rehearsal" / "metrics.json").read_text())
    assert set(metrics["stages"]) == set(NAMES)
    assert metrics["ladder"]["adapted"]["settings"]["num_stories"] == 2
    assert [row["row"] for row in metrics["ladder"]["adapted"]["table"]][:2] == ["human", "random human"]


def test_the_card_shows_what_the_shipped_folder_writes(built):
    folder, _ = built
    title = "Tom and the kite"  # the first of the corpus
    pipeline = StoryPipeline.from_pretrained(folder / "rehearsal")
    assert pipeline.critic is not None
    assert (pipeline.config.min_p, pipeline.config.num_candidates) == (0.01, 2)
    card = (folder / "rehearsal" / "README.md").read_bytes().decode()  # odd line ends are text here
    for head, count in {"From a title": 5, "Long, from a title": 20}.items():
        (story,) = pipeline(title, num_segments=count, seed=0)
        assert story.text
        assert f"\n\n### {head}\n\n**{title}** {story.text}\n" in card
    first = "Tom wanted a boat."  # of the first story of five segments
    (story,) = pipeline(segments=[first, None, None, None, None], seed=0)
    shown = Sample("continuations", None, story.segments, [True, *[False] * 4], story.separators)
    assert str(shown).startswith(f"**{first}**") and f"\n\n### From a first sentence\n\n{shown}\n" in card


def test_a_second_run_finds_every_stage_done_and_measures_rounded_weights(built, plan, tiny_corpus, monkeypatch):
    folder, _ = built
    before = {file: file.stat().st_mtime_ns for name in NAMES for file in (folder / name).rglob("*") if file.is_file()}
    measured: list[tuple[str, bool]] = []

    def noted(what: str, run: Any) -> Any:
        def noting(pipeline: StoryPipeline, *arguments: Any) -> Any:
            weights = [*pipeline.decoder.parameters(), *pipeline.denoiser.parameters()]
            measured.append((what, all(bool((one.half().float() == one).all()) for one in weights)))
            return run(pipeline, *arguments)

        return noting

    ladder = json.loads((folder / "evaluation.json").read_text())["adapted"]  # measured in the first run
    monkeypatch.setattr(driver, "evaluate_ladder", noted("ladder", lambda *arguments: ladder))
    monkeypatch.setattr(driver, "write_samples", noted("samples", driver.write_samples))
    said: list[str] = []
    build_story_model(plan, tiny_corpus.parent, folder, say=said.append)
    done = [f"{name}: done" for name in NAMES]
    assert said == ["prepare", *done, "export", "evaluate", f"finished: {folder / 'rehearsal'}"]
    assert {file: file.stat().st_mtime_ns for file in before} == before
    # the ladder before adaptation is of the diffusion stage's own weights
    assert measured == [("ladder", True), ("ladder", False), ("samples", True)]


def test_a_damaged_result_is_named(built, plan, tiny_corpus):
    folder, _ = built
    result = folder / "diffusion" / "result.json"
    kept = result.read_bytes()
    result.write_text("{}", encoding="utf-8")
    try:
        with pytest.raises(ValueError, match=r"diffusion/result\.json is damaged"):
            build_story_model(plan, tiny_corpus.parent, folder, say=str)
    finally:
        result.write_bytes(kept)


def refuse(*arguments: object) -> None:
    raise AssertionError("data are loaded")


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("loop.max_step=5", "unknown key 'loop.max_step'; nearest known key: 'loop.max_steps'"),
        ("loop.max_steps=none", r"loop\.max_steps: .* \(got 'none'\)"),
        ("diffusion=diffusion-tinny", "no config file 'diffusion-tinny'"),
    ],
)
def test_a_slip_is_found_before_any_data_are_loaded(plan, tiny_corpus, tmp_path, monkeypatch, override, message):
    monkeypatch.setattr(driver, "load_data", refuse)
    with pytest.raises((ValueError, FileNotFoundError), match=message) as caught:
        build_story_model(plan, tiny_corpus.parent, tmp_path / "run", [override], say=str)
    assert len(str(caught.value).splitlines()) == 1
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("name", NAMES)
def test_a_stage_of_another_config_is_refused(plan, tiny_corpus, tmp_path, monkeypatch, name):
    folder = tmp_path / "run" / name
    folder.mkdir(parents=True)
    (folder / "config.yaml").write_text("loop: {max_steps: 3}\n", encoding="utf-8")
    (folder / "result.json").write_text("{}", encoding="utf-8")
    monkeypatch.setattr(driver, "load_data", refuse)
    with pytest.raises(ValueError, match=f"{name} holds a run of another config"):
        build_story_model(plan, tiny_corpus.parent, tmp_path / "run", say=str)
    assert (folder / "config.yaml").read_text(encoding="utf-8") == "loop: {max_steps: 3}\n"
