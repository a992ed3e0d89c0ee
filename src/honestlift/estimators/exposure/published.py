"""Direct and spillover contrasts for an exposure that is given as a column."""

from __future__ import annotations

import numpy as np

from honestlift.moments.cells import Outcome
from honestlift.moments.cluster import ClusterMoments, cluster_moments

NAMES = ("pure control mean", "direct", "spillover")


def two_exposure_moments(outcome: Outcome) -> ClusterMoments:
    """Cross-products of y = pure control + direct·D + spillover·E, where E marks the exposed users of control clusters.

    Raises:
        ValueError: if the outcome has no exposure.
    """
    if outcome.exposed is None:
        raise ValueError("The outcome has no exposure. Expected a design with one.")
    columns = [np.ones(outcome.treated.size), outcome.treated.astype(np.float64), outcome.exposed.astype(np.float64)]
    return cluster_moments(
        NAMES,
        outcome.cluster,
        np.stack(columns, axis=1),
        outcome.count,
        outcome.total,
        outcome.square,
        clusters=outcome.clusters,
        origin=outcome.origin,
    )


def exposed_share(outcome: Outcome) -> float:
    """Share of all users, treated ones included, who are exposed controls."""
    exposed = outcome.exposed
    return 0.0 if exposed is None else float(outcome.count[exposed].sum() / outcome.count.sum())
