"""Rows to cells: the columns are checked at the door, the rows are counted, profiled and summed, and bad input stops here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from honestlift.analysis.requirements import check_both_arms, check_columns, check_measured, check_units, check_uptake, numeric
from honestlift.design.study import Study
from honestlift.errors import DataError
from honestlift.moments import scan
from honestlift.moments.cells import Cells, as_cells, read_arms
from honestlift.moments.events import per_unit
from honestlift.moments.profile import Profile
from honestlift.moments.spec import Spec, Sum
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
        source: the rows of the two arms.
        cells: the table of sums, with its meaning.
        profile: the profile of every measured column.
        dropped: why rows were left out, and how many.
        before: the measured columns that were known before the treatment.
        indicators: (C,) rows of each level of each text covariate, by ``name = level``; for levels that were grouped.
        one_in: 1 where every user was looked at for repetition, else one in so many.
    """

    source: Source
    cells: Cells
    profile: Profile
    dropped: dict[str, int]
    before: tuple[str, ...]
    indicators: dict[str, NDArray[np.float64]]
    one_in: int


def read(source: Source, study: Study, step: Step) -> Reading:
    """Check, count, profile and sum.

    Raises:
        ColumnError: if a column is missing or ambiguous.
        DataError: if the values are not what the study needs.
        SourceError: if the engine fails.
    """
    check_columns(source, study)
    if study.rows == "events":
        step("Summing events per user")
        source = _per_user(source, study)
    step("Counting users per workspace")
    source, study, categories, counts = _categories(source, study)
    keys = [*_keys(study), *categories]
    arms = read_arms(counts, study.design)
    if arms.others:
        source = source.restricted(study.design.arm, [v for v in (arms.treated, arms.control) if v is not None])
        counts = scan.count_cells(source, keys)
    step("Looking for repeated users")
    one_in = (
        1
        if study.rows == "events"
        else check_units(source, study.design.unit, int(counts.rows.sum()), exact=study.exact_duplicates)
    )
    step("Profiling columns")
    measures = numeric(study, [c for c in study.covariates if source.kind(c) != "text"])
    profile = scan.profile(source, list(measures), counts)
    for name, roles in measures.items():
        check_measured(name, roles, profile.columns[name])
    check_uptake(source, study)
    step("Summing within workspaces")
    moments = scan.sums(source, _spec(study, list(measures), keys), profile)
    cells = as_cells(moments, study.design, arms)
    for name, roles in numeric(study).items():
        check_both_arms(cells, name, roles[0], study.design.cluster)
    before = [c for c in study.covariates if c in measures] + [m.pre for m in study.metrics if m.pre]
    return Reading(
        source=source,
        cells=cells,
        profile=profile,
        dropped={f"{study.design.arm} is {value}": n for value, n in arms.others.items()},
        before=tuple(dict.fromkeys(before)),
        indicators=_indicators(cells.moments, categories),
        one_in=one_in,
    )


def _keys(study: Study) -> list[str]:
    d = study.design
    return [d.cluster, d.arm, *d.strata, *([d.exposure.column] if d.exposure else [])]


def _per_user(source: Source, study: Study) -> Source:
    """Metrics and other outcomes summed per user, use of the feature at its most; all else must be one value per user."""
    d = study.design
    check_uptake(source, study)
    fixed = {d.cluster: "cluster", d.arm: "treatment", **dict.fromkeys(d.strata, "stratum")}
    fixed |= {d.exposure.column: "exposure"} if d.exposure else {}
    fixed |= {c: "covariate" for c in study.covariates if c not in fixed}
    summed = {name: roles[0] for name, roles in numeric(study).items() if name not in fixed and "uptake" not in roles}
    return per_unit(source, d.unit, fixed, summed, [d.uptake] if d.uptake else [])


def _categories(source: Source, study: Study) -> tuple[Source, Study, list[str], Moments]:
    """The text covariates to group by, and the rows per cell; or none, where that makes too many cells.

    Then they become 0/1 columns of the source. What has too many values is refused before it leaves the engine.
    """
    categories = [c for c in study.covariates if source.kind(c) == "text"]
    counts = scan.few_cells(source, [*_keys(study), *categories], MOST_CELLS)
    if counts is not None:
        for name in categories:
            _levels(counts, name)
        return source, study, categories, counts
    _few_values(source, study)
    covariates = [c for c in study.covariates if c not in categories]
    for name in categories:
        few = scan.few_cells(source, [name], MOST_LEVELS)
        if few is None:
            raise DataError.too_many_levels(name, scan.different(source, name), MOST_LEVELS)
        levels = _levels(few, name)
        source = source.with_indicators(name, levels)
        covariates += [f"{name} = {level}" for level in levels]
    return source, replace(study, covariates=tuple(covariates)), [], scan.count_cells(source, _keys(study))


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


def _levels(counts: Moments, name: str) -> list[str]:
    """The values of a text covariate, none of them missing."""
    key = counts.keys[name]
    if None in key.labels:
        raise DataError.missing_values(name, "covariate", int(counts.rows[key.codes == key.labels.index(None)].sum()))
    if len(key.labels) > MOST_LEVELS:
        raise DataError.too_many_levels(name, len(key.labels), MOST_LEVELS)
    return [str(label) for label in key.labels]


def _spec(study: Study, measures: list[str], keys: list[str]) -> Spec:
    """Count, sum and square of every measured column over its own rows."""
    spec = Spec(study.design.cluster, tuple(keys[1:]))
    for name in measures:
        spec = spec | Spec.of_outcome(study.design.cluster, name, cells=keys[1:])
    uptake = study.design.uptake
    used = [] if uptake is None else [Sum.of(uptake, present=(m.column,)) for m in study.metrics if m.column != uptake]
    return spec | Spec(study.design.cluster, tuple(keys[1:]), tuple(used))


def _indicators(moments: Moments, categories: list[str]) -> dict[str, NDArray[np.float64]]:
    """Rows of each level in each cell: all of them or none."""
    return {
        f"{name} = {label}": np.where(moments.keys[name].codes == code, moments.rows, 0).astype(np.float64)
        for name in categories
        for code, label in enumerate(moments.keys[name].labels)
    }
