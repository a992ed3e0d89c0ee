"""Outcome by arm and exposure: how the users of each group spread, with the group's mean and count below."""

# pyright: reportUnknownMemberType=false

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from honestlift.report import words
from honestlift.report.asked import primary, rows_of
from honestlift.report.axis import step_places
from honestlift.report.figures.canvas import Look, number_line, sheet, short
from honestlift.report.names import GROUPS
from honestlift.result import Lift

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


WIDE_BIN, FEW_IN_WIDE = 0.2, 0.05
"""Share of the line above which a bin is wide, and share of a group's users that may be in such bins."""

LEFT = 0.3
"""Share of a wide figure that the groups' names take."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """A group of users: its bins (low, high, users), how many users it has, and their mean."""

    name: str
    bins: tuple[tuple[float, float, int], ...]
    users: int
    mean: float


def groups(lift: Lift) -> list[Group]:
    """The groups of the primary metric that have both bins and a mean; the treated first."""
    metric = primary(lift)
    means = {name: (users, mean) for name, users, mean in rows_of(lift, "exposure", metric)}
    bins: dict[str, list[tuple[float, float, int]]] = {}
    for name, low, high, users in rows_of(lift, "outcome_density", metric):
        bins.setdefault(name, []).append((low, high, users))
    return [Group(name=n, bins=tuple(b), users=means[n][0], mean=means[n][1]) for n, b in bins.items() if n in means]


def overlap(a: Group, b: Group) -> float:
    """Share of two groups' distributions that lies in common, from their bins: the integral of the smaller density."""
    edges = sorted({e for g in (a, b) for low, high, _ in g.bins for e in (low, high)})
    return sum((high - low) * min(_density(a, low, high), _density(b, low, high)) for low, high in pairwise(edges))


def resolved(a: Group, b: Group) -> bool:
    """Whether the bins are fine enough to say what two groups have in common: hardly anyone is in a wide one.

    Bins under ten users are merged, so that few users, or a stray value, can stretch one over most of the line.
    """
    span = max(g.bins[-1][1] for g in (a, b)) - min(g.bins[0][0] for g in (a, b))
    single = min(high - low for g in (a, b) for low, high, _ in g.bins)
    limit = max(WIDE_BIN * span, 1.01 * single)
    return all(sum(n for x, y, n in g.bins if y - x > limit) <= FEW_IN_WIDE * sum(n for _, _, n in g.bins) for g in (a, b))


def _density(group: Group, low: float, high: float) -> float:
    """Density of a group between two neighbouring edges."""
    total = sum(n for _, _, n in group.bins)
    return next((n / (total * (h - x)) for x, h, n in group.bins if x <= low and high <= h), 0.0)


def density(lift: Lift, paper: Look) -> Figure:
    """Draw it."""
    found = groups(lift)
    step = 0.46 if paper.narrow else 0.27
    strip, top = step * len(found) + 0.1, 2.1 if paper.narrow else 2.5
    height = top + strip + 0.66
    figure = sheet(paper, height)
    left = 0.04 if paper.narrow else LEFT
    low, high = (f(v for g in found for b in g.bins for v in b[:2]) for f in (min, max))
    upper = figure.add_axes((left, (0.58 + strip) / height, 0.96 - left, top / height))
    lower = figure.add_axes((left, 0.56 / height, 0.96 - left, strip / height))
    for axes in (upper, lower):
        axes.set_xlim(low, high)
        axes.set_yticks([])
    for group in found:
        _curve(upper, group, paper)
    upper.set_ylim(0, None)
    upper.tick_params(axis="x", length=0, labelbottom=False)
    lower.set_ylim(strip, 0)
    for i, group in enumerate(found):
        _mean(lower, group, 0.1 + step * i, step, mean_places(lift), paper)
    _scale(upper, lower, low, high, paper, short(primary(lift), 24 if paper.narrow else 48))
    if not paper.narrow:
        upper.text(
            -LEFT / (0.96 - LEFT) + 0.01,
            0.98,
            "Share of users",
            transform=upper.transAxes,
            fontsize=8.5,
            color=paper.faint,
            va="top",
        )
    return figure


def _scale(upper: Axes, lower: Axes, low: float, high: float, paper: Look, name: str) -> None:
    from matplotlib.ticker import MaxNLocator

    locator = MaxNLocator(4 if paper.narrow else 6, steps=[1, 2, 5, 10], integer=(low % 1, high % 1) == (0.5, 0.5))
    marks = [float(v) for v in locator.tick_values(low, high) if low <= v <= high]
    places = step_places(marks[1] - marks[0]) if len(marks) > 1 else 1
    number_line(lower, paper, [(v, words.number(v, places)) for v in marks], name)
    upper.set_xticks(marks)
    upper.grid(axis="x", color=paper.grid, linewidth=0.7)


def _curve(axes: Axes, group: Group, paper: Look) -> None:
    total = sum(n for _, _, n in group.bins)
    heights = [n / (total * (high - low)) for low, high, n in group.bins]
    edges = [group.bins[0][0], *(high for _, high, _ in group.bins)]
    colour, dashed = paper.arm(group.name), group.name == "exposed control"
    axes.stairs(heights, edges, fill=True, color=colour, alpha=0.05 if dashed else 0.14, linewidth=0)
    axes.stairs(heights, edges, color=colour, linewidth=1.6, linestyle=(0, (2.5, 1.3)) if dashed else "solid")


def _mean(axes: Axes, group: Group, y: float, step: float, places: int, paper: Look) -> None:
    colour, treated, dashed = paper.arm(group.name), group.name == "treated", group.name == "exposed control"
    where, narrow = axes.get_yaxis_transform(), paper.narrow
    text = f"{GROUPS.get(group.name, group.name)}: {words.count(group.users, 'user')}"
    centre, label = y + step * (0.78 if narrow else 0.5), y + step * (0.28 if narrow else 0.5)
    left = 0.0 if narrow else -LEFT / (0.96 - LEFT) + 0.01
    axes.plot(
        [left, left + (0.07 if narrow else 0.05)],
        [label, label],
        transform=where,
        color=colour,
        linewidth=2,
        clip_on=False,
        linestyle=(0, (2.5, 1.3)) if dashed else "solid",
    )
    axes.text(left + (0.09 if narrow else 0.07), label, text, transform=where, fontsize=8.5, va="center")
    shape, face = "o" if treated else "s", paper.paper if dashed else colour
    axes.plot([group.mean], [centre], shape, color=colour, markerfacecolor=face, markeredgewidth=1.4, markersize=6.5, zorder=4)
    low, high = axes.get_xlim()
    side = 1 if group.mean < low + 0.7 * (high - low) else -1
    said = f"mean {words.number(group.mean, places)}"
    axes.annotate(
        said,
        (group.mean, centre),
        xytext=(8 * side, 0),
        textcoords="offset points",
        fontsize=8.5,
        va="center",
        ha="left" if side > 0 else "right",
        color=paper.ink,
    )


def mean_places(lift: Lift) -> int:
    """Decimals for the groups' means: those of the effect, but no more than a fiftieth of the users' spread calls for."""
    e = next((e for e in lift.estimates if e.headline and e.metric == primary(lift)), None)
    spread = max((g.bins[-1][1] - g.bins[0][0] for g in groups(lift)), default=1.0)
    return min(words.decimals(spread / 50), words.places_of(e.conf_low, e.conf_high) if e else 2)
