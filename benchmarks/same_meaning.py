"""A judge of whether two sentences say the same, which reads both word by word and so sees their order.

Sentence embeddings hardly do: with two words swapped a sentence stays at .98 of itself, people's own paraphrases come
to .83. So the upper layers of the same encoder learn to read two texts together (a cross-encoder). For the same: pairs
that people graded as equivalent or asked as one question, a machine's rewordings of story sentences, and sentences
beside themselves. For another meaning: pairs that people graded lower or said to contradict, story sentences that
people edited until something else was true, and pairs of which one text got a fault, as in PAWS (arXiv 1904.01130): two
words that are not neighbours exchanged, a word of another text in place of one, words left out. Neighbouring words
swapped and words exchanged for near ones are not among the faults: how it takes those comes of nothing but the others.

python benchmarks/same_meaning.py DATA --out runs/judge    # trains one, prints what it tells apart on held-out pairs

N pairs.
"""

import gzip
import json
import random
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any

import torch
import torch.nn.functional as F
import typer
from acceptability import replaced
from safetensors.torch import load_model, save_model
from sklearn.metrics import roc_auc_score
from torch import Tensor, nn

from segdiff.pipelines.candidates import similarity_model
from segdiff.pipelines.card import table
from segdiff.pipelines.corpus import read_documents
from segdiff.pipelines.sentence_encoders import PACKAGE, load_sentence_encoder

MAX_TOKENS = 128  # of both texts
BATCH = 32
FROZEN = 0.5  # of the encoder's layers, the lower ones
LEARNING_RATE = 1e-4
SAME, OTHER = 4.5, 3.5  # of grades up to 5: from the first on two texts say the same, up to the second they do not
EPOCHS = 3
STORY_SENTENCES = 3000
TESTS = ("sick", "stsb", "msrp")  # of msrp and its news nothing is trained on
TEST_PAIRS = 1000
Labelled = tuple[str, str, float]
Fault = Callable[[list[str], Sequence[str], random.Random], list[str]]


def exchanged(words: list[str], pool: Sequence[str], rng: random.Random) -> list[str]:
    """Two words that are not neighbours change places."""
    one = rng.randrange(len(words))
    far = [place for place in range(len(words)) if abs(place - one) > 1 and words[place].lower() != words[one].lower()]
    if not far:
        return replaced(words, pool, rng)
    other, found = rng.choice(far), list(words)
    found[one], found[other] = found[other], found[one]
    return found


def left_out(words: list[str], pool: Sequence[str], rng: random.Random) -> list[str]:
    """One word in six is missing."""
    gone = set(rng.sample(range(len(words)), -(-len(words) // 6)))
    return [word for place, word in enumerate(words) if place not in gone]


FAULTS: tuple[Fault, ...] = (exchanged, replaced, left_out)


def records(path: Path, splits: Sequence[str]) -> Iterator[dict[str, Any]]:
    """Of a file of pairs those of some splits."""
    with gzip.open(path, "rt", encoding="utf-8") as file:
        yield from (record for record in map(json.loads, file) if record["split"] in splits)


def labelled(path: Path, splits: Sequence[str]) -> list[Labelled]:
    """Pairs and whether they say the same, 1 or 0; what is graded between is left out."""
    found = []
    for record in records(path, splits):
        grade = record["score"] if "score" in record else 5.0 * record["label"]
        if record.get("entailment") == "contradiction":
            grade = 0.0
        if not OTHER < grade < SAME:
            found.append((record["a"], record["b"], float(grade >= SAME)))
    return found


def edited(path: Path) -> list[Labelled]:
    """Sentences of stories that people changed until something else was true, beside what they were."""
    with gzip.open(path, "rt", encoding="utf-8") as file:
        stories = [story for story in map(json.loads, file) if story["kind"] == "state-change"]
    pairs = (pair for story in stories for pair in zip(story["original"], story["variant"], strict=True))
    return [(left, right, 0.0) for left, right in pairs if left != right]


def with_faults(pairs: Sequence[Labelled], rng: random.Random) -> list[Labelled]:
    """Of each pair of which the second text has three words or more, the pair with a fault in it."""
    pool = [word for _, text, _ in pairs for word in text.split()]
    found = []
    for number, (left, right, _) in enumerate(pairs):
        if len(words := right.split()) > 2:
            found.append((left, " ".join(FAULTS[number % len(FAULTS)](words, pool, rng)), 0.0))
    return found


def training_pairs(data: Path, rng: random.Random) -> list[Labelled]:
    """Pairs of the training splits, and sentences of the judges' stories beside themselves; those that say the same
    once more with a fault."""
    folder = data / "paraphrase"
    people = [
        pair for name in ("roc-llm", "sick", "stsb") for pair in labelled(folder / f"{name}.jsonl.gz", ("train",))
    ]
    people += labelled(folder / "qqp.jsonl.gz", ("valid",))
    documents = read_documents(data / "stories/roc.judge.jsonl.gz")
    sentences = [sentence for document in documents for sentence in document.segments][-STORY_SENTENCES:]
    copies = [(sentence, sentence, 1.0) for sentence in sentences]
    same = [
        (right, left, label) if rng.random() < 0.5 else (left, right, label) for left, right, label in people if label
    ]
    return [
        *people,
        *edited(data / "stories/variants.jsonl.gz"),
        *copies,
        *with_faults(same, rng),
        *with_faults(copies, rng),
    ]


class SameMeaning(nn.Module):
    """Reads two texts together and says how likely they say the same.

    Args:
        encoder: a `sentence-transformers` model, as `load_sentence_encoder` takes it.
    """

    def __init__(self, encoder: str) -> None:
        super().__init__()
        whole = load_sentence_encoder(encoder, "cpu", "the judge of meaning")
        self.tokenizer, self.body = whole.tokenizer, whole[0].auto_model
        self.head = nn.Linear(self.body.config.hidden_size, 1)
        layers = self.body.encoder.layer
        for part in (self.body.embeddings, *layers[: round(FROZEN * len(layers))]):
            part.requires_grad_(False)

    def forward(self, left: Sequence[str], right: Sequence[str]) -> Tensor:
        """N texts and N others -> logits (N,), above 0: they say the same."""
        inputs = self.tokenizer(
            list(left), list(right), padding=True, truncation=True, max_length=MAX_TOKENS, return_tensors="pt"
        )
        states = self.body(**inputs).last_hidden_state
        mask = inputs["attention_mask"][..., None]
        return self.head((states * mask).sum(1) / mask.sum(1)).squeeze(-1)

    @torch.no_grad()
    def probability(self, left: Sequence[str], right: Sequence[str], batch_size: int = 128) -> Tensor:
        """The probabilities (N,) that texts say the same, the mean of both orders."""
        self.eval()
        order = sorted(range(len(left)), key=lambda row: len(left[row]) + len(right[row]))
        found = torch.empty(len(left))
        for start in range(0, len(order), batch_size):
            rows = order[start : start + batch_size]
            ones, others = [left[row] for row in rows], [right[row] for row in rows]
            found[rows] = (self(ones, others).sigmoid() + self(others, ones).sigmoid()) / 2
        return found

    def fit(self, pairs: Sequence[Labelled], epochs: int, seed: int = 0) -> None:
        """Train on labelled pairs, in either order."""
        rng = random.Random(seed)
        torch.manual_seed(seed)
        trained = [one for one in self.parameters() if one.requires_grad]
        optimizer = torch.optim.AdamW(trained, LEARNING_RATE, weight_decay=0.01)
        steps = epochs * -(-len(pairs) // BATCH)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, LEARNING_RATE, total_steps=steps, pct_start=0.1)
        self.train()
        done, total = 0, 0.0
        for _ in range(epochs):
            for rows in batches(pairs, rng):
                chosen = [pairs[row] for row in rows]
                sides = [pair[:2] if rng.random() < 0.5 else pair[1::-1] for pair in chosen]
                logits = self([one for one, _ in sides], [other for _, other in sides])
                loss = F.binary_cross_entropy_with_logits(logits, torch.tensor([same for _, _, same in chosen]))
                optimizer.zero_grad()
                loss.backward()
                nn.utils.clip_grad_norm_(trained, 1.0)
                optimizer.step()
                schedule.step()
                done, total = done + 1, total + loss.item()
                if done % 100 == 0:
                    print(f"step {done} of {steps}, loss {total / 100:.3f}", flush=True)
                    total = 0.0
        self.eval()


def batches(pairs: Sequence[Labelled], rng: random.Random) -> list[list[int]]:
    """Numbers of pairs of like length, in random order."""
    order = sorted(range(len(pairs)), key=lambda row: len(pairs[row][0]) + len(pairs[row][1]) + rng.random() * 20)
    found = [order[start : start + BATCH] for start in range(0, len(order), BATCH)]
    rng.shuffle(found)
    return found


def trained(data: Path, file: Path, encoder: str = PACKAGE, epochs: int = EPOCHS, seed: int = 0) -> SameMeaning:
    """A judge from a file, trained and written there where there is none."""
    judge = SameMeaning(encoder)
    if file.is_file():
        load_model(judge, file)
        return judge.eval()
    judge.fit(training_pairs(data, random.Random(seed)), epochs, seed)
    file.parent.mkdir(parents=True, exist_ok=True)
    partial = file.with_name(f"{file.name}.part")
    save_model(judge, str(partial))
    partial.rename(file)
    return judge


def main(
    data: Annotated[Path, typer.Argument(help="Folder of the corpora.")],
    encoder: Annotated[str, typer.Option(help="sentence-transformers model: folder, hub name or package.")] = PACKAGE,
    epochs: int = EPOCHS,
    seed: int = 0,
    threads: int = 1,
    out: Annotated[
        Path, typer.Option(help="Folder of judge.safetensors; a judge that is there is only tested.")
    ] = Path("runs/judge"),
) -> None:
    """Train a judge; print the area under the ROC curve and the mean probability of both kinds for held-out pairs."""
    torch.set_num_threads(threads)
    judge = trained(data, out / "judge.safetensors", encoder, epochs, seed)
    embed = similarity_model(encoder, "cpu")
    rows = []
    for name in TESTS:
        pairs = labelled(data / f"paraphrase/{name}.jsonl.gz", ("test",))[:TEST_PAIRS]
        left, right, same = zip(*pairs, strict=True)
        says = judge.probability(left, right)
        cosine = (embed(left) * embed(right)).sum(1).cpu()
        truth = torch.tensor(same) > 0
        rows.append(
            {
                "pairs": f"{name}, {int(truth.sum())} the same and {int((~truth).sum())} not",
                "AUC": roc_auc_score(truth, says),
                "AUC of the encoder alone": roc_auc_score(truth, cosine),
                "probability where the same": float(says[truth].mean()),
                "where not": float(says[~truth].mean()),
            }
        )
    print(table([{key: round(one, 3) if isinstance(one, float) else one for key, one in row.items()} for row in rows]))


if __name__ == "__main__":
    typer.run(main)
