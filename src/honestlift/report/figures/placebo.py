"""The placebo lab: how often each method cried wolf in re-drawn experiments without an effect."""

# pyright: reportUnknownMemberType=false

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from honestlift.report import words
from honestlift.report.asked import primary
from honestlift.report.figures.canvas import Look, number_line, sheet
from honestlift.report.lab import method_name
from honestlift.report.names import FADED, beyond_lab
from honestlift.result import Lift

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

ROW = 0.27
"""Inches a method takes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Alarm:
    """A method's share of false alarms, its Monte Carlo error, and what was promised."""

    method: str
    rate: float
    std_error: float
    promised: float


def alarms(lift: Lift) -> list[Alarm]:
    """The lab's methods, from naive to exact; none if there was no lab."""
    if "placebo_lab" not in lift.tables:
        return []
    table = lift.tables["placebo_lab"]
    rows = [dict(zip(table.columns, row, strict=True)) for row in table.rows]
    return [Alarm(method=r["method"], rate=r["false_alarms"], std_error=r["std_error"], promised=1 - r["level"]) for r in rows]


def placebo(lift: Lift, paper: Look) -> Figure:
    """Draw it: a dot per method on one line from no launch to all of them, and a mark where each ought to be."""
    found, adjusted = alarms(lift), beyond_lab(lift.headline(primary(lift)))
    foot, head = 0.5, 0.3
    height = foot + head + ROW * len(found)
    figure = sheet(paper, height)
    left, right = (0.47, 0.1) if paper.narrow else (0.31, 0.07)
    axes = figure.add_axes((left, foot / height, 1 - left - right, (height - foot - head) / height))
    most = max(a.rate for a in found)
    top = next(t for t in (0.1, 0.2, 0.5, 1.0) if most <= 0.97 * t or t == 1.0)
    promised = found[0].promised
    axes.axvline(promised, color=paper.ink, linewidth=1.1, linestyle=(0, (4, 2)), zorder=1)
    axes.text(
        promised,
        1.02,
        f"promised: {words.of_hundred(promised, short=True)}",
        transform=axes.get_xaxis_transform(),
        fontsize=8.5,
        color=paper.faint,
        va="bottom",
    )
    for y, alarm in enumerate(found):
        _row(axes, alarm, y, paper)
    axes.set_yticks(
        range(len(found)), [method_name(a.method, adjusted=adjusted) for a in found], fontsize=7.5 if paper.narrow else 9
    )
    axes.tick_params(axis="y", length=0, labelcolor=paper.ink)
    axes.set_ylim(len(found) - 0.5, -0.5)
    axes.set_xlim(0, top)
    label = "False alarms in 100 launches" if paper.narrow else "False alarms in 100 launches without an effect"
    number_line(axes, paper, [(top * i / 4, f"{100 * top * i / 4:g}") for i in range(5)], label)
    return figure


def _row(axes: Axes, alarm: Alarm, y: int, paper: Look) -> None:
    """A method's dot, its stem and its number: naive hollow and dashed, the headline a diamond."""
    naive, headline = alarm.method in FADED, alarm.method == "user_ols"
    colour = paper.naive if naive else paper.honest if headline else paper.ink
    axes.hlines(y, 0, alarm.rate, color=colour, linewidth=1.1, linestyle=(0, (2, 2)) if naive else "solid", alpha=0.65)
    face = paper.paper if naive else colour
    axes.plot([alarm.rate], [y], "D" if headline else "o", markersize=7 if headline else 6, color=colour, markerfacecolor=face)
    axes.annotate(
        words.of_hundred(alarm.rate, short=True),
        (alarm.rate, y),
        xytext=(7, 0),
        textcoords="offset points",
        fontsize=9,
        va="center",
        color=colour,
        fontweight="bold" if headline else "normal",
    )
