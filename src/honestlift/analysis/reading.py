"""Rows to cells: the columns are checked at the door, the rows are counted, profiled and summed, and bad input stops here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from honestlift.analysis.covariates import ABSENT, Columns, covariates_of, level_name
from honestlift.analysis.requirements import check_both_arms, check_columns, check_measured, check_units, check_uptake, numeric
from honestlift.design.metric import Ratio
from honestlift.design.study import Missing, Study
from honestlift.errors import DataError, MomentsError
from honestlift.estimators.adjusted import Covariate
from honestlift.moments import scan
from honestlift.moments.arms import Arms, read_arms
from honestlift.moments.cells import Cells, as_cells
from honestlift.moments.events import per_unit
from honestlift.moments.profile import Profile
from honestlift.moments.spec import Spec, Sum
from honestlift.moments.stored import StoredMoments
from honestlift.moments.table import Moments
from honestlift.source.connect import Source

MOST_CELLS = 100_000
"""Cells above which text covariates are taken out of the grouping and become 0/1 columns."""

MOST_LEVELS = 50
"""Values of a text covariate above which it is refused."""

Step = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Reading:
    """What the scans brought back.

    Attributes:
        origin: the rows of the two arms, or the file of sums that stands for them.
        cells: the table of sums, with its meaning.
        profile: the profile of every measured column.
        dropped: why rows were left out, and how many.
        before: the measured columns that were known before the treatment.
        indicators: (C,) rows of each level of each text covariate, by ``name = level``; for levels that were grouped.
        covariates: what is known of every cluster from each covariate, and from each ``pre`` of a metric.
        one_in: 1 where every user was looked at for repetition, else one in so many; 0 where none was.
        categories: text covariates that the rows are grouped by.
        split: text covariates that became 0/1 columns, and these.
    """

    origin: Source | StoredMoments
    cells: Cells
    profile: Profile
    dropped: dict[str, int]
    before: tuple[str, ...]
    indicators: dict[str, NDArray[np.float64]]
    covariates: dict[str, Covariate]
    one_in: int
    categories: tuple[str, ...]
    split: Mapping[str, list[str]]

    @property
    def source(self) -> Source:
        """The rows of the two arms.

        Raises:
            MomentsError: if there are none, but a file of sums.
        """
        if isinstance(self.origin, StoredMoments):
            raise MomentsError.needs_rows()
        return self.origin

    @property
    def stored(self) -> StoredMoments | None:
        """The file of sums that stands for the rows; None where there are rows."""
        return self.origin if isinstance(self.origin, StoredMoments) else None

    @property
    def engine(self) -> str:
        """Name of the engine that the sums come from."""
        return (
            str(self.origin.header.get("engine", "elsewhere")) if isinstance(self.origin, StoredMoments) else self.origin.engine
        )


def read(source: Source, study: Study, step: Step, *, outcomes: bool = True) -> Reading:
    """Check, count, profile and sum.

    Args:
        source: the rows.
        study: names the columns.
        step: hears each stage as it begins.
        outcomes: whether metrics and negative controls are read; if not, no scan names their columns, which need not be there.

    Raises:
        ColumnError: if a column is missing or ambiguous.
        DataError: if the values are not what the study needs.
        SourceError: if the engine fails.
    """
    check_columns(source, study, outcomes=outcomes)
    if study.rows == "events":
        step("Summing events per user")
        source = _per_user(source, study, outcomes)
    step("Counting users per workspace")
    source, dropped = _complete(source, study)
    source, categories, split, counts = _categories(source, study)
    keys = [*keys_of(study), *categories]
    arms = read_arms(counts, study.design)
    if arms.others:
        source = source.restricted(study.design.arm, [v for v in (arms.treated, arms.control) if v is not None])
        counts = scan.count_cells(source, keys)
    step("Looking for repeated users")
    total, events = int(counts.rows.sum()), study.rows == "events"
    one_in = 1 if events else check_units(source, study.design.unit, total, exact=study.exact_duplicates)
    step("Profiling columns")
    columns = {c: split.get(c, [c]) for c in study.covariates if c not in categories}
    measures = numeric(study, [name for names in columns.values() for name in names], outcomes=outcomes)
    profile = _profiled(source, study, measures, counts)
    step("Summing within workspaces")
    moments = scan.sums(source, spec_of(study, list(measures), keys, outcomes=outcomes), profile)
    found = Found(
        arms=arms, profile=profile, dropped=dropped, categories=tuple(categories), split=split, one_in=one_in, outcomes=outcomes
    )
    return understood(source, moments, study, found)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Found:
    """What was found on the way to the sums.

    Attributes:
        arms: the values of the two arms.
        profile: the profile of every measured column.
        dropped: why rows were left out, and how many.
        categories: text covariates that the rows are grouped by.
        split: text covariates that became 0/1 columns, and these.
        one_in: 1 where every user was looked at for repetition, else one in so many; 0 where none was.
        outcomes: whether outcomes were read.
    """

    arms: Arms
    profile: Profile
    dropped: dict[str, int]
    categories: tuple[str, ...]
    split: Mapping[str, list[str]]
    one_in: int
    outcomes: bool = True


def understood(origin: Source | StoredMoments, moments: Moments, study: Study, found: Found) -> Reading:
    """The sums as the study sees them, wherever they come from.

    Raises:
        DataError: if an arm lacks an outcome, the exposure is not 0/1, or a stratum varies within a cluster.
    """
    columns = {c: found.split.get(c, [c]) for c in study.covariates if c not in found.categories}
    cells = as_cells(moments, study.design, found.arms)
    for name, roles in numeric(study, outcomes=found.outcomes).items():
        check_both_arms(cells, name, roles[0], study.design.cluster)
    before = [name for names in columns.values() for name in names] + [m.pre for m in study.metrics if m.pre]
    indicators = _indicators(cells.moments, list(found.categories))
    known = Columns(measured=columns, grouped={c: [n for n in indicators if n.startswith(f"{c} = ")] for c in found.categories})
    return Reading(
        origin=origin,
        cells=cells,
        profile=found.profile,
        dropped=found.dropped | {f"{study.design.arm} is {value}": n for value, n in found.arms.others.items()},
        before=tuple(dict.fromkeys(before)),
        indicators=indicators,
        covariates=covariates_of(cells, study, known, indicators, found.profile),
        one_in=found.one_in,
        categories=found.categories,
        split=found.split,
    )


def _profiled(source: Source, study: Study, measures: dict[str, tuple[str, ...]], counts: Moments) -> Profile:
    """The profile of the measured columns, which hold what their roles need."""
    profile = scan.profile(source, list(measures), counts)
    for name, roles in measures.items():
        check_measured(name, roles, profile.columns[name], study.missing)
    check_uptake(source, study)
    return profile


def keys_of(study: Study) -> list[str]:
    """The columns that the rows are grouped by: cluster, arm, strata, exposure."""
    d = study.design
    return [d.cluster, d.arm, *d.strata, *([d.exposure.column] if d.exposure else [])]


def _per_user(source: Source, study: Study, outcomes: bool) -> Source:
    """Metrics and other outcomes summed per user, use of the feature at its most; all else must be one value per user."""
    d = study.design
    check_uptake(source, study)
    fixed = {d.cluster: "cluster", d.arm: "treatment", **dict.fromkeys(d.strata, "stratum")}
    fixed |= {d.exposure.column: "exposure"} if d.exposure else {}
    fixed |= {c: "covariate" for c in study.covariates if c not in fixed}
    summed = {
        name: roles[0] for name, roles in numeric(study, outcomes=outcomes).items() if name not in fixed and "uptake" not in roles
    }
    return per_unit(source, d.unit, fixed, summed, [d.uptake] if d.uptake else [])


def _complete(source: Source, study: Study) -> tuple[Source, dict[str, int]]:
    """The users of whom every covariate is known, where the study drops the others; and how many these are."""
    if study.missing != "drop" or not study.covariates:
        return source, {}
    complete = source.complete(study.covariates)
    gone = scan.count_rows(source) - scan.count_rows(complete)
    return complete, {"covariates missing": gone} if gone else {}


def _categories(source: Source, study: Study) -> tuple[Source, list[str], dict[str, list[str]], Moments]:
    """The text covariates to group by, and the rows per cell; or none, where that makes too many cells.

    Then they become 0/1 columns of the source, whose names are told. What has too many values is refused before it leaves the engine.
    """
    categories = [c for c in study.covariates if source.kind(c) == "text"]
    counts = scan.few_cells(source, [*keys_of(study), *categories], MOST_CELLS)
    if counts is not None:
        for name in categories:
            _levels(counts, name, study.missing)
        return source, categories, {}, counts
    _few_values(source, study)
    split: dict[str, list[str]] = {}
    for name in categories:
        few = scan.few_cells(source, [name], MOST_LEVELS)
        if few is None:
            raise DataError.too_many_levels(name, scan.different(source, name), MOST_LEVELS)
        levels = _levels(few, name, study.missing)
        gaps = None in few.keys[name].labels
        source = source.with_indicators(name, levels[:-1] if gaps else levels, ABSENT if gaps else None)
        split[name] = [level_name(name, level) for level in levels]
    return source, [], split, scan.count_cells(source, keys_of(study))


def _few_values(source: Source, study: Study) -> None:
    d = study.design
    exposure = {d.exposure.column: ("exposure", MOST_LEVELS)} if d.exposure else {}
    for name, (role, most) in {
        d.arm: ("treatment", MOST_LEVELS),
        **dict.fromkeys(d.strata, ("stratum", MOST_CELLS)),
        **exposure,
    }.items():
        if scan.few_cells(source, [name], most) is None:
            raise DataError.too_many_values(name, role, scan.different(source, name), most)


def _levels(counts: Moments, name: str, missing: Missing) -> list[str]:
    """The values of a text covariate; that of those without one last, if they are to be a category."""
    key = counts.keys[name]
    if None in key.labels and missing != "category":
        raise DataError.missing_values(name, "covariate", int(counts.rows[key.codes == key.labels.index(None)].sum()))
    if len(key.labels) > MOST_LEVELS:
        raise DataError.too_many_levels(name, len(key.labels), MOST_LEVELS)
    return [ABSENT if label is None else str(label) for label in key.labels]


def spec_of(study: Study, measures: list[str], keys: list[str], *, outcomes: bool) -> Spec:
    """Count, sum and square of every measured column over its own rows.

    Of a ratio's two columns also their product, over the rows that have both; of use also its sum over those that have the metric.
    """
    spec = Spec(study.design.cluster, tuple(keys[1:]))
    for name in measures:
        spec = spec | Spec.of_outcome(study.design.cluster, name, cells=keys[1:])
    uptake = study.design.uptake
    for metric in study.metrics if outcomes else ():
        if isinstance(metric, Ratio):
            spec = spec | Spec.of_outcome(study.design.cluster, metric.numerator, (metric.denominator,), cells=keys[1:])
        elif uptake is not None and uptake != metric.column:
            both = (uptake, metric.column)
            spec = spec | Spec(study.design.cluster, tuple(keys[1:]), (Sum.of(present=both), Sum.of(uptake, present=both)))
    return spec


def _indicators(moments: Moments, categories: list[str]) -> dict[str, NDArray[np.float64]]:
    """Rows of each level in each cell: all of them or none."""
    return {
        level_name(name, label): np.where(moments.keys[name].codes == code, moments.rows, 0).astype(np.float64)
        for name in categories
        for code, label in enumerate(moments.keys[name].labels)
    }
