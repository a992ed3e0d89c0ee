"""Dose and response: the outcome by arm and treated share of the ties elsewhere, against untouched controls of equal degree."""

# pyright: reportUnknownMemberType=false

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from honestlift.report import words
from honestlift.report.asked import primary, records
from honestlift.report.axis import step_places
from honestlift.report.figures.canvas import Look, number_line, sheet, short
from honestlift.result import Lift

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def doses(lift: Lift) -> list[dict[str, Any]]:
    """The groups of the primary metric, controls first; none without a collaboration graph."""
    if "dose_response" not in lift.tables:
        return []
    return [row for row in records(lift, "dose_response") if row["metric"] == primary(lift)]


def dose(lift: Lift, paper: Look) -> Figure:
    """Draw it: per arm a point for each range of the treated share, where its users have it on average."""
    found = doses(lift)
    height = 3.0 if paper.narrow else 3.2
    figure = sheet(paper, height)
    left, right = (0.16, 0.04) if paper.narrow else (0.085, 0.03)
    axes = figure.add_axes((left, 0.52 / height, 1 - left - right, (height - 0.52 - 0.5) / height))
    for arm, shift in (("control", -0.006), ("treated", 0.006)):
        rows = [row for row in found if row["arm"] == arm]
        at = [row["fraction"] + shift for row in rows]
        colour, mark = paper.arm(arm), "o" if arm == "control" else "s"
        for x, row in zip(at, rows, strict=True):
            if row["conf_low"] is not None:
                axes.plot((x, x), (row["conf_low"], row["conf_high"]), color=colour, linewidth=1.4, alpha=0.75)
        axes.plot(at, [row["estimate"] for row in rows], mark, color=colour, markersize=6, zorder=3)
        axes.plot(at, [row["estimate"] for row in rows], color=colour, linewidth=0.9, linestyle=(0, (3, 2)), alpha=0.8)
    axes.axhline(0, color=paper.ink, linewidth=1.1)
    axes.set_xlim(-0.04, 1.04)
    marks = [(v, words.percent(v)) for v in (0.0, 0.25, 0.5, 0.75, 1.0)]
    number_line(axes, paper, marks, "Treated share of ties" if paper.narrow else "Treated share of the ties to other workspaces")
    _words(axes, lift, paper, height)
    return figure


def _words(axes: Axes, lift: Lift, paper: Look, height: float) -> None:
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    axes.yaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))
    marks = [float(v) for v in axes.get_yticks()]
    places = step_places(marks[1] - marks[0])

    def written(value: float, _: int | None) -> str:
        return words.signed(value, places)

    axes.yaxis.set_major_formatter(FuncFormatter(written))
    axes.tick_params(axis="y", length=0, labelsize=9)
    axes.grid(axis="y", color=paper.grid, linewidth=0.7)
    row = 1 - 0.16 / height
    axes.figure.text(0.012, row, short(primary(lift), 24 if paper.narrow else 40), fontsize=9, color=paper.faint, va="center")
    below = 1 - 0.36 / height if paper.narrow else row
    for i, arm in enumerate(("treated", "control")):
        x = (0.03 + 0.4 * i) if paper.narrow else (0.7 + 0.14 * i)
        axes.figure.text(x, below, "■" if arm == "treated" else "●", fontsize=9, color=paper.arm(arm), va="center")
        axes.figure.text(x + (0.06 if paper.narrow else 0.025), below, arm.capitalize(), fontsize=8.5, va="center")
