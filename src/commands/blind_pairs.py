"""`segdiff evaluate export-pairs` and `score-pairs`: blind reading of two systems' texts."""

from pathlib import Path
from typing import Annotated

import typer

from .shared import Json, print_json, print_table, say


def export_pairs(
    left: Annotated[Path, typer.Option(help='Texts of a system, or human: .jsonl of {"task"?, "id", "segments"}.')],
    right: Annotated[Path, typer.Option(help="Texts of the other system, with the same ids.")],
    out: Annotated[Path, typer.Option(help="Folder for pairs.html, pairs.csv and key.json.")],
    num: Annotated[int, typer.Option(min=1, help="How many pairs.")] = 50,
    seed: Annotated[int, typer.Option(min=0, help="Of the draw, the order and the sides.")] = 0,
) -> None:
    """Write unlabelled pairs of texts for readers, and the key that says whose they are."""
    from ..pipelines.blind_pairs import KEY, PAGE, SHEET, make_pairs, write_pairs

    made = make_pairs(left, right, num, seed)
    write_pairs(out, made)
    if len(made.pairs) < num:
        say(f"segdiff: only {len(made.pairs)} pairs: {made.available} in common, {made.identical} of them identical")
    print(f"{len(made.pairs)} pairs: give readers {out / PAGE} or {out / SHEET}, and keep {out / KEY} from them")


def score_pairs(
    key: Annotated[Path, typer.Argument(help="The key.json of export-pairs.")],
    answers: Annotated[list[Path], typer.Argument(help="A CSV file of answers for each reader.")],
    as_json: Json = False,
) -> None:
    """Say which system the readers preferred, how surely, and how far they agree."""
    from ..pipelines.blind_scores import read_answers, read_key, score_pairs

    found = read_key(key)
    names = [file.stem if [one.stem for one in answers].count(file.stem) == 1 else str(file) for file in answers]
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"{name} is given twice; give each reader's answers once")
    result = score_pairs(found, {name: read_answers(file, found) for name, file in zip(names, answers, strict=True)})
    if as_json:
        print_json(result)
        return
    print(f"left: {result['left']}, right: {result['right']}; won, lost and share are the left one's")
    print_table(result["table"])
    if (agreement := result["agreement"]) is not None:
        kappa = "undefined" if agreement["kappa"] is None else f"{agreement['kappa']:.3f}"
        print(f"{agreement['kind']}'s kappa of {agreement['readers']} readers: {kappa}", end="; ")
        print(f"two of them agree in {agreement['agree']:.0%} of pairs")
