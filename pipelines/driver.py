"""`segdiff train story-model`: prepare -> representation -> diffusion -> adaptation -> critic -> export -> evaluate.

Every stage has a folder of its own under the run's folder and is skipped when its result is there, so the same command
goes on where it stopped.
"""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from ..configs.loader import Config, load_config
from ..configs.schema import (
    AdaptationConfig,
    CriticConfig,
    DiffusionConfig,
    RepresentationConfig,
    SamplesConfig,
    StoryModelConfig,
)
from .card import Sample, write_card
from .codec import ModelCodec
from .corpus import Document
from .data import load_data, read_all
from .files import write_json
from .ladder import evaluate_ladder
from .runs import RESULT, is_finished, locked, open_run
from .saving import save_pipeline
from .story import StoryPipeline
from .train_adaptation import train_adaptation
from .train_critic import train_critic
from .train_diffusion import train_diffusion
from .train_representation import train_representation

LENGTH, LONG = 5, 20  # segments of the card's samples
CORPORA = ("train", "valid", "paraphrases", "rare_words")  # of the data section: paths in the data folder


def build_story_model(
    config: str | Path,
    data: Path,
    folder: Path,
    overrides: Sequence[str] = (),
    say: Callable[[str], None] = print,
) -> Path:
    """Run every stage that is not done yet.

    Args:
        config: name or file of a `StoryModelConfig`.
        data: folder that the config's paths are relative to.
        folder: run folder.
        overrides: `key=value` for the config.
        say: called with a line per stage.

    Returns:
        Folder of the finished model (half-precision weights, model card, metrics).

    Raises:
        ValueError, FileNotFoundError: a bad config, missing data, or a folder of another config.
    """
    plan = load_config(StoryModelConfig, config, overrides)
    paths = {key: [str(data / path) for path in getattr(plan.data, key)] for key in CORPORA}
    corpus = plan.data.model_copy(update=paths)
    names = ["representation", "diffusion", "adaptation", *(["critic"] if plan.critic else [])]
    models = {stage: str(folder / stage / "model") for stage in names}
    prepared = corpus.model_copy(update={name: [str(folder / "data")] if name == "train" else [] for name in CORPORA})

    def planned(name: str, schema: type[Config], source: str, **inputs: str) -> Config:
        values = {"data": prepared.model_dump(mode="json"), **inputs}
        return load_config(schema, source, _overrides(values, getattr(plan.minutes, name), plan.loop))

    stages: dict[str, tuple[Config, Callable[..., Any]]] = {
        "representation": (
            planned("representation", RepresentationConfig, plan.representation),
            train_representation,
        ),
        "diffusion": (
            planned("diffusion", DiffusionConfig, plan.diffusion, representation=models["representation"]),
            train_diffusion,
        ),
        "adaptation": (
            planned("adaptation", AdaptationConfig, plan.adaptation, model=models["diffusion"]),
            train_adaptation,
        ),
    }
    if plan.critic:
        critic = planned("critic", CriticConfig, plan.critic, model=models["adaptation"])
        stages["critic"] = (critic, train_critic)
    for name, (stage_config, _) in stages.items():  # before the data of another run is prepared anew
        with locked(folder / name):
            open_run(folder / name, stage_config)

    say("prepare")
    load_data(corpus, folder)
    for name, (stage_config, train) in stages.items():
        if is_finished(folder / name):
            say(f"{name}: done")
            continue
        say(name)
        with locked(folder / name):
            train(stage_config, folder / name)
    results = {name: _result(folder / name / RESULT) for name in models}

    say("export")
    target = folder / plan.name
    finished = StoryPipeline.from_pretrained(models[names[-1]])
    finished.register_to_config(**plan.writing.model_dump())
    save_pipeline(finished, target, half=True)
    pipeline = StoryPipeline.from_pretrained(target)  # what ships is what is measured: its weights are rounded
    held_out = list(read_all([str(data / path) for path in plan.test], None)) if plan.test else []
    evaluation: dict[str, Any] = {}
    if held_out:
        say("evaluate")
        adapted = evaluate_ladder(pipeline, held_out, plan.test_stories)
        before = evaluate_ladder(StoryPipeline.from_pretrained(models["diffusion"]), held_out, plan.test_stories)
        evaluation = {"adapted": adapted, "before_adaptation": before}
        write_json(folder / "evaluation.json", evaluation)
    samples = write_samples(pipeline, held_out, plan.samples)
    write_card(target, plan, results, evaluation, samples)
    say(f"finished: {target}")
    return target


def _overrides(values: dict[str, Any], minutes: float, loop: dict[str, Any]) -> list[str]:
    """What the plan says of a stage, as overrides of the stage's config, so that a wrong key is named as there."""
    given = {**values, "loop.max_minutes": minutes, **{f"loop.{key}": value for key, value in loop.items()}}
    return [f"{key}={json.dumps(value, ensure_ascii=False)}" for key, value in given.items()]


def _result(file: Path) -> dict[str, Any]:
    """What a stage wrote last.

    Raises:
        ValueError: it is no result.
    """
    try:
        result = json.loads(file.read_text(encoding="utf-8"))
        if all(key in result["metrics"] for key in ("step", "loss", "seconds")):
            return dict(result)
    except (ValueError, KeyError, TypeError):
        pass
    raise ValueError(f"{file} is damaged; remove it, and the same command writes it again")


def write_samples(pipeline: StoryPipeline, held_out: list[Document], counts: SamplesConfig) -> list[Sample]:
    """Stories for the first held-out documents that suit each kind (unconditional ones without any), unselected.

    The seed of the i-th of a kind is i, counted from 0.
    """
    codec = ModelCodec(pipeline.encoder, pipeline.decoder, pipeline.tokenizer)
    titles: Sequence[str | None] = [document.title for document in held_out if document.title] or [None]
    stories = [list(document.segments) for document in held_out if len(document.segments) == LENGTH]
    stories = [story for story, fit in zip(stories, map(codec.fits, stories), strict=True) if all(fit)]
    tasks: dict[str, list[dict[str, Any]]] = {
        "titles": [{"title": title, "num_segments": LENGTH} for title in titles],
        "continuations": [{"segments": [story[0], *[None] * (LENGTH - 1)]} for story in stories],
        "infills": [{"segments": [*story[:2], None, *story[3:]]} for story in stories],
        "long": [{"title": title, "num_segments": LONG} for title in titles],
    }
    samples = []
    for kind, arguments in tasks.items():
        for seed, given in enumerate(arguments[: getattr(counts, kind)]):
            (story,) = pipeline(**given, seed=seed)
            kept = [segment is not None for segment in given.get("segments", ())] or [False] * len(story.segments)
            samples.append(Sample(kind, story.title, story.segments, kept, story.separators))
    return samples
