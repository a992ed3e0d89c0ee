"""Open a stream: look at the columns of a study that does not fit in memory, lay out its design, draw a sample of its users."""

from __future__ import annotations

from honestlift.analysis.opt_in.sample import SAMPLE, Look, Sample, draw, one_in_odd
from honestlift.analysis.opt_in.streaming import Streaming
from honestlift.analysis.requirements import check_measured
from honestlift.design.opt_in import OptInStudy
from honestlift.errors import DataError
from honestlift.moments import scan
from honestlift.moments.choice import Arms
from honestlift.moments.covariates import categories, design_columns, design_frame, gaps
from honestlift.moments.profile import ColumnProfile
from honestlift.moments.streamed.blocks import here
from honestlift.moments.table import LARGEST, WHOLE, Moments
from honestlift.source.buckets import BUCKET, BUCKETS
from honestlift.source.connect import Source


def open_stream(source: Source, look: Look, study: OptInStudy) -> tuple[Streaming, dict[str, int]]:
    """Look at the columns, and draw the sample.

    Args:
        source: the rows of the two arms.
        look: what is known of them.
        study: what is asked.

    Returns:
        The stream, and how many users lack a covariate and are left out, by covariate.

    Raises:
        DataError: if the values are not what the study needs.
    """
    arm, arms, rows = study.design.arm, look.arms, look.rows
    levels = {c.name: scan.count_cells(source, [arm, c.name]) for c in look.covariates if c.category}
    seen = _profiles(source, look)
    design = design_columns(look.covariates, levels, seen, arms, arm, study.missing)
    profiles = {name: seen[name] for name in look.roles}
    others, opted = _by_arm(scan.count_cells(source, [arm]), arm, arms)

    def drawn(wanted: tuple[int, int]) -> Sample:
        return draw(source, look, study, profiles, design, (one_in_odd(others, wanted[0]), one_in_odd(opted, wanted[1])))

    frame = design_frame(look.grouped, arm, arms, look.group, profiles, design)
    groups, largest = _groups(look, here(frame))
    stream = Streaming(
        frame=frame,
        design=design,
        profiles=profiles,
        study=study,
        clustered=study.design.cluster is not None,
        groups=groups,
        largest=largest,
        count=rows,
        categories=categories(levels, arm, arms),
        sample=drawn((SAMPLE, SAMPLE)),
        evenly=lambda: drawn((2 * SAMPLE * others // rows, 2 * SAMPLE * opted // rows)),
    )
    return stream, gaps(source, design.dropped)


def _groups(look: Look, here: bool) -> tuple[int, int]:
    """No more groups, and no more rows in one; of buckets that are added up in this process nobody needs to know how large they are."""
    if look.group is None:
        return 1, look.rows
    if look.group == BUCKET and here:
        return BUCKETS, look.rows
    groups, largest, _ = scan.count_groups(look.grouped, [look.group])
    return groups, largest


def _profiles(source: Source, look: Look) -> dict[str, ColumnProfile]:
    """Of every numeric covariate and every measured column, which must vary."""
    numbers = [c.name for c in look.covariates if not c.category]
    names = list(dict.fromkeys([*numbers, *look.roles]))
    seen = dict(zip(names, scan.summaries(source, names), strict=True))
    for name in numbers:
        if seen[name].infinite:
            raise DataError.infinite(name, "covariate", seen[name].infinite)
        if source.kind(name) == "integer" and max(abs(seen[name].low), abs(seen[name].high)) > WHOLE:
            raise DataError.beyond_doubles(name, "covariate")
        if max(abs(seen[name].low), abs(seen[name].high)) > LARGEST:
            raise DataError.too_large(name, max(abs(seen[name].low), abs(seen[name].high)))
    for name, role in look.roles.items():
        check_measured(name, (role,), seen[name])
        if seen[name].low == seen[name].high:
            raise DataError.constant(name, role, seen[name].low)
    return seen


def _by_arm(counts: Moments, arm: str, arms: Arms) -> tuple[int, int]:
    key = counts.keys[arm]
    others, opted = (int(counts.rows[key.codes == key.labels.index(label)].sum()) for label in (arms.control, arms.treated))
    return others, opted
