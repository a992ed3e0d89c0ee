"""Rows to sums per workspace and own arm, held to what a two-stage design can use."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from honestlift.analysis.requirements import check_columns, check_measured, check_units, numeric
from honestlift.design.assignment import Assignment
from honestlift.design.metric import Mean
from honestlift.design.study import Study
from honestlift.errors import DataError, TwoStageError
from honestlift.estimators.saturation import TwoStage
from honestlift.moments import scan
from honestlift.moments.arms import rows_without, values_of_arms
from honestlift.moments.events import per_unit
from honestlift.moments.spec import Spec, Sum
from honestlift.moments.table import Label, Moments
from honestlift.source.connect import Source

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Reading:
    """What the scans brought back, workspaces in the order of their names.

    Attributes:
        names: (K,) the workspaces.
        saturation: (K,) what each was drawn to; NaN for one that the record does not know.
        users: (K, 2) users, control and treated.
        sums: outcome to its sums by workspace and arm: (3, K, 2) count, total and sum of squares about the origin.
        origin: outcome to what was taken off it.
        dropped: why rows were left out, and how many.
        one_in: see ``check_units``.
        engine: where the rows live.
    """

    names: tuple[str, ...]
    saturation: Floats
    users: Floats
    sums: dict[str, Floats]
    origin: dict[str, float]
    dropped: dict[str, int]
    one_in: int
    engine: str

    def outcome(self, column: str) -> TwoStage:
        """The sums of an outcome, of the workspaces that the record knows and that have it."""
        count, total, _ = self.sums[column]
        kept = np.isfinite(self.saturation) & (count.sum(axis=1) > 0)
        return TwoStage(saturation=self.saturation[kept], count=count[kept], total=total[kept])

    def missing(self, column: str) -> TwoStage:
        """The same for the indicator that the outcome is missing."""
        kept = np.isfinite(self.saturation)
        return TwoStage(saturation=self.saturation[kept], count=self.users[kept], total=(self.users - self.sums[column][0])[kept])


def recorded(study: Study) -> Assignment | None:
    """The record, where it is that of a two-stage design."""
    record = study.design.assignment
    return record if record is not None and record.rule.kind == "saturation" else None


def require_plain(study: Study) -> None:
    """Refuse what the analysis of a two-stage design has no place for, rather than leave it out in silence.

    Raises:
        TwoStageError: if the study asks for any of it.
    """
    d = study.design
    asked = {
        "covariates": study.covariates,
        "a metric's pre": [m.pre for m in study.metrics if m.pre],
        "segments": study.segments,
        "strata": d.strata,
        "exposure": d.exposure,
        "uptake": d.uptake,
        "period": d.period,
        "several arms": d.arms[1:],
        "negative_controls": study.negative_controls,
        "ratio and quantile metrics": [m for m in study.metrics if not isinstance(m, Mean)],
        "winsorize": [m for m in study.metrics if isinstance(m, Mean) and m.winsorize is not None],
    }
    found = [name for name, value in asked.items() if value]
    if found:
        raise TwoStageError.without(found)


def read_two_stage(source: Source, study: Study, step: Callable[[str], None], *, outcomes: bool = True) -> Reading:
    """Check, count, profile and sum; no scan names an outcome unless ``outcomes``.

    Raises:
        ColumnError: if a column is missing or ambiguous.
        DataError: if the values are not what the study needs.
        TwoStageError: if the study asks for what a two-stage design has not.
        SourceError: if the engine fails.
    """
    require_plain(study)
    check_columns(source, study, outcomes=outcomes)
    d, columns = study.design, [m.column for m in study.metrics if isinstance(m, Mean)] if outcomes else []
    if study.rows == "events":
        step("Summing events per user")
        source = per_unit(source, d.unit, {d.cluster: "cluster", d.arm: "treatment"}, dict.fromkeys(columns, "outcome"), [])
    step("Counting users per workspace")
    counts = scan.count_cells(source, [d.cluster, d.arm])
    source, counts, labels, dropped = _two_arms(source, counts, study)
    step("Looking for repeated users")
    one_in = 1 if study.rows == "events" else check_units(source, d.unit, int(counts.rows.sum()), exact=study.exact_duplicates)
    step("Profiling columns")
    profile = scan.profile(source, columns, counts)
    for name, roles in numeric(study, outcomes=outcomes).items():
        check_measured(name, roles, profile.columns[name])
    step("Summing within workspaces")
    spec = Spec(d.cluster, (d.arm,), ())
    for column in columns:
        spec |= Spec.of_outcome(d.cluster, column, cells=(d.arm,))
    moments = scan.sums(source, spec, profile)
    return _by_arm(moments, columns, labels, study, dropped, one_in, source.engine)


def _two_arms(source: Source, counts: Moments, study: Study) -> tuple[Source, Moments, tuple[Label, Label], dict[str, int]]:
    """The rows of the two arms of users, and which values of the treatment these are."""
    d = study.design
    if counts.cells == 0:
        raise DataError.empty()
    for name, role in ((d.cluster, "cluster"), (d.arm, "treatment")):
        missing = rows_without(counts.keys[name], counts.rows)
        if missing:
            raise DataError.missing_values(name, role, missing)
    key = counts.keys[d.arm]
    treated, control = values_of_arms(key, d)
    rows = {label: int(counts.rows[key.codes == code].sum()) for code, label in enumerate(key.labels)}
    others = {f"{d.arm} is {label}": n for label, n in rows.items() if label not in (treated, control)}
    if others:
        source = source.restricted(d.arm, [v for v in (treated, control) if v is not None])
        counts = scan.count_cells(source, [d.cluster, d.arm])
    return source, counts, (control, treated), others


def _by_arm(
    moments: Moments,
    columns: Sequence[str],
    labels: tuple[Label, Label],
    study: Study,
    dropped: dict[str, int],
    one_in: int,
    engine: str,
) -> Reading:
    record = recorded(study)
    assert record is not None
    cluster, arm = moments.keys[study.design.cluster], moments.keys[study.design.arm]
    names = [str(label) for label in cluster.labels]
    order = sorted(range(len(names)), key=lambda i: names[i])
    place = np.empty(len(names), dtype=np.int64)
    place[order] = np.arange(len(names))
    on = np.array([label == labels[1] for label in arm.labels], dtype=np.int64)[arm.codes]
    at = place[cluster.codes] * 2 + on

    def spread(values: NDArray[np.int64 | np.float64]) -> Floats:
        return np.bincount(at, values, 2 * len(names)).reshape(-1, 2).astype(np.float64)

    def of(column: str) -> Floats:
        sums = (Sum.of(present=(column,)), Sum.of(column), Sum.of(column, column))
        return np.stack([spread(moments.sums[s]) for s in sums])

    told = tuple(names[i] for i in order)
    late = record.rule.late != "control"  # else who joined later was not randomized
    arms = [record.arm_of(name) if late or name in record.assigned else None for name in told]
    return Reading(
        names=told,
        saturation=np.array([np.nan if a is None else float(a) for a in arms]),
        users=spread(moments.rows),
        sums={column: of(column) for column in columns},
        origin={column: moments.origin[column] for column in columns},
        dropped=dropped,
        one_in=one_in,
        engine=engine,
    )
