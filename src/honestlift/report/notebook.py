"""A result as a notebook shows it: verdict, naive beside honest, worst checks; one fragment of HTML without script or request."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from honestlift.report import words
from honestlift.report.asked import Asked, asked
from honestlift.report.axis import Axis, axis
from honestlift.report.names import ESTIMANDS, GUARDS, LEVELS, VERDICTS, check_name
from honestlift.report.paragraph import doubts
from honestlift.report.results import Bar, ends, road
from honestlift.result import Estimate, Lift

if TYPE_CHECKING:
    from jinja2 import Environment

NAIVE = ("naive_ols", "naive")
METRICS, CHECKS = 6, 3
"""Metrics and checks that are shown; the others are counted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A number and where it lies on its metric's line, in percent; ``bar`` is None where it is undefined."""

    road: str
    tone: str
    effect: str
    ends: str
    bar: Bar | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Numbers:
    """A metric's naive and honest number, zero on their line, and what a guardrail says."""

    metric: str
    what: str
    guard: tuple[str, str, str] | None
    zero: float
    rows: tuple[Row, ...]


def fragment(lift: Lift) -> str:
    """A compact, self-contained ``<div>``: light and dark by the reader's scheme, every name escaped."""
    metrics = asked(lift)
    found = doubts(lift)
    template = _environment().get_template("notebook.html.jinja")
    return template.render(
        lift=lift,
        badge=VERDICTS[lift.verdict.level],
        metrics=[n for n in (_numbers(lift, m) for m in metrics[:METRICS]) if n.rows],
        more_metrics=max(0, len(metrics) - METRICS),
        checks=[(LEVELS[c.level], check_name(c.code), c.statement) for c in found[:CHECKS]],
        more_checks=max(0, len(found) - CHECKS),
        passed=sum(c.level == "ok" for c in lift.checks),
        words=words,
        said=_said,
    )


def _numbers(lift: Lift, metric: Asked) -> Numbers:
    rows = [e for e in lift.estimates if e.metric == metric.name]
    honest = next((e for e in rows if e.headline), None)
    if honest is None:
        return Numbers(metric=metric.name, what="", guard=None, zero=0.0, rows=())
    pretends = [e for e in rows if e.method in NAIVE]
    naive = next((e for e in pretends if e.estimand == honest.estimand), pretends[0] if pretends else None)
    pair = [e for e in (naive, honest) if e is not None]
    line = axis(v for e in pair for v in (e.estimate, e.conf_low, e.conf_high))
    what = ESTIMANDS.get(honest.estimand, honest.estimand) + (", observational" if honest.identified == "observational" else "")
    guard = GUARDS.get(metric.state or "") if metric.role == "guardrail" else None
    made = tuple(_row(e, line) for e in pair)
    return Numbers(metric=metric.name, what=what, guard=guard, zero=line.at(0.0), rows=made)


def _row(e: Estimate, line: Axis) -> Row:
    places, bar = words.places_of(e.conf_low, e.conf_high), None
    if e.estimate is not None:
        low, high = (None, None) if e.conf_low is None or e.conf_high is None else (line.at(e.conf_low), line.at(e.conf_high))
        bar = Bar(at=line.at(e.estimate), low=low, width=None if low is None or high is None else round(high - low, 2))
    tone = "naive" if e.method in NAIVE else "honest"
    return Row(road=road(e), tone=tone, effect=words.signed(e.estimate, places), ends=ends(e, places), bar=bar)


def _said(text: str) -> str:
    """A sentence whose numbers keep their percent sign."""
    return words.clean(text).replace(" %", "\N{NO-BREAK SPACE}%")


@cache
def _environment() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    loader = PackageLoader("honestlift.report")
    return Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
