"""What the columns of an opt-in study must hold: checked by kind before a row is read, and ids, arms and times at the door."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from honestlift.design.opt_in import OptInDesign, OptInStudy
from honestlift.errors import DataError
from honestlift.estimators.propensity import determining
from honestlift.moments import scan
from honestlift.moments.choice import Arms, Covariate, read_choice
from honestlift.moments.patterns import Patterns
from honestlift.moments.streamed.sums import ranges
from honestlift.moments.streamed.weights import SLACK, Rows
from honestlift.moments.table import LARGEST, Label
from honestlift.moments.timing import Timing, timing
from honestlift.moments.units import not_integers
from honestlift.source.buckets import with_unit_type
from honestlift.source.connect import Source

MOST_LEVELS = 50
"""Values of a text covariate above which it is refused."""


LEAST_SPREAD = 1e-75
"""Spread of an outcome below which its fourth power is no double."""


def measured(study: OptInStudy) -> dict[str, str]:
    """Columns that are summed, with their roles."""
    return {m.column: "outcome" for m in study.metrics} | dict.fromkeys(study.negative_controls, "negative control")


def check_opt_in_columns(source: Source, study: OptInStudy, *, outcomes: bool = True) -> None:
    """Every column (the outcomes only if they are to be read) is there once, and holds what its role needs.

    Raises:
        ColumnError: if a column is missing or ambiguous.
        DataError: if it does not hold what it must.
    """
    d = study.design
    roles = [(d.unit, "unit"), (d.arm, "treatment"), *([(d.cluster, "cluster")] if d.cluster else [])]
    for name, role in [*roles, *((c, "covariate") for c in study.covariates)]:
        source.position(name, role)
    if source.kind(d.unit) == "number":
        raise DataError.float_ids(d.unit)
    for name in study.covariates:
        if source.kind(name) in ("time", "other"):
            raise DataError.not_numeric(name, "covariate", "dates or times")
    times = [(d.treatment_time, "treatment time")] if d.treatment_time else []
    for name, role in [*times, *((c.measured_at, f"time of {c.column}") for c in study.timed if c.measured_at)]:
        source.position(name, role)
        if source.kind(name) != "time":
            raise DataError.not_a_time(
                name, role, {"number": "numbers", "integer": "integers"}.get(source.kind(name), source.kind(name))
            )
    for name, role in (measured(study) if outcomes else {}).items():
        source.position(name, role)
        if source.kind(name) not in ("integer", "number", "boolean"):
            raise DataError.not_numeric(name, role, {"time": "dates or times"}.get(source.kind(name), source.kind(name)))


def typed(source: Source, study: OptInStudy) -> Source:
    """The ids as what the plan says that they are.

    Raises:
        DataError: if text that shall be a whole number is none.
    """
    d = study.design
    if d.unit_type is None:
        return source
    if d.unit_type == "integer" and source.kind(d.unit) != "integer":
        count, example = not_integers(source, d.unit)
        if count:
            raise DataError.not_integer_ids(d.unit, example, count)
    return with_unit_type(source, d.unit, d.unit_type)


def both_arms(source: Source, d: OptInDesign) -> tuple[Source, Arms]:
    """The users of the two arms."""
    arms = read_choice(scan.count_cells(source, [d.arm]), d)
    if arms.others:
        source = source.restricted(d.arm, [v for v in (arms.treated, arms.control) if v is not None])
    return source, arms


def timings(source: Source, study: OptInStudy, treated: Label) -> Iterator[Timing]:
    """One scan of the users who opted in for each covariate whose time is known."""
    d = study.design
    for c in study.timed:
        if c.measured_at and d.treatment_time and treated is not None:
            yield timing(source.restricted(d.arm, [treated]), c.column, c.measured_at, d.treatment_time)


def check_levels(source: Source, covariates: Sequence[Covariate]) -> None:
    """Text of many values is no category.

    Raises:
        DataError: with the count.
    """
    for covariate in covariates:
        if covariate.category:
            levels = scan.count_groups(source, [covariate.name])[0]
            if levels > MOST_LEVELS:
                raise DataError.too_many_levels(covariate.name, levels, MOST_LEVELS)


def check_some_in_both_arms(name: str, counts: tuple[int, int]) -> None:
    """Some users without and some with the feature have the outcome.

    Raises:
        DataError: if an arm has none.
    """
    for arm, rows in zip(("control", "treated"), counts, strict=True):
        if not rows:
            raise DataError.no_outcome_in_arm(name, arm)


def require_varying(column: str, treatment: str, sums: Sequence[tuple[float, float, float]]) -> None:
    """An outcome varies within an arm, and by more than what a double can square.

    Args:
        column: the outcome.
        treatment: the treatment column.
        sums: rows, sum and sum of squares about the origin, of either arm.

    Raises:
        DataError: if it follows from the choice, or its spread is too small.
    """
    within, rows = sum(max(yy - y**2 / n, 0.0) for n, y, yy in sums if n), sum(n for n, _, _ in sums)
    spread = (sum(yy for _, _, yy in sums) / rows) ** 0.5
    if spread < LEAST_SPREAD:
        raise DataError.extreme_spread(column, spread, LEAST_SPREAD, LARGEST)
    if within <= 1e-13 * spread**2 * rows:
        raise DataError.follows_choice(column, treatment)


def require_choice(rows: Rows, counts: Sequence[float], sample: Patterns, treatment: str, column: str | None) -> None:
    """Some users of either arm stand in the engine's rows, and no covariate tells by itself which arm they are in.

    Args:
        rows: the rows, their design columns in the order of the sample's.
        counts: rows without and with the feature.
        sample: some of them: where these overlap, all of them do.
        treatment: the treatment column.
        column: the outcome that they have; None for everybody.

    Raises:
        DataError: if an arm is empty, or a covariate determines who opted in.
    """
    for count, name in zip(counts, ("control", "treated"), strict=True):
        if not count:
            raise DataError.no_outcome_in_arm(column, name) if column else DataError.no_users_left("Leaving users out")
    suspects = [sample.names.index(name) for name in determining(sample)]
    if not suspects:
        return
    unit = np.eye(rows.columns)
    ends = ranges(rows, {f"x{j}": unit[j + 1] for j in suspects})
    certain = [j for j in suspects if _apart(*ends[f"x{j}"], 4 * SLACK * (1.0 + float(rows.bound[j + 1])))]
    if certain:
        raise DataError.determines_treatment(treatment, [sample.names[j] for j in certain])


def _apart(control: tuple[float, float], treated: tuple[float, float], slack: float) -> bool:
    """Whether two ranges do not overlap by more than what rounding widened them by."""
    return control[1] - treated[0] <= slack or treated[1] - control[0] <= slack
