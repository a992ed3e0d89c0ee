"""Rows to cells: the columns are checked at the door, the rows are counted, profiled and summed, and bad input stops here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from honestlift.analysis.covariates import ABSENT, Columns, covariates_of, level_name
from honestlift.analysis.record import with_recorded_strata, without_late_controls
from honestlift.analysis.requirements import check_both_arms, check_columns, check_measured, check_units, check_uptake, numeric
from honestlift.analysis.winsorizing import Capped, beside_caps, with_caps
from honestlift.design.metric import Mean, Ratio
from honestlift.design.study import Missing, Study
from honestlift.errors import DataError
from honestlift.estimators.adjusted import Covariate
from honestlift.moments import scan
from honestlift.moments.arms import Arms, read_several
from honestlift.moments.cells import Cells, as_cells
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
        covariates: what is known of every cluster from each covariate, and from each ``pre`` of a metric.
        one_in: 1 where every user was looked at for repetition, else one in so many.
        study: the question over the columns as they were read: capped where a metric is winsorized.
        capped: the metrics that are.
        others: of a study with several arms, the readings of the other comparisons, from the same scans.
    """

    source: Source
    cells: Cells
    profile: Profile
    dropped: dict[str, int]
    before: tuple[str, ...]
    indicators: dict[str, NDArray[np.float64]]
    covariates: dict[str, Covariate]
    one_in: int
    study: Study
    capped: tuple[Capped, ...]
    others: tuple[Reading, ...]


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
    keys = list(dict.fromkeys([*_keys(study), *categories]))
    several = read_several(counts, study.design)
    if several[0].others:
        named = dict.fromkeys(v for arms in several for v in (arms.treated, arms.control) if v is not None)
        source = source.restricted(study.design.arm, list(named))
        counts = scan.count_cells(source, keys)
    source, counts, late = without_late_controls(source, counts, several[0], study)
    step("Looking for repeated users")
    one_in = _one_row_each(source, study, int(counts.rows.sum()))
    step("Profiling columns")
    source, study, capped = with_caps(source, study, outcomes=outcomes)
    columns = {c: split.get(c, [c]) for c in study.covariates if c not in categories}
    measures = numeric(study, [name for names in columns.values() for name in names], outcomes=outcomes)
    measures |= beside_caps(capped) if outcomes else {}
    profile = _profiled(source, study, measures, counts)
    step("Summing within workspaces")
    moments = scan.sums(source, _spec(study, list(measures), keys, outcomes=outcomes), profile)
    gone = dropped | late | {f"{study.design.arm} is {value}": n for value, n in several[0].others.items()}
    seen = _Seen(source=source, moments=moments, profile=profile, dropped=gone, columns=columns, categories=categories)
    parts = [
        _compared(seen, replace(study, design=two), arms, capped, one_in, outcomes=outcomes)
        for two, arms in zip(study.design.contrasts, several, strict=True)
    ]
    return replace(parts[0], others=tuple(parts[1:]))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Seen:
    """What one set of scans brought back of all arms."""

    source: Source
    moments: Moments
    profile: Profile
    dropped: dict[str, int]
    columns: dict[str, list[str]]
    categories: list[str]


def _compared(seen: _Seen, study: Study, arms: Arms, capped: tuple[Capped, ...], one_in: int, *, outcomes: bool) -> Reading:
    """The reading of two arms: all there is where there are two, their cells alone where there are more."""
    source, moments, key = seen.source, seen.moments, seen.moments.keys[study.design.arm]
    two = [arms.treated, arms.control]
    if len(key.labels) > 2:
        moments = moments.restricted(np.isin(key.codes, [key.labels.index(v) for v in two]))
        source = source.restricted(study.design.arm, [v for v in two if v is not None])
    cells = with_recorded_strata(as_cells(moments, study.design, arms), study)
    for name, roles in numeric(study, outcomes=outcomes).items():
        check_both_arms(cells, name, roles[0], study.design.cluster)
    before = [name for names in seen.columns.values() for name in names] + [m.pre for m in study.metrics if m.pre]
    indicators, covariates = _known(cells, study, seen.columns, seen.categories, seen.profile)
    return Reading(
        source=source,
        cells=cells,
        profile=seen.profile,
        dropped=seen.dropped,
        before=tuple(dict.fromkeys(before)),
        indicators=indicators,
        covariates=covariates,
        one_in=one_in,
        study=study,
        capped=capped,
        others=(),
    )


def _known(
    cells: Cells, study: Study, measured: dict[str, list[str]], categories: list[str], profile: Profile
) -> tuple[dict[str, NDArray[np.float64]], dict[str, Covariate]]:
    """Rows of each level of the grouped text covariates, and what is known of every cluster from all covariates."""
    indicators = _indicators(cells.moments, categories)
    grouped = {c: [n for n in indicators if n.startswith(f"{c} = ")] for c in categories}
    known = Columns(measured=measured, grouped=grouped)
    return indicators, covariates_of(cells, study, known, indicators, profile)


def _one_row_each(source: Source, study: Study, rows: int) -> int:
    """One in how many users was looked at for repetition; summed events have one row per user already."""
    return 1 if study.rows == "events" else check_units(source, study.design.unit, rows, exact=study.exact_duplicates)


def _profiled(source: Source, study: Study, measures: dict[str, tuple[str, ...]], counts: Moments) -> Profile:
    """The profile of the measured columns, which hold what their roles need."""
    profile = scan.profile(source, list(measures), counts)
    for name, roles in measures.items():
        check_measured(name, roles, profile.columns[name], study.missing)
    check_uptake(source, study)
    return profile


def _keys(study: Study) -> list[str]:
    d = study.design
    return list(dict.fromkeys([d.cluster, d.arm, *d.strata, *([d.mark] if d.mark else []), *study.segments]))


def _per_user(source: Source, study: Study, outcomes: bool) -> Source:
    """Metrics and other outcomes summed per user, use of the feature at its most; all else must be one value per user."""
    d = study.design
    check_uptake(source, study)
    fixed = {d.cluster: "cluster", d.arm: "treatment", **dict.fromkeys(d.strata, "stratum")}
    fixed |= {d.mark: "exposure"} if d.mark else {}
    fixed |= {s: "segment" for s in study.segments if s not in fixed}
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
    counts = scan.few_cells(source, list(dict.fromkeys([*_keys(study), *categories])), MOST_CELLS)
    if counts is not None:
        for name in study.segments:
            if len(counts.keys[name].labels) > MOST_LEVELS:
                raise DataError.too_many_values(name, "segment", len(counts.keys[name].labels), MOST_LEVELS)
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
    return source, [], split, scan.count_cells(source, _keys(study))


def _few_values(source: Source, study: Study) -> None:
    d = study.design
    exposure = {d.mark: ("exposure", MOST_LEVELS)} if d.mark else {}
    for name, (role, most) in {
        d.arm: ("treatment", MOST_LEVELS),
        **dict.fromkeys(d.strata, ("stratum", MOST_CELLS)),
        **exposure,
        **dict.fromkeys(study.segments, ("segment", MOST_LEVELS)),
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


def _spec(study: Study, measures: list[str], keys: list[str], *, outcomes: bool) -> Spec:
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
        elif isinstance(metric, Mean) and uptake is not None and uptake != metric.column:
            spec = spec | Spec(study.design.cluster, tuple(keys[1:]), (Sum.of(uptake, present=(metric.column,)),))
    return spec


def _indicators(moments: Moments, categories: list[str]) -> dict[str, NDArray[np.float64]]:
    """Rows of each level in each cell: all of them or none."""
    return {
        level_name(name, label): np.where(moments.keys[name].codes == code, moments.rows, 0).astype(np.float64)
        for name in categories
        for code, label in enumerate(moments.keys[name].labels)
    }
