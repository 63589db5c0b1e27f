"""Attribute directions: how many sentences change along past -> present, and how many show the present, by strength.

python benchmarks/latent_tools.py DATA --model stories-tiny

The direction is made of sentences of stories/roc.valid and the same sentences with their past verbs put into the
present by rule, and is applied to other sentences, of stories/roc.test. A sentence shows the present if it has one of
those verbs in the present and none in the past; "changed" compares with decoding the latents unmoved.
"""

import re
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Annotated

import torch
import typer

from segdiff.encoders.word_tables import DOUBLING_VERBS, IRREGULAR_PASTS, REGULAR_VERBS
from segdiff.pipelines.card import table
from segdiff.pipelines.corpus import read_documents
from segdiff.pipelines.latent_tools import apply_direction, direction
from segdiff.pipelines.latents import RepresentationPipeline
from segdiff.pipelines.tokenization import segment_tokens

PLURAL = {"I", "you", "we", "they"}


def past_of(verb: str) -> str:
    """Of a regular verb."""
    if verb in DOUBLING_VERBS:
        return f"{verb}{verb[-1]}ed"
    if verb.endswith("e"):
        return f"{verb}d"
    return f"{verb[:-1]}ied" if re.search(r"[^aeiou]y$", verb) else f"{verb}ed"


def third_person(verb: str) -> str:
    """What he does."""
    if re.search(r"(?:s|sh|ch|x|z|o)$", verb):
        return f"{verb}es"
    return f"{verb[:-1]}ies" if re.search(r"[^aeiou]y$", verb) else f"{verb}s"


VERBS = {past: verb for verb, past in IRREGULAR_PASTS.items() if past != verb} | {
    past_of(verb): verb for verb in REGULAR_VERBS
}
FORMS = {**{past: third_person(verb) for past, verb in VERBS.items()}, "was": "is", "were": "are", "had": "has"}
PRESENT = {*FORMS.values(), *VERBS.values(), "am", "have"}
PAST = re.compile(rf"\b({'|'.join(FORMS)})\b")


def in_the_present(text: str) -> str | None:
    """The sentence with its one verb in the present; None where it has not one known verb in the past."""
    found = list(PAST.finditer(text))
    if len(found) != 1 or " to " in text or "ed " in text.replace(found[0].group(), ""):
        return None
    (match,) = found
    subject = re.split(r"\W+", text[: match.start()].strip())[-1]
    form = FORMS[match.group()]
    if subject == "I" or subject.lower() in PLURAL:
        bare = {"was": "am" if subject == "I" else "are", "were": "are", "had": "have"}
        form = bare.get(match.group()) or VERBS[match.group()]
    return text[: match.start()] + form + text[match.end() :]


def shows_the_present(text: str) -> bool:
    """Whether it has a known verb in the present and none in the past."""
    return not PAST.search(text) and any(word in PRESENT for word in re.findall(r"[a-z]+", text))


def past_and_present(pipeline: RepresentationPipeline, file: Path) -> Iterator[tuple[str, str]]:
    """Sentences of a corpus with one past verb, which the model can read, beside the same in the present."""
    limit = pipeline.encoder.config.max_tokens
    for document in read_documents(file):
        for text in document.segments:
            present = in_the_present(text)
            if present and max(map(len, segment_tokens(pipeline.tokenizer, [text, present]))) <= limit:
                yield text, present


def main(
    data: Annotated[Path, typer.Argument(help="Folder of the corpora.")],
    model: str = "stories-tiny",
    sentences: int = 40,
    pairs: Annotated[int, typer.Option(help="Sentences that the direction is made of.")] = 200,
    show: int = 5,
    threads: int = 2,
) -> None:
    """Print a table by strength, and the first sentences at each of them."""
    torch.set_num_threads(threads)
    pipeline = RepresentationPipeline.from_pretrained(model)
    made = list(islice(past_and_present(pipeline, data / "stories/roc.valid.jsonl.gz"), pairs))
    texts = [past for past, _ in islice(past_and_present(pipeline, data / "stories/roc.test.jsonl.gz"), sentences)]
    found = direction(pipeline, *zip(*made, strict=True))
    plain = pipeline.decode(pipeline.encode(texts))
    moved = {strength: apply_direction(pipeline, texts, found, strength) for strength in (1.0, 2.0, 3.0, 4.0)}
    rows = [
        {
            "strength": f"{strength:g}",
            "changed": round(sum(a != b for a, b in zip(after, plain, strict=True)) / len(texts), 3),
            "in the present": round(sum(map(shows_the_present, after)) / len(texts), 3),
        }
        for strength, after in {0.0: plain, **moved}.items()
    ]
    print(f"{len(made)} pairs, {len(texts)} sentences\n\n{table(rows)}\n")
    for index in range(min(show, len(texts))):
        print(f"{index + 1}. {texts[index]}")
        for strength, after in moved.items():
            print(f"   - {strength:g}: {after[index]}")


if __name__ == "__main__":
    typer.run(main)
