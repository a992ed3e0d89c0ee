"""The standard error that the design itself gives a contrast of exposure: by drawing the arms again and analysing each draw.

The additive model is fitted and taken for true: every user's outcome at every level is her own plus the fitted contrasts. Each re-draw of
the recorded rule exposes others, and the spread of the estimates over the re-draws is their standard error, whatever ties the outcomes
of users together.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from honestlift.estimators.exposure.controls import Controls
from honestlift.estimators.exposure.people import Floats, People
from honestlift.estimators.exposure.strata import CONTRASTS

Codes = NDArray[np.int64]

FEWEST_DRAWS = 20
"""Draws with both levels below which there is no standard error."""


class _Sample:
    """Users on whom one or several contrasts are made; their outcomes, without what the levels add, given the controls."""

    def __init__(self, people: People, kept: NDArray[np.bool_], held: Controls, rest: Floats) -> None:
        self.kept = None if kept.all() else np.flatnonzero(kept)
        self.cells, chance = held.cells, people.chance[kept]
        self.size = int(held.cells.max(initial=0)) + 1
        chances = np.zeros((self.cells.size, 0)) if held.exact else chance[:, 1:] - chance[:, 1:].mean(axis=0)
        self.known = _scaled(held.matrix[:, len(held.plain) :])
        self.beside = np.asfortranarray(np.concatenate([chances, self.known], axis=1))
        self.inverse = np.linalg.pinv(self._gram(), rcond=1e-12, hermitian=True)
        self.rest = rest[kept]
        self.slopes = self.inverse @ self._summed(np.zeros(self.cells.size, dtype=np.int64), 1, self.rest)[0]
        self.left = self.rest - self.slopes[self.cells] - np.einsum("ij,j->i", self.beside, self.slopes[self.size :])
        self.first = 4 * np.arange(self.cells.size)
        self.weight = np.divide(1.0, chance, out=np.zeros_like(chance), where=chance > 0).ravel()

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
        return np.concatenate([cells, *(m[:, None] for m in more)], axis=1).astype(np.float64)

    def errors(self, level: Codes, estimands: Sequence[str]) -> list[tuple[float, float]]:
        """By how much least squares, and inverse probabilities, miss each contrast in one draw; NaN without both levels."""
        level = level if self.kept is None else level[self.kept]
        held = self._summed(level, 4)
        n, total = held[:, : self.size].sum(axis=1), np.bincount(level, self.left, 4)
        weight = self.weight[self.first + level]
        mass = np.maximum(np.bincount(level, weight, 4), np.finfo(np.float64).tiny)
        mean = np.bincount(level, weight * self.rest, 4) / mass
        before = np.stack([np.bincount(level, weight * x, 4) / mass for x in self.known.T], axis=1) if self.known.size else None
        made: list[tuple[float, float]] = []
        for upper, lower in (CONTRASTS[estimand] for estimand in estimands):
            if not n[upper] or not n[lower]:
                made.append((np.nan, np.nan))
                continue
            others = [upper, *(i for i in range(4) if n[i] and i not in (upper, lower))]
            matrix = np.diag(n[others]) - np.einsum("il,lm,jm->ij", held[others], self.inverse, held[others])
            solution: Floats = np.asarray(np.linalg.pinv(matrix, rcond=1e-10, hermitian=True), dtype=np.float64)
            found = np.einsum("ij,j->i", solution, total[others])
            weighted = float(mean[upper] - mean[lower])
            if before is not None:  # the slopes of this draw
                slopes = (self.slopes - np.einsum("ij,lj,l->i", self.inverse, held[others], found))[-self.known.shape[1] :]
                weighted -= float(np.sum((before[upper] - before[lower]) * slopes))
            made.append((float(found[0]), weighted))
        return made


def _scaled(columns: Floats) -> Floats:
    """Columns of mean zero in units of their spread, so that these do not matter to what counts as singular."""
    spread = np.sqrt(np.einsum("ij,ij->j", columns, columns) / max(columns.shape[0], 1))
    return np.asfortranarray(columns / np.where(spread > 0, spread, 1.0))


def design_errors(
    people: People,
    kept: Mapping[str, tuple[NDArray[np.bool_], Controls]],
    theta: Sequence[float],
    outcome: Floats,
    levels: Iterator[Codes],
) -> dict[str, tuple[float, float, int]]:
    """Standard deviation over the re-draws of least squares within cells, and of inverse probabilities, per estimand; and the draws.

    Args:
        people: the users.
        kept: estimand to whose outcomes are used, and what they are held to.
        theta: (4,) what each level adds.
        outcome: (U,); anything where it is not used.
        levels: levels (U,) under re-drawn arms.
    """
    rest = outcome - np.asarray(theta)[people.level]
    samples: list[tuple[list[str], _Sample]] = []
    for estimand, (users, held) in kept.items():
        alike = next((names for names, _ in samples if np.array_equal(kept[names[0]][0], users)), None)
        if alike is not None:
            alike.append(estimand)
        else:
            samples.append(([estimand], _Sample(people, users, held, rest)))
    found: dict[str, list[tuple[float, float]]] = {estimand: [] for estimand in kept}
    for level in levels:
        for names, sample in samples:
            for estimand, pair in zip(names, sample.errors(level, names), strict=True):
                found[estimand].append(pair)
    made: dict[str, tuple[float, float, int]] = {}
    for estimand, pairs in found.items():
        values = np.array(pairs).reshape(-1, 2)
        values = values[np.isfinite(values).all(axis=1)]
        if values.shape[0] >= FEWEST_DRAWS:
            spread = values.std(axis=0, ddof=1)
            made[estimand] = (float(spread[0]), float(spread[1]), values.shape[0])
    return made
