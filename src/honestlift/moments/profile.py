"""What the first scan learns of a column: how much of it is there, its range, and the origin that sums are taken about."""

from __future__ import annotations

import math
from dataclasses import dataclass

FACTOR, SHIFT = math.e / 2, math.pi / 6
"""Both irrational: data with few decimals cannot lie where the rounding of an origin flips."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnProfile:
    """A measured column before it is summed.

    Attributes:
        count: rows with a finite value.
        missing: rows with NULL or NaN.
        infinite: rows with an infinite value.
        low, high: least and greatest finite value; NaN if there is none.
        mean: mean of the finite values.
        spread: their standard deviation (divisor n).
    """

    count: int
    missing: int
    infinite: int
    low: float
    high: float
    mean: float
    spread: float

    @property
    def origin(self) -> float:
        """The mean on a power-of-two grid a few bits below the spread, so that the last bits of a parallel sum cannot move it.

        The factor and the shift are irrational: data with few decimals cannot lie where the rounding flips.
        """
        if not self.count or not self.spread > 0:
            return self.low if self.count else 0.0
        step = 2.0 ** (math.floor(math.log2(self.spread * FACTOR)) - 3)
        return math.floor(self.mean / step + SHIFT) * step

    def about(self, spreads: float) -> float:
        """The mean and so many spreads, both on a fine power-of-two grid: the last bits of a parallel sum hardly ever move it."""
        if not self.spread > 0:
            return self.mean
        step = 2.0 ** (math.floor(math.log2(self.spread * FACTOR)) - 24)
        mean, spread = (math.floor(v / step + SHIFT) * step for v in (self.mean, self.spread))
        return mean + spreads * spread

    @property
    def bound(self) -> float:
        """The greatest distance of a value from the origin."""
        return max(self.high - self.origin, self.origin - self.low) if self.count else 0.0

    @property
    def magnitude(self) -> float:
        """A lower bound of the mean distance from the origin: no distance e exceeds the bound, so mean |e| ≥ mean e² / bound."""
        return self.spread * min(1.0, self.spread / self.bound) if self.bound > 0 else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """What the first scan learns of the table.

    Attributes:
        rows: rows of the table that are in one of the arms.
        cells: number of cells (cluster × discrete columns).
        largest_cell: rows of the largest of them.
        typical_cell: rows n of a typical one, by the mean of n^−½: small cells weigh as heavily as large ones.
        columns: each measured column's profile, in the order asked for.
    """

    rows: int
    cells: int
    largest_cell: int
    typical_cell: float
    columns: dict[str, ColumnProfile]

    @property
    def incomplete(self) -> frozenset[str]:
        """The columns that have missing values."""
        return frozenset(name for name, column in self.columns.items() if column.missing)
