"""The standardized design that all fits of an opt-in study share, and least squares on it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from honestlift.estimators.fit import least_squares
from honestlift.estimators.stack import cross
from honestlift.moments.cluster import ClusterMoments
from honestlift.moments.patterns import Patterns

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Design:
    """An intercept and columns of mean 0 and standard deviation 1 over all rows, so that units do not matter.

    Attributes:
        names: (k,) names of the columns after the intercept.
        matrix: (P, k + 1).
        centre, scale: (k,) what was taken off and divided by.
    """

    names: tuple[str, ...]
    matrix: Floats
    centre: Floats
    scale: Floats

    def raw(self, beta: Floats) -> Floats:
        """Coefficients (k + 1,) of the columns as they came, from those of the standardized ones."""
        slopes = beta[1:] / self.scale
        return np.concatenate([[beta[0] - float(np.sum(slopes * self.centre))], slopes])


def standardize(patterns: Patterns, columns: Sequence[int] | None = None) -> Design:
    """The design of some or all columns.

    Args:
        patterns: the rows.
        columns: which columns, by position; all by default.

    Raises:
        DesignError: if a column is constant, or a linear combination of those before it; it is named.
    """
    chosen = list(range(len(patterns.names))) if columns is None else list(columns)
    x = patterns.x[:, chosen]
    weight = patterns.count.sum(axis=1)
    n = patterns.rows
    centre = np.array([float(np.sum(weight * x[:, j])) / n for j in range(x.shape[1])])
    matrix = np.ones((patterns.size, x.shape[1] + 1), order="F")
    scale = np.ones(x.shape[1])
    for j in range(x.shape[1]):
        deviation = x[:, j] - centre[j]
        spread = float(np.sqrt(np.sum(weight * deviation**2) / n))
        size = max(abs(centre[j]), float(np.abs(deviation).max(initial=0.0)))
        scale[j] = spread if spread > 1e-13 * size else 1.0
        matrix[:, j + 1] = deviation / scale[j] if spread > 1e-13 * size else 0.0
    names = tuple(patterns.names[j] for j in chosen)
    require_rank(("intercept", *names), cross(matrix, weight))
    return Design(names=names, matrix=matrix, centre=centre, scale=scale)


def require_rank(names: tuple[str, ...], information: Floats) -> None:
    """Raise if a regressor is zero or a linear combination of those before it.

    Args:
        names: (k,) names of the regressors.
        information: (k, k) their weighted cross-products.

    Raises:
        DesignError: naming the regressor.
    """
    k = len(names)
    least_squares(ClusterMoments(names=names, A=information[None], b=np.zeros((1, k)), c=np.zeros(1), n=np.ones(1)))
