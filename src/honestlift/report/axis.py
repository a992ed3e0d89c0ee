"""A number line with round marks, for intervals that are drawn in HTML and by matplotlib."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from honestlift.report import words

MARKS = 4
"""Gaps between marks that a line of the page has room for."""

LETTERS = 28
"""Characters that the marks' labels may take together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Axis:
    """A line from ``low`` to ``high`` with marks at multiples of ``step``, zero among them.

    Attributes:
        low, high: ends, in the unit of the values.
        step: distance of two marks.
        scale: factor of a mark's label (100 for percent).
        unit: what follows a label.
    """

    low: float
    high: float
    step: float
    scale: float = 1.0
    unit: str = ""

    def at(self, value: float) -> float:
        """Where a value lies, in percent of the line, to two decimals."""
        return round(min(max((value - self.low) / (self.high - self.low), 0.0), 1.0) * 100, 2)

    @property
    def marks(self) -> list[tuple[float, str]]:
        """Each mark and its label."""
        places = step_places(self.step * self.scale)
        first, last = math.ceil(self.low / self.step - 1e-9), math.floor(self.high / self.step + 1e-9)
        values = [i * self.step for i in range(first, last + 1)]
        return [(v, words.signed(v * self.scale, places) + (self.unit if v else "")) for v in values]


def axis(values: Iterable[float | None], *, scale: float = 1.0, unit: str = "", marks: int = MARKS) -> Axis:
    """The line that shows all values and zero, with a little room at both ends; missing values are passed over."""
    known = [v for v in values if v is not None and math.isfinite(v)] + [0.0]
    low, high = min(known), max(known)
    if high <= low:
        low, high = -1.0, 1.0
    room = 0.06 * (high - low)
    low, high = low - room, high + room
    step = _round(scale * (high - low) / marks) / scale
    line = Axis(low=low, high=high, step=step, scale=scale, unit=unit)
    while len(line.marks) > 2 and sum(len(label) + 2 for _, label in line.marks) > LETTERS * marks / MARKS:
        step = _round(1.01 * step * scale) / scale
        line = Axis(low=low, high=high, step=step, scale=scale, unit=unit)
    return line


def step_places(step: float) -> int:
    """Decimals that tell the multiples of a step of 1, 2 or 5 × 10^k apart."""
    return max(0, -math.floor(math.log10(step) + 1e-9))


def _round(step: float) -> float:
    """The smallest of 1, 2, 5 × 10^k that is not below a step."""
    power = 10.0 ** math.floor(math.log10(step))
    return next(m * power for m in (1, 2, 5, 10) if m * power >= step * (1 - 1e-9))
