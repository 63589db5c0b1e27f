"""The frontier of a model: what its texts trade, over guidance and over temperature."""

from collections.abc import Callable, Sequence
from typing import Any

from ..story import StoryPipeline
from .diversity import diversity
from .embedding import Embedder
from .fluency import perplexity
from .judge import Judge
from .relevance import similarity
from .scoring import mean
from .texts import HumanStory, suits
from .writing import fits, write

GUIDANCE = (1.0, 2.0, 4.0, 7.0)
TEMPERATURE = (0.5, 0.8, 1.0)  # 0 is among the rows of guidance
STORIES = 40


def sweep(
    pipeline: StoryPipeline,
    stories: Sequence[HumanStory],
    judge: Judge,
    embedder: Embedder,
    seed: int = 0,
    options: dict[str, Any] | None = None,
    progress: Callable[[str], None] = lambda _: None,
) -> list[dict[str, Any]]:
    """Rows of fluency, diversity, coherence and relevance for titles, one for each setting, after the human one.

    Args:
        pipeline: the model.
        stories: human stories; the first `STORIES` with a title that fit are used.
        judge, embedder: as in `score`.
        seed: story i has the seed `seed + i` in every setting.
        options: of the call; its guidance holds where temperature is varied. Every story is the only one of its seed,
            the likeliest text where guidance is varied: to choose among candidates would hide what is varied.
        progress: told what is under way.

    Returns:
        No rows where no story has a title.
    """
    chosen = [story for story in stories if suits("title", story) and fits(pipeline, "title", story)][:STORIES]
    if not chosen:
        return []
    fixed = {"guidance_scale": 2.0, **(options or {}), "temperature": 0.0, "num_candidates": 1}
    settings = [("guidance", {**fixed, "guidance_scale": value}, value) for value in GUIDANCE]
    settings += [("temperature", {**fixed, "temperature": value}, value) for value in TEMPERATURE]
    rows = [{"varied": "human", "value": None, **_cells([s.segments for s in chosen], chosen, judge, embedder, seed)}]
    for name, arguments, value in settings:
        progress(f"sweep: {name} {value:g}")
        texts = [
            write(pipeline, "title", story, seed + index, arguments)[0].segments for index, story in enumerate(chosen)
        ]
        rows.append({"varied": name, "value": value, **_cells(texts, chosen, judge, embedder, seed)})
    return rows


def _cells(
    texts: Sequence[tuple[str, ...]], stories: Sequence[HumanStory], judge: Judge, embedder: Embedder, seed: int
) -> dict[str, Any]:
    vectors = embedder.stories(texts)
    titles = embedder([story.title or "" for story in stories])
    return {
        "perplexity": perplexity(judge.fluency, [text for story in texts for text in story]),
        **diversity(texts, seed),
        "taken_for_real": judge.taken_for_real(vectors),
        "similarity": mean(similarity(title[None], story) for title, story in zip(titles, vectors, strict=True)),
    }
