"""Ratios of sums, such as cost per task: linearized, so that every estimate of a mean is one of a ratio by the delta method."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from honestlift.moments.cells import Cells, Outcome
from honestlift.moments.spec import Sum

Floats = NDArray[np.float64]


def ratio_outcome(cells: Cells, numerator: str, denominator: str) -> Outcome:
    """A user's part u = R_a + (numerator − R_a·denominator)/m̄_a in the ratio R_a = ΣN/ΣM of the own arm, m̄_a = ΣM/Σn.

    The difference of the arms' means of u is R_1 − R_0 exactly, and its cluster-robust standard error that of the delta method
    (Deng, Knoblich & Lu 2018, KDD). Each arm needs its own ratio: the control arm's for both is biased.

    Args:
        cells: the table of sums, with the product of the two columns.
        numerator: column above the line.
        denominator: column below it; its sum must not be zero in either arm.
    """
    return _linearized(cells, numerator, denominator, cells.treated.astype(np.int64))


def workspace_ratios(cells: Cells, numerator: str, denominator: str) -> Outcome | None:
    """The same about the ratio of the own cluster, so that a cluster's mean is its ratio; None where one has no positive denominator."""
    size, _, lower = _sums(cells, numerator, denominator)
    totals, users = (np.bincount(cells.cluster, v, cells.arm.size) for v in (lower, size))
    return None if (totals[users > 0] <= 0).any() else _linearized(cells, numerator, denominator, cells.cluster)


def denominators(cells: Cells, numerator: str, denominator: str) -> Outcome:
    """The denominator as an outcome of its own, over the users that the ratio is of."""
    present = tuple(sorted((numerator, denominator)))
    sums, m = cells.moments.sums, denominator
    return cells.with_sums(
        sums[Sum((), present)], sums[Sum((m,), present)], sums[Sum((m, m), present)], cells.moments.origin[denominator]
    )


def _sums(cells: Cells, numerator: str, denominator: str) -> tuple[Floats, Floats, Floats]:
    """Users, and both sums about zero, of each cell, (C,) each."""
    present = tuple(sorted((numerator, denominator)))
    sums, origin = cells.moments.sums, cells.moments.origin
    size = sums[Sum((), present)]
    upper, lower = (sums[Sum((c,), present)] + origin[c] * size for c in (numerator, denominator))
    return size, upper, lower


def _linearized(cells: Cells, numerator: str, denominator: str, group: NDArray[np.int64]) -> Outcome:
    """The outcome whose mean in each group is the group's ratio; ``group`` (C,) is each cell's."""
    present = tuple(sorted((numerator, denominator)))
    sums, origin = cells.moments.sums, cells.moments.origin
    size, upper, lower = _sums(cells, numerator, denominator)
    n, above, below = (np.bincount(group, v) for v in (size, upper, lower))
    there = n > 0
    ratio = np.divide(above, below, out=np.zeros_like(above), where=there)[group]
    mean = np.divide(below, n, out=np.ones_like(below), where=there)[group]
    control = ~cells.treated
    start = float(upper[control].sum() / lower[control].sum())
    # e = numerator − R·denominator, in sums about the origins: nothing large cancels
    a, b = sums[Sum((numerator,), present)], sums[Sum((denominator,), present)]
    shift = origin[numerator] - ratio * origin[denominator]
    error = a - ratio * b + shift * size
    squares = sums[Sum((numerator, numerator), present)] + ratio**2 * sums[Sum((denominator, denominator), present)]
    squares = squares - 2 * ratio * sums[Sum(present, present)]
    squares = squares + 2 * shift * (a - ratio * b) + shift**2 * size
    away = ratio - start
    total = away * size + error / mean
    square = away**2 * size + 2 * away * error / mean + squares / mean**2
    return cells.with_sums(size, total, np.maximum(square, 0.0), start)
