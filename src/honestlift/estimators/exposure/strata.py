"""Contrasts of exposure within cells of equal probability: the default estimator, and its average stratum by stratum."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from honestlift.estimators.exposure.controls import Controls, controls, without_dependent
from honestlift.estimators.exposure.known import Known
from honestlift.estimators.exposure.people import LEVELS, Floats, People, user_moments
from honestlift.moments.cluster import ClusterMoments

Bools = NDArray[np.bool_]

CONTRASTS = {"direct": (2, 0), "spillover": (1, 0), "spillover_treated": (3, 2)}
"""Estimand to the two levels that it compares."""

FEWEST_CLUSTERS = 2
"""Clusters with users of a level below which it is compared with nothing."""


def taken(people: People, estimand: str, valid: Bools) -> Bools | None:
    """(U,) whose outcomes a contrast is made of: who could have had both levels; None where one of them was had in too few clusters."""
    levels = CONTRASTS[estimand]
    kept = valid & people.possible(*levels)
    for level in levels:
        if np.unique(people.own[kept & (people.level == level)]).size < FEWEST_CLUSTERS:
            return None
    return kept


def held_by(people: People, kept: Bools, before: Known | None = None) -> Controls:
    """The cells of the users, or bins of their chance of being exposed with the chances of every level beside; and what was known."""
    chance = people.chance[kept]
    made = controls(people.cell[kept], chance[:, 1] + chance[:, 3], chance[:, 1:], told=True)
    return made if before is None else made.beside(before.of(kept))


def strata_moments(
    people: People, estimand: str, kept: Bools, held: Controls, outcome: Floats, origin: float
) -> tuple[ClusterMoments, str]:
    """Cross-products of y = mean of the lower level + the other three levels + the cells, and the regressor that is the contrast.

    The controls have mean zero, so that the intercept is the lower level's mean for the average user.

    Args:
        people: the users.
        estimand: a key of ``CONTRASTS``.
        kept: (U,) whose outcomes are used; see ``taken``.
        held: what they are held to; see ``held_by``.
        outcome: (U,) about the origin; anything where it is not used.
        origin: what was taken off every outcome.
    """
    upper, lower = CONTRASTS[estimand]
    level = people.level[kept]
    others = [upper, *(i for i in range(4) if i not in (upper, lower) and bool((level == i).any()))]
    first = np.stack([np.ones(level.size), *((level == i).astype(np.float64) for i in others)], axis=1)
    names = (f"{LEVELS[lower]}, mean", *(LEVELS[i] for i in others), *held.names)
    x = np.concatenate([first, held.matrix], axis=1)
    made = user_moments(names, people.own[kept], x, outcome[kept], clusters=people.clusters, origin=origin)
    return without_dependent(made, first.shape[1]), LEVELS[upper]


@dataclass(frozen=True, slots=True, kw_only=True)
class ByStratum:
    """The contrast in each cell that has both levels, averaged with the users of the cells.

    Attributes:
        estimate: the average; NaN where no cell has both.
        cells: cells that have both levels.
        left_out: share of the users who are in cells that do not.
    """

    estimate: float
    cells: int
    left_out: float


def by_stratum(people: People, estimand: str, kept: Bools, held: Controls, outcome: Floats) -> ByStratum:
    """The same question with every user counting once, which least squares, weighted by precision, does not."""
    upper, lower = CONTRASTS[estimand]
    level, cells, y = people.level[kept], held.cells, outcome[kept]
    size = int(cells.max(initial=0)) + 1
    mean: list[Floats] = []
    for code in (upper, lower):
        here = level == code
        n = np.bincount(cells[here], minlength=size)
        total = np.bincount(cells[here], y[here], size)
        mean.append(np.where(n > 0, total / np.maximum(n, 1), np.nan))
    difference, users = mean[0] - mean[1], np.bincount(cells, minlength=size).astype(np.float64)
    both = np.isfinite(difference)
    if not both.any():
        return ByStratum(estimate=float("nan"), cells=0, left_out=1.0)
    weight = users[both] / users[both].sum()
    return ByStratum(
        estimate=float(np.sum(weight * difference[both])),
        cells=int(both.sum()),
        left_out=float(users[~both].sum() / users.sum()),
    )
