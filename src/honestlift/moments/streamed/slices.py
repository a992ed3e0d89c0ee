"""Products of matrices over many rows that are exact in any order: factors are cut into slices of few bits before they multiply.

After Ozaki, Ogita, Oishi & Rump (2012), "Error-free transformations of matrix multiplication by using fast routines of matrix
multiplication and its applications". A slice holds whole multiples of a power of two, so few of them that the products of two, over
all rows of a block, add up within the 53 bits of a double: whatever library multiplies, and in whatever order, no bit is lost.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Run = tuple[int, int, int]
"""A group, and from where to where its rows stand in a block."""

BITS = 19
"""Bits of a slice."""

MOST_ROWS = 2**14
"""Rows of a block: the products of slices of the same order, 2^38 units at most and three of them less than 1.25 times that, then
stay within 2^53 units in all.
"""

SLICES = 3
"""Slices of a factor: 57 bits below its bound, so that a double of the size of its bound is whole."""

_UNITS = 2.0 ** (BITS * np.arange(2, SLICES + 2))[:, None, None]

_LOW = 32


def exponent(bound: float) -> int:
    """The least e for which no factor within the bound is larger than 2^e."""
    return math.frexp(bound)[1] if bound > 0 else 0


def cut(values: Floats, exponents: NDArray[np.int64], room: Floats) -> Floats:
    """Slices of factors, in units of their bounds: their sum is values · 2^−exponent up to the last bit of the last slice.

    Args:
        values: (m, n), a factor a row; overwritten.
        exponents: (m,) of the bound of each.
        room: (SLICES, m, at least n), where the slices are put.
    """
    made = room[:, :, : values.shape[1]]
    rest = np.multiply(values, np.ldexp(1.0, -exponents)[:, None], out=values)
    for s in range(SLICES):
        constant = 1.5 * 2.0 ** (52 - BITS * (s + 1))
        np.add(rest, constant, out=made[s])
        np.subtract(made[s], constant, out=made[s])
        if s + 1 < SLICES:
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

    def add(self, left: Floats, right: Floats, runs: Sequence[Run]) -> bool:
        """Add the products of a block of at most ``MOST_ROWS`` rows, both sides cut; false if one is not finite.

        Args:
            left: slices (SLICES, m, n).
            right: slices (SLICES, k, n).
            runs: the rows of each group, a group once.
        """
        found = np.empty((len(runs), *self.parts.shape[2:]))
        for place, (_, start, stop) in enumerate(runs):
            made: Floats = found[place]
            one, two = left[:, :, start:stop], right[:, :, start:stop].transpose(0, 2, 1)
            for order in range(SLICES):
                np.matmul(one[0], two[order], out=made[order])
                for s in range(1, order + 1):
                    made[order] += one[s] @ two[order - s]
        if not np.isfinite(found).all():
            return False
        whole, groups = (found * _UNITS).astype(np.int64), [group for group, _, _ in runs]
        self.parts[0, groups] += whole & (2**_LOW - 1)
        self.parts[1, groups] += whole >> _LOW
        return True

    def merge(self, other: Products) -> None:
        """Add what was added up elsewhere."""
        self.parts += other.parts

    def totals(self) -> Floats:
        """The sums, (G, m, k); digits are lost once, where whole numbers become doubles."""
        whole = np.ldexp(self.parts[1].astype(np.float64), _LOW) + self.parts[0]
        made = whole[:, -1]
        for order in reversed(range(SLICES - 1)):
            made = whole[:, order] + np.ldexp(made, -BITS)
        return np.ldexp(made, self.left[:, None] + self.right - 2 * BITS)
