"""Let a trained baseline score the options of choice cases, in the format that `segdiff evaluate choice` reads.

    python benchmarks/baselines/score.py runs/ar --cases DATA/cloze/cloze.valid.jsonl.gz --out ar.scores.jsonl

The rows: `sum`, log p(candidate | context); `mean`, that over the candidate's tokens; `pmi`, log p(candidate | context)
less log p(candidate), so that what is frequent anyway does not win by itself. Of the masked baseline they are bounds.
"""

import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))


def main(
    run: Annotated[Path, typer.Argument(help="Folder of a finished run of train.py.")],
    cases: Annotated[Path, typer.Option(help="Choice cases, JSONL, or stories that --task makes them of.")],
    out: Annotated[Path, typer.Option(help="JSONL file of the scores.")],
    measure: Annotated[Literal["pmi", "sum", "mean"], typer.Option(help="Which row is `scores` in the file.")] = "pmi",
    task: Annotated[Literal["middle", "left", "ending"] | None, typer.Option(help="Cases of plain stories.")] = None,
    max_cases: Annotated[int | None, typer.Option(min=1, help="So many, drawn by --seed.")] = None,
    samples: Annotated[int, typer.Option(min=1, help="Masks of the masked baseline's bound.")] = 16,
    batch_size: Annotated[int, typer.Option(min=1, help="Cases at once.")] = 32,
    seed: Annotated[int, typer.Option(min=0, help="Of --max-cases and --task; as of the evaluation.")] = 0,
) -> None:
    """Write {"id", "set", "scores": [one for each option]} a line; print the accuracy of every row."""
    from baselines.systems import TokenWriter, load_writer

    from segdiff.pipelines.choice_cases import cases_of_stories, draw_cases, read_cases
    from segdiff.pipelines.choice_scores import accuracy_table, write_scores
    from segdiff.pipelines.corpus import read_documents

    if task is not None:
        chosen = cases_of_stories(read_documents(cases), task, seed, max_cases)
    else:
        chosen = draw_cases(read_cases(cases), max_cases, seed)
    writer = load_writer(run)
    if not isinstance(writer, TokenWriter):
        raise ValueError("the passage baseline cannot be given a context: it scores no candidates")
    scores: dict[str, list[list[float]]] = {"pmi": [], "sum": [], "mean": []}
    for start in range(0, len(chosen), batch_size):
        some = chosen[start : start + batch_size]
        options = [option for case in some for option in case.options]
        given = iter(writer.log_likelihoods(options, samples))
        alone = iter(writer.log_likelihoods(options, samples, alone=True))
        sizes = iter(writer.num_tokens(options))
        for case in some:
            total = [next(given) for _ in case.options]
            scores["sum"].append(total)
            scores["mean"].append([value / next(sizes) for value in total])
            scores["pmi"].append([value - next(alone) for value in total])
    write_scores(out, chosen, scores, measure)
    for line in accuracy_table(chosen, scores):
        print("{set}: {row} {accuracy:.3f} of {cases}".format(**line))


if __name__ == "__main__":
    from baselines.command import run_command

    run_command(main)
