"""All measures of all rows, as the tables of one report."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

from . import distribution
from .controls import controls
from .diversity import WINDOW, diversity
from .embedding import Array, Embedder
from .entities import gender_kept, names_kept
from .failures import failures, repeats_of_conditions
from .fluency import perplexity, unknown_words
from .judge import Judge
from .memorisation import copies
from .metrics import THEMES
from .relevance import keyword_recall, rouge, similarity
from .texts import HumanStory, WrittenStory, first_texts, given_part, suits, written_part

Cells = dict[str, Any]
EXAMPLES = 3  # stories a task
NEEDS = (  # theme, measure, and why it may be empty
    ("distribution", "mauve", f"MAUVE needs {distribution.MIN_STORIES} texts and is left out"),
    ("fluency", "entropy", f"entropy and distinct n-grams need {WINDOW} words and are left out"),
)


@dataclass(frozen=True)
class Row:
    """The texts of one system, or one control, for one task.

    Attributes:
        task: of `TASKS`.
        name: of the system or control.
        stories: whole texts; given segments included.
        humans: the human story that each stands for.
        ended: of each text, where told.
    """

    task: str
    name: str
    stories: list[tuple[str, ...]]
    humans: list[HumanStory]
    ended: list[tuple[bool, ...] | None] | None = None

    @property
    def written(self) -> list[tuple[str, ...]]:
        """The parts that had to be written."""
        pairs = zip(self.stories, self.humans, strict=True)
        return [written_part(self.task, story, len(human.segments)) for story, human in pairs]


def rows_of(
    task: str,
    stories: Sequence[HumanStory],
    systems: Mapping[str, Sequence[WrittenStory]],
    seed: int,
    training: Sequence[Sequence[str]] | None = None,
) -> list[Row]:
    """Controls, then the systems that wrote for the task; of several texts for one story, the first."""
    humans = [story for story in stories if suits(task, story)]
    if not humans:
        return []
    rows = [Row(task, name, texts, humans) for name, texts in controls(task, humans, seed, training).items()]
    for name, texts in systems.items():
        first = first_texts(task, texts)
        own = [human for human in humans if human.id in first]
        if own:
            chosen = [first[human.id] for human in own]
            rows.append(Row(task, name, [text.segments for text in chosen], own, [text.ended for text in chosen]))
    return rows


def score(
    stories: Sequence[HumanStory],
    systems: Mapping[str, Sequence[WrittenStory]],
    tasks: Sequence[str],
    judge: Judge,
    embedder: Embedder,
    training: Sequence[Sequence[str]] | None,
    seed: int = 0,
    progress: Callable[[str], None] = lambda _: None,
) -> dict[str, Any]:
    """The tables of controls and systems.

    Args:
        stories: human test stories.
        systems: name -> what it wrote.
        tasks: which to score.
        judge: what is learnt from judge stories.
        embedder: the one that `judge` was made with.
        training: the stories that systems were trained on; None leaves memorisation out.
        seed: of controls, clusters and draws.
        progress: told what is under way.

    Returns:
        "tables": theme -> a dict for each row, with "task", "row", "stories" and the columns of `THEMES`; "conditions":
        several texts for one condition; "examples"; "notes": why a cell is empty.
    """
    rows = [row for task in tasks for row in rows_of(task, stories, systems, seed, training)]
    notes = _about_judge(judge, rows)
    notes += [f"No test story suits the task {task}." for task in tasks if all(row.task != task for row in rows)]
    notes += [
        f"{name} has no texts for the task {task}."
        for name in systems
        for task in tasks
        if all((row.task, row.name) != (task, name) for row in rows) and any(row.task == task for row in rows)
    ]
    progress(f"embedding the texts of {len(rows)} rows")
    embedder([segment for row in rows for story in row.stories for segment in story])
    tables: dict[str, list[Cells]] = {theme: [] for theme in THEMES}
    overlaps = _memorised(rows, training)
    if training is None:
        notes.append("Memorisation is not measured: no training stories were given.")
    for row, overlap in zip(rows, overlaps, strict=True):
        progress(f"{row.task}: {row.name}")
        start = {"task": row.task, "row": row.name, "stories": len(row.stories)}
        found = {**row_scores(row, judge, embedder, seed), "memorisation": overlap}
        for theme, cells in found.items():
            if cells is not None:
                tables[theme].append({**start, **cells})
        for theme, measure, why in NEEDS:
            if (found[theme] or {}).get(measure) is None:
                notes.append(f"{row.task}, {row.name}: {why}.")
    return {
        "tables": tables,
        "conditions": _conditions(stories, systems, tasks),
        "examples": _examples(rows, systems),
        "notes": list(dict.fromkeys(notes)),
    }


def row_scores(row: Row, judge: Judge, embedder: Embedder, seed: int) -> dict[str, Cells | None]:
    """The cells of a row for every theme but memorisation; None where the theme does not apply."""
    vectors = embedder.stories(row.stories)
    written = row.written
    sentences = [segment for part in written for segment in part]
    size = min(len(row.humans), len(judge.vectors))
    reference = Random(seed).sample(judge.vectors, size)
    near = distribution.mauve(distribution.features_of(vectors), distribution.features_of(reference), seed)
    real = judge.taken_for_real(vectors)
    varied = diversity(written, seed)
    return {
        "distribution": {
            "mauve": near.value if near else None,
            "interval": [near.low, near.high] if near else None,
            "taken_for_real": real,
        },
        "fluency": {
            "perplexity": perplexity(judge.fluency, sentences),
            "unknown_words": unknown_words(judge.fluency, sentences),
            **{name: varied[name] for name in ("entropy", "distinct_1", "distinct_2")},
        },
        "diversity": {name: varied[name] for name in ("self_bleu", "repetition")},
        "coherence": {
            "taken_for_real": real,
            "names_kept": names_kept(row.stories, judge.names),
            "gender_kept": gender_kept(row.stories),
        },
        "relevance": None if row.task == "unconditional" else _relevance(row, judge, embedder),
        "failures": failures(row.task, row.stories, row.humans, row.ended),
    }


def _about_judge(judge: Judge, rows: Sequence[Row]) -> list[str]:
    """What the judge is too small for."""
    notes = []
    if judge.why_no_coherence is not None:
        notes.append(f"{judge.why_no_coherence}.")
    sizes = [len(row.humans) for row in rows if len(row.humans) >= distribution.MIN_STORIES]
    most, known = max(sizes, default=0), len(judge.vectors)
    if known >= distribution.MIN_STORIES and most > 2 * known:
        notes.append(
            f"MAUVE compares {most} texts with {known} judge stories: so few make it rough and lower it; "
            f"give as many judge stories as texts."
        )
    if known >= distribution.MIN_STORIES and 0 < most < distribution.ENOUGH_STORIES:
        notes.append(
            f"MAUVE of fewer than {distribution.ENOUGH_STORIES:,} texts ({most:,} here) is uncertain; "
            f"its interval says how much."
        )
    return notes


def _relevance(row: Row, judge: Judge, embedder: Embedder) -> Cells:
    """Means over the stories; a measure that does not apply to a story leaves it out."""
    found: list[Cells] = []
    for human, part in zip(row.humans, row.written, strict=True):
        given = list(given_part(row.task, human))
        if row.task in ("title", "ending") and human.title:
            given.insert(0, human.title)
        text = " ".join(part)
        own = written_part(row.task, human.segments, len(human.segments))
        found.append(
            {
                "similarity": similarity(_some(embedder, given), _some(embedder, part)),
                "keyword_recall": keyword_recall(" ".join(given), text, judge.frequency),
                **rouge(text, " ".join(own)),
            }
        )
    return {name: mean(cells[name] for cells in found) for name in found[0]}


def _some(embedder: Embedder, texts: Sequence[str]) -> Array:
    """Vectors of the texts that are not empty."""
    return embedder([text for text in texts if text.strip()])


def _memorised(rows: Sequence[Row], training: Sequence[Sequence[str]] | None) -> list[Cells | None]:
    if training is None:
        return [None] * len(rows)
    parts = [part for row in rows for part in row.written]
    found = iter(copies(parts, training))
    cells: list[Cells | None] = []
    for row in rows:
        own = [next(found) for _ in row.stories]
        longest = [copy.longest for copy in own]
        cells.append(
            {
                "overlap_4": mean(copy.overlap for copy in own),
                "longest_mean": mean(longest),
                "longest_most": max(longest),
            }
        )
    return cells


def _conditions(
    stories: Sequence[HumanStory], systems: Mapping[str, Sequence[WrittenStory]], tasks: Sequence[str]
) -> list[Cells]:
    """Rows for systems that wrote several texts for some stories."""
    rows = []
    for task in tasks:
        for name, texts in systems.items():
            cells = repeats_of_conditions(task, texts, stories)
            if cells["conditions"]:
                rows.append({"task": task, "row": name, **cells})
    return rows


def _examples(rows: Sequence[Row], systems: Mapping[str, object]) -> list[Cells]:
    """The first stories of every task, as the human and every system wrote them, not chosen."""
    found: list[Cells] = []
    for task in dict.fromkeys(row.task for row in rows):
        own = [row for row in rows if row.task == task and (row.name == "human" or row.name in systems)]
        texts = {
            (row.name, human.id): story for row in own for human, story in zip(row.humans, row.stories, strict=True)
        }
        if len(own) < 2:  # the human's alone
            continue
        for human in own[0].humans[:EXAMPLES]:
            for row in own:
                if (row.name, human.id) in texts:
                    text = " / ".join(texts[row.name, human.id])
                    found.append({"task": task, "title": human.title, "row": row.name, "text": text})
    return found


def mean(values: Iterable[float | None]) -> float | None:
    """Mean of those that there are; None without any."""
    some = [value for value in values if value is not None]
    return sum(some) / len(some) if some else None
