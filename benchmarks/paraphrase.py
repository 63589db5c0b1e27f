"""Paraphrases: meaning kept against words changed, beside noise, sampling and people; guards; speed; examples.

python benchmarks/paraphrase.py DATA --model stories-tiny --out runs/paraphrase
python benchmarks/paraphrase.py DATA --parts speed           # alone on the machine
python benchmarks/paraphrase.py DATA --parts strength        # the change that is wanted and the change that comes

Sentences: of stories/roc.test (in their story), and held-out pairs of paraphrase/NAME for the names of --pairs,
those that the encoder can read: roc-llm, whose references a machine wrote, or sick, qqp, msrp, pan, captions. The
judges rank nothing. "same" is how likely the two texts say the same to one that reads both word by word
(same_meaning.py; trained, half an hour, where --meaning names no file yet). "similarity" is the cosine of a MiniLM,
which hardly sees the order of words; so another one, trained on stories/roc.judge, says which texts are English at all
(acceptability.py), and "joint" counts a text with its similarity where it is, with nothing where it is not. Fluency is
the log-probability a word under trigrams of the same stories. iBLEU is 0.8 BLEU to the reference less 0.2 BLEU to the
source (Sun and Zhou, 2012); the references have none, being compared with themselves. "number lost" and its like are
shares over rewordings of sources that have a number, and "with number" says how many sources that are. The frontier is
that of the best candidate; rows with "all" take every candidate, those "without guards" are ranked with no weight on
warnings.
"""

import random
import statistics
import time
from collections import Counter
from collections.abc import Callable, Sequence
from itertools import islice
from pathlib import Path
from typing import Annotated, Any

import torch
import typer
from acceptability import Acceptability
from same_meaning import trained
from torch import Tensor

from segdiff.encoders.corruptions import keep_meaning
from segdiff.pipelines.candidates import by_rule, normalised, similarity_model, source_bleu
from segdiff.pipelines.card import table
from segdiff.pipelines.corpus import read_documents
from segdiff.pipelines.files import write_json
from segdiff.pipelines.guards import facts, guard_warnings
from segdiff.pipelines.ladder import WORD
from segdiff.pipelines.paraphrase import MAX_CHANGE, ParaphrasePipeline
from segdiff.pipelines.paraphrase_auc import Pair, read_pairs
from segdiff.pipelines.paraphrase_document import InContext
from segdiff.pipelines.paraphrase_options import METHODS
from segdiff.pipelines.sentence_encoders import PACKAGE
from segdiff.pipelines.tokenization import segment_tokens
from segdiff.pipelines.trigrams import TrigramModel

DEFAULT = 0.4
NUM = 5  # candidates, the default
NOISE = (0.1, 0.2, 0.4, 0.6)
DRAWS = 5  # of each kind of noise, of which the rows are means
TRIES = 20  # of a rule that is drawn, to find a rewriting that is not an earlier one
FURTHER = 10  # times as many pairs are read as are wanted, since some are too long
KNOWN_TIMES = 20  # of a word in the judge's sentences
ENGLISH_SENTENCES = 12_000  # that the judge of English learns from
KINDS = ("number", "name", "negation")  # of facts
Rows = list[dict[str, Any]]


def dropped(text: str, share: float, rng: random.Random) -> str:
    """Without a share of the words, and with one at least."""
    kept = [word for word in text.split() if rng.random() >= share]
    return " ".join(kept) or text.split()[0]


def swapped(text: str, share: float, rng: random.Random) -> str:
    """With neighbouring words swapped, as many times as a share of the words."""
    words = text.split()
    for _ in range(max(1, round(share * len(words)))):
        place = rng.randrange(max(1, len(words) - 1))
        words[place : place + 2] = reversed(words[place : place + 2])
    return " ".join(words)


def rewritten(text: str, times: float, rng: random.Random) -> str:
    """Reworded by rule (synonyms, phrases, contractions), as often; unchanged where no rule applies.

    No rewriting goes back to the source or to an earlier one, as rules that work both ways would.
    """
    seen = {normalised(text)}
    for _ in range(round(times)):
        tried = (keep_meaning(text, rng) for _ in range(TRIES))
        found = next((one for one in tried if one is not None and normalised(one) not in seen), None)
        if found is None:
            break
        text = found
        seen.add(normalised(text))
    return text


class NearWords:
    """Puts words in place of others that mean nearly the same, whatever the sentence: the nearest by the embeddings of
    single words, as attacks on classifiers do (TextAttack, arXiv 2005.05909).

    Args:
        sentences: from which the words are, those that are in it a few times.
        embed: texts -> unit vectors.
    """

    def __init__(self, sentences: Sequence[str], embed: Callable[[Sequence[str]], Tensor]) -> None:
        counts = Counter(word for sentence in sentences for word in normalised(sentence).split())
        known = [word for word, count in counts.items() if count >= KNOWN_TIMES]
        with torch.no_grad():
            vectors = embed(known).float().cpu()
            alike = vectors @ vectors.T
        nearest = alike.fill_diagonal_(-1).argmax(1).tolist()
        self.nearest = {word: known[place] for word, place in zip(known, nearest, strict=True)}

    def __call__(self, text: str, share: float, rng: random.Random) -> str:
        """With a share of the words exchanged; capitals and punctuation stay."""
        return WORD.sub(lambda match: self._other(match.group()) if rng.random() < share else match.group(), text)

    def _other(self, word: str) -> str:
        other = self.nearest.get(word.casefold(), word)
        return other[:1].upper() + other[1:] if word[:1].isupper() else other


def written(name: str) -> str:
    """Who wrote the references of a file of pairs."""
    return {"roc-llm": "by a machine", "pan": "by people or a machine"}.get(name, "by people")


def readable_pairs(pipeline: ParaphrasePipeline, file: Path, count: int) -> list[Pair]:
    """Held-out pairs whose two texts the encoder can read, at most `count`."""
    limit = pipeline.encoder.config.max_tokens
    pairs = read_pairs(file, FURTHER * count)
    lengths = [max(map(len, segment_tokens(pipeline.tokenizer, pair))) for pair in pairs]
    return [pair for pair, length in zip(pairs, lengths, strict=True) if length <= limit][:count]


def have(text: str) -> set[str]:
    """The kinds of facts that a text has."""
    found = facts(text)
    return {kind for kind, some in zip(KINDS, (found.numbers, found.names, found.negations), strict=True) if some}


def lost(kind: str, warned: Sequence[Sequence[str]], has: Sequence[bool]) -> float | None:
    """The share of rewordings that lost such a fact, of those whose source has one; None where none has."""
    mistakes = [
        any(one.startswith(f"{kind} lost") for one in some) for some, had in zip(warned, has, strict=True) if had
    ]
    return statistics.mean(mistakes) if mistakes else None


class Judge:
    """Scores rewordings of sentences.

    Args:
        model: the `sentence-transformers` model of the similarity.
        fluency: of English.
        english: N texts -> whether each is English (N,).
        same: N texts and N others -> how likely they say the same (N,).
    """

    def __init__(
        self,
        model: str,
        fluency: TrigramModel,
        english: Callable[[Sequence[str]], Tensor],
        same: Callable[[Sequence[str], Sequence[str]], Tensor],
    ) -> None:
        self.embed = similarity_model(model, "cpu")
        self.fluency, self.english, self.same = fluency, english, same

    def row(self, name: str, texts: Sequence[Sequence[str]], sources: Sequence[str], references: Sequence[str]) -> Any:
        """Means over all rewordings `texts` of each source; "copies" are counted and kept in the means."""
        flat = [
            (source, text, reference)
            for some, source, reference in zip(texts, sources, references, strict=True)
            for text in some
        ]
        if not flat:
            return {"row": name, "texts": 0}
        unique = list(dict.fromkeys(text for triple in flat for text in triple[:2]))
        vectors = self.embed(unique).float().cpu()
        number = {text: index for index, text in enumerate(unique)}
        alike = [float(vectors[number[source]] @ vectors[number[text]]) for source, text, _ in flat]
        pairs = list(dict.fromkeys(triple[:2] for triple in flat))
        says = dict(zip(pairs, self.same(*zip(*pairs, strict=True)).tolist(), strict=True))
        is_english = dict(zip(unique, self.english(unique).tolist(), strict=True))
        english = [float(is_english[text]) for _, text, _ in flat]
        bleu = [source_bleu(source, text) for source, text, _ in flat]
        to_reference = [source_bleu(reference, text) for _, text, reference in flat if reference]
        warned = [guard_warnings(source, text) for source, text, _ in flat]
        has = {source: have(source) for source, _, _ in flat}
        return {
            "row": name,
            "texts": len(flat),
            "same": statistics.mean(says[triple[:2]] for triple in flat),
            "similarity": statistics.mean(alike),
            "source_bleu": statistics.mean(bleu),
            "english": statistics.mean(english),
            "joint": statistics.mean(one * other for one, other in zip(alike, english, strict=True)),
            "ibleu": 0.8 * statistics.mean(to_reference) - 0.2 * statistics.mean(bleu) if to_reference else None,
            "log_probability": statistics.mean(self.fluency.log_probability(text) for _, text, _ in flat),
            "copies": statistics.mean(normalised(source) == normalised(text) for source, text, _ in flat),
            **{f"{kind} lost": lost(kind, warned, [kind in has[source] for source, _, _ in flat]) for kind in KINDS},
            **{f"with {kind}": sum(kind in some for some in has.values()) for kind in KINDS},
            "any warning": statistics.mean(bool(some) for some in warned),
        }


def noise_rows(
    judge: Judge,
    sources: Sequence[str],
    references: Sequence[str],
    near_words: Callable[[str, float, random.Random], str],
    by: str = "by people",
) -> Rows:
    """Copy, references and who wrote them, noise that knows nothing of meaning, and rules that do."""
    rows = [judge.row("copy", [[source] for source in sources], sources, references)]
    if any(references):
        texts = [[text] for text in references]
        rows.append(judge.row(f"references, written {by}", texts, sources, [""] * len(sources)))
    kinds: dict[str, tuple[Callable[[str, float, random.Random], str], Sequence[float]]] = {
        "word dropout": (dropped, NOISE),
        "word order": (swapped, NOISE),
        "near words": (near_words, NOISE),
        "synonym rules": (rewritten, (1, 2, 4)),
    }
    for name, (change, amounts) in kinds.items():
        for amount in amounts:
            draws = [random.Random(draw) for draw in range(DRAWS)]
            texts = [[change(source, amount, rng) for rng in draws] for source in sources]
            rows.append(judge.row(f"{name} {amount:g}", texts, sources, references))
            some = [
                [text for text in one if normalised(text) != normalised(source)]
                for one, source in zip(texts, sources, strict=True)
            ]
            if some != texts:  # the pipeline's candidates are no copies: these rows compare like with like
                rows.append(judge.row(f"{name} {amount:g}, changed only", some, sources, references))
    return rows


def sampled(pipeline: ParaphrasePipeline, jobs: Sequence[InContext], temperature: float) -> list[list[str]]:
    """The decoder's samples from latents that are not moved: one each."""
    codec = pipeline._perturbed(jobs, 1, 1e-6, "gaussian", 1, 0)
    return [[text] for text in pipeline._decode(codec[0], codec[1] * 0, codec[2], codec[3].uniforms, temperature)]


def frontier(
    pipeline: ParaphrasePipeline,
    judge: Judge,
    jobs: Sequence[InContext],
    references: Sequence[str],
    methods: Sequence[str],
    strengths: Sequence[float],
    num: int,
) -> tuple[Rows, dict[str, Any]]:
    """Rows of the pipeline, and the candidates at the default strength by method."""
    sources = [job.text for job in jobs]
    rows: Rows = []
    with torch.no_grad():
        for temperature in (0.0, 0.7, 1.0):
            texts = sampled(pipeline, jobs, temperature)
            rows.append(judge.row(f"decoder at temperature {temperature:g}", texts, sources, references))
    kept = {}
    for method in methods:
        for strength in strengths:
            found = pipeline(jobs, num, strength, method)
            best = [[one.text for one in some[:1]] for some in found]
            rows.append({**judge.row(f"{method} {strength:g}", best, sources, references), "strength": strength})
            if method == "mixed":  # beside the rules alone, which change no other sentences
                some = [one if by_rule(source) else [] for one, source in zip(best, sources, strict=True)]
                rows.append(judge.row(f"{method} {strength:g}, where rules apply", some, sources, references))
            if strength == DEFAULT:
                every = [[one.text for one in some] for some in found]
                rows.append(judge.row(f"{method} {strength:g}, all {num}", every, sources, references))
                strict = pipeline(jobs, num, strength, method, strict=True)
                every = [[one.text for one in some] for some in strict]
                rows.append(judge.row(f"{method} {strength:g}, all {num}, strict", every, sources, references))
                kept[method] = found
                bare = pipeline(jobs, num, strength, method, warning_weight=0)
                for name, count in (("", 1), (f", all {num}", num)):
                    every = [[one.text for one in some[:count]] for some in bare]
                    rows.append(judge.row(f"{method} {strength:g}{name}, without guards", every, sources, references))
    return rows, kept


def change_rows(
    pipeline: ParaphrasePipeline, jobs: Sequence[InContext], method: str, strengths: Sequence[float], num: int
) -> Rows:
    """By strength: the share of words that should change, that of the best and of all candidates, and how many came."""
    rows: Rows = []
    for strength in strengths:
        found = pipeline(jobs, num, strength, method)
        best, every = ([one.edit_distance for some in found for one in some[:count]] for count in (1, num))
        rows.append(
            {
                "method": f"{method} {strength:g}",
                "wanted edit distance": strength * MAX_CHANGE,
                "of the best": statistics.mean(best) if best else None,
                "of all": statistics.mean(every) if every else None,
                f"candidates of {num}": len(every) / len(jobs),
            }
        )
    return rows


def speed(pipeline: ParaphrasePipeline, jobs: Sequence[InContext], repetitions: int, method: str) -> Rows:
    """Sentences a second with five candidates each: all at once, sentence by sentence, and candidate by candidate."""
    rows: Rows = []
    pipeline(jobs[:2], method=method)
    for name, run in (
        ("batched", lambda: pipeline(jobs, method=method)),
        ("sentence by sentence", lambda: [pipeline([job], method=method) for job in jobs]),
        ("one by one", lambda: [pipeline([job], 1, method=method, seed=seed) for job in jobs for seed in range(NUM)]),
    ):
        seconds = []
        for _ in range(repetitions):
            began = time.perf_counter()
            run()
            seconds.append(time.perf_counter() - began)
        rows.append({"method": method, "run": name, "sentences/s": len(jobs) / statistics.median(seconds)})
    return [{**row, "times one by one": row["sentences/s"] / rows[-1]["sentences/s"]} for row in rows]


def plot(rows: Rows, file: Path) -> None:
    """Meaning kept, by both judges, and the similarity where it is English, against change of wording: a line per kind
    of row."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, panels = pyplot.subplots(1, 3, figsize=(18, 5.5), sharey=True)
    labels = {
        "same": "probability that it says the same (the judge that reads)",
        "similarity": "similarity of embeddings (MiniLM)",
        "joint": "similarity of embeddings where it is English, else 0",
    }
    for axes, (value, label) in zip(panels, labels.items(), strict=True):
        kinds: dict[str, list[tuple[float, float]]] = {}
        for row in rows:
            if (
                "similarity" in row
                and ", all" not in row["row"]
                and "guards" not in row["row"]
                and not (row["copies"] and row["row"] != "copy")
            ):
                name, _, where = row["row"].removesuffix(", changed only").partition(", ")
                kind = ", ".join(filter(None, (name.rstrip("0123456789.").strip(), where)))
                kinds.setdefault(kind, []).append((100 - row["source_bleu"], row[value]))
        for kind, points in kinds.items():
            axes.plot(*zip(*sorted(points), strict=True), marker="o", label=kind)
        axes.set_xlabel("100 - BLEU against the source")
        axes.set_ylabel(label)
    panels[0].legend(fontsize=8, loc="lower left")
    figure.tight_layout()
    figure.savefig(file, dpi=120)
    pyplot.close(figure)


def rounded(rows: Rows) -> Rows:
    """For a table."""
    return [{k: round(v, 3) if isinstance(v, float) else v for k, v in row.items() if k != "strength"} for row in rows]


def example_lines(examples: Sequence[dict[str, Any]], method: str) -> list[str]:
    """Sentences and their first two candidates with the warnings, as they came."""
    lines = []
    for number, example in enumerate(examples, start=1):
        lines.append(f"{number}. {example['text']}")
        for one in example[method][:2]:
            marks = f" [{'; '.join(one['warnings'])}]" if one["warnings"] else ""
            lines.append(f"   - {one['text']} ({one['similarity']:.2f}, BLEU {one['source_bleu']:.0f}){marks}")
    return lines


def main(
    data: Annotated[Path, typer.Argument(help="Folder of the corpora.")],
    model: str = "stories-tiny",
    judge: Annotated[str, typer.Option(help="sentence-transformers model: folder, hub name or package.")] = PACKAGE,
    sentences: int = 100,
    num: int = 5,
    methods: str = ",".join(METHODS),
    strengths: Annotated[str, typer.Option(help="0.4, the default, has to be among them.")] = "0.1,0.2,0.4,0.6,0.8,1",
    meaning: Annotated[Path, typer.Option(help="File of same_meaning.py; trained where there is none.")] = Path(
        "runs/judge/judge.safetensors"
    ),
    pairs: Annotated[str, typer.Option(help="Files of DATA/paraphrase, such as roc-llm,sick,qqp.")] = "roc-llm",
    parts: str = "frontier,speed",
    repetitions: int = 5,
    threads: int = 2,
    out: Path = Path("runs/paraphrase"),
) -> None:
    """Print the tables; write them with twenty examples to report.md, and numbers.json and plots."""
    report: list[str] = []
    steps = [float(strength) for strength in strengths.split(",")]
    if DEFAULT not in steps:
        raise ValueError(f"--strengths is {strengths}; {DEFAULT} has to be among them")
    torch.set_num_threads(threads)
    pipeline = ParaphrasePipeline.from_pretrained(model)
    stories = [list(one.segments) for one in islice(read_documents(data / "stories/roc.test.jsonl.gz"), sentences)]
    story_jobs = [
        InContext(story[i % len(story)], story[: i % len(story)], story[i % len(story) + 1 :])
        for i, story in enumerate(stories)
    ]
    out.mkdir(parents=True, exist_ok=True)
    result: dict[str, Any] = {"model": model, "sentences": sentences, "num": num, "threads": threads}
    if "frontier" in parts:
        corpus = read_documents(data / "stories/roc.judge.jsonl.gz")
        human = [segment for document in corpus for segment in document.segments]
        english = Acceptability(human[:ENGLISH_SENTENCES], judge)
        result["taken for English, held out"] = english.held_out
        report.append(f"Taken for English, held out: {english.held_out}")
        print(report[-1], flush=True)
        marks = Judge(judge, TrigramModel(human), english, trained(data, meaning, judge).probability)
        near_words = NearWords(human, marks.embed)  # a hard rival: these are the nearest words to the judge itself
        sets = {"stories": (story_jobs, [""] * len(story_jobs))}
        for name in filter(None, pairs.split(",")):
            found_pairs = readable_pairs(pipeline, data / f"paraphrase/{name}.jsonl.gz", sentences)
            sets[name] = ([InContext(source) for source, _ in found_pairs], [reference for _, reference in found_pairs])
        for name, (jobs, references) in sets.items():
            rows = noise_rows(marks, [job.text for job in jobs], references, near_words, written(name))
            found, kept = frontier(pipeline, marks, jobs, references, methods.split(","), steps, num)
            rows += found
            result[name] = rows
            report += [f"### {name}", table(rounded(rows))]
            print(f"\n{report[-2]}\n\n{report[-1]}", flush=True)
            plot(rows, out / f"{name}.png")
            if name == "stories":
                result["examples"] = [
                    {"text": job.text, **{method: [vars(one) for one in some[i]] for method, some in kept.items()}}
                    for i, job in enumerate(jobs[:20])
                ]
    if "strength" in parts:
        result["strength"] = [
            row for method in methods.split(",") for row in change_rows(pipeline, story_jobs, method, steps, num)
        ]
        report += ["### strength", table(rounded(result["strength"]))]
        print(f"\n{report[-2]}\n\n{report[-1]}", flush=True)
    if "speed" in parts:
        result["speed"] = [
            row for method in methods.split(",") for row in speed(pipeline, story_jobs, repetitions, method)
        ]
        report += ["### speed", table(rounded(result["speed"]))]
        print(f"\n{report[-2]}\n\n{report[-1]}")
    for method in methods.split(","):
        if "examples" in result:
            report += [f"### examples, {method}", "\n".join(example_lines(result["examples"], method))]
    (out / "report.md").write_text("\n\n".join(report) + "\n", encoding="utf-8")
    write_json(out / "numbers.json", result)


if __name__ == "__main__":
    typer.run(main)
