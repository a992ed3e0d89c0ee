"""What the figure of the segments shows."""

from __future__ import annotations

from honestlift.report import words
from honestlift.report.asked import primary
from honestlift.report.captions.caption import Caption
from honestlift.report.figures.segments import MOST, levels
from honestlift.report.segments import effects, equality, found, numbers, tests
from honestlift.result import Lift


def segments(lift: Lift) -> Caption:
    """How many levels differ from zero after the correction, and whether they differ from each other."""
    metric = primary(lift)
    told = " ".join(equality(row) for row in tests(lift, metric))
    every = len(effects(lift, metric))
    more = f" The first {MOST} of {every} levels are drawn." if every > MOST else ""
    rows = [f"{words.clean(r['segment'])} = {words.clean(r['level'])}: {' '.join(numbers(r)[:2])}" for r in levels(lift)]
    return Caption(
        title=f"{words.clean(metric)} within segments",
        finding=f"{found(lift)} {told}{more}",
        alt=f"Effect on {words.clean(metric)} and its interval in every level. {'; '.join(rows)}.",
    )
