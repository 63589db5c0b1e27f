"""Pictures of a representation report, as PNG. N points, K latents per segment, D latent width."""

from __future__ import annotations

import importlib
import io
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from .representation_report import Report

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BLUE, ORANGE, GREEN, PURPLE, GREY = "#0072B2", "#D55E00", "#009E73", "#AA4499", "#8A8A8A"  # told apart by all eyes
GROUP_COLORS = {"out of domain": GREY, "in domain": BLUE, "paraphrases": GREEN}
STYLE: dict[str, Any] = {
    "font.size": 10,
    "axes.titlesize": 11,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#E4E4E4",
    "legend.frameon": False,
}
Map = Callable[[Tensor], Tensor]


def plots(report: Report, seed: int) -> dict[str, bytes]:
    """All pictures by name; "umap" only where the package umap-learn is installed.

    Raises:
        ValueError: matplotlib is not installed.
    """
    matplotlib = require_matplotlib()
    numbers = report.numbers
    with matplotlib.rc_context(STYLE):
        figures = {
            "robustness": robustness_figure(numbers["robustness"]),
            "length": length_figure(numbers["reconstruction"]["by_length"]),
            "paraphrases": auc_figure(numbers["paraphrases"]),
            "spectrum": spectrum_figure(numbers["latents"]),
            "channels": channel_figure(numbers["latents"]["channels"]),
            "pca": map_figure("Principal components", report, *pca(torch.cat(list(report.groups.values())))),
        }
        if (umap := umap_map(report, seed)) is not None:
            figures["umap"] = map_figure("UMAP", report, umap, ("UMAP 1", "UMAP 2"))
        return {name: png(figure) for name, figure in figures.items()}


def require_matplotlib() -> Any:
    """The module `matplotlib`.

    Raises:
        ValueError: it is not installed.
    """
    try:
        import matplotlib
    except ImportError:
        raise ValueError("this needs the package matplotlib: pip install 'segdiff[report]'") from None
    return matplotlib


def png(figure: Figure) -> bytes:
    """A figure as PNG."""
    stream = io.BytesIO()
    figure.savefig(stream, format="png", dpi=130, metadata={"Software": None})
    return stream.getvalue()


def _axes(columns: int = 1, width: float = 6.4, height: float = 4.0) -> tuple[Figure, list[Axes]]:
    from matplotlib.figure import Figure  # without pyplot: no window system, no state between figures

    figure = Figure(figsize=(width, height), layout="constrained")
    return figure, list(figure.subplots(1, columns, squeeze=False)[0])


def robustness_figure(rows: list[dict[str, float]]) -> Figure:
    """BLEU and exact share against the strength of the noise, for random and for worst-case directions."""
    figure, axes = _axes(2, width=9.0, height=3.6)
    strengths = [row["strength"] for row in rows]
    for axis, measure, title, top in zip(
        axes, ("bleu", "exact"), ("BLEU under noise", "Exact share under noise"), (100, 1), strict=True
    ):
        for name, color, marker in (("random", BLUE, "o"), ("worst", ORANGE, "s")):
            values = [row[f"{name}_{measure}"] for row in rows]
            axis.plot(strengths, values, color=color, marker=marker, markersize=5, label=f"{name} direction")
        axis.set(title=title, xlabel="noise relative to the latents' norm", ylim=(-0.02 * top, 1.04 * top))
    axes[1].legend()
    return figure


def length_figure(rows: list[dict[str, Any]]) -> Figure:
    """BLEU, chrF and exact share (as percent) by words of the segment, with the number of segments."""
    figure, (axis,) = _axes()
    places = range(len(rows))
    kinds = (("bleu", "BLEU", BLUE, 1, "o"), ("chrf", "chrF", GREEN, 1, "^"), ("exact", "exact, %", ORANGE, 100, "s"))
    for key, label, color, scale, marker in kinds:
        axis.plot(places, [scale * row[key] for row in rows], color=color, marker=marker, label=label)
    axis.set_xticks(list(places), [f"{row['words']}\nn = {row['segments']}" for row in rows])
    axis.set(
        title="Reconstruction by length", xlabel="words of the segment", ylim=(-2, 104), xlim=(-0.4, len(rows) - 0.6)
    )
    axis.legend(loc="lower left")
    return figure


def auc_figure(rows: list[dict[str, Any]]) -> Figure:
    """AUC with its interval and number of pairs for every set of pairs and every kind of negative.

    Hollow where there are too few pairs for an interval.
    """
    rows = [row for row in rows if row["auc"] is not None]
    names = list(dict.fromkeys(row["pairs_of"] for row in rows))
    kinds = list(dict.fromkeys(row["negatives"] for row in rows))
    figure, (axis,) = _axes(height=1.4 + 0.42 * max(1, len(kinds)) + 0.1 * len(rows))
    for number, name in enumerate(names):
        color, marker = (BLUE, ORANGE, GREEN, PURPLE, GREY)[number % 5], "os^Dv"[number % 5]
        own = [row for row in rows if row["pairs_of"] == name]
        places = [kinds.index(row["negatives"]) + (number - (len(names) - 1) / 2) * 0.7 / len(names) for row in own]
        axis.plot([], [], marker, color=color, markersize=5, label=name)
        for row, place in zip(own, places, strict=True):
            filled, interval = (color, row["interval"]) if row["interval"] else ("white", [row["auc"]] * 2)
            axis.plot(interval, [place] * 2, "-|", color=color)
            axis.plot(row["auc"], place, marker, color=color, markersize=5, markerfacecolor=filled)
            axis.text(1.04, place, row["pairs"], color=color, fontsize=8, va="center")
    axis.axvline(0.5, color=GREY, linestyle="--", linewidth=1)
    for place, text in ((0.5, " chance"), (1.04, "pairs")):
        axis.text(place, -0.62, text, color="#5A5A5A", fontsize=9, va="center")
    axis.set_yticks(range(len(kinds)), kinds)
    axis.set(
        title="Paraphrases against negatives",
        xlabel="AUC with 95% interval (hollow: too few pairs for one)",
        xlim=(-0.02, 1.02),
    )
    axis.set_ylim(len(kinds) - 0.5, -0.8)
    if rows:
        figure.legend(loc="outside lower center", ncols=min(4, len(names)), title="pairs of")
    return figure


def spectrum_figure(latents: dict[str, Any]) -> Figure:
    """Share of variance along the principal directions, beside that of equal directions, and its effective rank."""
    figure, (axis,) = _axes()
    shares = latents["spectrum"]
    places = range(1, len(shares) + 1)
    axis.plot(places, [max(value, 1e-9) for value in shares], color=BLUE, label="latents")
    axis.axhline(1 / len(shares), color=GREY, linestyle="--", linewidth=1, label="all directions equal")
    rank = latents["effective_rank"]
    axis.axvline(rank, color=ORANGE, linewidth=1.2, label=f"effective rank {rank:.1f} of {len(shares)}")
    axis.set(title="Spectrum", xlabel="principal direction", ylabel="share of variance", yscale="log")
    axis.set(xlim=(0, len(shares) + 1), ylim=(max(1e-6, min(shares) / 2), max(shares) * 2))
    axis.legend()
    return figure


def channel_figure(channels: dict[str, Any]) -> Figure:
    """Mean, standard deviation and kurtosis of every channel, a row of dots per slot."""
    figure, axes = _axes(3, width=9.0, height=3.6)
    ideals = (("mean", "Mean", 0), ("std", "Standard deviation", 1), ("kurtosis", "Excess kurtosis", 0))
    for axis, (key, title, ideal) in zip(axes, ideals, strict=True):
        for slot, values in enumerate(channels[key]):
            axis.plot(values, [slot] * len(values), "o", color=BLUE, alpha=0.35, markersize=4, markeredgewidth=0)
        axis.axvline(ideal, color=GREY, linestyle="--", linewidth=1)
        slots = len(channels[key])
        axis.set_yticks(range(slots), [str(slot + 1) for slot in range(slots)])
        axis.set(title=title, ylim=(slots - 0.5, -0.5), ylabel="slot" if key == "mean" else None)
        axis.margins(x=0.08)
    return figure


def map_figure(title: str, report: Report, project: Map, labels: tuple[str, str]) -> Figure:
    """Segments of every group in two dimensions, some paraphrase pairs joined, and the denoising path."""
    figure, (axis,) = _axes(width=7.2, height=5.6)
    for name, color in GROUP_COLORS.items():
        if name in report.groups:
            points = project(report.groups[name])
            count = f"{name} (n = {len(points)})"
            axis.scatter(points[:, 0], points[:, 1], s=13, color=color, alpha=0.5, linewidths=0, label=count)
    if len(report.pairs):
        ends = project(report.pairs.flatten(0, 1)).unflatten(0, (-1, 2))
        for number, pair in enumerate(ends):
            label = f"{len(ends)} paraphrase pairs" if number == 0 else None
            axis.plot(pair[:, 0], pair[:, 1], "-o", color="#1B4D3E", linewidth=1, markersize=3, label=label)
    if report.path is not None:
        steps = project(report.path)
        axis.plot(steps[:, 0], steps[:, 1], "-o", color=ORANGE, markersize=3.5, label="denoising path, from ○ to ★")
        axis.plot(*steps[0], "o", color=ORANGE, markersize=9, markerfacecolor="white")
        axis.plot(*steps[-1], "*", color=ORANGE, markersize=14, markeredgecolor="black")
        sentence = report.sentence if len(report.sentence) < 70 else report.sentence[:67] + "..."
        figure.supxlabel(f"★ {sentence}".replace("$", r"\$"), fontsize=9, color=ORANGE)
    axis.set(title=title, xlabel=labels[0], ylabel=labels[1])
    figure.legend(loc="outside upper right", ncols=3, fontsize=9, handletextpad=0.3, columnspacing=1)
    return figure


def pca(latents: Tensor) -> tuple[Map, tuple[str, str]]:
    """A map (N, K, D) -> (N, 2) to the two principal directions of `latents`, and axis labels with their variance."""
    flat = latents.flatten(1)
    mean = flat.mean(0)
    values, vectors = torch.linalg.eigh((flat - mean).T @ (flat - mean) / len(flat))
    directions = vectors[:, -2:].flip(1)
    share = (values[-2:].flip(0) / values.sum()).tolist()

    def project(points: Tensor) -> Tensor:
        return ((points.flatten(1) - mean) @ directions).cpu()

    return project, (f"PC 1 ({share[0]:.1%} of variance)", f"PC 2 ({share[1]:.1%})")


def umap_map(report: Report, seed: int) -> Map | None:
    """A map (N, K, D) -> (N, 2) by UMAP fitted on all groups, or None where umap-learn is not installed."""
    try:
        umap = importlib.import_module("umap")
    except ImportError:
        return None
    flat = torch.cat(list(report.groups.values())).flatten(1).cpu().numpy()
    fitted = umap.UMAP(n_components=2, metric="cosine", n_neighbors=min(15, len(flat) - 1), random_state=seed)
    embedded = torch.as_tensor(fitted.fit_transform(flat))
    known: Mapping[bytes, Tensor] = {row.tobytes(): point for row, point in zip(flat, embedded, strict=True)}

    def project(points: Tensor) -> Tensor:
        rows = points.flatten(1).cpu().numpy()
        if all(row.tobytes() in known for row in rows):
            return torch.stack([known[row.tobytes()] for row in rows])
        return torch.as_tensor(fitted.transform(rows))

    return project
