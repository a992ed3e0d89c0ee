"""Products of matrices over many rows that are exact in any order: factors are cut into slices of few bits before they multiply.

After Ozaki, Ogita, Oishi & Rump (2012), "Error-free transformations of matrix multiplication by using fast routines of matrix
multiplication and its applications". A slice holds whole multiples of a power of two, so few of them that the products of two, over
all rows of a block, add up within the 53 bits of a double: whatever library multiplies, and in whatever order, no bit is lost.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
BITS = 19
"""Bits of a slice."""

MOST_ROWS = 2**14
"""Rows of a block: the products of slices of the same order, 2^38 units at most and three of them less than 1.25 times that, then
stay within 2^53 units in all.
"""

SLICES = 3
"""Slices of a factor: 57 bits below its bound, so that a double of the size of its bound is whole."""

HALF = 20
"""Bits of a slice of what is squared, of which there are two: a factor is rounded to the nearest multiple of 2^-40 of its bound."""

MOST_SQUARED = 2**13
"""Rows of a block of these: products of 2^40 units at most then stay within 2^53 units in all."""

_UNITS = 2.0 ** (BITS * np.arange(2, SLICES + 2))[:, None, None]
_SQUARED = 2.0 ** (HALF * np.arange(2, 5))[:, None, None]

_LOW = 32


def exponent(bound: float) -> int:
    """The least e for which no factor within the bound is larger than 2^e."""
    return math.frexp(bound)[1] if bound > 0 else 0


def cut(values: Floats, exponents: NDArray[np.int64], room: Floats, bits: int = BITS) -> Floats:
    """Slices of factors, in units of their bounds: their sum is values · 2^−exponent up to the last bit of the last slice.

    Args:
        values: (m, n), a factor a row; overwritten.
        exponents: (m,) of the bound of each.
        room: (slices, m, at least n), where they are put.
        bits: of a slice.
    """
    made = room[:, :, : values.shape[1]]
    rest = np.multiply(values, np.ldexp(1.0, -exponents)[:, None], out=values)
    slices = room.shape[0]
    for s in range(slices):
        constant = 1.5 * 2.0 ** (52 - bits * (s + 1))
        np.add(rest, constant, out=made[s])
        np.subtract(made[s], constant, out=made[s])
        if s + 1 < slices:
            np.subtract(rest, made[s], out=rest)
    return made


@dataclass(slots=True, eq=False)
class Products:
    """Sums over the rows of every group of the products of factors on the left with factors on the right, block by block.

    Attributes:
        left, right: (m,) and (k,) exponents of the factors' bounds.
        groups: number G of groups.
        parts: the sums so far in units of each slice, as low and high halves of whole numbers, (2, G, SLICES, m, k).
    """

    left: NDArray[np.int64]
    right: NDArray[np.int64]
    groups: int = 1
    parts: NDArray[np.int64] = field(init=False)

    def __post_init__(self) -> None:
        self.parts = np.zeros((2, self.groups, SLICES, self.left.size, self.right.size), dtype=np.int64)

    def add(self, left: Floats, right: Floats, groups: NDArray[np.int64]) -> bool:
        """Add the products of a block of at most ``MOST_ROWS`` rows, both sides cut; false if one is not finite.

        Args:
            left: slices (SLICES, m, n).
            right: slices (SLICES, k, n).
            groups: (R,) the group of each of R stretches of n/R rows; those of a group follow each other.
        """
        stretches = groups.size
        one = left.reshape(*left.shape[:2], stretches, -1).transpose(0, 2, 1, 3)
        two = right.reshape(*right.shape[:2], stretches, -1).transpose(0, 2, 3, 1)
        found = np.empty((SLICES, stretches, *self.parts.shape[3:]))
        for order in range(SLICES):
            np.matmul(one[0], two[order], out=found[order])
            for s in range(1, order + 1):
                found[order] += one[s] @ two[order - s]
        if not np.isfinite(found).all():
            return False
        first = np.flatnonzero(np.diff(groups, prepend=-1))
        together: Floats = np.add.reduceat(found, first, axis=1)
        low, high = _halves(np.moveaxis(together, 0, 1) * _UNITS)
        self.parts[0, groups[first]] += low
        self.parts[1, groups[first]] += high
        return True

    def merge(self, other: Products) -> None:
        """Add what was added up elsewhere."""
        self.parts += other.parts

    def totals(self) -> Floats:
        """The sums, (G, m, k); digits are lost once, where whole numbers become doubles."""
        made = _joined(np.moveaxis(self.parts, 2, 1), BITS)
        return np.ldexp(made, self.left[:, None] + self.right - 2 * BITS)


@dataclass(slots=True, eq=False)
class Squares:
    """Sums over all rows of the products of every two of some factors, for what needs no more than 2·``HALF`` bits of a factor.

    Attributes:
        ends: (p,) exponents of the factors' bounds.
        parts: the sums so far in units of each order, as low and high halves of whole numbers, (2, 3, p, p).
    """

    ends: NDArray[np.int64]
    parts: NDArray[np.int64] = field(init=False)

    def __post_init__(self) -> None:
        self.parts = np.zeros((2, 3, self.ends.size, self.ends.size), dtype=np.int64)

    def add(self, both: Floats) -> bool:
        """Add a block of at most ``MOST_SQUARED`` rows, cut in two slices (2, p, n) of ``HALF`` bits; false if it is not finite."""
        one, two = both
        found = np.empty(self.parts.shape[1:])
        np.matmul(one, one.T, out=found[0])
        np.matmul(two, two.T, out=found[2])
        crossed = one @ two.T
        np.add(crossed, crossed.T, out=found[1])
        if not np.isfinite(found).all():
            return False
        self.parts += _halves(found * _SQUARED)
        return True

    def merge(self, other: Squares) -> None:
        """Add what was added up elsewhere."""
        self.parts += other.parts

    def totals(self) -> Floats:
        """The sums, (p, p)."""
        return np.ldexp(_joined(self.parts, HALF), self.ends[:, None] + self.ends - 2 * HALF)


def _halves(units: Floats) -> NDArray[np.int64]:
    """Whole numbers as their low and high halves, of which many more add up in 64 bits."""
    whole = units.astype(np.int64)
    return np.stack([whole & (2**_LOW - 1), whole >> _LOW])


def _joined(parts: NDArray[np.int64], bits: int) -> Floats:
    """Sums of all orders from their halves, (2, orders, ...), in units of the first; digits are lost once, where they become doubles."""
    whole = np.ldexp(parts[1].astype(np.float64), _LOW) + parts[0]
    made: Floats = whole[-1]
    for order in reversed(range(whole.shape[0] - 1)):
        made = whole[order] + np.ldexp(made, -bits)
    return made
