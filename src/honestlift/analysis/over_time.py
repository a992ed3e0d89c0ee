"""The effect over time of an experiment in which all treated clusters began together: the arms compared in each period."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from honestlift.analysis.estimates import Answer
from honestlift.analysis.reading import Reading
from honestlift.analysis.summing import Step
from honestlift.analysis.waves.checks import ends_of
from honestlift.analysis.waves.reading import MOST_PERIODS
from honestlift.analysis.waves.timeline import COLUMNS, Timeline, timeline
from honestlift.analysis.waves.walk import FEWEST_ROWS
from honestlift.design.metric import Mean
from honestlift.design.study import Study
from honestlift.diagnostics.waves import effect_over_time
from honestlift.errors import DataError, WavesError
from honestlift.estimators.waves import Panel, supported
from honestlift.moments import scan
from honestlift.moments.arms import rows_without
from honestlift.moments.spec import Spec, Sum
from honestlift.moments.table import Moments
from honestlift.result import Check, Table
from honestlift.source.connect import Source


@dataclass(frozen=True, slots=True, kw_only=True)
class OverTime:
    """What the periods say; nothing where the design names none.

    Attributes:
        tables: ``over_time``, by metric and period.
        checks: whether the effect changes, by metric.
    """

    tables: dict[str, Table]
    checks: tuple[Check, ...]


def over_time(source: Source | None, reading: Reading, answers: Sequence[Answer], study: Study, step: Step) -> OverTime:
    """The effect on every plain mean in each period, and its slope; the headline is not touched.

    With one row per user a period holds the users whose row lies in it. Of events it holds what all users did in it, per user: the
    effects of the periods then add up to the effect as a whole. Intervals are by the jackknife of clusters within arms.

    Args:
        source: the rows as they came: events, or users.
        reading: the study's reading.
        answers: its answers.
        study: names the period.
        step: hears each stage as it begins.

    Raises:
        HonestliftError: if the period is no whole number, or missing on a row.
    """
    column = study.design.period
    if column is None or source is None:
        return OverTime(tables={}, checks=())
    step("Summing by workspace and period")
    plain = [a for a in answers if isinstance(a.metric, Mean) and a.metric.winsorize is None]
    rows = source if study.rows == "events" else reading.source
    moments, first, periods = _sums(rows, study.design.cluster, column, [str(a.metric.columns[0]) for a in plain])
    table: list[tuple[object, ...]] = []
    checks: list[Check] = []
    for answer in plain:
        found = _timeline(moments, column, reading, answer, study, (first, periods))
        if found is None:
            continue
        label = answer.metric.label
        told = zip(found.on.since.tolist(), found.since, strict=True)
        table += [(label, first + t, *point.row()) for t, point in told if point.rows >= FEWEST_ROWS]
        change = found.change
        if not math.isnan(change.interval.p_value):
            checks.append(effect_over_time(label, change.estimate, change.interval, ends_of(found), rolled=False))
    return OverTime(tables={"over_time": Table(columns=("metric", "period", *COLUMNS), rows=tuple(table))}, checks=tuple(checks))


def _sums(source: Source, cluster: str, period: str, columns: list[str]) -> tuple[Moments, int, int]:
    """Sums by cluster and period, the first period, and how many there are."""
    source.position(period, "period")
    if source.kind(period) not in ("integer", "number"):
        raise WavesError.no_period(period, "period", source.kind(period))
    counts = scan.count_cells(source, [cluster, period])
    key = counts.keys[period]
    missing = rows_without(key, counts.rows)
    if missing:
        raise DataError.missing_values(period, "period", missing)
    if any(isinstance(v, float) for v in key.labels):
        raise WavesError.no_period(period, "period", "numbers that are not whole")
    weeks = [int(v) for v in key.labels if v is not None]
    first, periods = min(weeks), max(weeks) - min(weeks) + 1
    if periods > MOST_PERIODS:
        raise WavesError.too_many_periods(period, periods, MOST_PERIODS)
    spec = Spec(cluster, (period,), ())
    for column in columns:
        spec |= Spec.of_outcome(cluster, column, cells=(period,))
    return scan.sums(source, spec, scan.profile(source, columns, counts)), first, periods


def _timeline(
    moments: Moments, period: str, reading: Reading, answer: Answer, study: Study, span: tuple[int, int]
) -> Timeline | None:
    """One metric's effects; None where no period has two clusters in either arm."""
    (column,), cells = answer.metric.columns, reading.cells
    key = moments.keys[study.design.cluster]
    place = {name: k for k, name in enumerate(cells.names)}
    at = np.array([place.get(name, -1) for name in key.labels], dtype=np.int64)[key.codes]
    when = np.array([int(v or 0) for v in moments.keys[period].labels], dtype=np.int64)[moments.keys[period].codes] - span[0]
    kept = at >= 0  # events of clusters in neither arm, or of late ones

    def spread(values: NDArray[np.float64]) -> NDArray[np.float64]:
        made = np.zeros((len(cells.names), span[1]))
        np.add.at(made, (at[kept], when[kept]), values[kept])
        return made

    count, total = spread(moments.sums[Sum.of(present=(column,))]), spread(moments.sums[Sum.of(column)])
    if study.rows == "events":
        total = total + moments.origin[column] * count
        users = cells.moments.sums[Sum.of(present=(column,))]
        each = np.bincount(cells.cluster, users, len(cells.names)).astype(np.float64)
        count = np.repeat(each[:, None], span[1], axis=1)
    panel = Panel(count=count, total=total, start=np.where(cells.arm, 0, span[1]))
    on = supported(panel, "all")
    return timeline(panel, on, study.level) if len(on.cells) else None
