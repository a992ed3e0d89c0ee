"""The contamination map: where the ties of each workspace lead, within it, to treated workspaces, to control ones."""

# pyright: reportUnknownMemberType=false

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from honestlift.report import words
from honestlift.report.asked import records
from honestlift.report.figures.canvas import Look, number_line, sheet, short
from honestlift.result import Lift

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST = 30
"""Workspaces that are drawn, those that leak most; the table holds more."""

ROW = 0.2
"""Inches a workspace takes."""


def leaks(lift: Lift) -> list[dict[str, Any]]:
    """The workspaces that are drawn, the leakiest first; none without a collaboration graph."""
    return records(lift, "contamination_map")[:MOST] if "contamination_map" in lift.tables else []


def contamination(lift: Lift, paper: Look) -> Figure:
    """Draw it: a bar per workspace, from its own ties to those that lead elsewhere."""
    found = leaks(lift)
    foot, head = 0.52, 0.42
    height = foot + head + ROW * len(found)
    figure = sheet(paper, height)
    left, right = (0.28, 0.07) if paper.narrow else (0.2, 0.04)
    axes = figure.add_axes((left, foot / height, 1 - left - right, (height - foot - head) / height))
    for y, row in enumerate(found):
        within, touched = row["share_within"], row["share_to_treated"]
        axes.barh(y, within, height=0.62, color=paper.grid)
        axes.barh(y, touched, left=within, height=0.62, color=paper.treated)
        axes.barh(y, 1 - within - touched, left=within + touched, height=0.62, color=paper.control)
    axes.set_yticks(range(len(found)), [short(row["cluster"], 16) for row in found], fontsize=7.5)
    for label, row in zip(axes.get_yticklabels(), found, strict=True):
        label.set_color(paper.arm(row["arm"]))
    axes.tick_params(axis="y", length=0)
    axes.set_ylim(len(found) - 0.5, -0.5)
    axes.set_xlim(0, 1)
    marks = [(v, words.percent(v)) for v in (0.0, 0.25, 0.5, 0.75, 1.0)]
    number_line(axes, paper, marks, "Share of a workspace's ties")
    _legend(axes, paper, height)
    return figure


def _legend(axes: Axes, paper: Look, height: float) -> None:
    row = 1 - 0.16 / height
    told = (("within", paper.grid), ("to treated ones", paper.treated), ("to control ones", paper.control))
    for i, (text, colour) in enumerate(told):
        x = (0.02 + 0.3 * i) if paper.narrow else (0.2 + 0.2 * i)
        axes.figure.text(x, row, "■", fontsize=10, color=colour, va="center")
        axes.figure.text(x + (0.05 if paper.narrow else 0.022), row, text, fontsize=8 if paper.narrow else 9, va="center")
