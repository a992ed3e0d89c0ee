"""A roll-out in waves, or an effect over time: from rows to effects by period, overall, and how they change."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from honestlift.errors import DataError, DesignError, WavesError
from honestlift.estimators.waves import Base, Panel, by_wave, effects, supported, without_each
from honestlift.inference.grouped_jackknife import grouped_jackknife
from honestlift.inference.interval import t_interval
from honestlift.moments import scan
from honestlift.moments.spec import Spec, Sum
from honestlift.moments.table import Moments
from honestlift.report.waves import waves_text
from honestlift.result import Interval, Table
from honestlift.source.connect import Source, connect

MOST_PERIODS = 2_000


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Waves:
    """The effect of a roll-out in waves.

    Attributes:
        outcome: the column.
        estimate: mean effect over all treated users of the supported periods, in the outcome's unit.
        interval: its interval, by the jackknife of clusters within waves.
        change: change of the effect per period since the start (novelty wears off: towards zero; spillover grows: away from it).
        change_interval: its interval, and the test of a constant effect; NaN where only one period since the start is supported.
        before: change per period of the gap before the start, which parallel trends say is zero; NaN without two such periods.
        before_interval: its interval and test.
        tables: ``since`` (effect by periods since the start) and ``waves`` (by wave and period).
        unsupported: waves and periods that have nobody to be compared with.
        compared_before: whether differences before the start are taken off; if not, the contrast rests on waves that were drawn.

    Example:
        >>> names = {"cluster": "workspace_id", "period": "signup_week", "start": "treatment_week"}
        >>> found = hl.waves("users.parquet", **names, outcome="task_completed")
        >>> round(found.estimate, 3), found.interval.low < 0.05 < found.interval.high
        (0.053, True)
    """

    outcome: str
    estimate: float
    interval: Interval
    change: float
    change_interval: Interval
    before: float
    before_interval: Interval
    tables: dict[str, Table]
    unsupported: int
    compared_before: bool

    def __str__(self) -> str:
        return waves_text(self)


def waves(data: Any, *, cluster: str, period: str, start: str, outcome: str, base: Base = "all", level: float = 0.95) -> Waves:
    """Effects of a feature that reached clusters in waves, against clusters that it had not reached yet, or never.

    Rows may be a user's periods, or users who are seen once; they are reduced to sums per cluster and period in the engine.

    Args:
        data: what ``connect`` takes.
        cluster: column of the cluster that was switched on as a whole.
        period: column of the period of the row, a whole number such as a week.
        start: column of the period from which the row's cluster is treated; one value per cluster, empty for one that never is.
        outcome: column of the outcome, a number or 0/1.
        base: the periods before its start that a wave is compared with: ``all``, or the ``last``, which assumes parallel trends
            only from there and is less precise.
        level: nominal coverage.

    Raises:
        WavesError: if a start varies within a cluster, or no wave has clusters to be compared with.
        HonestliftError: if a column is missing or cannot be what it is named as.

    Source:
        Callaway & Sant'Anna (2021), Journal of Econometrics 225, with controls that are not yet treated.

    Example:
        >>> names = {"cluster": "workspace_id", "period": "signup_week", "start": "treatment_week"}
        >>> found = hl.waves("users.parquet", **names, outcome="task_completed", base="last")
        >>> found.tables["since"].columns[:2], found.unsupported
        (('since', 'estimate'), 44)
    """
    if base not in ("all", "last"):
        raise DesignError.out_of_range("base", base, "'all' or 'last'")
    if not 0.5 <= level < 1:
        raise DesignError.out_of_range("level", level, "a number from 0.5 to below 1")
    panel, periods = _panel(_checked(connect(data), cluster, period, start, outcome), cluster, period, start, outcome)
    on = supported(panel, base)
    m = len(on.cells)
    if not m:
        raise WavesError.nobody_to_compare(start)
    theta = effects(by_wave(panel), on)
    errors, df = grouped_jackknife(without_each(panel, on), panel.start)
    told = [t_interval(float(e), float(s), float(d), level) for e, s, d in zip(theta, errors, df, strict=True)]
    columns = ("estimate", "std_error", "df", "p_value", "conf_low", "conf_high", "treated_rows")
    by_cell = [_row(theta[i], told[i], on.users[i]) for i in range(m)]
    lags = on.cells[:, 1] - on.cells[:, 0]
    places: list[tuple[int, int]] = [(int(g), int(t)) for g, t in on.cells]
    by_lag = [_row(theta[m + 1 + i], told[m + 1 + i], on.users[lags == e].sum()) for i, e in enumerate(on.since)]
    late = [(int(g), t) for g in np.unique(panel.start) if g < len(periods) for t in range(int(g), len(periods))]
    return Waves(
        outcome=outcome,
        estimate=float(theta[m]),
        interval=told[m],
        change=float(theta[-2]),
        change_interval=told[-2],
        before=float(theta[-1]),
        before_interval=told[-1],
        tables={
            "since": Table(
                columns=("since", *columns), rows=tuple((int(e), *row) for e, row in zip(on.since, by_lag, strict=True))
            ),
            "waves": Table(
                columns=("wave", "period", *columns),
                rows=tuple((periods[g], periods[t], *row) for (g, t), row in zip(places, by_cell, strict=True)),
            ),
        },
        unsupported=len(late) - m,
        compared_before=on.based,
    )


def _row(estimate: float, told: Interval, users: float) -> tuple[float | int, ...]:
    return (float(estimate), told.std_error, told.df, told.p_value, told.low, told.high, int(users))


def _checked(source: Source, cluster: str, period: str, start: str, outcome: str) -> Source:
    """The columns are there and hold what they are named as."""
    for name, role in ((cluster, "cluster"), (period, "period"), (start, "start"), (outcome, "outcome")):
        source.position(name, role)
    for name, role in ((period, "period"), (start, "start")):
        if source.kind(name) != "integer":
            raise WavesError.no_period(name, role, source.kind(name))
    if source.kind(outcome) not in ("integer", "number", "boolean"):
        raise DataError.not_numeric(outcome, "outcome", source.kind(outcome))
    return source


def _panel(source: Source, cluster: str, period: str, start: str, outcome: str) -> tuple[Panel, list[int]]:
    """The sums by cluster and period, clusters in an order of their own, and the periods: all from the first to the last."""
    keys = [cluster, period, start]
    counts = scan.count_cells(source, keys)
    if counts.cells == 0:
        raise DataError.empty()
    for name, role in ((cluster, "cluster"), (period, "period")):
        missing = int(counts.rows[[v is None for v in counts.keys[name].values()]].sum())
        if missing:
            raise DataError.missing_values(name, role, missing)
    seen = scan.profile(source, [outcome], counts)
    if seen.columns[outcome].infinite:
        raise DataError.infinite(outcome, "outcome", seen.columns[outcome].infinite)
    moments = scan.sums(source, Spec.of_outcome(cluster, outcome, cells=keys[1:]), seen)
    weeks = [int(v) for v in moments.keys[period].values() if v is not None]
    first, last = min(weeks), max(weeks)
    if last - first >= MOST_PERIODS:
        raise WavesError.too_many_periods(period, last - first + 1, MOST_PERIODS)
    return _laid_out(moments, cluster, start, outcome, weeks, first, last), list(range(first, last + 1))


def _laid_out(moments: Moments, cluster: str, start: str, outcome: str, weeks: list[int], first: int, last: int) -> Panel:
    key, at = moments.keys[cluster], np.array(weeks) - first
    shape = (len(key.labels), last - first + 1)
    count, total, when = np.zeros(shape), np.zeros(shape), np.full(shape[0], -1, dtype=np.int64)
    codes: list[int] = key.codes.tolist()
    for k, value in zip(codes, moments.keys[start].values(), strict=True):
        begins = shape[1] if value is None else min(max(int(value) - first, 0), shape[1])
        if when[k] not in (-1, begins):
            raise WavesError.start_varies(start, key.labels[k])
        when[k] = begins
    np.add.at(count, (key.codes, at), moments.sums[Sum((), (outcome,))])
    np.add.at(total, (key.codes, at), moments.sums[Sum((outcome,), (outcome,))])
    order = np.lexsort([*total.T, *count.T, when])
    return Panel(count=count[order], total=total[order], start=when[order])
