"""The standard error that the design itself gives a contrast of exposure: by drawing the arms again and analysing each draw.

The additive model is fitted and taken for true: every user's outcome at every level is her own plus the fitted contrasts. Each re-draw of
the recorded rule exposes others, and the spread of the estimates over the re-draws is their standard error, whatever ties the outcomes
of users together.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from honestlift.estimators.exposure.controls import Controls
from honestlift.estimators.exposure.people import Floats, People
from honestlift.estimators.exposure.strata import CONTRASTS

Codes = NDArray[np.int64]

FEWEST_DRAWS = 20
"""Draws with both levels below which there is no standard error."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Draw:
    """One draw, by the four levels; q covariates.

    Attributes:
        n: (4,) users.
        matrix: (4, 4) cross-products of the levels' indicators, without what the controls say of them.
        total: (4,) sums of what the controls leave of the outcomes.
        mean: (4,) outcomes weighted by one over the chance of the level.
        before: (q, 4) the same of the covariates.
        moved: (q, 4) by how much a level's coefficient moves the covariates' slopes.
    """

    n: Floats
    matrix: Floats
    total: Floats
    mean: Floats
    before: Floats
    moved: Floats


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
        self.drawn: list[_Draw] = []

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

    def draw(self, level: Codes) -> None:
        """Take down what the analysis of one draw is made of."""
        level = level if self.kept is None else level[self.kept]
        held = self._summed(level, 4)
        weight = self.weight[self.first + level]
        mass = np.maximum(np.bincount(level, weight, 4), np.finfo(np.float64).tiny)
        n = held[:, : self.size].sum(axis=1)
        self.drawn.append(
            _Draw(
                n=n,
                matrix=np.diag(n) - np.einsum("il,lm,jm->ij", held, self.inverse, held),
                total=np.bincount(level, self.left, 4).astype(np.float64),
                mean=np.bincount(level, weight * self.rest, 4) / mass,
                before=np.array([np.bincount(level, weight * x, 4) / mass for x in self.known.T]).reshape(-1, 4),
                moved=np.einsum("ij,lj->il", self.inverse[self.inverse.shape[0] - self.known.shape[1] :], held),
            )
        )

    def errors(self, estimand: str) -> Floats:
        """By how much least squares, and inverse probabilities, miss a contrast in each draw with both levels, (B, 2)."""
        upper, lower = CONTRASTS[estimand]
        drawn = [d for d in self.drawn if d.n[upper] and d.n[lower]]
        if not drawn:
            return np.empty((0, 2))
        inverses = np.linalg.pinv(np.stack([d.matrix for d in drawn]), rcond=1e-10, hermitian=True)
        found = np.einsum("bij,bj->bi", inverses, np.stack([d.total for d in drawn]))  # levels, up to a constant
        known = self.slopes[self.slopes.size - self.known.shape[1] :]
        slopes = known - np.einsum("bil,bl->bi", np.stack([d.moved for d in drawn]), found)  # each draw has its own
        weighted = np.stack([d.mean for d in drawn]) - np.einsum("bi,bil->bl", slopes, np.stack([d.before for d in drawn]))
        return np.stack([each[:, upper] - each[:, lower] for each in (found, weighted)], axis=1)


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
    for level in levels:
        for _, sample in samples:
            sample.draw(level)
    made: dict[str, tuple[float, float, int]] = {}
    for names, sample in samples:
        for estimand in names:
            values = sample.errors(estimand)
            if values.shape[0] >= FEWEST_DRAWS:
                spread = values.std(axis=0, ddof=1)
                made[estimand] = (float(spread[0]), float(spread[1]), values.shape[0])
    return {estimand: made[estimand] for estimand in kept if estimand in made}
