"""Looks at a running study: the effect over time, with the interval for one look and the one for every look."""

# pyright: reportUnknownMemberType=false

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from honestlift.report import words
from honestlift.report.asked import primary
from honestlift.report.axis import step_places
from honestlift.report.figures.canvas import Look, sheet, short
from honestlift.result import Lift

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def looks(lift: Lift) -> list[dict[str, Any]]:
    """The looks at the primary metric, oldest first; none if the study is not monitored."""
    if "monitoring" not in lift.tables:
        return []
    table, metric = lift.tables["monitoring"], primary(lift)
    return [row for row in (dict(zip(table.columns, values, strict=True)) for values in table.rows) if row["metric"] == metric]


def monitoring(lift: Lift, paper: Look) -> Figure:
    """Draw it."""
    found = looks(lift)
    height = 2.8 if paper.narrow else 3.1
    figure = sheet(paper, height)
    left, right = (0.16, 0.04) if paper.narrow else (0.085, 0.03)
    axes = figure.add_axes((left, 0.5 / height, 1 - left - right, (height - 0.5 - 0.5) / height))
    at = [row["look"] for row in found]

    def column(name: str) -> list[float]:
        return [row[name] for row in found]

    axes.fill_between(at, column("always_low"), column("always_high"), color=paper.honest, alpha=0.16, linewidth=0)
    for end in ("low", "high"):
        axes.plot(at, column(f"always_{end}"), color=paper.honest, linewidth=1.3)
        axes.plot(at, column(f"conf_{end}"), color=paper.naive, linewidth=1.1, linestyle=(0, (4, 2)))
    axes.plot(at, column("estimate"), "D-", color=paper.honest, markersize=max(2.0, min(5.0, 120 / len(at))), linewidth=1.0)
    axes.axhline(0, color=paper.ink, linewidth=1.1)
    _words(axes, lift, at, paper, height)
    return figure


def _words(axes: Axes, lift: Lift, at: list[int], paper: Look, height: float) -> None:
    from matplotlib.lines import Line2D
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    axes.set_xlim(min(at) - 0.5, max(at) + 0.5)
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    axes.yaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))
    marks = [float(v) for v in axes.get_yticks()]
    places = step_places(marks[1] - marks[0])

    def written(value: float, _: int | None) -> str:
        return words.signed(value, places)

    axes.yaxis.set_major_formatter(FuncFormatter(written))
    axes.tick_params(length=0, labelsize=9)
    axes.grid(axis="y", color=paper.grid, linewidth=0.7)
    axes.set_xlabel("Look", fontsize=9, color=paper.faint, labelpad=6)
    figure = axes.figure
    row = 1 - 0.16 / height
    figure.text(0.012, row, f"Effect on {short(primary(lift), 24)}", fontsize=9, color=paper.faint, va="center")
    below = 1 - 0.36 / height if paper.narrow else row
    for i, (text, colour, dashes) in enumerate((("for every look", paper.honest, ()), ("for one look", paper.naive, (4, 2)))):
        x = (0.03 + 0.45 * i) if paper.narrow else (0.62 + 0.2 * i)
        figure.add_artist(Line2D([x, x + 0.03], [below, below], color=colour, linestyle=(0, dashes), linewidth=1.6))
        figure.text(x + 0.04, below, text, fontsize=8.5, va="center")
