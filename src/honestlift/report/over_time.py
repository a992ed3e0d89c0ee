"""Effects over time in words: of a roll-out in waves by periods since the start, of an experiment by period."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from honestlift.report import words
from honestlift.report.asked import primary, records
from honestlift.result import Lift

MOST = 14
"""Periods that a terminal shows; of more the first and the last."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """The effect in one period, or before the start the gap.

    Attributes:
        at: the period, or how many since the start; negative before it.
        name: the same in words.
        estimate, low, high, p: the number, its interval, its p-value; None where they are not known.
        rows: rows of treated users behind it.
    """

    at: int
    name: str
    estimate: float
    low: float | None
    high: float | None
    p: float | None
    rows: int

    @property
    def told(self) -> tuple[str, str]:
        """The number and its interval."""
        places = words.places_of(self.low, self.high) if self.low is not None else 3
        ends = words.interval(self.low, self.high, places) if self.low is not None else "no interval"
        return words.signed(self.estimate, places), ends


def moments(lift: Lift) -> list[Moment]:
    """The effect on the primary metric over time; none where the result has no such numbers."""
    rolled = "since" in lift.tables
    found = records(lift, "since" if rolled else "over_time")
    key = "since" if rolled else "period"
    return [
        Moment(
            at=r[key],
            name=_when(r[key]) if rolled else f"{r[key]}",
            estimate=r["estimate"],
            low=r["conf_low"],
            high=r["conf_high"],
            p=r["p_value"],
            rows=r["treated_rows"],
        )
        for r in found
        if r["metric"] == primary(lift) and r["estimate"] is not None
    ]


def _when(since: int) -> str:
    if since == 0:
        return "the first period"
    return f"{words.count(since, 'period')} later" if since > 0 else f"{words.count(-since, 'period')} before"


def after(lift: Lift) -> list[Moment]:
    """The effects, without the gaps before the start."""
    return [m for m in moments(lift) if m.at >= 0 or "since" not in lift.tables]


def over_time(lift: Lift) -> RenderableType | None:
    """The effect over time as a terminal shows it; None where the result has no such numbers, or only one."""
    found = after(lift)
    if len(found) < 2:
        return None
    head = "since the start" if "since" in lift.tables else "by period"
    lines = [Text(f" Effect on {words.clean(primary(lift))} {head}", style="bold")]
    shown: Sequence[Moment | None] = found
    if len(found) > MOST:
        shown = [*found[: MOST - 5], None, *found[-4:]]
    width = max(len(m.name) for m in found) + 3
    numbers = max(len(m.told[0]) for m in found) + 2
    for m in shown:
        if m is None:
            lines.append(Text(f"   … {len(found) - MOST + 1:,} more in the result", style="dim"))
            continue
        said, ends = m.told
        lines.append(Text(f"   {m.name.ljust(width)}{said.rjust(numbers)}   {ends}"))
    return Group(*lines)


def pattern(lift: Lift) -> str:
    """How the effect goes over time, in a sentence: by the check that tested it."""
    found = [c for c in lift.checks if c.code == "effect_over_time" and c.metric == primary(lift)]
    return found[0].statement if found else ""


def waves_text(found: Any) -> str:
    """A roll-out in one call: the effect, whether it changes over time, whether the waves moved alike before, and what is assumed."""
    i, c, b = found.interval, found.change_interval, found.before_interval
    places = words.places_of(i.low, i.high)
    lines = [
        f"{words.clean(found.outcome)}: {words.signed(found.estimate, places)} ({words.level(i.level)} interval "
        f"{words.interval(i.low, i.high, places)}) in clusters that had the feature, against those that had it later or never."
    ]
    for told, what in ((c, "Change of the effect per period"), (b, "Drift of the gap per period before the start")):
        if not math.isnan(told.p_value):
            shown = words.interval(told.low, told.high, words.places_of(told.low, told.high))
            lines.append(f"{what}: {shown} ({words.p_value(told.p_value)} for none).")
    if found.unsupported:
        lines.append(
            f"Left out, for want of anybody to compare with: {words.count(found.unsupported, 'period of a wave', 'periods of waves')}."
        )
    first = "without the feature the waves would have moved alike" if found.compared_before else "the waves were drawn by lot"
    lines.append(f"Assumed: {first}; nobody acted before the start; nothing leaks from wave to wave.")
    return "\n".join(lines)
