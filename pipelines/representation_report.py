"""All measures of a representation on held-out text, and the folder that they are written to.

N segments, K latents per segment, D latent width.
"""

import os
import random
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from .calibration import insertion_sensitivity
from .codec import Codec
from .corpus import Document
from .files import replace_folder, write_json
from .latent_statistics import channel_statistics, effective_rank, explained, spectrum
from .paraphrase_auc import Pair, fitting_pairs, paraphrase_auc, rule_pairs
from .robustness import reconstruction, robustness
from .smoothness import distributional_smoothness, local_smoothness
from .story import StoryPipeline
from .trigrams import TrigramModel

MIN_SEGMENTS = 16  # in the corpus; half of them at most are measured
MAX_REFERENCE = 20_000
MAX_STATISTICS = 5_000
EXAMPLES = 10
PATH_STEPS = 20
NUMBERS, PAGE = "report.json", "report.html"


@dataclass(frozen=True)
class HeldOut:
    """Distinct segments that fit: those measured, and others as reference of fluency and channels; titles if any."""

    measured: list[str]
    reference: list[str]
    left_out: int
    title: str | None


@dataclass(frozen=True)
class Report:
    """Numbers as JSON, and what only the pictures need.

    Attributes:
        numbers: everything that `report.json` holds.
        groups: latents (n, K, D) of the measured segments ("in domain"), of paraphrases and of texts out of domain.
        pairs: latents (n, 2, K, D) of some paraphrase pairs.
        path: estimates (steps, K, D) of one sentence while it is denoised, or None without a denoiser.
        sentence: what `path` ends at.
    """

    numbers: dict[str, Any]
    groups: dict[str, Tensor]
    pairs: Tensor
    path: Tensor | None
    sentence: str


def held_out(codec: Codec, documents: Iterable[Document], num_segments: int) -> HeldOut:
    """The first distinct segments that fit, at most half of them to be measured.

    Raises:
        ValueError: there are fewer than `MIN_SEGMENTS`.
    """
    title: str | None = None
    texts: dict[str, None] = {}
    left_out = 0
    for document in documents:
        title = title or document.title
        for text, fit in zip(document.segments, codec.fits(document.segments), strict=True):
            left_out += not fit
            if fit:
                texts[text] = None
        if len(texts) >= num_segments + MAX_REFERENCE:
            break
    if len(texts) < MIN_SEGMENTS:
        raise ValueError(
            f"{len(texts)} different segments fit the model and {left_out} are too long for it; "
            f"at least {MIN_SEGMENTS} are needed"
        )
    found = list(texts)
    count = min(num_segments, len(found) // 2)
    return HeldOut(found[:count], found[count:], left_out, title)


def representation_report(
    codec: Codec,
    documents: Iterable[Document],
    paraphrases: Mapping[str, Sequence[Pair]] | None = None,
    out_of_domain: Iterable[Document] = (),
    num_segments: int = 500,
    seed: int = 0,
    pipeline: StoryPipeline | None = None,
) -> Report:
    """Measure a representation.

    Args:
        codec: the representation.
        documents: held-out text; the segments that are not measured are the reference of fluency and statistics.
        paraphrases: named sets of pairs that mean the same; rule-made ones of the measured segments are added.
        out_of_domain: other text, for the maps.
        num_segments: how many segments to measure, and how many pairs of each set.
        seed: of noise, edits and bootstrap.
        pipeline: the whole model, for the denoising path.

    Raises:
        ValueError: there is too little text.
    """
    texts = held_out(codec, documents, num_segments)
    latents = codec.encode(texts.measured)
    sets = {"rules": rule_pairs(texts.measured, seed), **(paraphrases or {})}
    sets = {name: fitting_pairs(codec, pairs)[:num_segments] for name, pairs in sets.items()}
    decoded = codec.decode(latents)
    clean = reconstruction(texts.measured, decoded)
    between = distributional_smoothness(codec, texts.measured, latents, TrigramModel(texts.reference), seed)
    statistics = codec.encode([*texts.measured, *texts.reference][:MAX_STATISTICS])
    wrong = [
        {"text": text, "reconstruction": found}
        for text, found in zip(texts.measured, decoded.texts, strict=True)
        if text != found
    ]
    unrelated = random.Random(seed).sample(texts.measured, len(texts.measured))  # neighbours tell one story
    whole = slice(None)
    numbers = {
        "settings": {
            "segments": len(texts.measured),
            "reference_segments": len(texts.reference),
            "left_out": texts.left_out,
            "seed": seed,
        },
        "reconstruction": {**clean, "errors": wrong[:EXAMPLES]},
        "robustness": robustness(codec, texts.measured, latents, seed),
        "smoothness": {
            "conversion_error": {
                "bleu_lost": 100 - clean["overall"]["bleu"],
                "not_exact": 1 - clean["overall"]["exact"],
            },
            "local": local_smoothness(codec, texts.measured, latents, seed),
            "inserted_word": insertion_sensitivity(codec, unrelated),
            "distributional": between.rows,
            "interpolations": between.examples[:EXAMPLES],
        },
        "paraphrases": paraphrase_auc(codec, sets, seed),
        "paraphrases_all_latents": [] if codec.meaning == whole else paraphrase_auc(codec, sets, seed, whole),
        "latents": latent_numbers(statistics),
    }
    others = [text for document in islice(out_of_domain, 10 * num_segments) for text in document.segments]
    pairs = [pair for name, some in sets.items() if name != "rules" for pair in some] or list(sets["rules"])
    pairs = pairs[:num_segments]
    groups = {
        "in domain": texts.measured,
        "paraphrases": [right for _, right in pairs],
        "out of domain": [text for text, fit in zip(others, codec.fits(others), strict=True) if fit][:num_segments],
    }
    encoded = {name: codec.encode(some) for name, some in groups.items() if some}
    path, sentence = (None, "") if pipeline is None else denoising_path(pipeline, texts.title, seed)
    few = [codec.encode([text for pair in pairs[:EXAMPLES] for text in pair])] if pairs else []
    together = torch.cat(few).unflatten(0, (-1, 2)) if few else latents[:0].unsqueeze(1).repeat(1, 2, 1, 1)
    return Report(numbers, encoded, together, path, sentence)


def latent_numbers(latents: Tensor) -> dict[str, Any]:
    """Channels, effective rank, spectrum and shared variance of (N, K, D)."""
    slots, width = latents.shape[1:]
    return {
        "segments": len(latents),
        "slots": slots,
        "width": width,
        "effective_rank": effective_rank(latents),
        "explained_by_other_slots": [explained(latents, slot) for slot in range(slots)],
        "spectrum": spectrum(latents).tolist(),
        "channels": channel_statistics(latents),
    }


def denoising_path(pipeline: StoryPipeline, title: str | None, seed: int) -> tuple[Tensor, str]:
    """Estimates (steps, K, D) of the first sentence of a new story at every step of its denoising, and its text."""
    estimates: list[Tensor] = []
    (story,) = pipeline(
        title,
        2,
        seed=seed,
        num_inference_steps=PATH_STEPS,
        num_candidates=1,  # the one whose path is seen
        callback_on_step_end=lambda _, latents: estimates.append(latents[0, 0].clone()),
    )
    return torch.stack(estimates), story.segments[0]


def headlines(numbers: dict[str, Any]) -> list[dict[str, Any]]:
    """The numbers that a model is first judged by: a row each, with what is better and a control where there is one."""
    whole = numbers["reconstruction"]["overall"]
    noisy = next(row for row in numbers["robustness"] if row["strength"] == 0.3)
    local = {row["edit"]: row["relative"] for row in numbers["smoothness"]["local"]}
    between = {row["texts"]: row for row in numbers["smoothness"]["distributional"]}
    human, salad, middle = between["human"], between["words shuffled"], between["at 0.5"]
    latents = numbers["latents"]
    rows = [
        ("reconstruction, BLEU", whole["bleu"], "higher", None),
        ("reconstruction, exact", whole["exact"], "higher", None),
        ("BLEU at noise 0.3, random direction", noisy["random_bleu"], "higher", f"no noise: {whole['bleu']:.1f}"),
        ("BLEU at noise 0.3, worst direction", noisy["worst_bleu"], "higher", f"no noise: {whole['bleu']:.1f}"),
        ("relative distance, meaning kept", local["meaning kept"], "lower", "another segment: 1"),
        ("relative distance, word inserted", local["word inserted"], "lower", "another segment: 1"),
        ("decoded half-way, well formed", middle["well_formed"], "higher", f"human: {human['well_formed']:.3g}"),
        (
            "decoded half-way, log-probability per word",
            middle["log_probability"],
            "higher",
            f"human: {human['log_probability']:.2f}, shuffled: {salad['log_probability']:.2f}",
        ),
        ("decoded half-way, on the path", middle["on_path"], "higher", None),
        *(
            (f"AUC, {row['pairs_of']}, {row['negatives']}", row["auc"], "higher", f"chance: 0.5 ({row['pairs']} pairs)")
            for row in numbers["paraphrases"]
            if row["auc"] is not None
        ),
        *(
            (f"AUC of all latents, {row['pairs_of']}, {row['negatives']}", row["auc"], "higher", "chance: 0.5")
            for row in numbers["paraphrases_all_latents"]
            if row["auc"] is not None
        ),
        ("effective rank", latents["effective_rank"], None, f"channels: {latents['slots'] * latents['width']}"),
        ("dead channels", latents["channels"]["summary"]["dead"], "lower", None),
    ]
    return [dict(zip(("measure", "value", "better", "control"), row, strict=True)) for row in rows]


def check_folder(folder: Path) -> Path:
    """Where the report will be, made absolute.

    Raises:
        FileNotFoundError: the folder that it would lie in does not exist.
        ValueError: something that is no report is there.
    """
    folder = Path(os.path.abspath(folder))
    if not folder.parent.is_dir():
        raise FileNotFoundError(f"--out {folder}: there is no folder {folder.parent}")
    if folder.is_dir() and any(folder.iterdir()) and not (folder / NUMBERS).is_file():
        raise ValueError(f"--out {folder} holds something else than a report; give a new folder")
    if folder.exists() and not folder.is_dir():
        raise ValueError(f"--out {folder} is a file; give a folder")
    return folder


def write_report(folder: Path, numbers: dict[str, Any], plots: Mapping[str, bytes], page: str) -> None:
    """Write numbers, PNG images by name, and page to `folder`, whole or not at all; an older report is replaced."""
    folder = check_folder(folder)
    temporary = folder.with_name(folder.name + ".tmp")
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir()
    try:
        write_json(temporary / NUMBERS, numbers)
        for name, image in plots.items():
            (temporary / f"{name}.png").write_bytes(image)
        (temporary / PAGE).write_text(page, encoding="utf-8")
        replace_folder(temporary, folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
