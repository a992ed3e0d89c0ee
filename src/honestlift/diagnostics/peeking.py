"""Was an interval that is made for one look read repeatedly?"""

from __future__ import annotations

from honestlift.report import words
from honestlift.result import Check


def peeking(metric: str, looks: int, fixed: tuple[float, float], always: tuple[float, float], level: float) -> Check:
    """A caution where the interval for one look leaves out zero and the one that holds at all looks does not.

    Args:
        metric: the metric.
        looks: number of looks so far.
        fixed: the headline's interval.
        always: the confidence sequence at this look.
        level: nominal coverage.
    """
    claims, holds = (not low <= 0 <= high for low, high in (fixed, always))
    places = words.places_of(*always)
    text = f"This is look {looks:,}. An interval that may be read at every look is {words.interval(*always, places)}"
    early = looks > 1 and claims and not holds
    remedy = ""
    if early:
        text += f"; the one for a single look, {words.interval(*fixed, places)}, leaves out zero, as it does sooner or later by chance."
        remedy = "Decide by the interval for every look, or wait for the look that was planned."
    else:
        text += "."
    evidence = {
        "looks": looks,
        "conf_low": fixed[0],
        "conf_high": fixed[1],
        "always_low": always[0],
        "always_high": always[1],
        "level": level,
    }
    return Check(
        code="peeking", level="caution" if early else "ok", statement=text, remedy=remedy, evidence=evidence, metric=metric
    )
