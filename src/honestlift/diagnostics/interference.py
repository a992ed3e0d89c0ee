"""Does the treatment of some reach others?"""

from __future__ import annotations

from honestlift.report import words
from honestlift.result import Check, Estimate, Interval


def randomizations(metric: str, effects: tuple[Estimate, Estimate], difference: float, z: float, interval: Interval) -> Check:
    """Effects by workspaces and by users: apart by more than chance lets them be?

    Args:
        metric: the metric.
        effects: by workspaces, by users.
        difference: the first minus the second.
        z: the difference over its standard error.
        interval: of the difference.
    """
    places = words.places_of(interval.low, interval.high)
    told = [words.signed(e.estimate, places) for e in effects]
    differs = interval.low > 0 or interval.high < 0
    text = f"{words.clean(metric)}: {told[0]} where workspaces were randomized, {told[1]} where users were; the difference of "
    ends = words.interval(interval.low, interval.high, places)
    text += f"{words.signed(difference, places)} ({words.level(interval.level)} interval {ends}, "
    text += f"Z = {words.signed(z)}, {words.p_value(interval.p_value)}) "
    text += "says that the treatment of some reaches others." if differs else "is no more than chance may give."
    remedy = "Believe the workspaces: users who were randomized one by one reach each other's control group." if differs else ""
    return Check(
        code="interference",
        level="caution" if differs else "ok",
        statement=text,
        remedy=remedy,
        evidence={
            "by_cluster": effects[0].estimate,
            "by_user": effects[1].estimate,
            "difference": difference,
            "std_error": interval.std_error,
            "conf_low": interval.low,
            "conf_high": interval.high,
            "z": z,
            "df": interval.df,
            "p_value": interval.p_value,
        },
        metric=metric,
    )
