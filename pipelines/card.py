"""The model card: written from the run's own records, never by hand."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from ..configs.schema import StoryModelConfig
from .files import write_json
from .template import join_segments

LIMITS = """\
The model is small and saw little text: English stories of everyday events in short sentences. Rare words, long
sentences and other languages come back damaged. It repeats the stereotypes of its training texts. It is meant for
trying out and testing segment-level diffusion, not for production and not as a source of facts."""

KINDS = {
    "titles": "From a title",
    "continuations": "From a first sentence",
    "infills": "A sentence between four given ones",
    "long": "Long, from a title",
}


@dataclass(frozen=True)
class Sample:
    """A story that the card shows.

    Attributes:
        kind: of `KINDS`.
        title: that it was written for, if any.
        segments: of it.
        given: of each segment whether it was given.
        separators: between them; spaces where there are too few.
    """

    kind: str
    title: str | None
    segments: list[str]
    given: list[bool]
    separators: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        """Markdown; what was given is bold."""
        parts = [f"**{text}**" if kept else text for text, kept in zip(self.segments, self.given, strict=True)]
        text = join_segments(parts, self.separators)
        return text if any(self.given) else f"**{self.title or '(no title)'}** {text}"


def table(rows: Sequence[dict[str, Any]]) -> str:
    """Rows as a Markdown table; numbers with at most three decimals."""
    if not rows:
        return ""
    columns = list(rows[0])

    def cell(value: Any) -> str:
        return f"{value:.3f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)

    lines = ["| " + " | ".join(columns) + " |", "|" + " --- |" * len(columns)]
    lines += ["| " + " | ".join(cell(row.get(column, "")) for column in columns) + " |" for row in rows]
    return "\n".join(lines)


def how_it_writes(plan: StoryModelConfig) -> str:
    """A sentence on what the model does where nothing else is asked for."""
    writing = plan.writing
    drawn = "takes the likeliest words"
    if writing.temperature:
        drawn = f"draws its words at a temperature of {writing.temperature:g}, min-p {writing.min_p:g}"
    kept = ""
    if writing.num_candidates > 1:
        best = "that its critic prefers" if plan.critic else "that is most like the others"
        kept = f", and keeps of {writing.num_candidates} stories the one {best}"
    return f"Unless told otherwise it {drawn}{kept}."


def write_card(
    folder: Path,
    plan: StoryModelConfig,
    results: dict[str, dict[str, Any]],
    evaluation: dict[str, Any],
    samples: Sequence[Sample],
) -> None:
    """Write `README.md` and `metrics.json` into a model folder.

    Args:
        folder: of the model.
        plan: what was built.
        results: stage -> its `result.json`.
        evaluation: the two ladders, or empty.
        samples: unselected stories.
    """
    size = sum(path.stat().st_size for path in folder.rglob("*.safetensors")) / 1e6
    minutes = {stage: result["metrics"]["seconds"] / 60 for stage, result in results.items()}
    stages = [
        {
            "stage": stage,
            "minutes": minutes[stage],
            "steps": result["metrics"]["step"],
            "loss": result["metrics"]["loss"],
        }
        for stage, result in results.items()
    ]
    device = torch.cuda.get_device_name() if torch.cuda.is_available() else "a CPU"
    command = f"    segdiff train story-model --config {plan.name} --data DATA --out runs/{plan.name}"
    adaptation = results["adaptation"]["metrics"]
    what = "Encoder, denoiser, decoder and critic" if plan.critic else "Encoder, denoiser and decoder"
    parts = [
        f"# {plan.name}: short English stories, one latent diffusion over all sentences\n\n"
        f"{what} of segdiff; {size:.1f} MB of 16-bit weights. {how_it_writes(plan)}",
        f"## Training data\n\n{plan.sources}",
        f"## How it was made\n\n{plan.made_by.strip() or command}\n\nOn {device}.\n\n{table(stages)}",
    ]
    if "before_valid_noise_0_loss" in adaptation:
        rows = [
            {
                "held-out reconstruction": when,
                **{k.removeprefix(f"{when}_valid_"): v for k, v in adaptation.items() if k.startswith(when)},
            }
            for when in ("before", "after")
        ]
        parts.append(
            f"Decoder adaptation, before and after (loss in nats per token, shares of segments):\n\n{table(rows)}"
        )
    if evaluation:
        count = evaluation["adapted"]["settings"].get("num_stories", plan.test_stories)
        parts.append(
            f"## Measured on held-out stories\n\n`segdiff evaluate ladder --model {plan.name} --data {plan.test[0]} "
            f"--stories {count}`: everything free-running.\n\n{table(evaluation['adapted']['table'])}\n\n"
            f"The same before decoder adaptation, with 32-bit weights:\n\n"
            f"{table(evaluation['before_adaptation']['table'])}"
        )
    if plan.measured:
        parts.append(f"## Measured besides\n\n{plan.measured.strip()}")
    stories = "\n\n".join(
        f"### {head}\n\n" + "\n\n".join(str(sample) for sample in samples if sample.kind == kind)
        for kind, head in KINDS.items()
        if any(sample.kind == kind for sample in samples)
    )
    parts.append(f"## Limits\n\n{plan.notes}\n\n{LIMITS}" if plan.notes else f"## Limits\n\n{LIMITS}")
    parts.append(
        "## Samples, unselected\n\nOf the first stories of the test set, seeds 0, 1, 2 and so on; what is bold was "
        f"given.\n\n{stories}"
    )
    (folder / "README.md").write_text("\n\n".join(parts) + "\n", encoding="utf-8")
    ladders = {name: {k: v for k, v in ladder.items() if k != "examples"} for name, ladder in evaluation.items()}
    write_json(folder / "metrics.json", {"stages": {k: v["metrics"] for k, v in results.items()}, "ladder": ladders})
