"""Rows to patterns: the columns are checked at the door, the rows are grouped and summed in the engine, bad input stops here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from honestlift.analysis.opt_in.opening import open_stream
from honestlift.analysis.opt_in.requirements import (
    both_arms,
    check_levels,
    check_opt_in_columns,
    check_some_in_both_arms,
    measured,
    require_varying,
    timings,
    typed,
)
from honestlift.analysis.opt_in.sample import Look
from honestlift.analysis.opt_in.streaming import Streaming
from honestlift.analysis.requirements import check_measured, check_units
from honestlift.design.opt_in import OptInStudy
from honestlift.diagnostics.covariates import balance_columns
from honestlift.errors import DataError, MomentsError
from honestlift.moments import scan
from honestlift.moments.choice import Covariate, Grouped, group_users, read_choice
from honestlift.moments.patterns import Patterns
from honestlift.moments.profile import Profile
from honestlift.moments.spec import Spec, Sum
from honestlift.moments.stored import StoredMoments
from honestlift.moments.table import Moments
from honestlift.moments.timing import Timing
from honestlift.source.buckets import BUCKET, with_buckets
from honestlift.source.connect import Source

MOST_PATTERNS = 1_000_000
"""Combinations of covariates (and clusters) that are held in memory. Above it the rows stay in the engine; see ``streaming``."""

MANY_PATTERNS, LEAST_REPETITION = 300_000, 10
"""Combinations above which users must share them, so many each on average, to be held: else scans of the rows cost less."""

LOOKED_AT, NEARLY_ALL = 200_000, 0.9
"""Users of a first look at how many combinations there are, and the share of them that differ from which on it decides."""

Step = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Entrance:
    """What was found at the door.

    Attributes:
        dropped: why rows were left out, and how many.
        timings: when the covariates were measured of which it is known.
        cluster_rows: (G,) users per cluster; empty without clusters.
        one_in: 1 where every user was looked at for repetition, else one in so many.
        engine: name of the engine.
    """

    dropped: Mapping[str, int]
    timings: tuple[Timing, ...]
    cluster_rows: NDArray[np.int64]
    one_in: int
    engine: str


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class OptInReading:
    """What the scans brought back.

    Attributes:
        users: everybody as patterns, without an outcome; a weighted sample of them where there is a stream.
        outcomes: the users with a value of each metric and negative control, by column; of the sample where there is a stream.
        arms, outcome_arms: users without and with the feature, all of them and those with each outcome.
        dropped: why rows were left out, and how many.
        entrance: what was found at the door.
        categories: covariate, level, users without and with the feature.
        stream: the rows in their engine, where there are too many patterns to hold.
        stored: the file of sums that stands for the rows; None where there are rows.
    """

    users: Patterns
    outcomes: Mapping[str, Patterns]
    arms: tuple[int, int]
    outcome_arms: Mapping[str, tuple[int, int]]
    dropped: Mapping[str, int]
    categories: tuple[tuple[str, str, int, int], ...]
    entrance: Entrance
    stream: Streaming | None = None
    stored: StoredMoments | None = None

    @property
    def cluster_rows(self) -> NDArray[np.int64]:
        """(G,) users per cluster; empty without clusters."""
        return self.entrance.cluster_rows

    @property
    def clustered(self) -> bool:
        """Whether users are nested in clusters."""
        return self.cluster_rows.size > 0

    @property
    def rows(self) -> int:
        """Users of both arms."""
        return sum(self.arms)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Summed:
    """The sums per pattern as they came from the engine, and what was found on the way to them."""

    moments: Moments
    profile: Profile
    covariates: list[Covariate]
    entrance: Entrance


def read_opt_in(
    source: Source, study: OptInStudy, step: Step, *, outcomes: bool = True, keep: Callable[[Summed], None] | None = None
) -> OptInReading:
    """Check, group, profile and sum; without ``outcomes`` no scan names a metric or negative control, which need not be there.

    Where there are patterns few enough to hold, ``keep`` is given the sums, and more of them are held for its sake.

    Raises:
        ColumnError: if a column is missing or ambiguous.
        DataError: if the values are not what the study needs.
        SourceError: if the engine fails.
    """
    roles = measured(study) if outcomes else {}
    check_opt_in_columns(source, study, outcomes=outcomes)
    source = typed(source, study)
    step("Counting who opted in")
    d = study.design
    source, arms = both_arms(source, d)
    covariates = [Covariate(name=c, category=source.kind(c) == "text") for c in study.covariates]
    check_levels(source, covariates)
    step("Looking for repeated users")
    when = tuple(timings(source, study, arms.treated))
    group = d.cluster or (BUCKET if study.bootstrap or study.learners else None)
    grouped = with_buckets(source, d.unit) if group == BUCKET else source
    keys = [d.arm, *study.covariates, *([group] if group else [])]
    rows = scan.count_groups(source, [d.arm])[2]
    one_in = check_units(source, d.unit, rows, exact=study.exact_duplicates)
    dropped = {f"{d.arm} is {value}": n for value, n in arms.others.items()}
    sizes = _cluster_rows(source, d.cluster)
    entrance = Entrance(dropped=dropped, timings=when, cluster_rows=sizes, one_in=one_in, engine=source.engine)
    cells, largest = _cells(source, grouped, d.unit, keys, rows)
    if cells > (MOST_PATTERNS if keep or cells * LEAST_REPETITION <= rows else min(MANY_PATTERNS, MOST_PATTERNS)):
        look = Look(arms=arms, covariates=tuple(covariates), roles=roles, group=group, grouped=grouped, rows=rows)
        return _streamed(source, look, study, step, entrance)
    step("Profiling columns")
    profile = replace(_profile(grouped, study, roles), rows=rows, cells=cells, largest_cell=largest, typical_cell=1.0)
    step("Summing within patterns of covariates")
    moments = scan.sums(grouped, _spec(list(roles), keys), profile)
    if keep:
        keep(Summed(moments=moments, profile=profile, covariates=covariates, entrance=entrance))
    found = group_users(moments, d, arms, covariates, study.missing, group, named=d.cluster is not None)
    return _held(found, d.arm, roles, covariates, entrance)


def reading_of_patterns(stored: StoredMoments, study: OptInStudy) -> OptInReading:
    """The same from stored sums.

    Raises:
        MomentsError: if they were made elsewhere.
        DataError: if they are not what the study needs.
    """
    if stored.header.get("categories") is None:
        raise MomentsError.no_header(", ".join(stored.names))
    d, header, moments, roles = study.design, stored.header, stored.moments, measured(study)
    sizes = np.zeros(0, dtype=np.int64)
    if d.cluster:
        codes = moments.keys[d.cluster].codes
        sizes = np.array([moments.rows[codes == c].sum() for c in range(len(moments.keys[d.cluster].labels))], dtype=np.int64)
    for name, role in roles.items():
        check_measured(name, (role,), stored.profile.columns[name])
    when = tuple(Timing(**values) for values in header.get("timings", ()))
    entrance = Entrance(
        dropped=header["dropped"], timings=when, cluster_rows=sizes, one_in=header.get("one_in") or 0, engine=header["engine"]
    )
    covariates = [Covariate(name=c, category=c in header["categories"]) for c in study.covariates]
    group = d.cluster or (BUCKET if study.bootstrap else None)
    found = group_users(moments, d, read_choice(moments, d), covariates, study.missing, group, named=d.cluster is not None)
    return replace(_held(found, d.arm, roles, covariates, entrance), stored=stored)


def _held(
    found: Grouped, treatment: str, roles: Mapping[str, str], covariates: list[Covariate], entrance: Entrance
) -> OptInReading:
    """Everybody in memory, as patterns."""
    users, outcomes = found.users(), {name: found.outcome(name) for name in roles}
    for name, made in outcomes.items():
        check_some_in_both_arms(name, _counts(made))
        columns = [[float(v) for v in values.sum(axis=0)] for values in (made.count, made.total, made.square)]
        require_varying(name, treatment, list(zip(*columns, strict=True)))
    return OptInReading(
        users=users,
        outcomes=outcomes,
        arms=_counts(users),
        outcome_arms={name: _counts(made) for name, made in outcomes.items()},
        dropped={**entrance.dropped, **found.dropped},
        categories=_categories(users, [c.name for c in covariates if c.category]),
        entrance=entrance,
    )


def _cells(source: Source, grouped: Source, unit: str, keys: list[str], rows: int) -> tuple[int, int]:
    """Combinations of the keys, and rows of the largest; where nearly all users of a sample differ, the sample's word is taken.

    To count millions of different combinations takes more memory than to do without them.
    """
    one_in = rows // LOOKED_AT
    if rows > MOST_PATTERNS and one_in > 1:
        others = [k for k in keys if k != BUCKET]
        cells, _, looked = scan.count_groups(source.one_in(unit, one_in, others), others)
        if cells > NEARLY_ALL * looked and NEARLY_ALL * rows > MOST_PATTERNS:
            return rows, 1
    cells, largest, _ = scan.count_groups(grouped, keys)
    return cells, largest


def _streamed(source: Source, look: Look, study: OptInStudy, step: Step, entrance: Entrance) -> OptInReading:
    """The rows stay where they are: counts, ranges, and a sample."""
    step("Profiling columns; the rows stay in the engine")
    stream, gone = open_stream(source, look, study)
    outcome_arms = {name: stream.arms(name) for name in look.roles}
    for name, made in outcome_arms.items():
        check_some_in_both_arms(name, made)
    step("Fitting who opts in, one scan a step")
    return OptInReading(
        users=stream.patterns(None),
        outcomes={name: stream.patterns(name) for name in look.roles},
        arms=stream.arms(None),
        outcome_arms=outcome_arms,
        dropped={**entrance.dropped, **gone},
        categories=stream.categories,
        entrance=entrance,
        stream=stream,
    )


def _cluster_rows(source: Source, cluster: str | None) -> NDArray[np.int64]:
    """Users per cluster; empty without clusters.

    Raises:
        DataError: if a user has no cluster, or all have the same.
    """
    if cluster is None:
        return np.zeros(0, dtype=np.int64)
    cells = scan.count_cells(source, [cluster])
    labels = cells.keys[cluster].labels
    if None in labels:
        gone = cells.keys[cluster].codes == labels.index(None)
        raise DataError.missing_values(cluster, "cluster", int(cells.rows[gone].sum()))
    if len(labels) == 1:
        raise DataError.one_value(cluster, "cluster", labels[0])
    return cells.rows


def _counts(patterns: Patterns) -> tuple[int, int]:
    others, opted = patterns.arms
    return int(others), int(opted)


def _categories(users: Patterns, names: list[str]) -> tuple[tuple[str, str, int, int], ...]:
    """Users per level of each category, by choice."""
    made: list[tuple[str, str, int, int]] = []
    for name, covariate, values in balance_columns(users):
        if covariate in names:
            control, treated = (int(np.sum(users.count[:, a] * values)) for a in (0, 1))
            made.append((covariate, name.removeprefix(f"{covariate} = "), control, treated))
    return tuple(made)


def _profile(source: Source, study: OptInStudy, roles: Mapping[str, str]) -> Profile:
    """What the first scan learns of the outcomes, which must vary; its counts are those of the arms, not of the patterns."""
    profile = scan.profile(source, list(roles), scan.count_cells(source, [study.design.arm]))
    for name, role in roles.items():
        check_measured(name, (role,), profile.columns[name])
        if profile.columns[name].low == profile.columns[name].high:
            raise DataError.constant(name, role, profile.columns[name].low)
    return profile


def _spec(measures: list[str], keys: list[str]) -> Spec:
    """Count, sum and square of every measured column over its own rows."""
    sums: list[Sum] = []
    for name in measures:
        sums += [Sum.of(present=(name,)), Sum.of(name), Sum.of(name, name)]
    return Spec(keys[0], tuple(keys[1:]), tuple(dict.fromkeys(sums)))
