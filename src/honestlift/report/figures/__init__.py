"""The figures of a study, each drawn from one of the result's tables or from its estimates.

Matplotlib is imported when one is drawn, not before.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Literal

from honestlift.report.figures.balance import balance, differences
from honestlift.report.figures.canvas import Look, draw, look
from honestlift.report.figures.categories import categories, levels
from honestlift.report.figures.caterpillar import caterpillar, workspaces
from honestlift.report.figures.contamination import contamination, leaks
from honestlift.report.figures.contours import contours, surface
from honestlift.report.figures.density import density, groups
from honestlift.report.figures.dose import dose, doses
from honestlift.report.figures.forest import forest, roads
from honestlift.report.figures.monitoring import looks, monitoring
from honestlift.report.figures.over_time import by_period, event_study
from honestlift.report.figures.overlap import overlap, sides
from honestlift.report.figures.placebo import alarms, placebo
from honestlift.report.figures.segments import levels as segment_levels
from honestlift.report.figures.segments import segments
from honestlift.report.figures.weights import effective, weights
from honestlift.report.over_time import after
from honestlift.result import Lift

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["FIGURES", "figure_bytes", "figures_of"]

FIGURES: dict[str, Callable[[Lift, Look], Figure]] = {
    "forest": forest,
    "density": density,
    "dose": dose,
    "contamination": contamination,
    "caterpillar": caterpillar,
    "event_study": event_study,
    "over_time": by_period,
    "monitoring": monitoring,
    "segments": segments,
    "placebo": placebo,
    "categories": categories,
    "overlap": overlap,
    "balance": balance,
    "contours": contours,
    "weights": weights,
}

NUMBERS: dict[str, Callable[[Lift], bool]] = {
    "forest": lambda lift: bool(roads(lift)),
    "density": lambda lift: bool(groups(lift)),
    "dose": lambda lift: len(doses(lift)) > 1,
    "contamination": lambda lift: len(leaks(lift)) > 1,
    "caterpillar": lambda lift: len(workspaces(lift)) > 1,
    "event_study": lambda lift: "since" in lift.tables and bool(after(lift)),
    "over_time": lambda lift: "over_time" in lift.tables and len(after(lift)) > 1,
    "monitoring": lambda lift: len(looks(lift)) > 1,
    "segments": lambda lift: any(row["estimate"] is not None for row in segment_levels(lift)),
    "placebo": lambda lift: bool(alarms(lift)),
    "categories": lambda lift: bool(levels(lift)),
    "overlap": lambda lift: bool(sides(lift)),
    "balance": lambda lift: bool(differences(lift)),
    "contours": lambda lift: surface(lift) is not None,
    "weights": lambda lift: bool(effective(lift)),
}
"""Whether a result holds the numbers of a figure."""


def figures_of(lift: Lift) -> list[str]:
    """The figures whose numbers the result holds."""
    return [name for name in FIGURES if NUMBERS[name](lift)]


def figure_bytes(
    lift: Lift, name: str, kind: Literal["svg", "png"] = "svg", *, dark: bool = False, narrow: bool = False, dpi: float = 200
) -> bytes:
    """One figure as SVG or PNG; the same result gives the same bytes.

    Args:
        lift: the result.
        name: one of ``figures_of``.
        kind: ``svg`` or ``png``.
        dark: in the dark colours.
        narrow: for a phone.
        dpi: pixels per inch of a PNG.

    Raises:
        LookupError: if the result does not hold the figure's numbers; the message lists what there is.
    """
    if name not in figures_of(lift):
        raise LookupError(f"The result has no numbers for a figure {name!r}. Expected one of {figures_of(lift)}.")
    return draw(lambda paper: FIGURES[name](lift, paper), look(dark=dark, narrow=narrow), kind, dpi)
