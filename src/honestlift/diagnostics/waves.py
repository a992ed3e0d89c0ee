"""May the effect of a roll-out in waves be believed: parallel trends, a constant effect, and somebody to compare with."""

from __future__ import annotations

import math

from honestlift.diagnostics.balance import CAUTION
from honestlift.report import words
from honestlift.result import Check, Interval, Level

FEWEST = 10
"""Workspaces on a side, and degrees of freedom, below which the jackknife is a rough one (docs/explanation/coverage-waves.md)."""

MOSTLY = 0.5
"""Share of the treated rows without a comparison beyond which the number speaks of less than half of the roll-out."""


def one_workspace(users: int, moved: int) -> Check:
    """Does every user stay in one workspace? One that moves takes the feature along, or leaves it.

    Args:
        users: different users.
        moved: workspaces that they have beyond their first.
    """
    said = f"Each of the {words.count(users, 'user')} stays in one workspace."
    if moved:
        said = f"Users have rows in {words.count(moved, 'further workspace')} beyond their first "
        said += f"({words.percent(moved / users)} of {words.count(users, 'user')})."
    return Check(
        code="unit_in_clusters",
        level="caution" if moved else "ok",
        statement=said,
        remedy="See whether they moved towards the feature, or away from it; leave them out if they did." if moved else "",
        evidence={"users": users, "moved": moved},
    )


def no_comparison(cells: int, left_out: int, rows: tuple[int, int], last: int | None) -> Check:
    """For which of the treated rows is there anybody to compare with?

    Args:
        cells: periods of waves that have a comparison.
        left_out: those that have none.
        rows: treated rows with a comparison, and without.
        last: the last period in which there is one.
    """
    share = rows[1] / max(sum(rows), 1)
    evidence = {"compared": cells, "left_out": left_out, "rows_compared": rows[0], "rows_left_out": rows[1], "last_period": last}
    if not left_out:
        said = (
            f"In each of the {words.count(cells, 'treated period')} of the waves there are workspaces that wait, or never start."
        )
        return Check(code="no_comparison", level="ok", statement=said, remedy="", evidence=evidence)
    said = f"In {left_out:,} of {words.count(cells + left_out, 'treated period')} of the waves nobody is left to compare with, so that "
    said += f"{words.percent(share)} of the treated rows say nothing of the effect: it speaks of the others, up to period {last}."
    return Check(
        code="no_comparison",
        level="caution" if share > MOSTLY else "ok",
        statement=said,
        remedy="Keep workspaces that wait, or that never start, for as long as the effect is asked for."
        if share > MOSTLY
        else "",
        evidence=evidence,
    )


def few_in_waves(treated: int, waiting: int, smallest: int, df: float | None) -> Check:
    """Are there workspaces enough on either side?

    Args:
        treated: workspaces of waves that have a comparison.
        waiting: workspaces that serve as one.
        smallest: those of the smallest such wave.
        df: degrees of freedom of the headline; None before the outcomes.
    """
    fewest = min(treated, waiting)
    rough = fewest < FEWEST or (df is not None and df < FEWEST)
    level: Level = "stop" if fewest < 3 or (df is not None and df < 3) else "caution" if rough else "ok"
    said = f"{words.count(treated, 'workspace')} with the feature ({smallest:,} in the smallest wave) stand against {waiting:,} that wait "
    said += "or never start" + ("." if df is None else f"; the interval uses {df:.1f} degrees of freedom.")
    remedy = {
        "ok": "",
        "caution": "Read the interval as a rough one: the jackknife knows how workspaces differ from these few alone.",
        "stop": "Roll out to more workspaces at once, and let more wait: so few cannot show how much workspaces differ by themselves.",
    }[level]
    evidence = {"treated": treated, "waiting": waiting, "smallest_wave": smallest, "df": df}
    return Check(code="few_clusters", level=level, statement=said, remedy=remedy, evidence=evidence)


def no_period_before(metric: str) -> Check:
    """The order of the waves was chosen, and there is nothing from before them: who came first may have been better all along."""
    said = f"No wave has a period before its start in which {words.clean(metric)} could be compared: who came first may have been better."
    remedy = "Add periods from before the roll-out; or say `randomized: true`, if the order of the waves was drawn by lot."
    return Check(code="pre_trends", level="stop", statement=said, remedy=remedy, evidence={}, metric=metric)


def pre_trends(metric: str, drift: float, interval: Interval) -> Check:
    """Did the waves move alike before they started? The slope of the gap per period, tested.

    Args:
        metric: the metric.
        drift: change per period of the gap between a wave and those that start later; NaN without two periods before a start.
        interval: its interval.
    """
    if math.isnan(interval.p_value):
        said = f"Whether the waves moved alike in {words.clean(metric)} before they started cannot be seen: no wave has two periods there."
        return Check(code="pre_trends", level="ok", statement=said, remedy="", evidence={}, metric=metric)
    p = interval.p_value
    level: Level = "stop" if p < 0.001 else "caution" if p < CAUTION else "ok"
    places = words.places_of(interval.low, interval.high)
    said = f"Before the start the gap between a wave and those that start later moved by {words.signed(drift, places)} per period in "
    said += f"{words.clean(metric)} ({words.interval(interval.low, interval.high, places)}; {words.p_value(p)})"
    said += ": they moved alike, as far as can be seen." if level == "ok" else ": they did not move alike."
    remedy = (
        "" if level == "ok" else "Find out what set the waves apart before they had the feature: it will have gone on afterwards."
    )
    evidence = {"drift": drift, "conf_low": interval.low, "conf_high": interval.high, "p_value": p}
    return Check(code="pre_trends", level=level, statement=said, remedy=remedy, evidence=evidence, metric=metric)


def anticipation(metric: str, gap: float, interval: Interval) -> Check:
    """Did anybody act before the start? The gap of the last period before it, from what it was on average."""
    p = interval.p_value
    level: Level = "caution" if p < CAUTION else "ok"
    places = words.places_of(interval.low, interval.high)
    said = (
        f"In the last period before the start {words.clean(metric)} was {words.signed(gap, places)} from what the gap had been "
    )
    said += f"({words.interval(interval.low, interval.high, places)}; {words.p_value(p)})"
    said += "." if level == "ok" else ": somebody may have acted before it."
    remedy = (
        "" if level == "ok" else "See whether the feature was there before its date, or announced; set `start` to that period."
    )
    evidence = {"gap": gap, "conf_low": interval.low, "conf_high": interval.high, "p_value": p}
    return Check(code="anticipation", level=level, statement=said, remedy=remedy, evidence=evidence, metric=metric)


def trend_bound(metric: str, low: float, high: float, reach: float, drift: float | None) -> Check:
    """How fast could the waves have drifted apart after the start before the sign of the effect is lost?

    If trends part by at most D per period, whichever way and however unevenly, the effect is off by at most D times ``reach``, the mean
    distance of the treated periods from those before the start; the interval then reaches from low − D·reach to high + D·reach.

    Args:
        metric: the metric.
        low: lower end of the headline's interval.
        high: its upper end.
        reach: that distance, in periods.
        drift: what was seen before the start, per period; None where it could not be.

    Source:
        Rambachan & Roth (2023), Review of Economic Studies 90: restrictions that bound the change of the difference in trends.
    """
    nearest = 0.0 if low <= 0 <= high else min(abs(low), abs(high))
    bound = nearest / reach
    evidence = {"breakdown": bound, "reach": reach, "drift": drift}
    name = words.clean(metric)
    if not nearest:
        said = f"The interval of {name} holds zero as it is; no drift of the waves is needed to explain the effect."
        return Check(code="trend_bound", level="ok", statement=said, remedy="", evidence=evidence, metric=metric)
    places = words.decimals(bound)
    said = f"Had the waves drifted apart by more than {words.number(bound, places)} per period without the feature, the effect on {name} "
    said += "could be none"
    if drift is None:
        said += "; no drift before the start could be looked at."
    else:
        said += f"; before the start they drifted by {words.signed(drift, places)}."
    level: Level = "caution" if drift is not None and abs(drift) >= bound else "ok"
    remedy = "" if level == "ok" else "The drift that was seen before the start would explain the effect, if it went on."
    return Check(code="trend_bound", level=level, statement=said, remedy=remedy, evidence=evidence, metric=metric)


def effect_over_time(metric: str, change: float, interval: Interval, ends: tuple[float, float], *, rolled: bool = True) -> Check:
    """Is the effect the same however long ago it began? The slope over the periods, tested.

    Args:
        metric: the metric.
        change: change of the effect per period.
        interval: its interval.
        ends: the fitted effect in the first of the periods and in the last.
        rolled: whether periods are counted from each wave's start.
    """
    p = interval.p_value
    level: Level = "caution" if p < CAUTION else "ok"
    places = words.places_of(interval.low, interval.high)
    counted = "period since the start" if rolled else "period"
    said = f"The effect on {words.clean(metric)} changes by {words.signed(change, places)} per {counted} "
    said += f"({words.interval(interval.low, interval.high, places)}; {words.p_value(p)} for none)"
    said += "." if level == "ok" else f": {_shape(ends)}."
    remedy = "" if level == "ok" else "Quote the effect by period beside the average, and ask again when it has settled."
    evidence = {"change": change, "conf_low": interval.low, "conf_high": interval.high, "p_value": p}
    return Check(code="effect_over_time", level=level, statement=said, remedy=remedy, evidence=evidence, metric=metric)


def _shape(ends: tuple[float, float]) -> str:
    """What a change means: novelty, growth, or a turn."""
    first, last = ends
    if first * last < 0:
        return "it changes its sign"
    if abs(last) < abs(first):
        return "it wears off, as novelty does"
    return "it grows, as what spreads or is learnt does"
