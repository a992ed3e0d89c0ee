"""Cross-products per cluster: all that least squares and every kind of cluster-robust inference need."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ClusterMoments:
    """Cross-products of k regressors X and an outcome y, summed within each of G clusters; y about an origin.

    Attributes:
        names: (k,) names of the regressors.
        A: (G, k, k) X_g'X_g.
        b: (G, k) X_g'(y_g − origin).
        c: (G,) (y_g − origin)'(y_g − origin).
        n: (G,) rows.
        origin: what was taken off every outcome; it comes back in the intercept.
    """

    names: tuple[str, ...]
    A: NDArray[np.float64]
    b: NDArray[np.float64]
    c: NDArray[np.float64]
    n: NDArray[np.float64]
    origin: float = 0.0

    def __post_init__(self) -> None:
        for array in (self.A, self.b, self.c, self.n):
            array.setflags(write=False)

    @property
    def clusters(self) -> int:
        """Number G of clusters."""
        return self.n.size

    def of(self, names: Sequence[str]) -> ClusterMoments:
        """The same of some regressors, in the order in which they stand."""
        chosen = np.flatnonzero([name in set(names) for name in self.names])
        return replace(
            self,
            names=tuple(self.names[j] for j in chosen),
            A=np.ascontiguousarray(self.A[:, chosen][:, :, chosen]),
            b=np.ascontiguousarray(self.b[:, chosen]),
        )


def cluster_moments(
    names: tuple[str, ...],
    cluster: NDArray[np.int64],
    regressors: NDArray[np.float64],
    count: NDArray[np.float64],
    total: NDArray[np.float64],
    square: NDArray[np.float64],
    *,
    clusters: int,
    origin: float = 0.0,
) -> ClusterMoments:
    """Cross-products per cluster from cells in which every regressor is constant.

    Args:
        names: (k,) names of the regressors.
        cluster: (C,) index of each cell's cluster, 0 to G−1.
        regressors: (C, k) value of every regressor in each cell.
        count: (C,) rows per cell.
        total: (C,) sum of the outcome about the origin.
        square: (C,) sum of its squares about the origin.
        clusters: number G of clusters; a cluster without cells gets zeros.
        origin: what was taken off every outcome.
    """
    k = regressors.shape[1]
    outer = regressors[:, :, None] * regressors[:, None, :] * count[:, None, None]
    cross = regressors * total[:, None]

    def by_cluster(values: NDArray[np.float64]) -> NDArray[np.float64]:
        flat = values.reshape(values.shape[0], -1)
        sums = np.stack([np.bincount(cluster, flat[:, j], clusters) for j in range(flat.shape[1])], axis=1).astype(np.float64)
        return sums.reshape(clusters, *values.shape[1:])

    return ClusterMoments(
        names=names,
        A=by_cluster(outer).reshape(clusters, k, k),
        b=by_cluster(cross).reshape(clusters, k),
        c=by_cluster(square),
        n=by_cluster(count),
        origin=origin,
    )
