"""Pictures of an evaluation, as PNG."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..representation_plots import BLUE, GREEN, GREY, ORANGE, PURPLE, STYLE, png, require_matplotlib
from .controls import CEILING, CONTROLS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLORS = (BLUE, ORANGE, GREEN, PURPLE, "#E69F00", "#56B4E9", "#000000")
MARKERS = "osD^vP*"
Cells = dict[str, Any]


def plots(numbers: dict[str, Any]) -> dict[str, bytes]:
    """All pictures by name; one that has nothing to show is left out.

    Raises:
        ValueError: matplotlib is not installed.
    """
    matplotlib = require_matplotlib()
    tables = numbers["tables"]
    with matplotlib.rc_context(STYLE):
        figures = {
            "distribution": dots(tables["distribution"], "mauve", "MAUVE, with 95% interval", interval="interval"),
            "coherence": dots(tables["coherence"], "taken_for_real", "Share taken for one real story"),
            "fluency": fluency(tables["fluency"]),
            "memorisation": dots(
                tables["memorisation"], "overlap_4", "Share of 4-word runs that training has", top=None
            ),
            "sweep": frontier(numbers["sweep"]),
        }
        return {name: png(figure) for name, figure in figures.items() if figure is not None}


def _figure(width: float, height: float, columns: int = 1) -> tuple[Figure, list[Axes]]:
    from matplotlib.figure import Figure  # without pyplot: no window system, no state between figures

    figure = Figure(figsize=(width, height), layout="constrained")
    return figure, list(figure.subplots(1, columns, squeeze=False)[0])


def _style(names: list[str]) -> dict[str, tuple[str, str]]:
    """Colour and marker of every row: grey for controls."""
    systems = [name for name in names if name not in CONTROLS and name not in CEILING]
    styles = {name: (GREY, MARKERS[number % len(MARKERS)]) for number, name in enumerate((*CONTROLS, *CEILING))}
    styles["human"] = ("#333333", "o")
    return styles | {
        name: (COLORS[number % len(COLORS)], MARKERS[number % len(MARKERS)]) for number, name in enumerate(systems)
    }


def dots(
    rows: list[Cells], measure: str, title: str, interval: str | None = None, top: float | None = 1.0
) -> Figure | None:
    """One measure of every row, a panel for each task, from 0 to `top`, or to the largest value without it."""
    rows = [row for row in rows if row[measure] is not None]
    tasks = list(dict.fromkeys(row["task"] for row in rows))
    names = list(dict.fromkeys(row["row"] for row in rows))
    if not rows:
        return None
    top = top or max(1.1 * row[measure] for row in rows) or 1.0
    styles = _style(names)
    figure, axes = _figure(1.6 + 2.1 * len(tasks), 1.1 + 0.32 * len(names), len(tasks))
    for axis, task in zip(axes, tasks, strict=True):
        for row in rows:
            if row["task"] != task:
                continue
            color, marker = styles[row["row"]]
            place = names.index(row["row"])
            if interval and row[interval]:
                axis.plot(row[interval], [place] * 2, "-", color=color, linewidth=1.5)
            axis.plot(row[measure], place, marker, color=color, markersize=6)
        axis.set_yticks(range(len(names)), names if axis is axes[0] else [""] * len(names))
        axis.set(title=task, xlim=(-0.04 * top, 1.04 * top), ylim=(len(names) - 0.5, -0.5))
    figure.supxlabel(title, fontsize=10)
    return figure


def fluency(rows: list[Cells]) -> Figure | None:
    """Perplexity against entropy of human, ceiling and systems: dull texts lie left and below, salad right."""
    rows = [row for row in rows if row["perplexity"] is not None and row["entropy"] is not None]
    tasks = list(dict.fromkeys(row["task"] for row in rows if row["row"] not in CONTROLS | CEILING))
    rows = [row for row in rows if row["task"] in tasks and (row["row"] == "human" or row["row"] not in CONTROLS)]
    if not rows:
        return None
    names = list(dict.fromkeys(row["row"] for row in rows))
    styles = _style(names)
    figure, axes = _figure(1.2 + 2.6 * len(tasks), 3.6, len(tasks))
    for axis, task in zip(axes, tasks, strict=True):
        for row in rows:
            if row["task"] == task:
                color, marker = styles[row["row"]]
                axis.plot(row["perplexity"], row["entropy"], marker, color=color, markersize=7)
        axis.set(title=task, xlabel="perplexity", ylabel="entropy, bits" if axis is axes[0] else None)
        axis.margins(0.2)
    for name in names:
        color, marker = styles[name]
        axes[0].plot([], [], marker, color=color, label=name)
    figure.legend(loc="outside lower center", ncols=min(5, len(names)))
    return figure


def frontier(rows: list[Cells]) -> Figure | None:
    """What guidance and temperature trade: fluency against entropy and variety, and coherence against relevance.

    A panel for which no setting has both values is left out.
    """
    panels = [
        (across, up, title)
        for across, up, title in (
            ("perplexity", "entropy", "Fluency and entropy"),
            ("perplexity", "distinct_2", "Fluency and variety"),
            ("taken_for_real", "similarity", "Coherence and relevance"),
        )
        if any(row[across] is not None and row[up] is not None for row in rows)
    ]
    if not panels:
        return None
    figure, axes = _figure(4.5 * len(panels), 3.9, len(panels))
    for axis, (across, up, title) in zip(axes, panels, strict=True):
        for name, color, marker in (("guidance", BLUE, "o"), ("temperature", ORANGE, "s"), ("human", "#333333", "*")):
            own = [row for row in rows if row["varied"] == name and row[across] is not None and row[up] is not None]
            line = marker if name == "human" else "-" + marker
            axis.plot([row[across] for row in own], [row[up] for row in own], line, color=color, label=name)
            for row in own:
                if row["value"] is not None:
                    where = (row[across], row[up])
                    axis.annotate(f"{row['value']:g}", where, (4, 4), textcoords="offset points", color=color)
        axis.set(title=title, xlabel=across.replace("_", " "), ylabel=up.replace("_", " "))
        axis.margins(0.15)
    axes[-1].legend()
    return figure
