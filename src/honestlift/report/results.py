"""The results as the page shows them: for each metric its rows, naive to honest, and where each interval lies on the line."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace

from honestlift.report import words
from honestlift.report.asked import Asked, asked, estimates_of
from honestlift.report.axis import Axis, axis
from honestlift.report.gate import NAIVE, is_trimmed, naive_of, refused, share_of_selection
from honestlift.report.names import ESTIMANDS, FADED, ROADS, STEPS, VARIANTS, as_share, estimand, is_faded, is_road
from honestlift.report.names import road as road_name
from honestlift.result import Estimate, Lift

BESIDE = ("cluster_wls", "exposure_hajek", "two_exposure_ols", "difference_in_means", "surrounded", "surrounded_hajek")
"""Roads that stand among all roads only, where a collaboration graph opens better ones."""

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
        tone: ``naive``, ``honest``, ``headline``, ``association`` or ``refused``.
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
class Bracket:
    """From the honest number to the raw one on the line, in percent of its width, with what lies between in words."""

    low: float
    width: float
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A metric, its rows on one line, and the other metrics' words for it.

    Attributes:
        metric: what was asked.
        level: nominal coverage of the intervals, in words.
        rows: the numbers.
        line: the line that they share.
        whom: the estimand of all rows; empty where rows have their own.
        bracket: what selection took; None where nobody chose.
        margin, margin_at: of a guardrail, in words and on the line.
    """

    metric: Asked
    level: str
    rows: tuple[Row, ...]
    line: Axis
    whom: str = ""
    bracket: Bracket | None = None
    margin: str = ""
    margin_at: float | None = None


def blocks(lift: Lift) -> list[Block]:
    """The metrics that are no guardrails, the primary one first; main roads only."""
    metrics = [m for m in asked(lift) if m.role != "guardrail"]
    return [_block(lift, m, full=i == 0 or len(metrics) <= FULL) for i, m in enumerate(metrics)]


def _block(lift: Lift, metric: Asked, *, full: bool) -> Block:
    own = estimates_of(lift, metric.name)
    by_design = any(e.method == "exposure_strata_ols" for e in own)
    left = BESIDE if by_design else ("cluster_wls",)
    roads = [e for e in own if is_road(e) and e.method.partition(":")[0] not in left]
    kept = [e for e in roads if full or e.headline or e.method in NAIVE]
    if lift.kind != "opt_in":
        return _drawn(lift, metric, kept)
    honest = next(e for e in roads if e.headline)
    block = _drawn(lift, metric, [e for e in kept if e.estimand == honest.estimand], stepwise=True)
    gone = share_of_selection(lift, honest)
    at = sorted((block.line.at(gone.raw), block.line.at(gone.left))) if gone else [0.0, 0.0]
    bracket = Bracket(low=at[0], width=round(at[1] - at[0], 2), text=gone.text) if gone else None
    whom = ESTIMANDS.get(honest.estimand, honest.estimand) + (", among users kept" if is_trimmed(lift) else "")
    return replace(block, whom=whom, bracket=bracket)


def variants(lift: Lift, metric: Asked) -> Block:
    """Every number of a metric: each road with each variance."""
    rows = sorted(estimates_of(lift, metric.name), key=_place)
    return _drawn(lift, metric, rows, named=True)


def estimands(lift: Lift, metric: Asked) -> Block | None:
    """The same metric's effect on other people, by the headline's method; an estimand that the data refuse has no number."""
    rows = estimates_of(lift, metric.name)
    method = next(e.method for e in rows if e.headline)
    kept = sorted((e for e in rows if e.method == method), key=_place)
    if len(kept) < 2:
        return None
    no = refused(lift)
    shown = [e for e in kept if e.estimand not in no]
    line = axis(v for e in shown for v in (e.estimate, e.conf_low, e.conf_high))
    made = tuple(_refusal(e, no[e.estimand]) if e.estimand in no else replace(row(e, line), road="") for e in kept)
    return Block(metric=metric, level=words.level(kept[0].level), rows=made, line=line)


def _refusal(e: Estimate, why: str) -> Row:
    what = ESTIMANDS.get(e.estimand, e.estimand)
    return Row(what=what, road=why, note="", tone="refused", effect="–", ends="✗ refused", share="–", bar=None)


def _place(e: Estimate) -> tuple[int, int, bool]:
    """Estimands in the order of the page, naive roads first, each road followed by its other variances."""
    estimands, roads, base = list(ESTIMANDS), list(ROADS), e.method.partition(":")[0]
    first = estimands.index(e.estimand) if e.estimand in estimands else len(estimands)
    return (first, roads.index(base) if base in roads else len(roads), ":" in e.method)


def _drawn(lift: Lift, metric: Asked, estimates: Sequence[Estimate], *, named: bool = False, stepwise: bool = False) -> Block:
    line = axis(v for e in estimates for v in (e.estimate, e.conf_low, e.conf_high))
    no = refused(lift)
    rows = tuple(row(e, line, named=named, stepwise=stepwise, no=no) for e in estimates)
    return Block(metric=metric, level=words.level(estimates[0].level), rows=rows, line=line)


def row(e: Estimate, line: Axis, *, named: bool = False, stepwise: bool = False, no: Collection[str] = ()) -> Row:
    """A number in words, and where it lies on a line.

    Args:
        e: the estimate.
        line: what it is drawn on.
        named: say its variance too.
        stepwise: call it a step from the raw difference, not an estimand.
        no: estimands that the data refuse.
    """
    places = words.places_of(e.conf_low, e.conf_high)
    what, way = estimand(e), road(e) if named else road_name(e)
    if stepwise:
        what, way = STEPS.get(e.method, (ROADS.get(e.method, e.method), e.adjustment))
    return Row(
        what=what,
        road=way,
        note=_said(e, no),
        tone=tone(e, no),
        effect=words.signed(e.estimate, places),
        ends=ends(e, places),
        share=words.percent(as_share(e).estimate if bounded(e) else None, sign=True),
        bar=_bar(e.estimate, e.conf_low, e.conf_high, line),
    )


def _said(e: Estimate, no: Collection[str]) -> str:
    """What must be said beside a number of the page, where the whole page of an opt-in study says that it is observational."""
    if e.estimand in no and e.method not in FADED:
        return "refused"
    if e.method == "matching_nn:bootstrap":
        return "not valid for matching"
    return "" if e.identified == "observational" else note(e)


def ends(e: Estimate, places: int) -> str:
    """The interval in words; an end that does not exist is a dash."""
    return "no interval" if e.conf_low is None and e.conf_high is None else words.interval(e.conf_low, e.conf_high, places)


def bounded(e: Estimate) -> bool:
    """Whether a share of the control mean says anything: not where that mean may be zero."""
    return e.relative.estimate is not None and (e.conf_low is None or e.relative.conf_low is not None)


def road(e: Estimate) -> str:
    """The method with its variance, in words."""
    base, _, variance = e.method.partition(":")
    return road_name(e) if is_road(e) else f"{road_name(replace(e, method=base))}, {VARIANTS.get(variance, variance)}"


def note(e: Estimate) -> str:
    """What must be said beside a number."""
    if e.method == "published_rollout":
        return "as published; not what a launch does"
    return {"association": "an association", "observational": "observational"}.get(e.identified, "")


def tone(e: Estimate, no: Collection[str] = ()) -> str:
    """Whose colour and shape a number bears; ``no`` are the estimands that the data refuse."""
    if is_faded(e):
        return "naive"
    if e.estimand in no:
        return "refused"
    return "headline" if e.headline else "association" if e.identified == "association" else "honest"


def keys(lift: Lift) -> list[tuple[str, str]]:
    """The tones of the main rows, and what each says."""
    no = refused(lift)
    shown = [e for e in lift.estimates if is_road(e)]
    tones = {tone(e, no) for e in shown if lift.kind != "opt_in" or e.estimand == lift.headline(e.metric).estimand}
    said = {
        "naive": "naive" if lift.kind != "opt_in" else "raw: users as they are",
        "headline": "honest: the number to quote is the bold one",
        "association": "an association",
        "refused": "not to be quoted: the data do not support it",
    }
    return [(name, text) for name, text in said.items() if name in tones]


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
    honest = next(e for e in estimates_of(lift, metric.name) if e.headline)
    naive = naive_of(lift, honest)
    estimates = [naive, honest] if naive else [honest]
    edge = (metric.margin or 0.0) * (-1 if metric.better == "higher" else 1)
    line = axis([*_shares(estimates), edge], scale=100, unit=" %")
    return Block(
        metric=metric,
        level=words.level(estimates[0].level),
        rows=tuple(_share_row(e, line, refused(lift)) for e in estimates),
        line=line,
        margin=words.percent(metric.margin or 0.0),
        margin_at=line.at(edge),
    )


def _shares(estimates: Sequence[Estimate]) -> Iterable[float | None]:
    return (v for e in estimates for v in (as_share(e).estimate, as_share(e).conf_low, as_share(e).conf_high))


def _share_row(e: Estimate, line: Axis, no: Collection[str]) -> Row:
    share, places = as_share(e), words.places_of(e.conf_low, e.conf_high)
    low, high = share.conf_low, share.conf_high
    digits = words.places_of(100 * low, 100 * high) if low is not None and high is not None else None
    ends = f"{words.percent(low, digits, sign=True)} to {words.percent(high, digits, sign=True)}"
    return Row(
        what=estimand(e),
        road=road_name(e),
        note=_said(e, no),
        tone=tone(e, no),
        effect=words.percent(share.estimate, digits, sign=True),
        ends=ends if digits is not None else "no interval",
        share=words.signed(e.estimate, places),
        bar=_bar(share.estimate, low, high, line),
    )
