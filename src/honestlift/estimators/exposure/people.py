"""Users one by one, as the estimators of exposure see them: sorted by cluster, with what the design could have done to each."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from honestlift.moments.cluster import ClusterMoments

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

LEVELS = ("control, unexposed", "control, exposed", "treated, unexposed", "treated, exposed")
"""The four levels of exposure by code: 2·own arm + exposed."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class People:
    """U users, sorted by cluster.

    Attributes:
        own: (U,) index of the user's cluster, 0 to K−1, ascending.
        clusters: number K of clusters.
        treated: (U,) whether that is treated.
        level: (U,) code of the level of exposure.
        chance: (U, 4) probability of each level under the design.
        cell: (U,) index of the cell of equal probabilities.
        degree: (U,) number of other clusters that the user is tied to.
        fraction: (U,) treated share of the ties to other clusters; 0 without any.
        dose: (U, 2) its expectation with the own cluster in control, and treated.
        alike: (U, 2) probability that the own cluster and all partner clusters are in control, and treated.
        as_one: (U,) whether all partner clusters have the own arm.
    """

    own: NDArray[np.int64]
    clusters: int
    treated: Bools
    level: NDArray[np.int64]
    chance: Floats
    cell: NDArray[np.int64]
    degree: NDArray[np.int64]
    fraction: Floats
    dose: Floats
    alike: Floats
    as_one: Bools

    @property
    def users(self) -> int:
        """Number U of users."""
        return self.own.size

    def possible(self, *levels: int) -> Bools:
        """(U,) who could have had each of these levels."""
        return np.asarray((self.chance[:, list(levels)] > 0).all(axis=1))


def user_moments(
    names: tuple[str, ...],
    own: NDArray[np.int64],
    regressors: Floats,
    outcome: Floats,
    *,
    clusters: int,
    origin: float,
    weight: Floats | None = None,
) -> ClusterMoments:
    """Cross-products per cluster from users who are sorted by cluster; clusters without any are left out.

    Args:
        names: (k,) names of the regressors.
        own: (U,) index of each user's cluster, ascending.
        regressors: (U, k).
        outcome: (U,) about the origin.
        clusters: number of clusters.
        origin: what was taken off every outcome.
        weight: (U,) analytic weights, scaled to mean one; the sums, and the rows, are then those of rows scaled by their roots.
    """
    k = regressors.shape[1]
    ends = np.searchsorted(own, np.arange(clusters + 1))
    kept = np.flatnonzero(np.diff(ends))
    A, b = np.zeros((kept.size, k, k)), np.zeros((kept.size, k))
    c, n = np.zeros(kept.size), np.zeros(kept.size)
    scaled = None if weight is None else weight / weight.mean()
    for i, g in enumerate(kept):
        rows = slice(int(ends[g]), int(ends[g + 1]))
        x, y = regressors[rows], outcome[rows]
        wx, wy = (x, y) if scaled is None else (x * scaled[rows, None], y * scaled[rows])
        A[i] = np.einsum("ij,ik->jk", wx, x)
        b[i] = np.einsum("ij,i->j", x, wy)
        c[i] = np.einsum("i,i->", wy, y)
        n[i] = x.shape[0] if scaled is None else scaled[rows].sum()
    return ClusterMoments(names=names, A=A, b=b, c=c, n=n, origin=origin)
