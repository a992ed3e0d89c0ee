"""Contrasts of exposure by inverse probabilities, normalized within each level: least squares with these weights is exactly that.

Aronow & Samii (2017), Annals of Applied Statistics 11; Gao & Ding (2023), arXiv 2309.07476.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from honestlift.estimators.exposure.people import Floats, People, user_moments
from honestlift.moments.cluster import ClusterMoments

NAMES = ("mean", "contrast")


def hajek_moments(
    people: People, levels: tuple[int, int], kept: NDArray[np.bool_], outcome: Floats, origin: float
) -> ClusterMoments:
    """Cross-products of y = mean + contrast·1{upper level}, each user who had one of the two weighted by 1/π of it.

    Args:
        people: the users.
        levels: the upper and the lower level.
        kept: (U,) whose outcomes are used: who could have had both levels.
        outcome: (U,) about the origin.
        origin: what was taken off every outcome.
    """
    had = kept & np.isin(people.level, levels)
    level = people.level[had]
    chance = people.chance[had][np.arange(level.size), level]
    return weighted_contrast(people, had, level == levels[0], 1.0 / chance, outcome, origin)


def weighted_contrast(
    people: People, had: NDArray[np.bool_], upper: NDArray[np.bool_], weight: Floats, outcome: Floats, origin: float
) -> ClusterMoments:
    """Cross-products of a weighted difference of two means.

    Args:
        people: the users.
        had: (U,) whose outcomes are used.
        upper: (n,) which of these are of the upper group.
        weight: (n,) of these.
        outcome: (U,) about the origin.
        origin: what was taken off every outcome.
    """
    x = np.stack([np.ones(upper.size), upper.astype(np.float64)], axis=1)
    return user_moments(NAMES, people.own[had], x, outcome[had], clusters=people.clusters, origin=origin, weight=weight)
