"""How well and how fast sentences are found: ours, spaCy's sentencizer, and pysbd where it is installed.

    python benchmarks/segmentation.py FOLDER_OR_FILE ...

Documents with gold sentences: JSONL (`text` with `spans`, or `sentences`, which are joined by a space; .gz too), or the
.conllu files of Universal Dependencies. The measures: share of the hand-written cases whose list of sentences is exact;
F1 of sentence ends on each file; sentences/s on all of the files, one thread, the best of three rounds.
"""

import gzip
import json
import re
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any

import typer

from segdiff import SentenceSegmenter
from segdiff.commands.shared import print_table, say

CASES = Path(__file__).parents[1] / "tests" / "encoders" / "sentence_cases.txt"
ROUNDS = 3
Document = tuple[str, set[int]]  # text, and where its sentences end (in characters)
Finder = Callable[[str], Sequence[str]]


def ours() -> Finder:
    segmenter = SentenceSegmenter(max_chars=None)
    return lambda text: [segment.text for segment in segmenter(text)]


def sentencizer() -> Finder:
    import spacy

    nlp = spacy.blank("en")
    nlp.add_pipe("sentencizer")
    return lambda text: [sentence.text for sentence in nlp(text).sents]


def pysbd() -> Finder:
    import pysbd

    return pysbd.Segmenter(language="en", clean=False).segment  # type: ignore[no-any-return]


def ends(text: str, sentences: Iterable[str]) -> set[int]:
    """Offsets behind the sentences, in characters."""
    found, position = set(), 0
    for sentence in filter(None, map(str.strip, sentences)):
        start = text.find(sentence, position)
        if start >= 0:  # pysbd changes some
            position = start + len(sentence)
            found.add(position)
    return found


def read_json(file: Path) -> Iterator[Document]:
    with gzip.open(file, "rt", encoding="utf-8") if file.suffix == ".gz" else file.open(encoding="utf-8") as lines:
        for record in map(json.loads, lines):
            text = record.get("text") or " ".join(record["sentences"])
            yield text, {end for _, end in record["spans"]} if "spans" in record else ends(text, record["sentences"])


def read_conllu(file: Path) -> Iterator[Document]:
    """A paragraph ends with a line break, a sentence with a space."""
    for part in file.read_text(encoding="utf-8").split("# newdoc")[1:]:
        text, gold = "", set()
        for sentence in part.strip().split("\n\n"):
            (words,) = re.findall(r"^# text = (.*)", sentence, re.MULTILINE)
            gap = "\n" if "# newpar" in sentence else " "
            text += (gap if text else "") + words
            gold.add(len(text))
        yield text, gold


def f1(find: Finder, documents: Iterable[Document]) -> float:
    right = total = 0
    for text, gold in documents:
        found = ends(text, find(text))
        right, total = right + len(found & gold), total + len(found) + len(gold)
    return 2 * right / total


def exact(find: Finder, cases: Sequence[str]) -> float:
    def is_right(case: str) -> bool:
        found = find(case.replace(" | ", " ").replace("|", ""))
        return [sentence.strip() for sentence in found] == [sentence.strip() for sentence in case.split("|")]

    return sum(map(is_right, cases)) / len(cases)


def measure(find: Finder, corpora: dict[str, list[Document]], cases: Sequence[str]) -> dict[str, Any]:
    values: dict[str, Any] = {f"{len(cases)} cases": f"{exact(find, cases):.3f}"}
    values |= {name: f"{f1(find, documents):.3f}" for name, documents in corpora.items()}
    texts = [text for documents in corpora.values() for text, _ in documents]
    count = sum(len(gold) for documents in corpora.values() for _, gold in documents)
    seconds = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        for text in texts:
            find(text)
        seconds.append(time.perf_counter() - start)
    return values | {"sentences/s": round(count / min(seconds))}


def main(paths: Annotated[list[Path], typer.Argument(help="Files with gold sentences, or folders of such.")]) -> None:
    files = [file for path in paths for file in (sorted(path.iterdir()) if path.is_dir() else [path])]
    corpora = {
        file.name.removesuffix(".gz").removesuffix(".jsonl").removesuffix(".conllu"): list(
            read_conllu(file) if file.suffix == ".conllu" else read_json(file)
        )
        for file in files
    }
    cases = CASES.read_text(encoding="utf-8").splitlines()
    finders = {"ours": ours, "spaCy sentencizer": sentencizer}
    if find_spec("pysbd"):
        finders["pysbd"] = pysbd
    else:
        say("no row for pysbd: it is not installed (pip install pysbd)")
    print_table([{"segmenter": name, **measure(make(), corpora, cases)} for name, make in finders.items()])


if __name__ == "__main__":
    typer.run(main)
