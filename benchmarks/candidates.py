"""Writes what choosing among candidates gives: of several stories for a title the first, and the best by each rule.

python benchmarks/candidates.py DATA/stories/roc.valid.jsonl.gz OUT --model stories-small

Then `segdiff evaluate stories --model none --tasks title --texts first=OUT/first.jsonl --texts ...` scores them.
Validation titles, so that what is decided by this is not decided by test stories. All candidates are kept in OUT and
are not written again.
"""

import itertools
import json
from pathlib import Path
from typing import Annotated, Any

import typer

COUNTS = (4, 8, 16, 32)
SEGMENTS = 5
SEED_STEP = 1000  # between the titles' first seeds

Stories = list[list[str]]


def write(pipeline: Any, titles: list[str], most: int, options: dict[str, Any], file: Path) -> list[Stories]:
    """`most` stories for each title, each a list of segments; read from `file` where it is.

    Raises:
        ValueError: the file is of other titles or options.
    """
    from segdiff.pipelines.files import write_json

    settings = {"titles": titles, "most": most, **options}
    if not file.is_file():
        found = []
        drawing = {name: value for name, value in options.items() if name != "model"}
        for number, title in enumerate(titles):
            seed = SEED_STEP * number
            stories = pipeline(
                title, SEGMENTS, num_stories=most, num_candidates=1, seed=seed, batch_size=most, **drawing
            )
            found.append([story.segments for story in stories])
        write_json(file, {"settings": settings, "stories": found})
    kept = json.loads(file.read_text(encoding="utf-8"))
    if kept["settings"] != settings:
        raise ValueError(f"{file} is of other titles or options; give another OUT")
    return kept["stories"]


def chosen(pipeline: Any, title: str, stories: Stories, count: int) -> dict[str, int]:
    """Which of the first `count` stories is the best, by each rule."""
    import torch

    from segdiff.pipelines.choosing import critic_scores, mbr_scores
    from segdiff.pipelines.rendering import read_back
    from segdiff.pipelines.tokenization import condition_tokens, pad_tokens

    encoder, tokenizer = pipeline.encoder, pipeline.tokenizer
    shape = (count, SEGMENTS, *encoder.latent_mean.shape)
    latents = read_back(encoder, tokenizer, stories[:count], torch.zeros(shape))
    scores = {"mbr": mbr_scores(latents, encoder.meaning)}
    if pipeline.critic is not None:
        limit = pipeline.condition_encoder.config.max_tokens
        ids, mask = pad_tokens([condition_tokens(tokenizer, "title", title, limit)], 0)
        with torch.no_grad():
            told = [part.expand(count, *part.shape[1:]) for part in pipeline.condition_encoder(ids, mask)]
        place = torch.arange(SEGMENTS).expand(count, -1)
        exists = torch.ones_like(place, dtype=torch.bool)
        found = critic_scores(pipeline.critic, latents, exists, place, SEGMENTS - 1 - place, [(told[0], told[1])])
        scores["critic"] = found
    return {rule: max(range(count), key=found.__getitem__) for rule, found in scores.items()}


def main(
    data: Annotated[Path, typer.Argument(help="Stories with titles; a title is written for each.")],
    out: Path,
    model: str = "stories-small",
    stories: Annotated[int, typer.Option(help="Titles.")] = 150,
    most: Annotated[int, typer.Option(min=1, max=SEED_STEP, help="Stories for each.")] = 16,
    temperature: Annotated[float | None, typer.Option(help="The model has its own.")] = None,
    min_p: Annotated[float | None, typer.Option(help="The model has its own.")] = None,
) -> None:
    """Write OUT/first.jsonl, and OUT/RULE-COUNT.jsonl of each rule and number of candidates."""
    from segdiff import StoryPipeline
    from segdiff.pipelines.evaluation.texts import WrittenStory, read_stories, write_texts

    out.mkdir(parents=True, exist_ok=True)
    humans = [story for story in read_stories(data) if story.title][:stories]
    titles = [str(story.title) for story in humans]
    pipeline = StoryPipeline.from_pretrained(model)
    options = {"model": model, "temperature": temperature, "min_p": min_p}
    written = write(pipeline, titles, most, options, out / "candidates.json")
    picked: dict[str, list[int]] = {"first": [0] * len(humans)}
    for count in COUNTS:
        if count <= most:
            for title, part in zip(titles, written, strict=True):
                for rule, index in chosen(pipeline, title, part, count).items():
                    picked.setdefault(f"{rule}-{count}", []).append(index)
    for name, indices in picked.items():
        texts = [
            WrittenStory("title", human.id, tuple(" ".join(text.split()) for text in part[index]), None, seed + index)
            for human, part, index, seed in zip(humans, written, indices, itertools.count(0, SEED_STEP), strict=False)
        ]
        write_texts(out / f"{name}.jsonl", texts, {human.id: human.title for human in humans})
        print(out / f"{name}.jsonl")


if __name__ == "__main__":
    typer.run(main)
