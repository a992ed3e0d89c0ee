"""Weights: what share of each group's users is left, in effect, once they stand for the people of an estimand."""

# pyright: reportUnknownMemberType=false

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from honestlift.report import words
from honestlift.report.asked import records
from honestlift.report.figures.canvas import Look, number_line, sheet
from honestlift.report.gate import refused
from honestlift.report.names import ESTIMANDS
from honestlift.result import Lift

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

THIN = 0.2
"""Share of a group's users below which few carry the number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Effective:
    """A group under the weights of an estimand: its users, what they are worth, and its heaviest user's share."""

    estimand: str
    group: str
    users: int
    worth: float
    largest: float

    @property
    def share(self) -> float:
        """Effective users over users."""
        return self.worth / self.users


def effective(lift: Lift) -> list[Effective]:
    """Both groups under every estimand of the study, the headline's first."""
    found = [
        Effective(
            estimand=r["estimand"],
            group=r["group"],
            users=r["users"],
            worth=r["effective"],
            largest=r["largest_share"],
        )
        for r in records(lift, "weights")
    ]
    first = lift.headline().estimand
    order = list(dict.fromkeys(w.estimand for w in found))
    return sorted(found, key=lambda w: (w.estimand != first, order.index(w.estimand), w.group != "opted in"))


def weights(lift: Lift, paper: Look) -> Figure:
    """Draw it."""
    found, no = effective(lift), refused(lift)
    groups = {e: [w for w in found if w.estimand == e] for e in dict.fromkeys(w.estimand for w in found)}
    step, head = (0.46 if paper.narrow else 0.28), 0.34
    tall = head * len(groups) + step * len(found) + 0.06
    height = tall + 0.56
    figure = sheet(paper, height)
    left, right = (0.03, 0.07) if paper.narrow else (0.16, 0.24)
    inner = 1 - left - right
    axes = figure.add_axes((left, 0.52 / height, inner, tall / height))
    axes.set_xlim(-0.02, 1.02)
    axes.set_ylim(tall, 0)
    axes.set_yticks([])
    number_line(
        axes,
        paper,
        [(v, f"{100 * v:.0f} %") for v in (0, 0.25, 0.5, 0.75, 1.0)],
        "Effective users, as a share of the group; dashed: 20 %",
    )
    axes.axvline(THIN, color=paper.ink, linewidth=1, linestyle=(0, (3, 2)), zorder=1)
    edges = (0.0, 1.0) if paper.narrow else ((0.006 - left) / inner, 1 + (right - 0.006) / inner)
    y = 0.0
    for estimand, rows in groups.items():
        name = estimand if paper.narrow and estimand in no else ESTIMANDS.get(estimand, estimand)
        name += ": refused" if estimand in no else ""
        colour = paper.fail if estimand in no else paper.ink
        _say(axes, edges[0], y + 0.22, name, paper, fontsize=9, fontweight="bold", color=colour)
        y += head
        for w in rows:
            _group(axes, w, y, step, edges, paper)
            y += step
    return figure


def _say(axes: Axes, x: float, y: float, text: str, paper: Look, **more: Any) -> None:
    back = {"facecolor": paper.paper, "edgecolor": "none", "pad": 0.8}
    options: dict[str, Any] = {"fontsize": 8.5, "va": "center", "bbox": back, "zorder": 5} | more
    axes.text(x, y, text, transform=axes.get_yaxis_transform(), **options)


def _group(axes: Axes, w: Effective, y: float, step: float, edges: tuple[float, float], paper: Look) -> None:
    """One group's share as a line with its shape at the end, and the counts."""
    at, label = y + (0.74 if paper.narrow else 0.5) * step, y + (0.3 if paper.narrow else 0.5) * step
    colour, shape = paper.arm(w.group), "o" if w.group == "opted in" else "s"
    axes.plot([0, w.share], [at, at], color=colour, linewidth=1.8, zorder=3)
    axes.plot([w.share], [at], shape, color=colour, markersize=7, markeredgewidth=0, zorder=4)
    said = f"{w.worth:,.0f} of {w.users:,}" + ("" if paper.narrow else f" ({words.percent(w.share)})")
    _say(axes, edges[0], label, w.group, paper)
    _say(axes, edges[1], label, said, paper, ha="right")
