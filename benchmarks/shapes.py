"""What the shape of the representation and the share of other texts give: from random weights, one thing changed.

python benchmarks/shapes.py DATA --out OUT --steps 800

DATA is the data folder. Every run sees the same number of segments; `seconds` says what that took. Stories are the
test sentences, other texts are captions, dialogue turns and halves of split Wikipedia sentences, none of them seen. A
run that is complete is not repeated, so the command can be stopped and given again.
"""

import gzip
import json
from itertools import islice
from pathlib import Path
from typing import Annotated, Any

import typer

RUNS: dict[str, tuple[list[str], float]] = {  # overrides, and the share of other texts among the documents
    "vocabulary 4,096, width 192, stories alone": ([], 0),
    "vocabulary 2,048": (["data.vocab_size=2048"], 0),
    "vocabulary 8,192": (["data.vocab_size=8192"], 0),
    "width 128": (["width=128"], 0),
    "width 256": (["width=256"], 0),
    "a fifth other texts": ([], 0.2),
    "half other texts": ([], 0.5),
}
PLAIN = ["contrastive.weight=0", "adversarial.weight=0", "noise_warmup_steps=300"]  # it is about words alone
SEGMENTS = 5
LETTERS = 60  # of a measured text at most; a long one would not fit every run's model


def lines(path: Path) -> list[Any]:
    with gzip.open(path, "rt", encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def other_sentences(data: Path, split: str, most: int) -> list[str]:
    """As many sentences of each other kind as there are at least of every kind, mixed."""
    captions = [one for one in lines(data / "paraphrase/captions.jsonl.gz") if one["src"] == "coco"]
    kinds = [[one["texts"][0] for one in captions if one["split"] == split]]
    chats = [one for one in lines(data / "dialogue/topicalchat.jsonl.gz") if one["split"] == split]
    kinds.append([turn["text"] for one in chats for turn in one["turns"]])
    kinds.append([one["b"][0] for one in lines(data / "paraphrase/wikisplit.jsonl.gz") if one["split"] == split])
    return list(islice((text for row in zip(*kinds, strict=False) for text in row), most))


def corpus(file: Path, data: Path, share: float, documents: int) -> None:
    """Write the training documents: stories, and of other texts as many documents of as many sentences each."""
    stories = [one["sentences"] for one in lines(data / "stories/roc.train.jsonl.gz")[: round(documents * (1 - share))]]
    other = other_sentences(data, "train", round(documents * share) * SEGMENTS)
    stories += [other[start : start + SEGMENTS] for start in range(0, len(other), SEGMENTS)]
    file.write_text("".join(json.dumps({"sentences": one}) + "\n" for one in stories), encoding="utf-8")


def measure(folder: Path, data: Path, segments: int) -> dict[str, float]:
    """Free-running BLEU and exact share of sentences that come back from clean latents."""
    from segdiff.pipelines.codec import ModelCodec
    from segdiff.pipelines.ladder import agreement
    from segdiff.pipelines.loading import load_representation

    codec = ModelCodec(*load_representation(str(folder)))
    stories = [text for one in lines(data / "stories/roc.test.jsonl.gz") for text in one["sentences"]]
    row = {}
    for name, texts in {"stories": stories, "other texts": other_sentences(data, "test", 3 * segments)}.items():
        fit = [text for text in texts if len(text) <= LETTERS][:segments]  # the same ones for every tokenizer
        found = agreement(codec.decode(codec.encode(fit)).texts, fit)
        row |= {f"{name}, BLEU": found["bleu"], f"{name}, exact": found["exact"]}
    return row


def main(
    data: Path,
    out: Annotated[Path, typer.Option(help="Folder of the runs.")],
    steps: int = 800,
    documents: Annotated[int, typer.Option(help="In a step.")] = 20,
    corpus_documents: Annotated[int, typer.Option(help="Of the corpus.")] = 6000,
    segments: int = 200,
    seed: int = 0,
    only: Annotated[list[str] | None, typer.Option(help="Names of rows, in place of all.")] = None,
) -> None:
    """Train a run for each row and print the table as Markdown."""
    from segdiff.configs import load_config
    from segdiff.configs.schema import RepresentationConfig
    from segdiff.pipelines.card import table
    from segdiff.pipelines.files import write_json
    from segdiff.pipelines.train_representation import train_representation

    asked = {"steps": steps, "documents": documents, "corpus": corpus_documents, "segments": segments, "seed": seed}
    rows = []
    for name in only or RUNS:
        folder = out / name.replace(",", "").replace(" ", "-")
        record = folder / "row.json"
        if not record.is_file():
            folder.mkdir(parents=True, exist_ok=True)
            settings, share = RUNS[name]
            file = out / f"documents-{share:g}.jsonl"
            corpus(file, data, share, corpus_documents)
            wide = [int(one.removeprefix("width=")) for one in settings if one.startswith("width=")]
            shape = (
                {"d_model": wide[0], "num_heads": wide[0] // 32, "d_kv": 32, "d_ff": wide[0] * 8 // 3} if wide else {}
            )
            text = [
                f"{part}.text_config.{key}={value}" for part in ("encoder", "decoder") for key, value in shape.items()
            ]
            loop = [f"loop.max_steps={steps}", f"loop.batch_documents={documents}", f"loop.seed={seed}"]
            given = [f"data.train=[{file}]", *loop, *PLAIN, *text]
            given += [one for one in settings if not one.startswith("width=")]
            options = load_config(RepresentationConfig, "representation-tiny", given)
            result = train_representation(options, folder / "run")
            millions = sum(path.stat().st_size for path in (folder / "run/model").rglob("*.safetensors")) / 4e6
            row = {"run": name, "M parameters": millions, **measure(folder / "run/model", data, segments)}
            row |= {"loss": result["reconstruction"], "seconds": result["seconds"]}
            write_json(record, {"asked": asked, "row": row})
        kept = json.loads(record.read_text())
        if kept["asked"] != asked:
            raise ValueError(f"{record} is of a run with {kept['asked']}; give another --out")
        rows.append(kept["row"])
        print(table(rows[-1:]), flush=True)
    print(table(rows))


if __name__ == "__main__":
    typer.run(main)
