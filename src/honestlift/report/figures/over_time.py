"""The effect over time: by periods since the start, with the gaps before it; or by period of an experiment."""

# pyright: reportUnknownMemberType=false

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from honestlift.report import words
from honestlift.report.asked import primary
from honestlift.report.axis import step_places
from honestlift.report.figures.canvas import Look, sheet, short
from honestlift.report.over_time import Moment, after, moments
from honestlift.result import Lift

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDEST = 4
"""Times the middle interval's half-width beyond which an interval does not stretch the picture."""


def event_study(lift: Lift, paper: Look) -> Figure:
    """Draw a roll-out: hollow gaps before the start, solid effects since."""
    return _draw(lift, paper, "Periods since the start", rolled=True)


def by_period(lift: Lift, paper: Look) -> Figure:
    """Draw an experiment: the effect in each period."""
    return _draw(lift, paper, "Period", rolled=False)


def _draw(lift: Lift, paper: Look, below: str, *, rolled: bool) -> Figure:
    found = moments(lift)
    height = 3.0 if paper.narrow else 3.4
    figure = sheet(paper, height)
    left, right, head = (0.17, 0.03, 0.72) if paper.narrow else (0.085, 0.02, 0.5)
    axes = figure.add_axes((left, 0.52 / height, 1 - left - right, (height - 0.52 - head) / height))
    size = max(2.2, min(6.0, (150 if paper.narrow else 330) / len(found)))
    for m in found:
        before = rolled and m.at < 0
        colour = paper.naive if before else paper.honest
        if m.low is not None and m.high is not None:
            axes.plot(
                (m.at, m.at),
                (m.low, m.high),
                color=colour,
                linewidth=1.3,
                alpha=0.8,
                linestyle=(0, (3, 2)) if before else "solid",
            )
        face = paper.paper if before else colour
        axes.plot([m.at], [m.estimate], "o" if before else "D", color=colour, markerfacecolor=face, markersize=size, zorder=3)
    axes.axhline(0, color=paper.ink, linewidth=1.1)
    if rolled:
        axes.axvline(-0.5, color=paper.ink, linewidth=0.9, linestyle=(0, (2, 2)))
    overall = lift.headline(primary(lift)).estimate
    last = after(lift)[-1].at
    if overall is not None:
        axes.plot(
            (after(lift)[0].at - 0.4, last + 0.4), (overall, overall), color=paper.honest, linewidth=1.0, alpha=0.7, zorder=1
        )
    axes.set_ylim(*_range(found))
    axes.set_xlim(found[0].at - 0.8, found[-1].at + 0.8)
    _words(axes, lift, paper, height, below, rolled=rolled)
    return figure


def _range(found: list[Moment]) -> tuple[float, float]:
    """Ends of the upright axis: all points, zero, and the intervals that are not far wider than the middle one."""
    halves = [(m.high - m.low) / 2 for m in found if m.low is not None and m.high is not None]
    most = WIDEST * float(np.median(halves)) if halves else 0.0
    ends = [0.0, *(m.estimate for m in found)]
    for m in found:
        if m.low is not None and m.high is not None:
            ends += [max(m.low, m.estimate - most), min(m.high, m.estimate + most)]
    room = 0.06 * (max(ends) - min(ends) or 1.0)
    return min(ends) - room, max(ends) + room


def _words(axes: Axes, lift: Lift, paper: Look, height: float, below: str, *, rolled: bool) -> None:
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    axes.xaxis.set_major_locator(MaxNLocator(6 if paper.narrow else 10, integer=True))
    axes.yaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))
    marks = [float(v) for v in axes.get_yticks()]
    places = step_places(marks[1] - marks[0])

    def written(value: float, _: int | None) -> str:
        return words.signed(value, places)

    def whole(value: float, _: int | None) -> str:
        return words.signed(value, 0) if rolled else f"{value:.0f}"

    axes.yaxis.set_major_formatter(FuncFormatter(written))
    axes.xaxis.set_major_formatter(FuncFormatter(whole))
    axes.tick_params(length=0, labelsize=9)
    axes.grid(axis="y", color=paper.grid, linewidth=0.7)
    axes.set_xlabel(below, fontsize=9, color=paper.faint, labelpad=6)
    _key(axes, lift, paper, height, rolled=rolled)


def _key(axes: Axes, lift: Lift, paper: Look, height: float, *, rolled: bool) -> None:
    """What is drawn, and what the shapes mean."""
    row = 1 - 0.16 / height
    axes.figure.text(
        0.012, row, f"Effect on {short(primary(lift), 24 if paper.narrow else 34)}", fontsize=9, color=paper.faint, va="center"
    )
    told = [("◆", "effect", paper.honest), ("—", "all periods", paper.honest)]
    told = [("○", "gap before", paper.naive), *told] if rolled else told
    line = 1 - 0.38 / height if paper.narrow else row
    at = 0.02 if paper.narrow else 0.985 - 0.125 * len(told)
    for mark, text, colour in told:
        axes.figure.text(at, line, mark, fontsize=9, color=colour, va="center")
        axes.figure.text(at + (0.05 if paper.narrow else 0.022), line, text, fontsize=8.5, va="center")
        at += 0.32 if paper.narrow else 0.125
