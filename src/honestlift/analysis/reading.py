"""Sums to cells: what the scans brought back, or a file of sums, as the study sees it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from honestlift.analysis.covariates import Columns, covariates_of, level_name
from honestlift.analysis.record import with_recorded_strata
from honestlift.analysis.requirements import check_both_arms, numeric
from honestlift.analysis.summing import Seen, Step, summed
from honestlift.analysis.winsorizing import Capped
from honestlift.design.study import Study
from honestlift.errors import MomentsError
from honestlift.estimators.adjusted import Covariate
from honestlift.moments.arms import Arms
from honestlift.moments.cells import Cells, as_cells
from honestlift.moments.profile import Profile
from honestlift.moments.stored import StoredMoments
from honestlift.moments.table import Moments
from honestlift.source.connect import Source
from honestlift.source.table import Note


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
        columns: where each covariate is to be found.
        one_in: 1 where every user was looked at for repetition, else one in so many; 0 where none was.
        study: the question over the columns as they were read: capped where a metric is winsorized.
        capped: the metrics that are.
        others: of a study with several arms, the readings of the other comparisons, from the same scans.
        notes: what became of users where tables were joined.
    """

    origin: Source | StoredMoments
    cells: Cells
    profile: Profile
    dropped: dict[str, int]
    before: tuple[str, ...]
    indicators: dict[str, NDArray[np.float64]]
    covariates: dict[str, Covariate]
    columns: Columns
    one_in: int
    study: Study
    capped: tuple[Capped, ...]
    others: tuple[Reading, ...]
    notes: tuple[Note, ...] = ()

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
        origin = self.origin
        return str(origin.header.get("engine", "elsewhere")) if isinstance(origin, StoredMoments) else origin.engine


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
    return compared(summed(source, study, step, outcomes=outcomes), outcomes=outcomes)


def compared(seen: Seen, *, outcomes: bool = True) -> Reading:
    """The reading of the first comparison of arms, with those of the others, from one set of sums.

    Raises:
        DataError: if an arm lacks an outcome, the exposure is not 0/1, or a stratum varies within a cluster.
    """
    contrasts = zip(seen.study.design.contrasts, seen.arms, strict=True)
    parts = [_compared(seen, replace(seen.study, design=two), arms, outcomes=outcomes) for two, arms in contrasts]
    return replace(parts[0], others=tuple(parts[1:]))


def _compared(seen: Seen, study: Study, arms: Arms, *, outcomes: bool) -> Reading:
    """The reading of two arms: all there is where there are two, their cells alone where there are more."""
    origin, moments, key = seen.origin, seen.moments, seen.moments.keys[study.design.arm]
    two = [arms.treated, arms.control]
    if len(key.labels) > 2:
        moments = moments.restricted(np.isin(key.codes, [key.labels.index(v) for v in two]))
        if isinstance(origin, Source):
            origin = origin.restricted(study.design.arm, [v for v in two if v is not None])
    cells = with_recorded_strata(as_cells(moments, study.design, arms), study)
    for name, roles in numeric(study, outcomes=outcomes).items():
        check_both_arms(cells, name, roles[0], study.design.cluster)
    before = [name for names in seen.columns.values() for name in names] + [m.pre for m in study.metrics if m.pre]
    indicators = _indicators(cells.moments, seen.categories)
    columns = Columns(
        measured=seen.columns, grouped={c: [n for n in indicators if n.startswith(f"{c} = ")] for c in seen.categories}
    )
    return Reading(
        origin=origin,
        cells=cells,
        profile=seen.profile,
        dropped=seen.dropped,
        before=tuple(dict.fromkeys(before)),
        indicators=indicators,
        covariates=covariates_of(cells, study, columns, indicators, seen.profile),
        columns=columns,
        one_in=seen.one_in,
        study=study,
        capped=seen.capped,
        others=(),
        notes=seen.notes,
    )


def _indicators(moments: Moments, categories: list[str]) -> dict[str, NDArray[np.float64]]:
    """Rows of each level in each cell: all of them or none."""
    return {
        level_name(name, label): np.where(moments.keys[name].codes == code, moments.rows, 0).astype(np.float64)
        for name in categories
        for code, label in enumerate(moments.keys[name].labels)
    }
