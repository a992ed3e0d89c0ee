"""A small forest: the effect within every level of every segment, on one line with the effect on all."""

# pyright: reportUnknownMemberType=false

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from honestlift.report.asked import primary
from honestlift.report.axis import axis
from honestlift.report.figures.canvas import Look, number_line, sheet, short
from honestlift.report.segments import effects, numbers, users
from honestlift.result import Lift

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

ROW, HEAD = 0.26, 0.34
"""Inches a level takes, and the name of a segment."""

MOST = 30
"""Levels that are drawn; the table holds them all."""


def levels(lift: Lift) -> list[dict[str, Any]]:
    """The primary metric's levels that are drawn."""
    return effects(lift, primary(lift))[:MOST] if lift.kind == "cluster" else []


def segments(lift: Lift, paper: Look) -> Figure:
    """Draw it."""
    rows, whole = levels(lift), lift.headline(primary(lift))
    names = list(dict.fromkeys(row["segment"] for row in rows))
    tall = HEAD * len(names) + ROW * len(rows) + 0.1
    figure = sheet(paper, tall + 0.75)
    left, right = (0.4, 0.04) if paper.narrow else (0.27, 0.27)
    axes = figure.add_axes((left, 0.52 / (tall + 0.75), 1 - left - right, tall / (tall + 0.75)))
    ends = (v for row in rows for v in (row["estimate"], row["conf_low"], row["conf_high"]))
    line = axis((*ends, whole.estimate), marks=3 if paper.narrow else 5)
    axes.set_xlim(line.low, line.high)
    axes.set_ylim(tall, 0)
    axes.set_yticks([])
    of = "" if paper.narrow else f" in {short(primary(lift))}"
    number_line(axes, paper, line.marks, f"Difference{of}, treated − control")
    axes.axvline(0, color=paper.ink, linewidth=1, linestyle=(0, (3, 2)), zorder=1)
    if whole.estimate is not None:
        axes.axvline(whole.estimate, color=paper.honest, linewidth=1.1, zorder=1)
        axes.annotate(
            "all users", (whole.estimate, 1.01), xycoords=("data", "axes fraction"), fontsize=8.5, color=paper.honest, ha="center"
        )
    y = 0.0
    for name in names:
        axes.text(
            -left / (1 - left - right),
            y + 0.22,
            short(name, 30),
            transform=axes.get_yaxis_transform(),
            fontsize=9.5,
            weight="bold",
        )
        y += HEAD
        for row in (row for row in rows if row["segment"] == name):
            _level(axes, row, y + ROW / 2, paper, left / (1 - left - right), right / (1 - left - right))
            y += ROW
    return figure


def _level(axes: Axes, row: dict[str, Any], y: float, paper: Look, left: float, right: float) -> None:
    said = f"{short(row['level'], 18)} ({users(row)})"
    shown: dict[str, Any] = {"transform": axes.get_yaxis_transform(), "fontsize": 8.5, "va": "center"}
    axes.text(-left + 0.035, y, said, **shown)
    if row["estimate"] is None:
        axes.text(0.02, y, "refused: too few", color=paper.faint, style="italic", **shown)
        return
    axes.plot((row["conf_low"], row["conf_high"]), (y, y), color=paper.ink, linewidth=1.4, zorder=3)
    axes.plot([row["estimate"]], [y], "D", color=paper.ink, markersize=5, zorder=4)
    if not paper.narrow:
        effect, ends, _ = numbers(row)
        axes.text(1 + right - 0.01, y, f"{effect}  ({ends})", ha="right", **shown)
