"""Balance (a love plot): how far the groups differ in each covariate, before weighting and after, with the line at 0.1."""

# pyright: reportUnknownMemberType=false

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from honestlift.report.asked import records
from honestlift.report.axis import axis
from honestlift.report.figures.canvas import Look, number_line, sheet, short
from honestlift.result import Lift

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

LIMIT = 0.1
"""Standard deviations above which a difference is worth a look."""

MOST = 30
"""Columns that are drawn; more stand in the table."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """A covariate column: its standardized difference between the groups, before weighting and after."""

    name: str
    before: float | None
    after: float | None

    def size(self, *, weighted: bool) -> float:
        """Its absolute value; infinite where it is undefined, for the column differs where it does not vary."""
        value = self.after if weighted else self.before
        return abs(value) if value is not None and math.isfinite(value) else math.inf


def differences(lift: Lift) -> list[Difference]:
    """The columns under the weights of the headline's estimand, the most different before first."""
    estimand = lift.headline().estimand
    found = [
        Difference(name=r["column"], before=r["smd"], after=r["weighted_smd"])
        for r in records(lift, "balance")
        if r["estimand"] == estimand
    ]
    return sorted(found, key=lambda d: (-d.size(weighted=False), d.name))


def drawn(lift: Lift) -> list[Difference]:
    """Those that the figure shows: all, or the most different before or after."""
    found = [d for d in differences(lift) if math.isfinite(d.size(weighted=False)) and math.isfinite(d.size(weighted=True))]
    if len(found) <= MOST:
        return found
    worst = sorted(found, key=lambda d: -max(d.size(weighted=True) * 3, d.size(weighted=False)))[:MOST]
    return [d for d in found if d in worst]


def balance(lift: Lift, paper: Look) -> Figure:
    """Draw it."""
    found = drawn(lift)
    step = 0.46 if paper.narrow else 0.29
    tall = step * len(found) + 0.12
    height = tall + 0.54 + 0.4
    figure = sheet(paper, height)
    left, right = (0.03, 0.05) if paper.narrow else (0.3, 0.04)
    axes = figure.add_axes((left, 0.52 / height, 1 - left - right, tall / height))
    line = axis([LIMIT, *(d.size(weighted=w) for d in found for w in (True, False))], marks=6)
    room = 0.03 * line.high
    axes.set_xlim(-room, line.high)
    axes.set_ylim(tall, 0)
    axes.set_yticks([])
    marks = [(v, text.lstrip("+")) for v, text in line.marks if v >= 0]
    number_line(axes, paper, marks, "Difference in standard deviations, without its sign")
    axes.axvspan(-room, LIMIT, color=paper.honest, alpha=0.08, linewidth=0, zorder=0)
    axes.axvline(LIMIT, color=paper.ink, linewidth=1, linestyle=(0, (3, 2)), zorder=1)
    for i, d in enumerate(found):
        y = 0.06 + step * (i + (0.74 if paper.narrow else 0.5))
        before, after = d.size(weighted=False), d.size(weighted=True)
        colour = paper.fail if after > LIMIT else paper.honest
        axes.plot([before, after], [y, y], color=paper.grid, linewidth=1.6, zorder=2)
        axes.plot(
            [before], [y], "o", color=paper.naive, markerfacecolor=paper.paper, markeredgewidth=1.4, markersize=6.5, zorder=3
        )
        axes.plot([after], [y], "D", color=colour, markersize=5.5, markeredgewidth=0, zorder=4)
        x, at = (0.0, 0.06 + step * (i + 0.28)) if paper.narrow else ((0.006 - left) / (1 - left - right), y)
        weight = "bold" if after > LIMIT else "normal"
        name = short(d.name, 40 if paper.narrow else 34)
        back = {"facecolor": paper.paper, "edgecolor": "none", "pad": 0.6} if paper.narrow else None
        axes.text(
            x, at, name, transform=axes.get_yaxis_transform(), fontsize=8.5, va="center", fontweight=weight, bbox=back, zorder=5
        )
    row, start = 1 - 0.2 / height, left if paper.narrow else left + 0.02
    for x, shape, text in ((start, "o", "before weighting"), (start + (0.42 if paper.narrow else 0.22), "D", "after")):
        face = paper.paper if shape == "o" else paper.honest
        colour = paper.naive if shape == "o" else paper.honest
        figure.add_artist(_mark(x + 0.01, row, shape, colour, face))
        figure.text(x + (0.045 if paper.narrow else 0.025), row, text, fontsize=8.5, va="center")
    figure.text(1 - right, row, f"dashed: {LIMIT}", fontsize=8.5, va="center", ha="right", color=paper.faint)
    return figure


def _mark(x: float, y: float, shape: str, colour: str, face: str) -> Line2D:
    from matplotlib.lines import Line2D

    return Line2D([x], [y], marker=shape, color=colour, markerfacecolor=face, markersize=6, linestyle="none", markeredgewidth=1.4)
