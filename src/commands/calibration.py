"""`segdiff evaluate noise`: the error that a denoiser leaves, in the unit of `noise.max_strength`."""

from pathlib import Path
from typing import Annotated

import typer

from ..defaults import DEFAULT_MODEL
from .shared import Device, Json, Model, load_pipeline, print_json, print_table


def noise(
    data: Annotated[Path, typer.Option(help="Held-out stories: .jsonl, text, or a folder of them.")],
    stories: Annotated[int, typer.Option(min=1, help="How many stories of the corpus to measure on.")] = 100,
    steps: Annotated[int, typer.Option(min=1, max=1000, help="Of the sampler, counted from pure noise.")] = 20,
    seed: Annotated[int, typer.Option(min=0, max=2**62, help="Of all noise.")] = 0,
    model: Model = DEFAULT_MODEL,
    device: Device = "auto",
    as_json: Json = False,
) -> None:
    """What denoising from each level leaves wrong; train the representation with noise.max_strength of about that."""
    pipeline = load_pipeline(model, device)
    from ..pipelines.calibration import denoising_errors
    from ..pipelines.corpus import read_documents

    rows = denoising_errors(pipeline, read_documents(data), num_stories=stories, seed=seed, num_inference_steps=steps)
    if not as_json:
        names = {"bleu_denoised": "BLEU denoised", "bleu_random": "BLEU, random noise of that error"}
        print_table([{names.get(name, name): value for name, value in row.items()} for row in rows])
        return
    for row in rows:
        print_json(row)
