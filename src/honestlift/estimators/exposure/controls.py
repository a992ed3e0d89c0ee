"""What a contrast of exposure is held to: cells in which the design gives every user the same chances, or bins with the chances beside.

Within a cell of equal probabilities the levels are as good as randomized. Where nearly every user has chances of her own, bins of them
are too coarse, and the chances enter as regressors too: whatever the design moves is uncorrelated with the outcome once its expectation
is held (Borusyak & Hull 2023, Econometrica 91), whether or not the outcome is linear in it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from honestlift.estimators.exposure.known import Known
from honestlift.moments.cluster import ClusterMoments

Floats = NDArray[np.float64]

MOST_CELLS = 50
"""Cells above which bins take their place."""

BINS = 20

INDEPENDENT = 1e-8
"""Share of a column's sum of squares, left over by those before it, below which it says nothing of its own."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Controls:
    """Columns of mean zero beside the levels.

    Attributes:
        names: (m,) their names.
        matrix: (U, m).
        cells: (U,) index of each user's cell or bin.
        exact: whether all users of a cell have the same chances.
        known: how many of the columns, the last ones, are of what was known of the users.
    """

    names: tuple[str, ...]
    matrix: Floats
    cells: NDArray[np.int64]
    exact: bool
    known: int = 0

    @property
    def plain(self) -> tuple[str, ...]:
        """Names of the columns that are no covariates."""
        return self.names[: len(self.names) - self.known]

    def beside(self, before: Known) -> Controls:
        """The same with what was known of these users."""
        return replace(
            self,
            names=(*self.names, *before.names),
            matrix=np.concatenate([self.matrix, before.matrix], axis=1),
            known=len(before.names),
        )


def controls(cell: NDArray[np.int64], score: Floats, expected: Floats, *, told: bool) -> Controls:
    """Cells as they are, or bins of a score with the expectations beside.

    Args:
        cell: (U,) cell of each user.
        score: (U,) what bins are made of where there are too many cells.
        expected: (U, q) expectations under the design of what is to be estimated.
        told: whether users of a cell have the same expectations, which then stand beside bins only.
    """
    codes = np.unique(cell, return_inverse=True)[1].ravel().astype(np.int64)
    exact = int(codes.max(initial=0)) < MOST_CELLS
    if not exact:
        ends = np.unique(np.quantile(score, np.arange(1, BINS) / BINS))
        codes = np.unique(np.searchsorted(ends, score, side="left"), return_inverse=True)[1].ravel().astype(np.int64)
    size = np.bincount(codes)
    shown = [c for c in range(size.size) if c != int(np.argmax(size))]
    beside = expected[:, :0] if exact and told else expected
    matrix = np.zeros((cell.size, len(shown) + beside.shape[1]))
    place = np.full(size.size, -1)
    place[shown] = np.arange(len(shown))
    other = place[codes] >= 0
    matrix[np.flatnonzero(other), place[codes[other]]] = 1.0
    matrix[:, len(shown) :] = beside
    matrix -= matrix.mean(axis=0)
    kind = "cell" if exact else "bin"
    names = tuple(f"{kind} {c}" for c in shown) + tuple(f"chance {j}" for j in range(beside.shape[1]))
    return Controls(names=names, matrix=matrix, cells=codes, exact=exact)


def without_dependent(moments: ClusterMoments, first: int) -> ClusterMoments:
    """The moments without those regressors after the ``first`` that are combinations of the ones before them."""
    gram = moments.A.sum(axis=0)
    scale = np.sqrt(np.diagonal(gram))
    unit = gram / np.where(scale > 0, scale, 1.0)[:, None] / np.where(scale > 0, scale, 1.0)
    size = gram.shape[0]
    factor, kept = np.zeros((size, size)), np.zeros(size, dtype=np.bool_)
    for j in range(size):
        left = unit[j:, j] - factor[j:, kept] @ factor[j, kept]
        if j < first or (scale[j] > 0 and left[0] > INDEPENDENT):
            factor[j:, j] = left / np.sqrt(max(float(left[0]), INDEPENDENT))
            kept[j] = True
    return moments.of([name for name, there in zip(moments.names, kept, strict=True) if there])
