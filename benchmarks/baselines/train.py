"""Train a baseline on the data, with the tokenizer and the number of parameters of one of our models.

    python benchmarks/baselines/train.py ar     --data PREPARED --out runs/ar --minutes 30
    python benchmarks/baselines/train.py masked --data train.jsonl --valid valid.jsonl --out runs/mdlm --tokens 2000000
    python benchmarks/baselines/train.py passage --data PREPARED --out runs/passage --minutes 60

The cosine schedule of the learning rate is fitted to the minutes or tokens; the same command resumes a stopped run.
"""

import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))


def main(
    kind: Annotated[Literal["ar", "masked", "passage"], typer.Argument(help="Which baseline.")],
    data: Annotated[list[Path], typer.Option(help="A prepared folder, or corpora.")],
    out: Annotated[Path, typer.Option(help="Run folder.")],
    valid: Annotated[list[Path] | None, typer.Option(help="Held-out corpora; a prepared folder has its own.")] = None,
    minutes: Annotated[float | None, typer.Option(help="Stop after so many minutes of training.")] = None,
    tokens: Annotated[int | None, typer.Option(help="Stop after so many tokens of text.")] = None,
    like: Annotated[str, typer.Option(help="Model whose tokenizer and size are taken.")] = "stories-tiny",
    size: Annotated[
        int | None, typer.Option(help="Parameters of the token baselines; as --like has, by default.")
    ] = None,
    settings: Annotated[list[str] | None, typer.Option("--set", help="key=value of the baseline's config.")] = None,
) -> None:
    """Train, and print what came of it."""
    from baselines.config import BaselineConfig, PassageConfig

    from segdiff.configs.loader import load_config
    from segdiff.pipelines.runs import is_finished, locked, open_run

    if (minutes is None) == (tokens is None):
        raise ValueError("give either --minutes or --tokens")
    overrides = [
        f"data.train={[str(path) for path in data]}",
        f"data.valid={[str(path) for path in valid or []]}",
        f"like={like}",
        *(settings or []),
    ]
    if kind == "passage":
        from baselines.passage import train as train_passage

        if size is not None:
            raise ValueError("--size is for ar and masked; passage has the parts of --like")
        given = [f"minutes={minutes}"] if minutes is not None else [f"tokens={tokens}"]
        config = load_config(PassageConfig, None, [*overrides, *given])
        run = train_passage
    else:
        from baselines.tokens import train as train_tokens

        given = [f"loop.max_minutes={minutes}"] if minutes is not None else [f"tokens={tokens}"]
        given += [] if size is None else [f"parameters={size}"]
        config = load_config(BaselineConfig, None, [*overrides, f"kind={kind}", *given])
        run = train_tokens
    with locked(out):
        open_run(out, config)
        if is_finished(out):
            print(f"{out} is finished already")
            return
        metrics = run(config, out)
    print(
        "; ".join(
            f"{name}: {value:.4g}" if isinstance(value, float) else f"{name}: {value}"
            for name, value in metrics.items()
        )
    )


if __name__ == "__main__":
    from baselines.command import run_command

    run_command(main)
