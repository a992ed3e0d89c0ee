"""Least squares from cross-products per cluster: the Fit, of which every kind of inference is a function."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from honestlift.errors import DesignError
from honestlift.moments.cluster import ClusterMoments

SMALLEST_PIVOT = 1e-11
"""Share of a regressor's sum of squares, left over by the regressors before it, below which it counts as their combination."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Fit:
    """A least-squares fit, with the score and the hessian of every cluster.

    Attributes:
        names: (k,) names of the regressors.
        theta: (k,) coefficients, for the outcome about its origin.
        scores: (G, k) s_g = b_g − A_g theta; they sum to zero.
        hessians: (G, k, k) A_g = X_g'X_g.
        root: (k, k) lower Cholesky factor R of A = ΣA_g = R R'.
        rss: residual sum of squares.
        n: (G,) rows per cluster.
        origin: what was taken off every outcome.
    """

    names: tuple[str, ...]
    theta: NDArray[np.float64]
    scores: NDArray[np.float64]
    hessians: NDArray[np.float64]
    root: NDArray[np.float64]
    rss: float
    n: NDArray[np.float64]
    origin: float

    def __post_init__(self) -> None:
        for array in (self.theta, self.scores, self.hessians, self.root, self.n):
            array.setflags(write=False)

    @property
    def clusters(self) -> int:
        """Number G of clusters that have rows."""
        return int(np.count_nonzero(self.n))

    @property
    def rows(self) -> float:
        """Number N of rows."""
        return float(self.n.sum())

    def contrast(self, name: str) -> NDArray[np.float64]:
        """The contrast (k,) that picks one coefficient.

        Raises:
            DesignError: if no regressor has this name.
        """
        if name not in self.names:
            raise DesignError.out_of_range("regressor", name, f"one of {', '.join(map(repr, self.names))}")
        return np.eye(len(self.names))[self.names.index(name)]


def least_squares(moments: ClusterMoments) -> Fit:
    """Ordinary least squares, theta = (ΣA_g)^-1 Σb_g, without the rows.

    The regressors are scaled to unit length before anything is solved, so that their units do not matter.

    Args:
        moments: cross-products of k regressors and the outcome in each of G clusters.

    Raises:
        DesignError: if a regressor is zero on all rows, or a linear combination of those before it.
    """
    total = moments.A.sum(axis=0)
    scale = np.sqrt(np.diagonal(total))
    factor = _cholesky(total, scale, moments.names)
    theta = solve_normal(factor, moments.b.sum(axis=0) / scale) / scale
    fitted = np.einsum("gij,j->gi", moments.A, theta)
    squares = moments.c - np.einsum("gi,i->g", 2 * moments.b - fitted, theta)
    return Fit(
        names=moments.names,
        theta=theta,
        scores=moments.b - fitted,
        hessians=moments.A,
        root=scale[:, None] * factor,
        rss=max(0.0, float(squares.sum())),
        n=moments.n,
        origin=moments.origin,
    )


def intercept_column(fit: Fit) -> int | None:
    """Index of the intercept: the first regressor whose squares add up to the rows of every cluster; None if there is none.

    A regressor coded −1 and +1 passes too, so the intercept is to stand before it.
    """
    squares = np.diagonal(fit.hessians, axis1=1, axis2=2)
    hits = np.flatnonzero((np.abs(squares - fit.n[:, None]) <= 1e-12 * fit.n[:, None]).all(axis=0))
    return int(hits[0]) if hits.size else None


def true_value(fit: Fit, contrast: NDArray[np.float64]) -> float:
    """A linear combination of coefficients with the origin of the outcome put back into the intercept.

    Args:
        fit: the fit.
        contrast: (k,) weights, e.g. 1 for the intercept alone: the mean where all other regressors are zero.
    """
    column = intercept_column(fit)
    offset = 0.0 if column is None else float(contrast[column]) * fit.origin
    return float(contrast @ fit.theta) + offset


def solve_normal(root: NDArray[np.float64], vector: NDArray[np.float64]) -> NDArray[np.float64]:
    """Solution x (k,) of R R'x = vector for a lower triangular R (k, k)."""
    return np.asarray(np.linalg.solve(root.T, np.linalg.solve(root, vector)), dtype=np.float64)


def loading(root: NDArray[np.float64]) -> NDArray[np.float64]:
    """L = R^-T (k, k), with L L' = (R R')^-1 and L'R R'L = I."""
    return np.asarray(np.linalg.solve(root, np.eye(root.shape[0])).T, dtype=np.float64)


def solve_each(matrices: NDArray[np.float64], vectors: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Solve many small symmetric positive definite systems at once, and say which of them are singular.

    Gaussian elimination on matrices scaled to a unit diagonal, one column of all systems at a time.

    Args:
        matrices: (B, k, k) left-hand sides.
        vectors: (B, k) right-hand sides.

    Returns:
        (B, k) solutions, NaN where singular, and (B,) true where the system is regular by ``SMALLEST_PIVOT``.
    """
    draws, k = vectors.shape
    diagonal = np.diagonal(matrices, axis1=1, axis2=2)
    regular: NDArray[np.bool_] = np.asarray((diagonal > 0).all(axis=1))
    scale = np.sqrt(np.where(diagonal > 0, diagonal, 1.0))
    work = np.empty((k, k + 1, draws))
    work[:, :k] = (matrices / (scale[:, :, None] * scale[:, None, :])).transpose(1, 2, 0)
    work[:, k] = (vectors / scale).T
    for j in range(k):
        regular = np.logical_and(regular, work[j, j] > SMALLEST_PIVOT)
        work[j, j + 1 :] /= np.where(regular, work[j, j], 1.0)
        work[j + 1 :, j + 1 :] -= work[j + 1 :, j, None] * work[j, None, j + 1 :]
    solution = work[:, k]
    for j in range(k - 2, -1, -1):
        solution[j] -= (work[j, j + 1 : k] * solution[j + 1 :]).sum(axis=0)
    return np.where(regular[:, None], solution.T / scale, np.nan), regular


def weighted_sums(weights: NDArray[np.float64], values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Sums of values over clusters under many sets of weights: weights (B, G) times values (G, m), (B, m).

    Not a call of BLAS, whose last digits depend on the number of threads and on the number of rows.
    """
    return np.einsum("bg,mg->bm", weights, np.ascontiguousarray(values.T))


def _cholesky(total: NDArray[np.float64], scale: NDArray[np.float64], names: tuple[str, ...]) -> NDArray[np.float64]:
    """Lower Cholesky factor of the matrix with unit diagonal; its squared pivots are what is left of each regressor."""
    for name, length in zip(names, scale, strict=True):
        if not length > 0:
            raise DesignError.collinear(name, ())
    k = len(names)
    factor = np.zeros((k, k))
    unit = total / (scale[:, None] * scale)
    for j in range(k):
        left = unit[j:, j] - factor[j:, :j] @ factor[j, :j]
        if not left[0] > SMALLEST_PIVOT:
            raise DesignError.collinear(names[j], names[:j])
        factor[j:, j] = left / np.sqrt(left[0])
    return factor
