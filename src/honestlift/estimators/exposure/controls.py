"""What a contrast of exposure is held to: cells in which the design gives every user the same chances, or bins with the chances beside.

Within a cell of equal probabilities the levels are as good as randomized. Where nearly every user has chances of her own, bins of them
are too coarse, and the chances enter as regressors too: whatever the design moves is uncorrelated with the outcome once its expectation
is held (Borusyak & Hull 2023, Econometrica 91), whether or not the outcome is linear in it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

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
    """

    names: tuple[str, ...]
    matrix: Floats
    cells: NDArray[np.int64]
    exact: bool


def controls(cell: NDArray[np.int64], score: Floats, expected: Floats) -> Controls:
    """Cells as they are, or bins of a score with the expectations beside.

    Args:
        cell: (U,) cell of each user.
        score: (U,) what bins are made of where there are too many cells.
        expected: (U, q) expectations under the design of what is to be estimated.
    """
    codes = np.unique(cell, return_inverse=True)[1].ravel().astype(np.int64)
    exact = int(codes.max(initial=0)) < MOST_CELLS
    if not exact:
        ends = np.unique(np.quantile(score, np.arange(1, BINS) / BINS))
        codes = np.unique(np.searchsorted(ends, score, side="left"), return_inverse=True)[1].ravel().astype(np.int64)
    size = np.bincount(codes)
    shown = [c for c in range(size.size) if c != int(np.argmax(size))]
    matrix = np.zeros((cell.size, len(shown) + expected.shape[1]))
    for j, c in enumerate(shown):
        matrix[codes == c, j] = 1.0
    matrix[:, len(shown) :] = expected
    matrix -= matrix.mean(axis=0)
    kind = "cell" if exact else "bin"
    names = tuple(f"{kind} {c}" for c in shown) + tuple(f"chance {j}" for j in range(expected.shape[1]))
    return Controls(names=names, matrix=matrix, cells=codes, exact=exact)


def independent(first: Floats, more: Floats) -> NDArray[np.bool_]:
    """(m,) which of the columns ``more`` (U, m) are no combination of ``first`` (U, k) and of those before them."""
    columns = np.concatenate([first, more], axis=1)
    scale = np.sqrt(np.einsum("ij,ij->j", columns, columns))
    unit = columns / np.where(scale > 0, scale, 1.0)
    gram = np.einsum("ij,ik->jk", unit, unit)
    size, k = gram.shape[0], first.shape[1]
    factor, kept = np.zeros((size, size)), np.zeros(size, dtype=np.bool_)
    for j in range(size):
        left = gram[j:, j] - factor[j:, kept] @ factor[j, kept]
        if scale[j] > 0 and left[0] > INDEPENDENT:
            factor[j:, j] = left / np.sqrt(left[0])
            kept[j] = True
    return kept[k:]
