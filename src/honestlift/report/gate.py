"""What the data refuse to answer, and how much of a raw difference is selection: read back from an opt-in result."""

from __future__ import annotations

from dataclasses import dataclass

from honestlift.report import words
from honestlift.report.asked import estimates_of, records
from honestlift.result import Estimate, Lift

GATE = ("overlap", "max_weight_share", "weighted_smd")
"""Checks that open or close the gate of one estimand."""

NAIVE = ("naive_ols", "naive")
"""The methods that take users as they come."""


def refused(lift: Lift) -> dict[str, str]:
    """Estimands that the data do not support, each with the reason that was found first."""
    made: dict[str, str] = {}
    for check in lift.checks:
        base, _, estimand = check.code.partition(":")
        if base in GATE and estimand and check.level == "stop":
            made.setdefault(estimand, check.statement.removeprefix(f"{estimand}: ").partition(". ")[0].rstrip("."))
    return made


def is_trimmed(lift: Lift) -> bool:
    """Whether users were left out for their propensity, so that the effect is on those kept."""
    return any(r["population"] == "trimmed" for r in records(lift, "trimming"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """A raw difference and what is left of it once users are made alike.

    Attributes:
        raw, left, gone: the raw difference, the effect that is left, and raw − left, in the metric's unit.
        text: ``Selection removed: 12.6 of 21.1 points``.
    """

    raw: float
    left: float
    gone: float
    text: str


def selection(naive: Estimate | None, honest: Estimate | None) -> Selection | None:
    """How much of the raw difference is who the users are; None where one of the numbers is missing."""
    if naive is None or honest is None or naive.estimate is None or honest.estimate is None:
        return None
    raw, left = naive.estimate, honest.estimate
    gone = raw - left
    scale, unit, places = 1.0, "", words.places_of(honest.conf_low, honest.conf_high)
    if honest.scale == "risk difference":
        scale, unit, places = 100.0, " points", max(1, places - 2)

    def said(value: float) -> str:
        return words.number(scale * abs(value), places)

    if gone * raw >= 0 and abs(gone) <= abs(raw):
        text = f"Selection removed: {said(gone)} of {said(raw)}{unit}"
    elif raw * left > 0:
        text = f"Selection hid {said(gone)}{unit}: {words.signed(scale * raw, places)} raw, {words.signed(scale * left, places)} left"
    else:
        text = (
            f"Selection turned the sign: {words.signed(scale * raw, places)} raw, {words.signed(scale * left, places)}{unit} left"
        )
    return Selection(raw=raw, left=left, gone=gone, text=text)


def naive_of(lift: Lift, e: Estimate) -> Estimate | None:
    """The naive number beside an honest one: of the same metric, and of the same estimand where there are several."""
    rows = [o for o in estimates_of(lift, e.metric) if o.method in NAIVE]
    return next((o for o in rows if o.estimand == e.estimand), rows[0] if rows else None)


def share_of_selection(lift: Lift, e: Estimate) -> Selection | None:
    """The selection behind a headline of an opt-in study."""
    return selection(naive_of(lift, e), e) if e.identified == "observational" else None
