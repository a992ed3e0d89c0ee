"""What was not measured: the effect after a left-out cause of every strength, with the measured covariates as benchmarks."""

# pyright: reportUnknownMemberType=false

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from honestlift.report import words
from honestlift.report.asked import primary, records
from honestlift.report.axis import axis, step_places
from honestlift.report.figures.canvas import Look, sheet, short
from honestlift.result import Lift

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_OTHERS = 4
"""Covariates other than the strongest that are marked."""

CORNER = 0.03
"""Share of both axes within which a covariate is too weak to be told from nothing."""

LETTER, LINE = 0.076, 0.17
"""Inches that a letter and a line of a mark's label take."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """A benchmark: so many times as strong as a covariate, and the effect that would be left."""

    covariate: str
    times: float
    treatment: float
    outcome: float
    adjusted: float
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Surface:
    """The effect over a grid of partial R² with choice (columns) and outcome (rows)."""

    treatment: tuple[float, ...]
    outcome: tuple[float, ...]
    adjusted: tuple[tuple[float, ...], ...]

    @property
    def reported(self) -> float:
        """The effect if nothing was left out."""
        return self.adjusted[0][0]


def surface(lift: Lift) -> Surface | None:
    """That of the primary metric; None where the result has none."""
    rows = [r for r in records(lift, "sensitivity_contours") if r["metric"] == primary(lift)]
    if not rows or any(r["adjusted"] is None for r in rows):
        return None
    treatment = tuple(dict.fromkeys(r["r2_treatment"] for r in rows))
    outcome = tuple(dict.fromkeys(r["r2_outcome"] for r in rows))
    value = {(r["r2_treatment"], r["r2_outcome"]): r["adjusted"] for r in rows}
    return Surface(treatment=treatment, outcome=outcome, adjusted=tuple(tuple(value[d, y] for d in treatment) for y in outcome))


def summary(lift: Lift, metric: str | None = None) -> dict[str, Any] | None:
    """Robustness values, E-values and the strongest covariate of a metric; of the primary one if none is named."""
    return next((r for r in records(lift, "sensitivity") if r["metric"] == (metric or primary(lift))), None)


def marks(lift: Lift) -> list[Mark]:
    """The benchmarks of the primary metric that can be: whole covariates, the strongest first."""
    found = [
        Mark(
            covariate=r["covariate"],
            times=r["times"],
            treatment=r["r2_treatment"],
            outcome=r["r2_outcome"],
            adjusted=r["adjusted"],
            low=r["conf_low"],
            high=r["conf_high"],
        )
        for r in records(lift, "sensitivity_benchmarks")
        if r["metric"] == primary(lift) and r["adjusted"] is not None
    ]
    wholes = {r["covariate"] for r in records(lift, "sensitivity_benchmarks") if r["times"] == 3}
    said = summary(lift)
    first = said["strongest_covariate"] if said else ""
    kept = [m for m in found if m.covariate in wholes]
    return sorted(kept, key=lambda m: (m.covariate != first, -m.treatment * m.outcome if m.times == 1 else 0))


def drawn(lift: Lift) -> list[Mark]:
    """Those that the figure shows: the strongest once, twice and three times, and some others once; within the grid."""
    found, grid = marks(lift), surface(lift)
    if grid is None or not found:
        return []
    first = found[0].covariate
    strongest = sorted((m for m in found if m.covariate == first), key=lambda m: m.times)
    others = [m for m in found if m.covariate != first and m.times == 1][:MOST_OTHERS]
    wide, high = grid.treatment[-1], grid.outcome[-1]
    told = [m for m in others if m.treatment > CORNER * wide or m.outcome > CORNER * high]
    return [m for m in [*strongest, *told] if m.treatment <= wide and m.outcome <= high]


def contours(lift: Lift, paper: Look) -> Figure:
    """Draw it."""
    grid = surface(lift)
    if grid is None:
        raise LookupError("The result has no contours of sensitivity.")
    height = 3.9 if paper.narrow else 4.3
    figure = sheet(paper, height)
    left, right = (0.175, 0.15) if paper.narrow else (0.09, 0.1)
    axes = figure.add_axes((left, 0.62 / height, 1 - left - right, (height - 0.62 - 0.42) / height))
    axes.set_xlim(-0.02 * grid.treatment[-1], grid.treatment[-1])
    axes.set_ylim(-0.02 * grid.outcome[-1], grid.outcome[-1])
    _levels(axes, grid, paper)
    _scales(axes, grid, paper)
    taken: list[tuple[float, float, float, float]] = []
    places = words.decimals(abs(grid.reported) / 5 or 1.0)
    axes.plot([0], [0], "D", color=paper.honest, markersize=7.5, markeredgewidth=0, zorder=6, clip_on=False)
    _label(axes, (0.0, 0.0), f"reported {words.signed(grid.reported, places)}", taken, paper, colour=paper.honest)
    for m in drawn(lift):
        axes.plot([m.treatment], [m.outcome], "X", color=paper.ink, markersize=6.5, markeredgewidth=0, zorder=5, clip_on=False)
        _label(axes, (m.treatment, m.outcome), f"{m.times:g}× {short(m.covariate, 18)}", taken, paper)
    row = 1 - 0.2 / height
    figure.text(0.012, row, "Shaded: the effect is gone or reversed", fontsize=8.5, color=paper.fail, va="center")
    if not paper.narrow:
        figure.text(0.994, row, "effect then", fontsize=8.5, color=paper.faint, va="center", ha="right")
    return figure


def _levels(axes: Axes, grid: Surface, paper: Look) -> None:
    """Lines of equal effect with their numbers at the right edge, and what is gone or reversed shaded."""
    sign = 1.0 if grid.reported >= 0 else -1.0
    values = [[sign * v for v in row] for row in grid.adjusted]
    least = min(min(row) for row in values)
    x, y = list(grid.treatment), list(grid.outcome)
    line = axis([least, sign * grid.reported], marks=6)
    kept = [v for v, _ in line.marks if least < v < sign * grid.reported]
    if kept:
        others = [v for v in kept if v != 0]
        if others:
            axes.contour(x, y, values, levels=others, colors=[paper.naive], linewidths=0.9, linestyles="solid", zorder=2)
    if least < 0:
        axes.contourf(x, y, values, levels=[least * 1.01, 0.0], colors=[paper.fail], alpha=0.12, zorder=1)
        axes.contour(x, y, values, levels=[0.0], colors=[paper.fail], linewidths=2, linestyles="solid", zorder=3)
    said = {v: words.signed(sign * v, step_places(line.step)) for v in kept}
    edge, last = [row[-1] for row in values], -1.0
    for v in sorted(kept, reverse=True):
        at = _crossing(edge, y, v)
        if at is None or at - last < 0.055 * y[-1]:
            continue
        last = at
        colour = paper.fail if v == 0 else paper.faint
        text = said[v] if v else "0"
        axes.text(1.012, at, text, transform=axes.get_yaxis_transform(), fontsize=8.5, va="center", color=colour)


def _crossing(edge: list[float], y: list[float], level: float) -> float | None:
    """Where the effect along the right edge falls to a level."""
    for (a, low), (b, high) in pairwise(zip(edge, y, strict=True)):
        if b <= level < a:
            return low + (a - level) / (a - b) * (high - low)
    return None


def _scales(axes: Axes, grid: Surface, paper: Look) -> None:
    """Both axes in percent."""
    across = axis([grid.treatment[-1]], scale=100, unit=" %", marks=3 if paper.narrow else 5)
    up = axis([grid.outcome[-1]], scale=100, unit=" %", marks=4)
    xs = [(v, t.lstrip("+")) for v, t in across.marks if 0 <= v <= grid.treatment[-1]]
    ys = [(v, t.lstrip("+")) for v, t in up.marks if 0 <= v <= grid.outcome[-1]]
    axes.set_xticks([v for v, _ in xs], [t for _, t in xs])
    axes.set_yticks([v for v, _ in ys], [t for _, t in ys])
    axes.tick_params(axis="both", length=0, labelsize=9)
    axes.grid(color=paper.grid, linewidth=0.6)
    axes.set_xlabel("Share of what is left of the choice that it explains", fontsize=9, color=paper.faint, labelpad=6)
    axes.set_ylabel("… and of the outcome", fontsize=9, color=paper.faint, labelpad=4)


def _label(
    axes: Axes, at: tuple[float, float], text: str, taken: list[tuple[float, float, float, float]], paper: Look, colour: str = ""
) -> None:
    """Words beside a mark, where they touch no others; left out where there is no room."""
    box = axes.get_window_extent()
    wide, high = box.width / 72, box.height / 72
    (x0, x1), (y0, y1) = axes.get_xlim(), axes.get_ylim()
    x, y = (at[0] - x0) / (x1 - x0) * wide, (at[1] - y0) / (y1 - y0) * high
    size = LETTER * len(text)
    for dx, dy, side in (
        (0.12, 0.0, "left"),
        (0.12, 0.17, "left"),
        (-0.12, 0.0, "right"),
        (-0.12, 0.17, "right"),
        (0.12, -0.17, "left"),
        (-0.12, -0.17, "right"),
        (0.12, 0.34, "left"),
        (0.12, 0.51, "left"),
        (0.12, 0.68, "left"),
    ):
        low = x + dx - (size if side == "right" else 0.0)
        place = (low, y + dy - LINE / 2, low + size, y + dy + LINE / 2)
        inside = place[0] > 0 and place[2] < wide and place[1] > -0.05 and place[3] < high
        if inside and not any(_touch(place, other) for other in taken):
            taken.append(place)
            back = {"facecolor": paper.paper, "edgecolor": "none", "pad": 0.8, "alpha": 0.8}
            axes.annotate(
                text, at, xytext=(72 * dx, 72 * dy), textcoords="offset points", fontsize=8.5, va="center", ha=side,
                color=colour or paper.ink, bbox=back, zorder=7,
            )  # fmt: skip
            return


def _touch(a: tuple[float, float, float, float], b: tuple[float, float, float, float]) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]
