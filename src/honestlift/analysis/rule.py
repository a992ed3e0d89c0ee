"""The rule by which the arms are re-drawn: within the strata of the record, else of the plan, else over all workspaces."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from honestlift.analysis.reading import Reading
from honestlift.analysis.tables import names_with
from honestlift.design.study import Study
from honestlift.moments.cells import Outcome


def redrawn_within(reading: Reading, outcome: Outcome, columns: Sequence[str], study: Study) -> NDArray[np.int64] | None:
    """Index of the stratum, 0 to S−1, within which each cluster of an outcome was assigned, (G,); None over all.

    A record of a stratified assignment says so whatever the plan's strata are. With a record of complete randomization, or none, the
    plan's strata hold the re-draws to the numbers that each stratum had: still exact, given these.
    """
    record = study.design.assignment
    names = names_with(reading.cells, *columns)
    if record is not None and record.strata is not None and all(name in record.strata for name in names):
        labels = [record.strata[name] for name in names]
        return np.unique(np.array(labels, dtype=np.str_), return_inverse=True)[1].astype(np.int64)
    stratum = outcome.stratum
    return None if stratum is None else np.unique(stratum, return_inverse=True)[1].astype(np.int64)
