"""Rows to sums per cluster and period, held to what a roll-out in waves can use."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from honestlift.analysis.requirements import check_measured
from honestlift.design.waves import WavesStudy
from honestlift.errors import DataError, WavesError
from honestlift.estimators.waves import Panel
from honestlift.moments import scan
from honestlift.moments.arms import rows_without
from honestlift.moments.spec import Spec, Sum
from honestlift.moments.table import Label, Moments
from honestlift.moments.units import Nested, nested
from honestlift.source.connect import Source

Step = Callable[[str], None]

MOST_PERIODS = 2_000


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sums:
    """Sums per cluster and period, clusters in an order of their own that neither their names nor the order of rows move.

    Attributes:
        names: (K,) the clusters.
        first: the first period.
        rows: rows, whatever they lack: a panel whose outcome is zero.
        outcomes: column to its panel; totals are about the origin.
        squares: column to the sums of squares about the origin, before and since the start.
        origin: column to what was taken off it.
    """

    names: tuple[Label, ...]
    first: int
    rows: Panel
    outcomes: Mapping[str, Panel]
    squares: Mapping[str, tuple[float, float]]
    origin: Mapping[str, float]

    def period(self, t: int) -> int:
        """A period as the column has it."""
        return self.first + t

    def missing(self, column: str) -> Panel:
        """The indicator that an outcome is missing, as an outcome."""
        return Panel(count=self.rows.count, total=self.rows.count - self.outcomes[column].count, start=self.rows.start)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Reading:
    """A study's sums, and how users stand in its clusters.

    Attributes:
        sums: per cluster and period.
        nested: users per cluster.
        engine: where the rows live.
    """

    sums: Sums
    nested: Nested
    engine: str

    @property
    def users(self) -> NDArray[np.int64]:
        """(K,) users of each cluster, in the order of the sums."""
        (key,) = self.nested.by_cluster.keys.values()
        of = dict(zip(key.values(), self.nested.by_cluster.rows.tolist(), strict=True))
        return np.array([of[name] for name in self.sums.names], dtype=np.int64)


def check_waves_columns(source: Source, study: WavesStudy, *, outcomes: bool = True) -> None:
    """Every column is there once, and is of a kind that its role can use.

    Raises:
        ColumnError: if a column is missing, or there more than once.
        HonestliftError: if it cannot hold what its role needs.
    """
    d = study.design
    asked = [(m.column, "outcome") for m in study.metrics] + [(c, "negative control") for c in study.negative_controls]
    source.position(d.unit, "unit")
    require_kinds(source, d.cluster, d.period, d.start, asked if outcomes else [])
    if source.kind(d.unit) in ("number", "other"):
        raise DataError.float_ids(d.unit) if source.kind(d.unit) == "number" else DataError.no_category(d.unit, "unit")


def require_kinds(source: Source, cluster: str, period: str, start: str, measured: Sequence[tuple[str, str]]) -> None:
    """The columns of a roll-out hold what they are named as; measured ones come with their roles."""
    for name, role in ((cluster, "cluster"), (period, "period"), (start, "start"), *measured):
        source.position(name, role)
    found: Exception | None = DataError.no_category(cluster, "cluster") if source.kind(cluster) == "other" else None
    for name, role in ((period, "period"), (start, "start")):
        if source.kind(name) not in ("integer", "number"):
            found = found or WavesError.no_period(name, role, source.kind(name))
    for name, role in measured:
        if source.kind(name) not in ("integer", "number", "boolean"):
            found = found or DataError.not_numeric(name, role, source.kind(name))
    if found:
        raise DataError.empty() if scan.empty(source) else found


def read_waves(source: Source, study: WavesStudy, step: Step, *, outcomes: bool = True) -> Reading:
    """The sums of a study; without its outcomes no scan names their columns.

    Raises:
        HonestliftError: if a column or a value is not what the study needs.
    """
    check_waves_columns(source, study, outcomes=outcomes)
    d = study.design
    measured = [(m.column, "outcome") for m in study.metrics] + [(c, "negative control") for c in study.negative_controls]
    sums = read_sums(source, d.cluster, d.period, d.start, dict(measured) if outcomes else {}, step)
    step("Counting users")
    users = nested(source, d.unit, d.cluster)
    if users.missing:
        raise DataError.missing_values(d.unit, "unit", users.missing)
    return Reading(sums=sums, nested=users, engine=source.engine)


def read_sums(source: Source, cluster: str, period: str, start: str, measured: Mapping[str, str], step: Step) -> Sums:
    """The sums by cluster and period of measured columns, each with its role; three scans.

    Raises:
        WavesError: if a start varies within a cluster, or a period is no whole number.
        DataError: if there are no rows, or a value is missing or infinite where it must not be.
    """
    step("Counting rows by period")
    counts = scan.count_cells(source, [cluster, period, start])
    if counts.cells == 0:
        raise DataError.empty()
    for name, role in ((cluster, "cluster"), (period, "period")):
        missing = rows_without(counts.keys[name], counts.rows)
        if missing:
            raise DataError.missing_values(name, role, missing)
    for name, role in ((period, "period"), (start, "start")):
        if any(isinstance(v, float) for v in counts.keys[name].labels):
            raise WavesError.no_period(name, role, "numbers that are not whole")
    columns = list(measured)
    moments: Moments = counts
    if columns:
        step("Profiling columns")
        profile = scan.profile(source, columns, counts)
        for name, role in measured.items():
            check_measured(name, (role,), profile.columns[name])
        step("Summing by workspace and period")
        spec = Spec(cluster, (period, start), ())
        for column in columns:
            spec |= Spec.of_outcome(cluster, column, cells=(period, start))
        moments = scan.sums(source, spec, profile)
    return _laid_out(moments, cluster, period, start, columns)


def _laid_out(moments: Moments, cluster: str, period: str, start: str, columns: Sequence[str]) -> Sums:
    weeks = [int(v) for v in moments.keys[period].values() if v is not None]
    first, periods = min(weeks), max(weeks) - min(weeks) + 1
    if periods > MOST_PERIODS:
        raise WavesError.too_many_periods(period, periods, MOST_PERIODS)
    key, at = moments.keys[cluster], np.array(weeks) - first
    begins = _starts(moments, cluster, start, first, periods)

    def spread(values: NDArray[np.int64 | np.float64]) -> NDArray[np.float64]:
        made = np.zeros((len(key.labels), periods))
        np.add.at(made, (key.codes, at), values)
        return made

    rows = spread(moments.rows)
    told = {c: (spread(moments.sums[Sum.of(present=(c,))]), spread(moments.sums[Sum.of(c)])) for c in columns}
    order: list[int] = np.lexsort(
        [*(v for pair in reversed(list(told.values())) for values in pair[::-1] for v in values.T), *rows.T, begins]
    ).tolist()
    when = begins[order]
    since = at >= begins[key.codes]
    squares = {c: moments.sums[Sum.of(c, c)] for c in columns}
    return Sums(
        names=tuple(key.labels[i] for i in order),
        first=first,
        rows=Panel(count=rows[order], total=np.zeros_like(rows), start=when),
        outcomes={c: Panel(count=n[order], total=total[order], start=when) for c, (n, total) in told.items()},
        squares={c: (float(s[~since].sum()), float(s[since].sum())) for c, s in squares.items()},
        origin={c: moments.origin[c] for c in columns},
    )


def _starts(moments: Moments, cluster: str, start: str, first: int, periods: int) -> NDArray[np.int64]:
    """(K,) the period from which each cluster is treated, counted from the first; all before it are the first, all after are T."""
    key = moments.keys[cluster]
    told = [periods if v is None else min(max(int(v) - first, 0), periods) for v in moments.keys[start].labels]
    when = np.full(len(key.labels), -1, dtype=np.int64)
    codes: list[int] = key.codes.tolist()
    starts: list[int] = moments.keys[start].codes.tolist()
    for k, code in zip(codes, starts, strict=True):
        if when[k] not in (-1, told[code]):
            raise WavesError.start_varies(start, key.labels[k])
        when[k] = told[code]
    return when
