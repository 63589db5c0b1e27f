"""The whole evaluation: texts written and read, scored, latents compared, the ladder climbed; numbers as JSON."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ..codec import ModelCodec
from ..corpus import Document
from ..ladder import evaluate_ladder
from ..story import StoryPipeline
from . import distribution
from .ceiling import reconstructed
from .controls import CEILING, CONTROLS
from .embedding import Embedder
from .fluency import OPEN_VOCABULARY, ORDER
from .judge import Judge
from .latents import MIN_SEGMENTS, LatentSpace, encoded, latent_distances
from .metrics import THEMES
from .scoring import score
from .sweep import sweep
from .texts import GIVEN, HumanStory, WrittenStory, first_texts, written_part
from .writing import Written, joined

LADDER_STORIES = 50
Progress = Callable[[str], None]


def evaluation(
    stories: Sequence[HumanStory],
    judge_stories: Sequence[HumanStory],
    systems: Mapping[str, Sequence[WrittenStory]],
    tasks: Sequence[str],
    judge: Judge,
    embedder: Embedder,
    training: Sequence[Sequence[str]] | None = None,
    seed: int = 0,
    pipeline: StoryPipeline | None = None,
    written: Written | None = None,
    options: dict[str, Any] | None = None,
    with_sweep: bool = False,
    progress: Progress = lambda _: None,
) -> dict[str, Any]:
    """All that `report.json` holds.

    Args:
        stories: human test stories.
        judge_stories: those that `judge` is made of.
        systems: name -> texts, the model's own included.
        tasks: which to score.
        judge, embedder, training, progress: as in `score`.
        seed: of everything that is drawn.
        pipeline: the model, for latents, ladder and sweep; None leaves them out.
        written: what the model wrote, with its latents.
        options: of the calls of the pipeline.
        with_sweep: whether guidance and temperature are varied.
    """
    ceiling: dict[str, Sequence[WrittenStory]] = {}
    if pipeline is not None:
        progress("reconstructing the human stories")
        ceiling = {name: reconstructed(pipeline, stories, tasks) for name in CEILING}
    numbers = score(stories, {**ceiling, **systems}, tasks, judge, embedder, training, seed, progress)
    numbers["settings"] = {
        "stories": len(stories),
        "judge_stories": len(judge_stories),
        "training_stories": None if training is None else len(training),
        "seed": seed,
        "embedding": embedder.settings(),
        "mauve": distribution.settings(),
        "fluency": {"order": ORDER, "open_vocabulary": OPEN_VOCABULARY, "smoothing": "interpolated Kneser-Ney"},
    }
    numbers["metrics"] = [
        {"theme": theme, "metric": metric.name, "better": metric.better, "detects": metric.detects}
        for theme, (_, metrics) in THEMES.items()
        for metric in metrics
    ]
    numbers["tasks"] = {task: GIVEN[task] for task in tasks}
    shown = {row["row"] for row in numbers["tables"]["failures"]}
    numbers["controls"] = {name: text for name, text in (CONTROLS | CEILING).items() if name in shown}
    numbers["classifier"] = judge.held_out
    numbers["latents"], numbers["ladder"], numbers["sweep"] = [], None, []
    if pipeline is not None:
        progress("latents")
        numbers["latents"], note = latent_rows(pipeline, stories, judge_stories, systems, tasks, written or Written())
        numbers["notes"] += [note] if note else []
        progress("ladder")
        numbers["ladder"] = _ladder(pipeline, stories, seed)
        if with_sweep:
            numbers["sweep"] = sweep(pipeline, stories, judge, embedder, seed, options, progress)
    if written is not None and written.left_out:
        numbers["notes"].append(f"{written.left_out} texts were not written: what is given does not fit the model.")
    return numbers


def latent_rows(
    pipeline: StoryPipeline,
    stories: Sequence[HumanStory],
    judge_stories: Sequence[HumanStory],
    systems: Mapping[str, Sequence[WrittenStory]],
    tasks: Sequence[str],
    written: Written,
) -> tuple[list[dict[str, Any]], str | None]:
    """Distances to the latents of judge sentences: human ones, sampled ones, and the encoded texts of every system.

    Of each task the written segments alone, and of several texts for one story the first.

    Returns:
        the rows, and why there are none where there are none.
    """
    codec = ModelCodec(pipeline.encoder, pipeline.decoder, pipeline.tokenizer)
    human = encoded(codec, [story.segments for story in judge_stories])
    if len(human) < MIN_SEGMENTS:
        return [], f"Latents are not compared: {len(human)} judge sentences fit the model, {MIN_SEGMENTS} are needed."
    space = LatentSpace.of(human)
    rows = [{"row": "human, encoded", **latent_distances(space, encoded(codec, [s.segments for s in stories]))}]
    counts = {story.id: len(story.segments) for story in stories}
    for task in tasks:
        latents = joined(written.latents.get(task, []))
        if latents is not None:
            rows.append({"row": f"sampled, {task}", **latent_distances(space, latents)})
        for name, texts in systems.items():
            parts = [written_part(task, text.segments, counts[text.id]) for text in first_texts(task, texts).values()]
            own = [[text for text in part if text.strip()] for part in parts]
            if own:
                rows.append({"row": f"{name}, encoded, {task}", **latent_distances(space, encoded(codec, own))})
    return rows, None


def _ladder(pipeline: StoryPipeline, stories: Sequence[HumanStory], seed: int) -> dict[str, Any] | None:
    documents = [Document(story.segments, story.title) for story in stories]
    codec = ModelCodec(pipeline.encoder, pipeline.decoder, pipeline.tokenizer)
    if not any(all(codec.fits(story.segments)) for story in stories):
        return None
    return evaluate_ladder(pipeline, documents, LADDER_STORIES, seed)
