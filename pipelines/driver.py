"""`segdiff train story-model`: prepare -> representation -> diffusion -> adaptation -> evaluate -> export.

Every stage has a folder of its own under the run's folder and is skipped when its result is there, so the same command
goes on where it stopped.
"""

import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from ..configs.loader import Config, load_config
from ..configs.schema import (
    AdaptationConfig,
    DataConfig,
    DiffusionConfig,
    RepresentationConfig,
    StoryModelConfig,
)
from .card import write_card
from .corpus import Document
from .data import load_data, read_all
from .files import write_json
from .ladder import evaluate_ladder
from .runs import locked, open_run
from .saving import save_pipeline
from .story import StoryPipeline
from .train_adaptation import train_adaptation
from .train_diffusion import train_diffusion
from .train_representation import train_representation


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
        ValueError, FileNotFoundError: a bad config or missing data.
    """
    plan = load_config(StoryModelConfig, config, overrides)
    paths = {key: [str(data / path) for path in getattr(plan.data, key)] for key in ("train", "valid", "paraphrases")}
    corpus = plan.data.model_copy(update=paths)
    say("prepare")
    load_data(corpus, folder)
    prepared = corpus.model_copy(update={"train": [str(folder / "data")], "valid": [], "paraphrases": []})
    models = {stage: str(folder / stage / "model") for stage in ("representation", "diffusion", "adaptation")}

    def stage(name: str, schema: type[Config], source: str, run: Callable[..., Any], **inputs: str) -> None:
        if (folder / name / "result.json").exists():
            say(f"{name}: done")
            return
        say(name)
        stage_config = _stage_config(schema, source, plan, prepared, getattr(plan.minutes, name), inputs)
        with locked(folder / name):
            open_run(folder / name, stage_config)
            run(stage_config, folder / name)

    stage("representation", RepresentationConfig, plan.representation, train_representation)
    stage("diffusion", DiffusionConfig, plan.diffusion, train_diffusion, representation=models["representation"])
    stage("adaptation", AdaptationConfig, plan.adaptation, train_adaptation, model=models["diffusion"])

    pipeline = StoryPipeline.from_pretrained(models["adaptation"])
    held_out = list(read_all([str(data / path) for path in plan.test], None)) if plan.test else []
    evaluation: dict[str, Any] = {}
    if held_out:
        say("evaluate")
        adapted = evaluate_ladder(pipeline, held_out, plan.test_stories)
        before = evaluate_ladder(StoryPipeline.from_pretrained(models["diffusion"]), held_out, plan.test_stories)
        evaluation = {"adapted": adapted, "before_adaptation": before}
        write_json(folder / "evaluation.json", evaluation)
    say("export")
    target = folder / plan.name
    samples = write_samples(pipeline, held_out, plan.sample_stories)
    results = {name: json.loads((folder / name / "result.json").read_text(encoding="utf-8")) for name in models}
    save_pipeline(pipeline, target, half=True)
    write_card(target, plan, results, evaluation, samples)
    say(f"finished: {target}")
    return target


def _stage_config(
    schema: type[Config],
    source: str,
    plan: StoryModelConfig,
    data: DataConfig,
    minutes: float,
    inputs: dict[str, str],
) -> Config:
    config: Any = load_config(schema, source)
    loop = {**config.loop.model_dump(), "max_minutes": minutes, **plan.loop}
    return schema.model_validate({**config.model_dump(), "data": data.model_dump(), "loop": loop, **inputs})


def write_samples(pipeline: StoryPipeline, held_out: list[Document], count: int) -> list[dict[str, Any]]:
    """Stories for the first titles of the held-out corpus (unconditional ones when there is none), unselected.

    The seed of the i-th is i, counted from 0.
    """
    titles: Sequence[str | None] = [document.title for document in held_out if document.title][:count]
    titles = titles or [None] * count
    samples = []
    for seed, title in enumerate(titles):
        began = time.perf_counter()
        (story,) = pipeline(title, num_segments=5, seed=seed)
        samples.append({"title": title, "text": story.text, "seconds": round(time.perf_counter() - began, 2)})
    return samples
