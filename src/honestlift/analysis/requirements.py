"""What the columns must hold: checked by kind before a row is read, by value once they are profiled."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from honestlift.design.metric import Ratio
from honestlift.design.study import Missing, Study
from honestlift.errors import DataError
from honestlift.estimators.ratio import denominators
from honestlift.moments import scan
from honestlift.moments.cells import Cells
from honestlift.moments.profile import ColumnProfile
from honestlift.moments.table import LARGEST
from honestlift.moments.units import units
from honestlift.source.connect import Source

EXACT_UNITS = 5_000_000
"""Rows up to which repeated units are looked for among all users, above it among a hashed million."""

SKETCH_UNITS = 1_000_000
"""Users that are then looked at, about."""


def numeric(study: Study, covariates: Sequence[str] = (), *, outcomes: bool = True) -> dict[str, tuple[str, ...]]:
    """Columns that must hold numbers, and covariates that do, each with its roles; without the outcomes if they are not to be read."""
    read = study.metrics if outcomes else ()
    pairs = [(m.column, "outcome") for m in read if not isinstance(m, Ratio)]
    pairs += [pair for m in read if isinstance(m, Ratio) for pair in zip(m.columns, ("numerator", "denominator"), strict=True)]
    pairs += [(m.pre, "measure before treatment") for m in study.metrics if m.pre]
    pairs += [(name, "negative control") for name in study.negative_controls if outcomes]
    pairs += [(study.design.uptake, "uptake")] if study.design.uptake else []
    pairs += [(name, "covariate") for name in covariates]
    return {name: tuple(dict.fromkeys(role for n, role in pairs if n == name)) for name, _ in pairs}


def check_columns(source: Source, study: Study, *, outcomes: bool = True) -> None:
    """Every column (the outcomes only if they are to be read) is there once, and is of a kind that its role can use.

    Raises:
        ColumnError: if a column is missing, or there more than once.
        DataError: if it cannot hold what its role needs.
    """
    d = study.design
    groups = [(d.cluster, "cluster"), (d.arm, "treatment"), *((name, "stratum") for name in d.strata)]
    groups += [(d.mark, "exposure")] if d.mark else []
    groups += [(name, "segment") for name in study.segments]
    groups += [(d.period, "period")] if d.period else []
    for name, role in [(d.unit, "unit"), *groups, *((name, "covariate") for name in study.covariates)]:
        source.position(name, role)
    measures = numeric(study, outcomes=outcomes)
    for name, roles in measures.items():
        source.position(name, roles[0])
    problem = _wrong_kind(source, study, [(d.unit, "unit"), *groups], measures)
    if problem:
        # a CSV file with a header and no rows is text throughout
        raise DataError.empty() if scan.empty(source) else problem


def _wrong_kind(
    source: Source, study: Study, keys: Sequence[tuple[str, str]], measures: Mapping[str, tuple[str, ...]]
) -> DataError | None:
    for name, role in keys:
        if source.kind(name) == "other":
            return DataError.no_category(name, role)
    if source.kind(study.design.unit) == "number":
        return DataError.float_ids(study.design.unit)
    for name, roles in measures.items():
        if source.kind(name) not in ("integer", "number", "boolean"):
            return DataError.not_numeric(name, roles[0], _held(source, name))
    for name in study.covariates:
        if source.kind(name) in ("time", "other"):
            return DataError.not_numeric(name, "covariate", _held(source, name))
    return None


def _held(source: Source, name: str) -> str:
    return {"time": "dates or times", "other": "lists, structures, intervals or raw bytes"}.get(
        source.kind(name), source.kind(name)
    )


def check_measured(name: str, roles: tuple[str, ...], column: ColumnProfile, missing: Missing = "error") -> None:
    """A column of numbers can be used in all its roles.

    Raises:
        DataError: if it is infinite, all missing, too large, constant where it must vary, or missing where it must be there.
    """
    if column.infinite:
        raise DataError.infinite(name, roles[0], column.infinite)
    if column.count == 0:
        raise DataError.all_missing(name, roles[0])
    if max(abs(column.low), abs(column.high)) > LARGEST:
        raise DataError.too_large(name, max(abs(column.low), abs(column.high)))
    if "outcome" in roles and column.low == column.high:
        raise DataError.constant(name, "outcome", column.low)
    for role in ("uptake", *(("covariate",) if missing == "error" else ())):
        if role in roles and column.missing:
            raise DataError.missing_values(name, role, column.missing)


def check_uptake(source: Source, study: Study) -> None:
    """The uptake is 0 or 1 wherever it is known.

    Raises:
        DataError: if it is not.
    """
    uptake = study.design.uptake
    if uptake is None or source.kind(uptake) == "boolean":
        return
    other = scan.not_binary(source, uptake)
    if other:
        raise DataError.not_binary(uptake, "uptake", other)


def check_both_arms(cells: Cells, column: str, role: str, cluster: str) -> None:
    """At least two clusters of each arm have a measured column, so that its variation between clusters can be seen.

    Raises:
        DataError: if an arm has fewer.
    """
    arm = cells.outcome(column).arm
    treated, control = int(arm.sum()), int((~arm).sum())
    for name, count in (("treated", treated), ("control", control)):
        if not count:
            raise DataError.no_outcome_in_arm(column, name)
    if min(treated, control) < 2:
        raise DataError.outcome_in_few_clusters(column, role, cluster, treated, control)


def check_denominator(cells: Cells, metric: Ratio) -> None:
    """Both columns of a ratio are there in two clusters of each arm, and the denominator adds up to something in both arms.

    Raises:
        DataError: if they are not.
    """
    outcome = denominators(cells, *metric.columns)
    for name, arm in (("treated", True), ("control", False)):
        inside = outcome.treated == arm
        users = float(outcome.count[inside].sum())
        if int((outcome.arm == arm).sum()) < 2:
            raise DataError.no_outcome_in_arm(f"{metric.numerator} and {metric.denominator}", name)
        if not float(outcome.total[inside].sum()) + outcome.origin * users > 0:
            raise DataError.no_denominator(metric.denominator, name)


def check_units(source: Source, unit: str, rows: int, *, exact: bool) -> int:
    """Every user stands on one row. Says how many were looked at: 1 for all, m for about one in m.

    Raises:
        DataError: if a row has no user, or a user several rows.
    """
    one_in = 1 if exact or rows <= EXACT_UNITS else -(-rows // SKETCH_UNITS)
    found = units(source, unit, one_in=one_in)
    if found.missing:
        raise DataError.missing_values(unit, "unit", found.missing)
    if found.repeated:
        raise DataError.duplicated_units(unit, found.example, found.repeated, sampled=one_in > 1)
    return one_in
