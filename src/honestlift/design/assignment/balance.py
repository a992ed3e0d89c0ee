"""How far apart the arms are in what is known of the clusters, and how far is too far (Morgan & Rubin 2012)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from honestlift.errors import AssignmentError

SMALLEST_PIVOT = 1e-10
"""Share of a covariate's variance, left over by those before it, below which it is a combination of these."""

ROUNDING = 1e-12
"""Relative difference below which a distance is the threshold, so that the draw that made it is accepted on every machine."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Balance:
    """A criterion on re-drawn arms: accept those whose distance is no more than the threshold.

    The distance is M = Σ_a K_a z̄_a'z̄_a with z the covariates whitened by S (divisor K − 1) and z̄_a their mean over the K_a clusters
    of arm a. With two arms it is Morgan and Rubin's K p(1 − p)(x̄₁ − x̄₀)'S⁻¹(x̄₁ − x̄₀) (2012, Annals of Statistics 40, eq. 3).

    Attributes:
        z: (K, q) whitened covariates.
        threshold: the largest distance that is accepted.
        inside: (K,) whether the cluster's arm is drawn: one that joined late has no part in the criterion.
        held: the part of M that arms make which are not drawn again.
    """

    z: NDArray[np.float64]
    threshold: float
    inside: NDArray[np.bool_]
    held: float = 0.0

    def __post_init__(self) -> None:
        self.z.setflags(write=False)
        self.inside.setflags(write=False)

    def distance(self, codes: NDArray[np.int64 | np.bool_], arms: int) -> NDArray[np.float64]:
        """M of each of B assignments, (B,), from the codes of its clusters' arms, (B, K)."""
        z = np.where(self.inside[:, None], self.z, 0.0)
        made = np.full(codes.shape[0], self.held)
        for arm in range(arms):
            here = (codes == arm).astype(np.float64)
            count, total = np.einsum("bk,k->b", here, self.inside.astype(np.float64)), np.einsum("bk,kq->bq", here, z)
            made += (total**2).sum(axis=1) / np.maximum(count, 1.0)
        return made

    def accepts(self, codes: NDArray[np.int64 | np.bool_], arms: int) -> NDArray[np.bool_]:
        """(B,) whether each assignment is balanced enough."""
        return self.distance(codes, arms) <= self.threshold * (1 + ROUNDING)


def whitened(values: NDArray[np.float64], names: Sequence[str]) -> NDArray[np.float64]:
    """Covariates of clusters, (K, q), as uncorrelated columns of mean 0 and variance 1 (divisor K − 1).

    Raises:
        AssignmentError: if a covariate is not finite, the same in all clusters, or a linear combination of those before it.
    """
    columns: list[NDArray[np.float64]] = []
    for name, raw in zip(names, np.ascontiguousarray(values.T), strict=True):
        if not np.isfinite(raw).all():
            raise AssignmentError.covariate_unknown(name, int((~np.isfinite(raw)).sum()))
        scale = float(np.abs(raw).max()) or 1.0
        column = raw / scale
        for _ in range(2):  # the mean of a column far from zero is itself rounded
            column = column - float(column.mean())
        whole = float(np.einsum("k,k->", column, column))
        if not whole > (1e-14 * raw.size) ** 2:
            raise AssignmentError.covariate_constant(name)
        for _ in range(2):  # twice is enough
            for known in columns:
                column = column - known * (float(np.einsum("k,k->", known, column)) / (raw.size - 1))
        left = float(np.einsum("k,k->", column, column))
        if not left > SMALLEST_PIVOT * whole:
            raise AssignmentError.covariate_combined(name, names[: len(columns)])
        columns.append(column * np.sqrt((raw.size - 1) / left))
    return np.stack(columns, axis=1)
