"""`segdiff train control`: a classifier of latents that stories can be steered by."""

from pathlib import Path
from typing import Annotated

import typer

from ..defaults import DEFAULT_MODEL
from .shared import Device, Json, Model, offline, print_json, say, usable_device


def control(
    labelled: Annotated[Path, typer.Argument(help='JSONL of {"text": ..., "label": ...}, a segment a line.')],
    out: Annotated[Path, typer.Option(help="Folder of the control; an older control in it is replaced.")],
    model: Model = DEFAULT_MODEL,
    steps: Annotated[int, typer.Option(min=1, max=1_000_000, help="Training steps.")] = 1000,
    seed: Annotated[int, typer.Option(min=0, max=2**62, help="Of split, weights and noise.")] = 0,
    as_json: Json = False,
    device: Device = "auto",
) -> None:
    """A control for `generate --control`, from labelled segments."""
    offline()
    from ..pipelines.train_control import train_control

    result = train_control(labelled, out, model, steps, seed, usable_device(device))
    if as_json:
        print_json(result)
        return
    found = ", ".join(f"{share:.1%} at {level}" for level, share in result["accuracy"].items())
    print(f"held-out accuracy: {found} (chance {result['chance']:.1%})")
    if result["left_out"]:
        say(f"segdiff: {result['left_out']} segments are too long for the model and were left out")
    say(f"segdiff: finished; use it with: segdiff generate --control {out}={next(iter(result['labels']))}")
