"""Rows by arm and propensity score on a grid: how many, and what their outcomes and the squares of these add up to."""

from __future__ import annotations

from threading import Lock

import numpy as np
from numpy.typing import NDArray

from honestlift.errors import SourceError
from honestlift.moments.patterns import Patterns
from honestlift.moments.streamed.slices import exponent

Floats = NDArray[np.float64]

BITS = 31
"""Bits of an outcome, below its bound, that are counted; and as many of what they leave over."""

HELD = 2**22
"""Rows that are gathered before they go to the table: of 31 bits each, their sums stay within the 53 bits of a double."""


class ScoreTable:
    """One table for all threads, exact in any order: outcomes are whole multiples of 2^−62 of their bound, in two halves.

    With 2^20 scores the table is larger than the caches, so that it is not touched for every row, but for many at once.
    """

    def __init__(self, outcome: float, most: int, steps: int) -> None:
        """Make an empty table.

        Args:
            outcome: no outcome is larger.
            most: there are no more rows.
            steps: scores are floor(e·steps + ½)/steps.
        """
        self._steps, self._ends, self._lock = steps, (exponent(outcome), exponent(outcome**2)), Lock()
        self._sums = np.zeros((5, 2 * (steps + 1)), dtype=np.int64)
        room = min(most, HELD)
        self._place, self._y, self._n = np.empty(room, dtype=np.int64), np.empty((4, room)), 0

    def add(self, arm: int, e: Floats, y: Floats) -> None:
        """Add rows of an arm: their propensities and outcomes, (n,) each.

        Raises:
            SourceError: if there are more rows than there were.
        """
        place = np.floor(e * float(self._steps) + 0.5).astype(np.int64) + arm * (self._steps + 1)
        units: list[Floats] = []
        for values, end in zip((y, y * y), self._ends, strict=True):
            whole = np.ldexp(values, BITS - end)
            high = np.rint(whole)
            units += [high, np.rint(np.ldexp(whole - high, BITS))]
        with self._lock:
            if place.size > self._place.size:
                raise SourceError.changed()
            if self._n + place.size > self._place.size:
                self._spill()
            there = slice(self._n, self._n + place.size)
            self._place[there] = place
            for held, values in zip(self._y, units, strict=True):
                held[there] = values
            self._n += place.size

    def _spill(self) -> None:
        place = self._place[: self._n]
        self._sums[0] += np.bincount(place, minlength=self._sums.shape[1])
        for i, y in enumerate(self._y, start=1):
            self._sums[i] += np.bincount(place, y[: self._n], self._sums.shape[1]).astype(np.int64)
        self._n = 0

    def patterns(self) -> Patterns:
        """One pattern per score, which is its only column."""
        self._spill()
        both = self._sums.reshape(5, 2, self._steps + 1)
        there = np.flatnonzero(both[0].sum(axis=0))
        count, total, rest, square, its_rest = (held[:, there].T.astype(np.float64) for held in both)
        return Patterns(
            names=("propensity",),
            x=there[:, None] / float(self._steps),
            count=count,
            total=np.ldexp(total + np.ldexp(rest, -BITS), self._ends[0] - BITS),
            square=np.ldexp(square + np.ldexp(its_rest, -BITS), self._ends[1] - BITS),
        )
