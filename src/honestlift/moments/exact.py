"""Sums that are exact in any order: summands are rounded to a power-of-two grid on which doubles add without error.

After Rump, Ogita & Oishi (2008), "Accurate floating-point summation I", and Demmel & Nguyen (2015), "Parallel reproducible
summation". Adding and taking off a large constant rounds to the multiples of its last bit; as many of these as a cell has rows
still fit a double, so that threads, files and engines may add them in any order and come to the same bits.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

TOLERANCE = 1e-12
"""Predicted error of a cell's sum, relative to its mean size, above which a second grid keeps what the first rounds off."""

_SMALLEST = math.ulp(0.0)
"""All doubles are multiples of it, so that a grid as fine as this rounds nothing off."""


@dataclass(frozen=True, slots=True)
class Grid:
    """The constants that round the summands of one sum.

    Attributes:
        high: a summand e is rounded to (e + high) − high; 0 where every summand is zero.
        low: the same for what that rounding left over; None where it is too small to matter.
    """

    high: float
    low: float | None


def grid(bound: float, largest_cell: int, magnitude: float, typical_cell: float) -> Grid:
    """The grid for a sum.

    Args:
        bound: no summand is further from zero.
        largest_cell: no cell has more rows.
        magnitude: mean size of a summand, or less; 0 asks for both grids.
        typical_cell: rows of a typical cell; the rounding errors within a cell add like a random walk.
    """
    if bound == 0:
        return Grid(0.0, None)
    high = _constant(bound, largest_cell)
    unit = math.ulp(high)
    error = unit / math.sqrt(12 * max(typical_cell, 1.0))
    if error <= TOLERANCE * magnitude or unit <= _SMALLEST:
        return Grid(high, None)
    return Grid(high, _constant(unit / 2, largest_cell))


def _constant(bound: float, rows: int) -> float:
    """1.5·2^q with the least q for which a summand stays in one binade and ``rows`` of them stay within 2^53 units."""
    exponent = math.ceil(math.log2(bound) + math.log2(max(rows, 4) * (1 + 2.0**-20))) - 1
    return 1.5 * 2.0**exponent
