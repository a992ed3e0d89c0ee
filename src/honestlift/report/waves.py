"""A roll-out in waves, in words."""

from __future__ import annotations

import math
from typing import Any

from honestlift.report import words


def waves_text(found: Any) -> str:
    """The effect, whether it changes over time, whether the waves moved alike before, and what is assumed."""
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
