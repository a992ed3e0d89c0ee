"""Who opts in: users per category by choice, with the share that opted in."""

# pyright: reportUnknownMemberType=false

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from honestlift.report import words
from honestlift.report.asked import records
from honestlift.report.figures.canvas import Look, sheet, short
from honestlift.result import Lift

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST = 24
"""Levels that are drawn; more stand in the table."""

ROW, HEAD = 0.3, 0.34
"""Inches: a level, and the line that names its covariate."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """A level of a category: its users by choice, the share that opted in, and their mean propensity."""

    covariate: str
    name: str
    others: int
    opted: int
    rate: float
    propensity: float


def levels(lift: Lift) -> list[Level]:
    """All that the result holds; the covariate whose rates differ most first, and its levels by their rate."""
    found = [
        Level(
            covariate=r["covariate"],
            name=r["level"],
            others=r["others"],
            opted=r["opted_in"],
            rate=r["opt_in_rate"],
            propensity=r.get("mean_propensity", r["opt_in_rate"]),
        )
        for r in records(lift, "categories")
    ]
    rates: dict[str, list[float]] = {}
    for level in found:
        rates.setdefault(level.covariate, []).append(level.rate)
    spread = {covariate: max(r) - min(r) for covariate, r in rates.items()}
    return sorted(found, key=lambda c: (-spread[c.covariate], c.covariate, -c.rate, c.name))


def widest(lift: Lift) -> list[Level]:
    """The levels of the covariate whose rates differ most."""
    found = levels(lift)
    return [c for c in found if c.covariate == found[0].covariate]


def drawn(lift: Lift) -> list[Level]:
    """Those that the figure shows: as many whole covariates as fit, else the most populous levels of the first."""
    kept: list[Level] = []
    found = levels(lift)
    for covariate in dict.fromkeys(c.covariate for c in found):
        of = [c for c in found if c.covariate == covariate]
        if kept and len(kept) + len(of) > MOST:
            break
        largest = sorted(of, key=lambda c: -(c.others + c.opted))[:MOST]
        kept += [c for c in of if c in largest]
    return kept


def categories(lift: Lift, paper: Look) -> Figure:
    """Draw it."""
    found = drawn(lift)
    groups = {c: [v for v in found if v.covariate == c] for c in dict.fromkeys(v.covariate for v in found)}
    step = ROW * (1.6 if paper.narrow else 1)
    tall = HEAD * len(groups) + step * len(found)
    height = tall + 0.42
    figure = sheet(paper, height)
    left, right = (0.02, 0.02) if paper.narrow else (0.2, 0.16)
    axes = figure.add_axes((left, 0.04 / height, 1 - left - right, tall / height))
    most = max(max(c.others, c.opted) for c in found)
    axes.set_xlim(-1.32 * most, 1.32 * most)
    axes.set_ylim(tall, 0)
    axes.set_xticks([])
    axes.set_yticks([])
    axes.spines["bottom"].set_visible(False)
    y = 0.0
    for covariate, rows in groups.items():
        _say(axes, left, right, y + 0.2, short(covariate, 40), paper, fontweight="bold", fontsize=9.5)
        y += HEAD
        for level in rows:
            _level(axes, level, y, step, most, (left, right), paper)
            y += step
    middle = left + (1 - left - right) / 2
    row = 1 - 0.2 / height
    figure.text(middle - 0.02, row, "■ did not opt in", ha="right", va="center", fontsize=9, color=paper.control)
    figure.text(middle + 0.02, row, "● opted in", ha="left", va="center", fontsize=9, color=paper.treated)
    if not paper.narrow:
        figure.text(0.994, row, "share that opted in", ha="right", va="center", fontsize=8.5, color=paper.faint)
    return figure


def _say(axes: Axes, left: float, right: float, y: float, text: str, paper: Look, *, end: bool = False, **more: object) -> None:
    """Words at the left edge of the paper, or at the right one."""
    inner = 1 - left - right
    x = 1 + (right - 0.006) / inner if end else (0.006 - left) / inner
    options = {"fontsize": 8.5, "color": paper.ink} | more
    axes.text(x, y, text, transform=axes.get_yaxis_transform(), va="center", ha="right" if end else "left", **options)  # pyright: ignore[reportArgumentType]


def _level(axes: Axes, level: Level, y: float, step: float, most: int, edges: tuple[float, float], paper: Look) -> None:
    bar = y + (0.72 if paper.narrow else 0.5) * step
    label = y + (0.3 if paper.narrow else 0.5) * step
    _say(axes, *edges, label, short(level.name, 24), paper)
    _say(axes, *edges, label, words.percent(level.rate), paper, end=True, fontweight="bold")
    thick = 0.17
    for users, side, colour in ((level.others, -1, paper.control), (level.opted, 1, paper.treated)):
        axes.barh([bar], [side * users], height=thick, color=colour, zorder=3)
        axes.text(
            side * (users + 0.02 * most),
            bar,
            f"{users:,}",
            ha="left" if side > 0 else "right",
            va="center",
            fontsize=8,
            color=paper.faint,
        )
    axes.plot([0, 0], [bar - 0.12, bar + 0.12], color=paper.ink, linewidth=0.9, zorder=4)
