"""A first plan of a roll-out in waves from the columns of a table: when rows are, and when their clusters began."""

from __future__ import annotations

from collections.abc import Sequence

from honestlift.plan.guess import ColumnSketch, Given
from honestlift.plan.vocabulary import ARM_WORDS, BEGIN, PERIODS
from honestlift.plan.write import scalar


def guess_times(columns: Sequence[ColumnSketch], given: Given) -> tuple[ColumnSketch | None, ColumnSketch | None]:
    """The columns of the period and of the start: as they are named, else whole numbers with the name of a time.

    Args:
        columns: what is known of each.
        given: roles that the user names; ``treatment`` is the start.
    """
    by_name = {c.name: c for c in columns}
    times = [c for c in columns if c.kind == "integer" and c.distinct > 1 and PERIODS & set(c.words)]
    begins = [c for c in times if (ARM_WORDS | BEGIN) & set(c.words)]
    start = by_name.get(given.treatment or "") or (begins[0] if begins else None)
    others = [c for c in times if c not in (start, *begins)]
    period = by_name.get(given.period or "") or (max(others, key=lambda c: c.distinct) if others else None)
    return period, start


def times_lines(period: ColumnSketch | None, start: ColumnSketch | None) -> list[str]:
    """The lines of the design that say when."""
    if period is None:
        lines = ["  # FILL IN: no column suggests itself. Name the whole number that says in which period a row is.", "  period:"]
    else:
        lines = [
            f"  # A whole number with the name of a time: {period.distinct:,} different values. Check that rows lie in these periods.",
            f"  period: {scalar(period.name)}",
        ]
    if start is None:
        return [
            *lines,
            "  # FILL IN: no column suggests itself. Name the period from which the row's cluster had the feature.",
            "  start:",
        ]
    return [
        *lines,
        f"  # The name of a beginning: {start.distinct:,} different values. Check that it is the period from which the row's cluster",
        "  # had the feature, on the scale of `period`, and that it is empty for clusters that never got it.",
        f"  start: {scalar(start.name)}",
        "  base: all  # the periods before its start that a wave is compared with: all, or the last",
        "  randomized: false  # true only if it was drawn by lot which clusters come first",
    ]
