"""Overlap: how likely each user was to opt in, the two groups mirrored, with the band in which both are found."""

# pyright: reportUnknownMemberType=false

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from honestlift.report import words
from honestlift.report.asked import primary, records
from honestlift.report.axis import Axis, axis
from honestlift.report.figures.canvas import Look, number_line, sheet, short
from honestlift.report.figures.categories import Level, widest
from honestlift.result import Lift

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LETTER = 0.078
"""Inches that a letter of a centre's label takes."""

MOST_CENTRES = 8

SPARSE = 0.13
"""Share of the line over which ten users of a group are few: there the group does not count as found."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One group: its bins of the propensity (low, high, users), its users, and the ends of where it is found in numbers."""

    name: str
    bins: tuple[tuple[float, float, int], ...]
    users: int
    low: float
    high: float

    def inside(self, low: float, high: float) -> float:
        """Users between two propensities; a bin that lies across an end counts in part."""
        parts = ((min(high, b) - max(low, a), b - a, n) for a, b, n in self.bins)
        return sum(n * max(width, 0.0) / whole for width, whole, n in parts)


def sides(lift: Lift) -> list[Side]:
    """The opted-in and the others; none where either is missing."""
    made: list[Side] = []
    for name in ("opted in", "others"):
        bins = tuple((r["low"], r["high"], r["users"]) for r in records(lift, "overlap") if r["group"] == name)
        if any(n for _, _, n in bins):
            made.append(_side(name, bins))
    return made if len(made) == 2 else []


def _side(name: str, bins: tuple[tuple[float, float, int], ...]) -> Side:
    """A group is found where its bins hold enough users without having been joined over much of the line."""
    widest = SPARSE * (bins[-1][1] - bins[0][0])
    dense = [b for b in bins if b[2] > 0 and b[1] - b[0] <= widest] or [b for b in bins if b[2] > 0]
    return Side(name=name, bins=bins, users=sum(n for _, _, n in bins), low=dense[0][0], high=dense[-1][1])


def band(found: list[Side]) -> tuple[float, float]:
    """Where both groups are found; empty (low above high) where they are nowhere together."""
    return max(s.low for s in found), min(s.high for s in found)


def trimmed(lift: Lift) -> tuple[float, float, float] | None:
    """The propensities that the study kept, and the share of users within them; None where it kept all."""
    row = next((r for r in records(lift, "trimming") if r["population"] == "trimmed" and r["metric"] == primary(lift)), None)
    return (row["low"], row["high"], row["share"]) if row else None


def overlap(lift: Lift, paper: Look) -> Figure:
    """Draw it."""
    found = sides(lift)
    low, high = min(s.low for s in found), max(s.high for s in found)
    line = axis([low, high], scale=100, unit=" %", marks=3 if paper.narrow else 6)
    left, right = (0.03, 0.03) if paper.narrow else (0.025, 0.025)
    width = (1 - left - right) * paper.width / (line.high - line.low)
    lines = _placed(widest(lift)[:MOST_CENTRES], line, width)
    top, rows, plot = 0.36, 0.2 * len(lines), 2.5
    height = plot + 0.62 + top + rows
    figure = sheet(paper, height)
    axes = figure.add_axes((left, 0.54 / height, 1 - left - right, plot / height))
    axes.set_xlim(line.low, line.high)
    axes.set_yticks([])
    most = _histogram(axes, found, paper)
    axes.set_ylim(-1.12 * most, 1.12 * most)
    _bands(axes, lift, found, line, paper)
    label = "Propensity: chance to opt in" + ("" if paper.narrow else ", from what was known before")
    number_line(axes, paper, [(v, text.lstrip("+")) for v, text in line.marks], label)
    for i, row in enumerate(lines):
        for level, x, side in row:
            y = 1 - (top + rows - 0.2 * i - 0.1) / height
            text = f"{short(level.name, 18)} {words.percent(level.propensity)}"
            at = left + (x - line.low) * width / paper.width
            figure.text(at, y, text, fontsize=8, color=paper.faint, ha=side, va="center")
        for level, _, _ in row:
            axes.plot([level.propensity] * 2, [1.12 * most, 1.04 * most], color=paper.ink, linewidth=1.2, clip_on=False, zorder=6)
    for side, x, align in ((found[0], left, "left"), (found[1], 1 - right, "right")):
        mark = "▲" if side is found[0] else "▼"
        text = f"{mark} {side.name}: " + (f"{side.users:,}" if paper.narrow else words.count(side.users, "user"))
        figure.text(x, 1 - 0.2 / height, text, ha=align, va="center", fontsize=9, color=paper.arm(side.name))
    return figure


def _histogram(axes: Axes, found: list[Side], paper: Look) -> float:
    """Both groups' shares per bin, the opted-in upwards; the greatest height."""
    narrowest = min(b - a for s in found for a, b, _ in s.bins)
    most = 0.0
    for side in found:
        up = 1.0 if side.name == "opted in" else -1.0
        heights = [up * n / side.users * narrowest / (b - a) for a, b, n in side.bins]
        edges = [side.bins[0][0], *(b for _, b, _ in side.bins)]
        axes.stairs(heights, edges, fill=True, color=paper.arm(side.name), alpha=0.8, linewidth=0, zorder=3)
        most = max(most, *(abs(h) for h in heights))
    axes.axhline(0, color=paper.ink, linewidth=0.9, zorder=4)
    return most


def _bands(axes: Axes, lift: Lift, found: list[Side], line: Axis, paper: Look) -> None:
    """Grey where a group has nobody to compare with; a hatch over what the study left out."""
    low, high = band(found)
    for a, b in ((line.low, min(low, high)), (max(low, high), line.high)) if low <= high else ((line.low, line.high),):
        axes.axvspan(a, b, color=paper.grid, alpha=0.55, linewidth=0, zorder=0)
    kept = trimmed(lift)
    for a, b in ((line.low, kept[0]), (kept[1], line.high)) if kept else ():
        if b > a:
            axes.axvspan(a, b, facecolor="none", edgecolor=paper.faint, hatch="///", linewidth=0, alpha=0.5, zorder=1)
            inner = b if a == line.low else a
            axes.axvline(inner, color=paper.ink, linewidth=1.1, linestyle=(0, (3, 2)), zorder=5)


def _placed(levels: list[Level], line: Axis, width: float) -> list[list[tuple[Level, float, str]]]:
    """Rows of labels that do not touch: each level, where its label stands, and its alignment."""
    rows: list[list[tuple[Level, float, str]]] = []
    ends: list[float] = []
    for level in sorted(levels, key=lambda c: c.propensity):
        letters = LETTER * (len(short(level.name, 18)) + 6) / width
        x = min(max(level.propensity, line.low + letters / 2), line.high - letters / 2)
        row = next((i for i, end in enumerate(ends) if x - letters / 2 > end + 0.1 / width), None)
        if row is None:
            rows.append([])
            ends.append(0.0)
            row = len(rows) - 1
        rows[row].append((level, x, "center"))
        ends[row] = x + letters / 2
    return rows
