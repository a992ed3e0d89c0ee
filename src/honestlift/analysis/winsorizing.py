"""Capped metrics: where the caps lie, the capped columns beside the plain ones, and what the caps took from each arm."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from honestlift.analysis.estimates import Answer, contrast, estimate_metric
from honestlift.analysis.requirements import check_measured
from honestlift.design.metric import Mean, Metric, Role, Winsorize
from honestlift.design.study import Study
from honestlift.diagnostics import capping
from honestlift.estimators.adjusted import Covariate
from honestlift.moments import scan
from honestlift.moments.caps import capped
from honestlift.moments.cells import Cells
from honestlift.moments.ranks import order_statistics, rank_of
from honestlift.report import words
from honestlift.result import Check, Table
from honestlift.source.connect import Source

COLUMNS = ("metric", "quantile", "of", "below", "above", "arm", "users", "cut", "share")


@dataclass(frozen=True, slots=True, kw_only=True)
class Capped:
    """A metric with caps.

    Attributes:
        metric: the metric as the study asks for it.
        as_read: the same over the capped columns.
        below, above: the caps; None where there is none.
        quantile: the quantile of the measure before treatment that ``above`` is; None for stated values.
        beyond: the 0/1 column of the users beyond a cap.
    """

    metric: Mean
    as_read: Mean
    below: float | None
    above: float | None
    quantile: float | None
    beyond: str

    @property
    def limits(self) -> str:
        """The caps in words, as the value that a user counts as at most, or at least."""
        made = [f"at least {_exactly(self.below)}"] if self.below is not None else []
        made += [f"at most {_exactly(self.above)}"] if self.above is not None else []
        return " and ".join(made)


def _exactly(value: float) -> str:
    """A cap with the digits that tell it apart, up to six."""
    return words.number(value, 0 if value.is_integer() else max(0, 5 - math.floor(math.log10(abs(value)))) if value else 0)


def with_caps(source: Source, study: Study, *, outcomes: bool) -> tuple[Source, Study, tuple[Capped, ...]]:
    """The rows with a capped column beside each column that is capped, and the study over these; without caps all as it was.

    A quantile is that of the measure before treatment over all users of both arms who have one: the least value that at least that
    share of them do not exceed, exactly a value of the column. The measure before treatment is capped there too, where it is adjusted for.
    """
    made: list[Capped] = []
    metrics: list[Metric] = list(study.metrics)
    for i, metric in enumerate(metrics):
        if isinstance(metric, Mean) and metric.winsorize is not None:
            source, found = _with_cap(source, metric, study, outcomes=outcomes)
            made.append(found)
            metrics[i] = found.as_read
    return source, replace(study, metrics=tuple(metrics)) if made else study, tuple(made)


def beside_caps(caps: Sequence[Capped]) -> dict[str, tuple[str, ...]]:
    """The columns that are read beside the capped ones, with their roles."""
    return {c.metric.column: ("outcome",) for c in caps} | {c.beyond: ("mark",) for c in caps}


def _with_cap(source: Source, metric: Mean, study: Study, *, outcomes: bool) -> tuple[Source, Capped]:
    below, above, quantile = _caps(source, metric)
    taken = set(source.columns)
    column = _fresh(f"{metric.column} capped", taken)
    pre = None if quantile is None or metric.pre is None else _fresh(f"{metric.pre} capped", taken)
    beyond = _fresh(f"{metric.column} beyond its cap", taken)
    plain = {column: metric.column} if outcomes else {}
    plain |= {pre: metric.pre} if pre and metric.pre else {}
    source = capped(source, plain, {beyond: metric.column} if outcomes else {}, below=below, above=above)
    read = _as_read(study, metric, column, pre or metric.pre)
    return source, Capped(metric=metric, as_read=read, below=below, above=above, quantile=quantile, beyond=beyond)


def _as_read(study: Study, metric: Mean, column: str, pre: str | None) -> Mean:
    return replace(metric, column=column, name=metric.label, role=_role(study, metric), pre=pre)


def with_known_caps(study: Study, known: Sequence[Mapping[str, Any]]) -> tuple[Study, tuple[Capped, ...]]:
    """The study over capped columns that were read earlier, and its capped metrics.

    Args:
        study: the question.
        known: for each capped metric in their order, the caps and the columns; as plain values.
    """
    metrics: list[Metric] = list(study.metrics)
    places = [i for i, m in enumerate(metrics) if isinstance(m, Mean) and m.winsorize is not None]
    made: list[Capped] = []
    for i, cap in zip(places, known, strict=False):
        metric = metrics[i]
        assert isinstance(metric, Mean)
        read = _as_read(study, metric, cap["column"], cap["pre"])
        limits = {name: cap[name] for name in ("below", "above", "quantile", "beyond")}
        made.append(Capped(metric=metric, as_read=read, **limits))
        metrics[i] = read
    return (replace(study, metrics=tuple(metrics)) if made else study), tuple(made)


def _role(study: Study, metric: Mean) -> Role:
    """The metric's role, with the default filled in: that of the first metric goes by its place, which stays."""
    return metric.role or ("primary" if metric is study.primary else "secondary")


def _caps(source: Source, metric: Mean) -> tuple[float | None, float | None, float | None]:
    asked = metric.winsorize
    if isinstance(asked, Winsorize):
        return (
            None if asked.below is None else float(asked.below),
            None if asked.above is None else float(asked.above),
            None,
        )
    pre, quantile = metric.pre or "", float(asked or 0.0)
    seen = scan.summaries(source, [pre])[0]
    check_measured(pre, ("measure before treatment",), seen)
    return None, order_statistics(source, pre, [(None, rank_of(quantile, seen.count))], (seen.low, seen.high))[0], quantile


def _fresh(name: str, taken: set[str]) -> str:
    """A name that no column has, taken from now on."""
    while name in taken:
        name += "′"
    taken.add(name)
    return name


def with_plain(found: Answer, cap: Capped, cells: Cells, study: Study, covariates: Sequence[Covariate]) -> Answer:
    """The answer with the effect on the metric without caps, estimated as the headline is, beside it."""
    column = cap.metric.column
    plain = estimate_metric(cap.as_read, cells.outcome(column), replace(study, bootstrap=0), covariates)
    base = next(e for e in plain.estimates if e.headline)
    return replace(found, estimates=(*found.estimates, replace(base, method=f"{base.method}:unwinsorized", headline=False)))


def capping_check(cap: Capped, cells: Cells, answer: Answer, level: float) -> Check:
    """What the caps cut in each arm, and whether they cut more in one."""
    headline = next(e for e in answer.estimates if e.headline)
    plain = next(e for e in answer.estimates if e.method == f"{headline.method}:unwinsorized")
    users, cut = _cut(cap, cells)
    outcome = cells.outcome(cap.beyond)
    p = contrast(outcome, level)[1].p_value if 0 < sum(cut) < sum(users) else None
    shares = (cut[0] / users[0], cut[1] / users[1])
    source = f"the {cap.quantile:g} quantile of {words.clean(cap.metric.pre or '')}" if cap.quantile else "as the plan states"
    return capping.winsorized(
        cap.metric.label, cap.limits, source, shares, p, plain, headline, {"below": cap.below, "above": cap.above}
    )


def _cut(cap: Capped, cells: Cells) -> tuple[tuple[float, float], tuple[float, float]]:
    """Users who have the metric, and those of them beyond a cap: (control, treated) each."""
    o = cells.outcome(cap.beyond)
    users: list[float] = []
    cut: list[float] = []
    for arm in (False, True):
        inside = o.treated == arm
        users.append(float(o.count[inside].sum()))
        cut.append(float(round(o.total[inside].sum() + o.origin * users[-1])))
    return (users[0], users[1]), (cut[0], cut[1])


def winsorized_table(caps: Sequence[Capped], cells: Cells) -> Table:
    """The caps of each metric, and whom they cut, by arm."""
    rows: list[tuple[object, ...]] = []
    for c in caps:
        users, cut = _cut(c, cells)
        of = c.metric.pre if c.quantile is not None else None
        for arm, i in (("treated", 1), ("control", 0)):
            rows.append((c.metric.label, c.quantile, of, c.below, c.above, arm, int(users[i]), int(cut[i]), cut[i] / users[i]))
    return Table(columns=COLUMNS, rows=tuple(rows))
