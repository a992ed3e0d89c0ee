"""The standard error that the design itself gives a contrast of exposure: by drawing the arms again and analysing each draw.

The additive model is fitted and taken for true: every user's outcome at every level is her own plus the fitted contrasts. Each re-draw of
the recorded rule exposes others, and the spread of the estimates over the re-draws is their standard error, whatever ties the outcomes
of users together.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from honestlift.estimators.exposure.people import Floats, People
from honestlift.estimators.exposure.strata import CONTRASTS, held_by

Codes = NDArray[np.int64]

FEWEST_DRAWS = 20
"""Draws with both levels below which there is no standard error."""


class _Contrast:
    """One contrast on its users: least squares on the levels given the controls, and the inverse-probability contrast, draw after draw."""

    def __init__(self, people: People, estimand: str, kept: NDArray[np.bool_], rest: Floats) -> None:
        beside = held_by(people, kept)
        self.upper, self.lower = CONTRASTS[estimand]
        self.kept, self.cells = np.flatnonzero(kept), beside.cells
        self.chance = people.chance[kept]
        self.size = int(beside.cells.max(initial=0)) + 1
        self.beside = np.zeros((self.kept.size, 0)) if beside.exact else self.chance[:, 1:] - self.chance[:, 1:].mean(axis=0)
        self.inverse = np.linalg.pinv(self._gram(), rcond=1e-12, hermitian=True)
        self.rest = rest[kept]
        coefficients = self.inverse @ self._summed(np.zeros(self.kept.size, dtype=np.int64), 1, self.rest)[0]
        self.left = self.rest - coefficients[self.cells] - np.einsum("ij,j->i", self.beside, coefficients[self.size :])

    def _gram(self) -> Floats:
        gram = np.zeros((self.size + self.beside.shape[1],) * 2)
        gram[np.arange(self.size), np.arange(self.size)] = np.bincount(self.cells, minlength=self.size)
        for j, column in enumerate(self.beside.T):
            gram[: self.size, self.size + j] = gram[self.size + j, : self.size] = np.bincount(self.cells, column, self.size)
        gram[self.size :, self.size :] = np.einsum("ij,ik->jk", self.beside, self.beside)
        return gram

    def _summed(self, level: Codes, levels: int, weight: Floats | None = None) -> Floats:
        """Sums of the controls over the users of each level, (levels, m)."""
        cells = np.bincount(level * self.size + self.cells, weight, levels * self.size).reshape(levels, self.size)
        more = [np.bincount(level, column if weight is None else column * weight, levels) for column in self.beside.T]
        return np.concatenate([cells.astype(np.float64), *(m[:, None] for m in more)], axis=1)

    def errors(self, level: Codes) -> tuple[float, float]:
        """By how much least squares, and inverse probabilities, miss the contrast in one draw; NaN without both levels."""
        level = level[self.kept]
        n = np.bincount(level, minlength=4)
        if not n[self.upper] or not n[self.lower]:
            return np.nan, np.nan
        others = [self.upper, *(i for i in range(4) if n[i] and i not in (self.upper, self.lower))]
        held = self._summed(level, 4)[others]
        matrix = np.diag(n[others].astype(np.float64)) - np.einsum("il,lm,jm->ij", held, self.inverse, held)
        total = np.bincount(level, self.left, 4)[others]
        solved = np.linalg.lstsq(matrix, total, rcond=1e-10)[0]
        weight = 1.0 / np.maximum(self.chance[np.arange(level.size), level], 1e-300)
        mass, mean = np.bincount(level, weight, 4), np.bincount(level, weight * self.rest, 4)
        hajek = mean[self.upper] / mass[self.upper] - mean[self.lower] / mass[self.lower]
        return float(solved[0]), float(hajek)


def design_errors(
    people: People,
    kept: Mapping[str, NDArray[np.bool_]],
    theta: Sequence[float],
    outcome: Floats,
    levels: Iterator[NDArray[np.int64]],
) -> dict[str, tuple[float, float, int]]:
    """Standard deviation over the re-draws of least squares within cells, and of inverse probabilities, per estimand; and the draws.

    Args:
        people: the users.
        kept: estimand to whose outcomes are used.
        theta: (4,) what each level adds.
        outcome: (U,); anything where it is not used.
        levels: blocks (b, U) of levels under re-drawn arms.
    """
    rest = outcome - np.asarray(theta)[people.level]
    contrasts = {estimand: _Contrast(people, estimand, users, rest) for estimand, users in kept.items()}
    found: dict[str, list[tuple[float, float]]] = {estimand: [] for estimand in contrasts}
    for block in levels:
        for level in block:
            for estimand, contrast in contrasts.items():
                found[estimand].append(contrast.errors(level))
    made: dict[str, tuple[float, float, int]] = {}
    for estimand, pairs in found.items():
        values = np.array(pairs).reshape(-1, 2)
        values = values[np.isfinite(values).all(axis=1)]
        if values.shape[0] >= FEWEST_DRAWS:
            spread = values.std(axis=0, ddof=1)
            made[estimand] = (float(spread[0]), float(spread[1]), values.shape[0])
    return made
