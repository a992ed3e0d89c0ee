"""What was known before the treatment, beside the contrasts of exposure of one metric: the covariates of the effect of its arms."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from honestlift.analysis.estimates import Answer
from honestlift.analysis.sheet import Sheet
from honestlift.analysis.spillover.reading import Graph
from honestlift.design.study import Study
from honestlift.estimators.exposure.known import Known, known
from honestlift.moments.cluster import ClusterMoments

ADDED = "; covariates, additive"
"""What the adjustment of a row says after all else."""


def known_before(answer: Answer, graph: Graph, valid: NDArray[np.bool_], study: Study) -> Known | None:
    """The covariates that the effect of the arms is adjusted for, as means of workspaces and distances from these; None without any.

    Args:
        answer: the metric, with its covariates.
        graph: the users.
        valid: (U,) who has the outcome.
        study: the question.
    """
    used = answer.adjustment
    if used.form == "none":
        return None
    own = graph.people.own
    means = np.zeros((graph.arm.size, len(used.names)))
    means[np.bincount(own[valid], minlength=graph.arm.size) > 0] = used.values
    columns = {c: graph.outcomes[c] for name in used.used for c in graph.known.get(name, ())}
    if study.missing == "category":
        gaps = {f"{c} missing": np.isnan(values).astype(np.float64) for c, values in columns.items()}
        columns |= {name: gone for name, gone in gaps.items() if gone.any()}
    return known(own, used.names, means, columns)


def counted(sheet: Sheet, moments: ClusterMoments) -> Sheet:
    """The sheet of rows about the users and clusters of a regression."""
    return replace(sheet, units=round(float(moments.n.sum())), clusters=int(np.count_nonzero(moments.n)))
