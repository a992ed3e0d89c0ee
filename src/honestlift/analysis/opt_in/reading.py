"""Rows to patterns: the columns are checked at the door, the rows are grouped and summed in the engine, bad input stops here."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

from honestlift.analysis.requirements import check_measured, check_units
from honestlift.design.opt_in import OptInDesign, OptInStudy
from honestlift.errors import DataError
from honestlift.moments import scan
from honestlift.moments.choice import Arms, Covariate, Grouped, group_users, read_choice
from honestlift.moments.patterns import Patterns
from honestlift.moments.profile import Profile
from honestlift.moments.spec import Spec, Sum
from honestlift.moments.table import Label
from honestlift.moments.timing import Timing, timing
from honestlift.moments.units import not_integers
from honestlift.source.buckets import BUCKET, with_buckets, with_unit_type
from honestlift.source.connect import Source

MOST_PATTERNS = 2_000_000
"""Combinations of covariates (and clusters) that are held in memory. Above it the study is refused, never sampled."""

MOST_LEVELS = 50
"""Values of a text covariate above which it is refused."""

Step = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class OptInReading:
    """What the scans brought back.

    Attributes:
        grouped: all users in cells.
        users: everybody as patterns, without an outcome.
        outcomes: the users with a value of each metric and negative control, by column.
        dropped: why rows were left out, and how many.
        categories: covariates that are categories.
        timings: when the covariates were measured of which it is known.
        profile: of every measured column.
        one_in: 1 where every user was looked at for repetition, else one in so many.
        engine: name of the engine.
    """

    grouped: Grouped
    users: Patterns
    outcomes: Mapping[str, Patterns]
    dropped: dict[str, int]
    categories: tuple[str, ...]
    timings: tuple[Timing, ...]
    profile: Profile
    one_in: int
    engine: str

    @property
    def clustered(self) -> bool:
        """Whether the groups of the patterns are clusters, not buckets."""
        return self.grouped.groups > 0 and BUCKET not in self.grouped.moments.keys


def read_opt_in(source: Source, study: OptInStudy, step: Step) -> OptInReading:
    """Check, group, profile and sum.

    Raises:
        ColumnError: if a column is missing or ambiguous.
        DataError: if the values are not what the study needs, or there are too many patterns to hold.
        SourceError: if the engine fails.
    """
    check_opt_in_columns(source, study)
    source = _typed(source, study)
    step("Counting who opted in")
    d, engine = study.design, source.engine
    source, arms = _both_arms(source, d)
    dropped = {f"{d.arm} is {value}": n for value, n in arms.others.items()}
    covariates = [Covariate(name=c, category=source.kind(c) == "text") for c in study.covariates]
    _levels(source, covariates)
    step("Looking for repeated users")
    timings = tuple(_timings(source, study, arms.treated))
    group = d.cluster or (BUCKET if study.bootstrap or study.learners else None)
    if group == BUCKET:
        source = with_buckets(source, d.unit)
    keys = [d.arm, *study.covariates, *([group] if group else [])]
    cells, largest, rows = scan.count_groups(source, keys)
    if cells > MOST_PATTERNS:
        raise DataError.too_many_patterns(cells, MOST_PATTERNS)
    one_in = check_units(source, d.unit, rows, exact=study.exact_duplicates)
    step("Profiling columns")
    measures = list(_measures(study))
    profile = replace(_profile(source, study), rows=rows, cells=cells, largest_cell=largest, typical_cell=1.0)
    step("Summing within patterns of covariates")
    grouped = group_users(
        scan.sums(source, _spec(measures, keys), profile), d, arms, covariates, study.missing, group, named=d.cluster is not None
    )
    outcomes = {name: grouped.outcome(name) for name in measures}
    for name, made in outcomes.items():
        _some_in_both_arms(name, made)
    return OptInReading(
        grouped=grouped,
        users=grouped.users(),
        outcomes=outcomes,
        dropped=dropped | grouped.dropped,
        categories=tuple(c.name for c in covariates if c.category),
        timings=timings,
        profile=profile,
        one_in=one_in,
        engine=engine,
    )


def _both_arms(source: Source, d: OptInDesign) -> tuple[Source, Arms]:
    """The users of the two arms."""
    arms = read_choice(scan.count_cells(source, [d.arm]), d)
    if arms.others:
        source = source.restricted(d.arm, [v for v in (arms.treated, arms.control) if v is not None])
    return source, arms


def _typed(source: Source, study: OptInStudy) -> Source:
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


def _timings(source: Source, study: OptInStudy, treated: Label) -> Iterator[Timing]:
    """One scan of the users who opted in for each covariate whose time is known."""
    d = study.design
    for c in study.timed:
        if c.measured_at and d.treatment_time and treated is not None:
            yield timing(source.restricted(d.arm, [treated]), c.column, c.measured_at, d.treatment_time)


def _profile(source: Source, study: OptInStudy) -> Profile:
    """What the first scan learns of the outcomes, which must vary; its counts are those of the arms, not of the patterns."""
    profile = scan.profile(source, list(_measures(study)), scan.count_cells(source, [study.design.arm]))
    for name, role in _measures(study).items():
        check_measured(name, (role,), profile.columns[name])
        if profile.columns[name].low == profile.columns[name].high:
            raise DataError.constant(name, role, profile.columns[name].low)
    return profile


def check_opt_in_columns(source: Source, study: OptInStudy) -> None:
    """Every column is there once, and holds what its role needs.

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
    for name, role in _measures(study).items():
        source.position(name, role)
        if source.kind(name) not in ("integer", "number", "boolean"):
            raise DataError.not_numeric(name, role, {"time": "dates or times"}.get(source.kind(name), source.kind(name)))


def _measures(study: OptInStudy) -> dict[str, str]:
    """Columns that are summed, with their roles."""
    return {m.column: "outcome" for m in study.metrics} | dict.fromkeys(study.negative_controls, "negative control")


def _levels(source: Source, covariates: list[Covariate]) -> None:
    """Text of many values is no category."""
    for covariate in covariates:
        if covariate.category:
            levels = scan.count_groups(source, [covariate.name])[0]
            if levels > MOST_LEVELS:
                raise DataError.too_many_levels(covariate.name, levels, MOST_LEVELS)


def _some_in_both_arms(name: str, made: Patterns) -> None:
    for arm, rows in zip(("control", "treated"), made.arms, strict=True):
        if not rows:
            raise DataError.no_outcome_in_arm(name, arm)


def _spec(measures: list[str], keys: list[str]) -> Spec:
    """Count, sum and square of every measured column over its own rows."""
    sums: list[Sum] = []
    for name in measures:
        sums += [Sum.of(present=(name,)), Sum.of(name), Sum.of(name, name)]
    return Spec(keys[0], tuple(keys[1:]), tuple(dict.fromkeys(sums)))
