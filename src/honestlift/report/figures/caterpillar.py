"""Workspace by workspace: each mean with its interval, in order, the two arms by colour and shape."""

# pyright: reportUnknownMemberType=false

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from honestlift.report import words
from honestlift.report.asked import primary, rows_of
from honestlift.report.axis import step_places
from honestlift.report.figures.canvas import Look, sheet, short
from honestlift.result import Lift

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

HALF = 1.96
"""Standard errors on each side of a workspace's own mean."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Workspace:
    """A workspace (or small ones of one arm together): its arm, its users, their mean and its standard error."""

    name: str
    arm: str
    users: int
    mean: float
    std_error: float


def workspaces(lift: Lift) -> list[Workspace]:
    """Those of the primary metric that the result keeps, the lowest mean first."""
    found = [
        Workspace(name=name, arm=arm, users=users, mean=mean, std_error=error)
        for name, arm, users, mean, error in rows_of(lift, "clusters", primary(lift))
    ]
    return sorted(found, key=lambda w: w.mean)


def arm_means(lift: Lift) -> dict[str, float]:
    """Mean of the users of each arm, from the groups by arm and exposure."""
    made: dict[str, list[tuple[int, float]]] = {}
    for group, users, mean in rows_of(lift, "exposure", primary(lift)):
        made.setdefault("treated" if group == "treated" else "control", []).append((users, mean))
    return {arm: sum(n * m for n, m in parts) / sum(n for n, _ in parts) for arm, parts in made.items()}


def caterpillar(lift: Lift, paper: Look) -> Figure:
    """Draw it."""
    found, means = workspaces(lift), arm_means(lift)
    height = 2.9 if paper.narrow else 3.2
    figure = sheet(paper, height)
    left, right = (0.13, 0.03) if paper.narrow else (0.075, 0.135)
    axes = figure.add_axes((left, 0.42 / height, 1 - left - right, (height - 0.42 - 0.5) / height))
    size = max(2.6, min(6.5, (150 if paper.narrow else 300) / len(found)))
    for arm, shape in (("control", "s"), ("treated", "o")):
        colour = paper.arm(arm)
        at = [i for i, w in enumerate(found) if w.arm == arm]
        ends = [(found[i].mean - HALF * found[i].std_error, found[i].mean + HALF * found[i].std_error) for i in at]
        axes.vlines(at, [e[0] for e in ends], [e[1] for e in ends], color=colour, linewidth=1.1, alpha=0.65)
        axes.plot(at, [found[i].mean for i in at], shape, color=colour, markersize=size, markeredgewidth=0, zorder=3)
        if arm in means:
            axes.axhline(means[arm], color=colour, linewidth=1.1, linestyle=(0, (4, 2)), zorder=1)
    axes.set_xlim(-1, len(found))
    axes.set_xticks([])
    _words(axes, lift, means, paper, height)
    return figure


def _words(axes: Axes, lift: Lift, means: dict[str, float], paper: Look, height: float) -> None:
    """Axis labels, the legend above and, where there is room, the means of the arms at the right."""
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    low, high = axes.get_ylim()
    axes.yaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))
    marks = [float(v) for v in axes.get_yticks()]
    places = step_places(marks[1] - marks[0])

    def written(value: float, _: int | None) -> str:
        return words.number(value, places)

    axes.yaxis.set_major_formatter(FuncFormatter(written))
    axes.set_ylim(low, high)
    axes.tick_params(axis="y", length=0, labelsize=9)
    axes.grid(axis="y", color=paper.grid, linewidth=0.7)
    axes.set_xlabel("Workspaces, from lowest to highest mean", fontsize=9, color=paper.faint, labelpad=6)
    figure = axes.figure
    figure.text(
        0.012, 1 - 0.16 / height, f"Mean of {short(primary(lift), 24)} per user", fontsize=9, color=paper.faint, va="center"
    )
    row = 1 - (0.36 if paper.narrow else 0.16) / height
    for i, (arm, shape) in enumerate((("treated", "o"), ("control", "s"))):
        x = (0.03 + 0.42 * i) if paper.narrow else (0.605 + 0.2 * i)
        figure.add_artist(_mark(x, row, shape, paper.arm(arm)))
        figure.text(x + (0.03 if paper.narrow else 0.015), row, f"{arm} workspace", fontsize=8.5, va="center")
    if paper.narrow:
        return
    apart = 0.075 * (high - low)
    near = len(means) == 2 and abs(means["treated"] - means["control"]) < apart
    for arm, mean in means.items():
        upper = near and (mean == max(means.values()))
        y = mean + (apart / 2 if upper else -apart / 2 if near else 0)
        text = f"{arm} {words.number(mean, places + 1)}"
        axes.text(1.012, y, text, transform=axes.get_yaxis_transform(), fontsize=8.5, va="center", color=paper.arm(arm))


def _mark(x: float, y: float, shape: str, colour: str) -> Line2D:
    from matplotlib.lines import Line2D

    return Line2D([x], [y], marker=shape, color=colour, markersize=6, linestyle="none", markeredgewidth=0)
