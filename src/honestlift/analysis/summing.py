"""Rows to sums: the columns are checked at the door, the rows are counted, profiled and summed, and bad input stops here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from honestlift.analysis.covariates import ABSENT, level_name
from honestlift.analysis.record import without_late_controls
from honestlift.analysis.requirements import check_columns, check_measured, check_units, check_uptake, numeric
from honestlift.analysis.winsorizing import Capped, beside_caps, with_caps
from honestlift.design.metric import Mean, Ratio
from honestlift.design.study import Missing, Study
from honestlift.errors import DataError
from honestlift.moments import scan
from honestlift.moments.arms import Arms, read_several
from honestlift.moments.events import per_unit
from honestlift.moments.profile import Profile
from honestlift.moments.spec import Spec, Sum
from honestlift.moments.stored import StoredMoments
from honestlift.moments.table import Moments
from honestlift.source.connect import Source
from honestlift.source.table import Note

MOST_CELLS = 100_000
"""Cells above which text covariates are taken out of the grouping and become 0/1 columns."""

MOST_LEVELS = 50
"""Values of a text covariate above which it is refused."""

Step = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Seen:
    """What one set of scans brought back of all arms.

    Attributes:
        origin: the rows, or the file of sums that stands for them.
        moments: the sums of all arms.
        profile: the profile of every measured column.
        dropped: why rows were left out, and how many.
        columns: covariate to its measured columns: itself, or the 0/1 columns of its levels.
        categories: the text covariates that the rows are grouped by.
        arms: the values of the arms of each comparison.
        study: the question over the columns as they were read.
        capped: the metrics that are winsorized.
        one_in: 1 where every user was looked at for repetition, else one in so many; 0 where none was.
        notes: what became of users where tables were joined.
    """

    origin: Source | StoredMoments
    moments: Moments
    profile: Profile
    dropped: dict[str, int]
    columns: dict[str, list[str]]
    categories: list[str]
    arms: tuple[Arms, ...]
    study: Study
    capped: tuple[Capped, ...]
    one_in: int
    notes: tuple[Note, ...] = ()


def summed(source: Source, study: Study, step: Step, *, outcomes: bool = True) -> Seen:
    """The scans alone; see ``read``."""
    notes = source.notes
    check_columns(source, study, outcomes=outcomes)
    if study.rows == "events":
        step("Summing events per user")
        source = _per_user(source, study, outcomes)
    step("Counting users per workspace")
    source, dropped = _complete(source, study)
    source, categories, split, counts = _categories(source, study)
    keys = list(dict.fromkeys([*keys_of(study), *categories]))
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
    moments = scan.sums(source, spec_of(study, list(measures), keys, outcomes=outcomes), profile)
    return Seen(
        origin=source,
        moments=moments,
        profile=profile,
        dropped=_all_dropped(notes, dropped | late, several[0], study),
        columns=columns,
        categories=categories,
        arms=tuple(several),
        study=study,
        capped=capped,
        one_in=one_in,
        notes=notes,
    )


def _all_dropped(notes: tuple[Note, ...], dropped: dict[str, int], arms: Arms, study: Study) -> dict[str, int]:
    """Why rows were left out, in the order in which it happened."""
    joining = {note.reason: note.users for note in notes if note.dropped}
    return joining | dropped | {f"{study.design.arm} is {value}": n for value, n in arms.others.items()}


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


def keys_of(study: Study) -> list[str]:
    """The columns that the rows are grouped by: cluster, arm, strata, exposure, segments."""
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
    counts = scan.few_cells(source, list(dict.fromkeys([*keys_of(study), *categories])), MOST_CELLS)
    if counts is not None:
        for name in study.segments:
            if len(counts.keys[name].labels) > MOST_LEVELS:
                raise DataError.too_many_values(name, "segment", len(counts.keys[name].labels), MOST_LEVELS)
        for name in categories:
            require_levels(counts, name, study.missing)
        return source, categories, {}, counts
    _few_values(source, study)
    split: dict[str, list[str]] = {}
    for name in categories:
        few = scan.few_cells(source, [name], MOST_LEVELS)
        if few is None:
            raise DataError.too_many_levels(name, scan.different(source, name), MOST_LEVELS)
        levels = require_levels(few, name, study.missing)
        gaps = None in few.keys[name].labels
        source = source.with_indicators(name, levels[:-1] if gaps else levels, ABSENT if gaps else None)
        split[name] = [level_name(name, level) for level in levels]
    return source, [], split, scan.count_cells(source, keys_of(study))


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


def require_levels(counts: Moments, name: str, missing: Missing) -> list[str]:
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
        elif isinstance(metric, Mean) and uptake is not None and uptake != metric.column:
            both = (uptake, metric.column)
            spec = spec | Spec(study.design.cluster, tuple(keys[1:]), (Sum.of(present=both), Sum.of(uptake, present=both)))
    return spec
