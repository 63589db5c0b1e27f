"""Let a trained baseline write the stories of `segdiff evaluate stories`, in the format of its --texts.

python benchmarks/baselines/write.py runs/ar --data DATA/stories/roc.test.jsonl.gz --stories 200 --out ar.jsonl
"""

import sys
from pathlib import Path
from typing import Annotated

import typer

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

PASSAGE_TASKS = ("title", "unconditional")


def main(
    run: Annotated[Path, typer.Argument(help="Folder of a finished run of train.py.")],
    data: Annotated[Path, typer.Option(help="Human stories with ids.")],
    out: Annotated[Path, typer.Option(help="JSONL file to write.")],
    stories: Annotated[int, typer.Option(min=1, help="How many, the first ones.")] = 200,
    tasks: Annotated[str, typer.Option(help="Which tasks.")] = "title,unconditional,continuation,infilling,ending",
    temperature: Annotated[float, typer.Option(min=0, help="Of the token baselines; 0: the likeliest token.")] = 1.0,
    top_p: Annotated[float, typer.Option(min=0.01, max=1, help="Nucleus of the token baselines.")] = 0.95,
    steps: Annotated[int, typer.Option(min=1, help="Forward passes of the masked baseline.")] = 64,
    remask: Annotated[bool, typer.Option("--remask", help="The masked baseline may mask again what it wrote.")] = False,
    order_noise: Annotated[float, typer.Option(min=0, help="Of the masked baseline's order.")] = 1.0,
    batch_size: Annotated[int, typer.Option(min=1, help="Stories at once.")] = 32,
    again: Annotated[
        int, typer.Option(min=0, help="Write the first titles so many more times, for diversity per title.")
    ] = 0,
    seed: Annotated[int, typer.Option(min=0, help="Of what is drawn.")] = 0,
) -> None:
    """Write the stories; what a baseline cannot do is left out, and said."""
    from baselines.systems import Sampling, load_writer

    from segdiff.pipelines.evaluation.texts import TASKS, WrittenStory, given_ends, read_stories, suits, write_texts
    from segdiff.pipelines.evaluation.writing import AGAIN_CONDITIONS, SEED_STEP

    wanted = tasks.split(",")
    if unknown := [task for task in wanted if task not in TASKS]:
        raise ValueError(f"--tasks has {unknown[0]!r}; known tasks: {', '.join(TASKS)}")
    human = read_stories(data, stories)
    writer = load_writer(run)
    if writer.kind == "passage":
        cannot = [task for task in wanted if task not in PASSAGE_TASKS]
        wanted = [task for task in wanted if task in PASSAGE_TASKS]
        if cannot:
            print(f"passage cannot: {', '.join(cannot)}", file=sys.stderr)
        if not wanted:
            raise ValueError(f"the passage baseline does only the tasks {' and '.join(PASSAGE_TASKS)}")
    sampling = Sampling(temperature, top_p, steps, remask, order_noise)
    written: list[WrittenStory] = []
    for task in wanted:
        suited = [story for story in human if suits(task, story)]
        rounds = [(seed, suited)]
        if task == "title":  # as many titles as `segdiff evaluate stories` lets a model write again
            rounds += [(seed + time, suited[:AGAIN_CONDITIONS]) for time in range(1, again + 1)]
        for own_seed, asked in rounds:
            for start in range(0, len(asked), batch_size):
                chosen = asked[start : start + batch_size]
                templates = []
                for story in chosen:
                    count = len(story.segments)
                    first, last = given_ends(task, count)
                    holes = [None] * (count - first - last)
                    templates.append([*story.segments[:first], *holes, *story.segments[count - last :]])
                titles = [story.title if task in ("title", "ending") else None for story in chosen]
                texts = writer.write(templates, titles, sampling, own_seed * SEED_STEP + start)
                written += [
                    WrittenStory(task, story.id, tuple(text.segments), tuple(text.ended), own_seed)
                    for story, text in zip(chosen, texts, strict=True)
                ]
        print(f"{task}: {len(suited)}", flush=True)
    write_texts(out, written, {story.id: story.title for story in human})


if __name__ == "__main__":
    from baselines.command import run_command

    run_command(main)
