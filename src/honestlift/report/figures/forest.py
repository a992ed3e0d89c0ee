"""The roads to the number: every method's interval of the primary effect on one line, naive hollow, honest solid."""

# pyright: reportUnknownMemberType=false

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any

from honestlift.report import words
from honestlift.report.asked import estimates_of, primary
from honestlift.report.axis import axis
from honestlift.report.figures.canvas import Look, number_line, sheet, short
from honestlift.report.gate import refused
from honestlift.report.names import estimand, is_road, road
from honestlift.report.results import note, tone
from honestlift.result import Estimate, Lift

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

ROW, HEAD, NOTE = 0.30, 0.36, 0.2
"""Inches: a road, the line that names an estimand, and on a phone the line that qualifies it."""

LEFT, RIGHT = 0.285, 0.27
"""Shares of a wide figure: the names at the left, the numbers at the right."""


def roads(lift: Lift) -> list[Estimate]:
    """The roads to the primary metric's numbers, by estimand; other variances are left to the table.

    Of the estimands of an opt-in study that are not the headline's only the headline's own method is drawn.
    """
    found = [e for e in estimates_of(lift, primary(lift)) if is_road(e) and e.estimate is not None]
    first = next((e for e in found if e.headline), None)
    if lift.kind != "opt_in" or first is None:
        return found
    return [e for e in found if e.estimand == first.estimand or e.method == first.method]


def forest(lift: Lift, paper: Look) -> Figure:
    """Draw it."""
    groups = {name: [e for e in roads(lift) if e.estimand == name] for name in dict.fromkeys(e.estimand for e in roads(lift))}
    step, no = ROW * (1.75 if paper.narrow else 1), refused(lift)
    heads = {name: _tall(rows, paper) for name, rows in groups.items()}
    tall = sum(heads.values()) + step * sum(len(rows) for rows in groups.values())
    figure = sheet(paper, tall + 0.62)
    left, right = (0.02, 0.02) if paper.narrow else (LEFT, RIGHT)
    axes = figure.add_axes((left, 0.56 / (tall + 0.62), 1 - left - right, tall / (tall + 0.62)))
    line = axis(
        (v for g in groups.values() for e in g for v in (e.estimate, e.conf_low, e.conf_high)), marks=3 if paper.narrow else 5
    )
    axes.set_xlim(line.low, line.high)
    axes.set_ylim(tall, 0)
    axes.set_yticks([])
    of = "" if paper.narrow else f" in {short(primary(lift))}"
    groups_of = {"cluster": ", treated − control", "waves": ", with − without"}.get(lift.kind, ", opted in − others")
    groups_of = "" if "saturations" in lift.tables else groups_of
    number_line(axes, paper, line.marks, f"Difference{of}{groups_of}")
    axes.axvline(0, color=paper.ink, linewidth=1, linestyle=(0, (3, 2)), zorder=1)
    y = 0.0
    for name, rows in groups.items():
        _head(axes, rows[0], y + 0.22, paper, no)
        y += heads[name]
        for e in rows:
            _road(axes, e, y, step, paper, tone(e, no))
            y += step
    return figure


def _tall(rows: Sequence[Estimate], paper: Look) -> float:
    return HEAD + (NOTE if paper.narrow and note(rows[0]) else 0.0)


def _edges(paper: Look) -> tuple[float, float]:
    """Left and right edge for words, as the axes see them."""
    inner = 1 - LEFT - RIGHT
    return (0.0, 1.0) if paper.narrow else ((0.006 - LEFT) / inner, 1 + (RIGHT - 0.006) / inner)


def _say(axes: Axes, x: float, y: float, text: str, paper: Look, **more: Any) -> None:
    """Words on the figure, in front of its lines."""
    back = {"facecolor": paper.paper, "edgecolor": "none", "pad": 1.0}
    more = {"fontsize": 8.5, "zorder": 5} | more
    axes.text(x, y, text, transform=axes.get_yaxis_transform(), va="center", bbox=back if paper.narrow else None, **more)


def _head(axes: Axes, first: Estimate, y: float, paper: Look, no: Collection[str]) -> None:
    left, right = _edges(paper)
    _say(axes, left, y, estimand(first), paper, fontsize=9.5, fontweight="bold")
    at = (left, y + NOTE) if paper.narrow else (right, y)
    said = "refused: the data do not support it" if first.estimand in no else note(first)
    _say(axes, *at, said, paper, color=paper.faint, ha="left" if paper.narrow else "right", style="italic")


def _road(axes: Axes, e: Estimate, y: float, step: float, paper: Look, kind: str) -> None:
    left, right = _edges(paper)
    weight = "bold" if kind == "headline" else "normal"
    places = words.places_of(e.conf_low, e.conf_high)
    said = words.signed(e.estimate, places)
    if not paper.narrow:
        said += f"  ({words.interval(e.conf_low, e.conf_high, places)})" if e.conf_low is not None else "  (no interval)"
    top = y + (0.28 if paper.narrow else 0.5) * step
    _say(axes, left, top, road(e), paper, fontweight=weight)
    _say(axes, right, top, said, paper, ha="right", fontweight=weight)
    _interval(axes, e, y + (0.75 if paper.narrow else 0.5) * step, paper, kind)


def _interval(axes: Axes, e: Estimate, y: float, paper: Look, kind: str) -> None:
    """The interval with its shape; the ends of one that hides behind the shape are left out."""
    faded = kind in ("naive", "association", "refused")
    colour = paper.naive if faded else paper.honest
    size = 7.5 if kind == "headline" else 6
    if e.conf_low is not None and e.conf_high is not None:
        ends, (low, high) = (e.conf_low, e.conf_high), axes.get_xlim()
        dashes = (0, (2.2, 1.4)) if kind == "naive" else "solid"
        axes.plot(ends, [y, y], color=colour, linewidth=1.8, linestyle=dashes, zorder=3)
        if (ends[1] - ends[0]) / (high - low) * axes.get_window_extent().width > 2 * size:
            for end in ends:
                axes.plot([end, end], [y - 0.055, y + 0.055], color=colour, linewidth=1.4, zorder=3)
    shape = "o" if kind == "naive" else "D"
    face = paper.paper if faded else colour
    axes.plot([e.estimate or 0.0], [y], shape, color=colour, markerfacecolor=face, markeredgewidth=1.4, markersize=size, zorder=4)
