"""Does it do what it is asked for: infilling, endings, keywords, length, controls; each with and without.

python benchmarks/infilling.py DATA/stories/roc.test.jsonl.gz DATA/stories/roc.valid.jsonl.gz --model stories-tiny

* infilling and endings: the middle or the last segment of held-out stories is written, with all other segments given,
  with those before it, or with none. Its fit is the share of the other stories whose given segments are further from it
  than those of its own story, by the encoder's embeddings (0.5 = what is given does not matter); its similarity to the
  true segment is judged by another encoder. The human segment is the ceiling, another story's a floor.
* mention: two everyday words must be mentioned; share of them that are.
* length: mean distance of the segments from the wanted number of words.
* controls: a classifier is trained on the labelling corpus, labelled by a rule; share of written segments that have
  the wanted label by the same rule, without and with the control; and what it costs, in diversity and in MAUVE of the
  segments against as many human ones of the labelling corpus (of few: to compare the rows, not to quote).
"""

import json
import statistics
import tempfile
from collections import Counter
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from random import Random
from typing import Annotated, Any

import torch
import torch.nn.functional as F
import typer
from torch import Tensor

from segdiff.pipelines.card import table
from segdiff.pipelines.choosing import length_error, mentioned
from segdiff.pipelines.controls import load_control
from segdiff.pipelines.corpus import extract_keywords, read_documents
from segdiff.pipelines.evaluation.distribution import mauve
from segdiff.pipelines.evaluation.embedding import Embedder
from segdiff.pipelines.ladder import diversity, share, words
from segdiff.pipelines.latents import embeddings
from segdiff.pipelines.rendering import encode_texts
from segdiff.pipelines.story import LIKELIEST, StoryPipeline
from segdiff.pipelines.tokenization import segment_tokens
from segdiff.pipelines.train_control import train_control

GOOD = set(
    "happy glad great love loved fun enjoyed excited won best beautiful proud smiled laughed nice wonderful".split()  # noqa: SIM905
)
BAD = set(
    "sad angry upset hurt died lost cried scared bad worst sick broke failed hated afraid worried terrible".split()  # noqa: SIM905
)
Row = dict[str, Any]


def mood(text: str) -> str | None:
    """ "good" or "bad" where a sentence has words of one of them alone."""
    found = set(words(text))
    return None if bool(found & GOOD) == bool(found & BAD) else "good" if found & GOOD else "bad"


def person(text: str) -> str:
    """Whether someone tells of himself."""
    return "first" if {"i", "my", "me", "we", "our"} & set(words(text)) else "third"


def length_of(text: str) -> str:
    """Short, medium or long."""
    count = len(words(text))
    return "short" if count <= 6 else "medium" if count <= 10 else "long"


RULES: dict[str, Callable[[str], str | None]] = {"mood": mood, "person": person, "length": length_of}


def fit(pipeline: StoryPipeline, written: list[str], given: list[list[str]]) -> float:
    """Mean share of the other stories whose given segments are further from a written one than its own."""
    limit = pipeline.encoder.config.max_tokens

    def vectors(texts: list[str]) -> Tensor:
        rows = segment_tokens(pipeline.tokenizer, texts)
        safe = [text if text.strip() and len(row) <= limit else "." for text, row in zip(texts, rows, strict=True)]
        return embeddings(encode_texts(pipeline.encoder, pipeline.tokenizer, safe), pipeline.encoder.meaning)

    own, around = vectors(written), torch.stack([vectors(texts).mean(0) for texts in given])
    own, around = (F.normalize(each - each.mean(0), dim=-1) for each in (own, around))
    alike = own @ around.T
    return float((alike < alike.diagonal()[:, None]).float().sum(1).mean()) / (len(written) - 1)


def infilling(pipeline: StoryPipeline, stories: list[list[str]], options: dict[str, Any]) -> list[Row]:
    """Rows of the middle and the last segment: written with all others, with those before, with none, by people."""
    embedder = Embedder()

    def write(templates: list[list[str | None]]) -> list[list[str]]:
        return [pipeline(segments=one, seed=seed, **options)[0].segments for seed, one in enumerate(templates)]

    rows = []
    for name, place in [("the middle", 2), ("the ending", 4)]:
        templates: list[list[str | None]] = [[*story[:place], None, *story[place + 1 :]] for story in stories]
        given = [[text for text in template if text is not None] for template in templates]
        written = write(templates)
        alone = [pipeline(num_segments=5, seed=seed, **options)[0].segments for seed in range(len(stories))]
        true = [story[place] for story in stories]
        ways = {"all others given": written}
        if place < 4:
            ways["those before"] = write([[*story[:place], *[None] * (5 - place)] for story in stories])
        ways |= {"none": alone, "human": stories, "human, another story's": [*stories[1:], stories[0]]}
        kept = share(
            left == right
            for story, template in zip(written, templates, strict=True)
            for left, right in zip(story, template, strict=True)
            if right is not None
        )
        for way, texts in ways.items():
            new = [story[place] for story in texts]
            rows.append(
                {
                    "written": name,
                    "given": way,
                    "given come back": kept if texts is written else "",
                    "fit": fit(pipeline, new, given),
                    "similarity to the true one": float((embedder(new) * embedder(true)).sum(1).mean()),
                }
            )
        shown = list(zip(stories, written, strict=True))[:3]
        print(*(f"{story[place - 1]} [{texts[place]}]" for story, texts in shown), sep="\n")
    return rows


def mention(pipeline: StoryPipeline, stories: list[list[str]], candidates: int, options: dict[str, Any]) -> list[Row]:
    """Share of wanted words (of each story those that most others have too) that are mentioned, asked for or not."""
    frequency = Counter(word for story in stories for word in set(extract_keywords(story, limit=100)))
    wanted = [sorted(extract_keywords(story, limit=100), key=lambda word: -frequency[word])[:2] for story in stories]
    ways: dict[str, Callable[[list[str]], dict[str, Any]]] = {
        "not asked for": lambda _: {},
        "as keywords": lambda some: {"keywords": some},
        "mention, no pull": lambda some: {"mention": some, "mention_scale": 0},
        "mention": lambda some: {"mention": some},
        f"mention, best of {candidates}": lambda some: {"mention": some, "num_candidates": candidates},
    }
    rows = []
    for name, way in ways.items():
        found = [
            len(mentioned(some, pipeline(num_segments=5, seed=seed, **way(some), **options)[0].text)) / len(some)
            for seed, some in enumerate(wanted)
            if some
        ]
        rows.append({"way": name, "mentioned": statistics.mean(found), "all of them": share(one == 1 for one in found)})
    return rows


def lengths(pipeline: StoryPipeline, num_stories: int, candidates: int, options: dict[str, Any]) -> list[Row]:
    """Distance from the wanted number of words, with one candidate and with several."""
    rows = []
    for count in (5, 9, 14):
        plain = [pipeline(num_segments=5, seed=seed, **options)[0].segments for seed in range(num_stories)]
        chosen = [
            pipeline(num_segments=5, seed=seed, words_per_segment=count, num_candidates=candidates, **options)[
                0
            ].segments
            for seed in range(num_stories)
        ]
        rows.append(
            {
                "wanted words": count,
                "off": statistics.mean(length_error(story, count) for story in plain),
                f"best of {candidates}": statistics.mean(length_error(story, count) for story in chosen),
            }
        )
    return rows


def controls(
    pipeline: StoryPipeline, model: str, corpus: Path, num_stories: int, scale: float, options: dict[str, Any]
) -> list[Row]:
    """Share of segments with the wanted label, without and with each control."""
    texts = [text for document in read_documents(corpus) for text in document.segments]
    plain = [pipeline(num_segments=5, seed=seed, **options)[0].segments for seed in range(num_stories)]
    embedder = Embedder()
    human = embedder(Random(0).sample(texts, min(len(texts), 5 * num_stories)))

    def cost(stories: list[list[str]]) -> dict[str, float | None]:
        found = mauve(embedder([text for story in stories for text in story]), human, resamples=1)
        return {
            "MAUVE": None if found is None else found.value,
            "distinct_2": diversity([" ".join(story) for story in stories])["distinct_2"],
        }

    rows: list[Row] = [
        {"control": "none", "label": "", "held-out accuracy": "", "without": "", "with": "", **cost(plain)}
    ]
    for name, rule in RULES.items():
        with tempfile.TemporaryDirectory() as folder:
            lines = [json.dumps({"text": text, "label": rule(text)}) for text in texts if rule(text)]
            (Path(folder) / "labelled.jsonl").write_text("\n".join(lines), encoding="utf-8")
            trained = train_control(Path(folder) / "labelled.jsonl", Path(folder) / "control", model, steps=600)
            for label in trained["labels"]:
                control = load_control(Path(folder) / "control", label, scale)
                steered = [
                    pipeline(num_segments=5, seed=seed, controls=[control], **options)[0].segments
                    for seed in range(num_stories)
                ]
                rows.append(
                    {
                        "control": name,
                        "label": label,
                        "held-out accuracy": trained["accuracy"]["noise level 0"],
                        "without": labelled(rule, plain, label),
                        "with": labelled(rule, steered, label),
                        **cost(steered),
                    }
                )
                print(f"{name}={label}: {' '.join(steered[0])}")
    return rows


def labelled(rule: Callable[[str], str | None], stories: list[list[str]], label: str) -> float:
    """Share of the label among the segments that have one."""
    found = [rule(text) for story in stories for text in story]
    return share(one == label for one in found if one is not None)


def main(
    held_out: Annotated[Path, typer.Argument(help="Stories to write parts of.")],
    labelling: Annotated[Path, typer.Argument(help="Corpus whose segments train the controls.")],
    model: str = "stories-tiny",
    num_stories: int = 60,
    candidates: int = 8,
    scale: float = 3.0,
    steps: int = 20,
    guidance: float = 2.0,
    parts: str = "infilling,mention,length,controls",
) -> None:
    """Print the tables."""
    pipeline = StoryPipeline.from_pretrained(model)
    pipeline.register_to_config(**LIKELIEST)
    limit = pipeline.encoder.config.max_tokens
    documents = (one for one in read_documents(held_out) if len(one.segments) == 5)
    fitting = (one for one in documents if max(map(len, segment_tokens(pipeline.tokenizer, one.segments))) <= limit)
    stories = [list(one.segments) for one in islice(fitting, num_stories)]
    options: dict[str, Any] = {"num_inference_steps": steps, "guidance_scale": guidance}
    made: dict[str, Callable[[], list[Row]]] = {
        "infilling": lambda: infilling(pipeline, stories, options),
        "mention": lambda: mention(pipeline, stories, candidates, options),
        "length": lambda: lengths(pipeline, num_stories, candidates, options),
        "controls": lambda: controls(pipeline, model, labelling, num_stories, scale, options),
    }
    for part in parts.split(","):
        if part not in made:
            raise ValueError(f"no part {part!r}; there are: {', '.join(made)}")
        print(f"\n{table(made[part]())}")


if __name__ == "__main__":
    typer.run(main)
