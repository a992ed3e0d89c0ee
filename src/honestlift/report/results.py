"""The results as the page shows them: for each metric its rows, naive to honest, and where each interval lies on the line."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from honestlift.report import words
from honestlift.report.asked import Asked, asked, estimates_of
from honestlift.report.axis import Axis, axis
from honestlift.report.names import ESTIMANDS, FADED, ROADS, VARIANTS, estimand, is_road
from honestlift.report.names import road as road_name
from honestlift.result import Estimate, Lift

FULL = 6
"""Metrics up to which each shows all its roads; beyond it the others show the naive and the honest number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """An interval on the line, in percent of its width; no ends where there is no interval."""

    at: float
    low: float | None
    width: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One number: what it is, how it was reached, and how it is drawn.

    Attributes:
        what: the estimand.
        road: the method.
        note: what must be said beside it; empty mostly.
        tone: ``naive``, ``honest``, ``headline`` or ``association``.
        effect, ends, share: the number, its interval and its share of the control mean, in words.
        bar: where it lies; None where it is undefined.
    """

    what: str
    road: str
    note: str
    tone: str
    effect: str
    ends: str
    share: str
    bar: Bar | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A metric, its rows on one line, and the other metrics' words for it."""

    metric: Asked
    level: str
    rows: tuple[Row, ...]
    line: Axis
    margin: str = ""
    margin_at: float | None = None


def blocks(lift: Lift) -> list[Block]:
    """The metrics that are no guardrails, the primary one first; main roads only."""
    metrics = [m for m in asked(lift) if m.role != "guardrail"]
    return [_block(lift, m, full=i == 0 or len(metrics) <= FULL) for i, m in enumerate(metrics)]


def _block(lift: Lift, metric: Asked, *, full: bool) -> Block:
    roads = [e for e in estimates_of(lift, metric.name) if is_road(e) and e.method != "cluster_wls"]
    kept = [e for e in roads if full or e.headline or e.method == "naive_ols"]
    return _drawn(metric, kept)


def variants(lift: Lift, metric: Asked) -> Block:
    """Every number of a metric: each road with each variance."""
    rows = sorted(estimates_of(lift, metric.name), key=_place)
    return _drawn(metric, rows, named=True)


def _place(e: Estimate) -> tuple[int, int, bool]:
    """Estimands in the order of the page, naive roads first, each road followed by its other variances."""
    estimands, roads, base = list(ESTIMANDS), list(ROADS), e.method.partition(":")[0]
    first = estimands.index(e.estimand) if e.estimand in estimands else len(estimands)
    return (first, roads.index(base) if base in roads else len(roads), ":" in e.method)


def _drawn(metric: Asked, estimates: Sequence[Estimate], *, named: bool = False) -> Block:
    line = axis(v for e in estimates for v in (e.estimate, e.conf_low, e.conf_high))
    rows = tuple(_row(e, line, named=named) for e in estimates)
    return Block(metric=metric, level=words.level(estimates[0].level), rows=rows, line=line)


def _row(e: Estimate, line: Axis, *, named: bool = False) -> Row:
    places = words.places_of(e.conf_low, e.conf_high)
    return Row(
        what=estimand(e),
        road=road(e) if named else road_name(e),
        note=note(e),
        tone=tone(e),
        effect=words.signed(e.estimate, places),
        ends=ends(e, places),
        share=words.percent(e.relative.estimate if bounded(e) else None, sign=True),
        bar=_bar(e.estimate, e.conf_low, e.conf_high, line),
    )


def ends(e: Estimate, places: int) -> str:
    """The interval in words; an end that does not exist is a dash."""
    return "no interval" if e.conf_low is None and e.conf_high is None else words.interval(e.conf_low, e.conf_high, places)


def bounded(e: Estimate) -> bool:
    """Whether a share of the control mean says anything: not where that mean may be zero."""
    return e.relative.estimate is not None and (e.conf_low is None or e.relative.conf_low is not None)


def road(e: Estimate) -> str:
    """The method with its variance, in words."""
    base, _, variance = e.method.partition(":")
    return ROADS.get(base, base) + (f", {VARIANTS.get(variance, variance)}" if variance else "")


def note(e: Estimate) -> str:
    """What must be said beside a number."""
    if e.method == "published_rollout":
        return "as published; not what a launch does"
    return {"association": "an association", "observational": "observational"}.get(e.identified, "")


def tone(e: Estimate) -> str:
    """Whose colour and shape a number bears."""
    if e.method.partition(":")[0] in FADED:
        return "naive"
    return "headline" if e.headline else "honest" if e.identified == "randomized" else "association"


def _bar(at: float | None, low: float | None, high: float | None, line: Axis) -> Bar | None:
    if at is None:
        return None
    if low is None or high is None:
        return Bar(at=line.at(at), low=None, width=None)
    return Bar(at=line.at(at), low=line.at(low), width=round(line.at(high) - line.at(low), 2))


def guardrails(lift: Lift) -> list[Block]:
    """The guardrails, as shares of the control mean, with the margin on the line."""
    return [_guardrail(lift, m) for m in asked(lift) if m.role == "guardrail"]


def _guardrail(lift: Lift, metric: Asked) -> Block:
    estimates = [e for e in estimates_of(lift, metric.name) if e.headline or e.method == "naive_ols"]
    edge = (metric.margin or 0.0) * (-1 if metric.better == "higher" else 1)
    line = axis([*_shares(estimates), edge], scale=100, unit=" %")
    return Block(
        metric=metric,
        level=words.level(estimates[0].level),
        rows=tuple(_share_row(e, line) for e in estimates),
        line=line,
        margin=words.percent(metric.margin or 0.0),
        margin_at=line.at(edge),
    )


def _shares(estimates: Sequence[Estimate]) -> Iterable[float | None]:
    return (v for e in estimates for v in (e.relative.estimate, e.relative.conf_low, e.relative.conf_high))


def _share_row(e: Estimate, line: Axis) -> Row:
    share, places = e.relative, words.places_of(e.conf_low, e.conf_high)
    low, high = share.conf_low, share.conf_high
    digits = words.places_of(100 * low, 100 * high) if low is not None and high is not None else None
    ends = f"{words.percent(low, digits, sign=True)} to {words.percent(high, digits, sign=True)}"
    return Row(
        what=estimand(e),
        road=road_name(e),
        note=note(e),
        tone=tone(e),
        effect=words.percent(share.estimate, digits, sign=True),
        ends=ends if digits is not None else "no interval",
        share=words.signed(e.estimate, places),
        bar=_bar(share.estimate, low, high, line),
    )
