"""Influences as linear combinations of features, weight · factor · z: one matrix of sums then holds the covariances of all of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from honestlift.moments.streamed.influences import Influence, Mix

Floats = NDArray[np.float64]
Feature = tuple[str, str, int]
"""Weight, factor and design column of a term; see ``Term``."""


def features_of(one: Influence, arm: int) -> dict[Feature, float]:
    """The coefficients of the features in the influence of a row of an arm; see ``of_row``, whose formula this is."""
    made: dict[Feature, float] = {("one", "", 0): -one.constant}

    def add(feature: Feature, by: float) -> None:
        made[feature] = made.get(feature, 0.0) + by

    def along(weight: str, factor: str, v: Floats, by: float = 1.0) -> None:
        for j, slope in enumerate(v):
            add((weight, factor, j), by * float(slope))

    own = arm == one.arm
    if one.share is not None and one.modelled:
        _mixed(add, one.share[arm], f"m{one.arm}", one.mean)
    if own:
        _mixed(add, one.weight, "r" if one.modelled else "y", 0.0 if one.modelled else one.mean)
    if one.score is not None:
        along("residual", "", one.score)
    if own and one.outcome is not None:
        along("one", "r", one.outcome)
    if one.balance is not None:
        j, share, v = one.balance
        along("one", "", v, share[arm])
        if own:
            along(f"exp{j}", "", v, -1.0)
    return {feature: value / one.size for feature, value in made.items()}


def _mixed(add: Callable[[Feature, float], None], mix: Mix, factor: str, mean: float) -> None:
    """A mixture of weights times a factor less a mean."""
    for weight, coefficient in mix.items():
        add((weight, factor, 0), coefficient)
        if mean:
            add((weight, "", 0), -coefficient * mean)


def covariances_of(
    pairs: Sequence[tuple[Influence, Influence]], features: tuple[Sequence[Feature], Sequence[Feature]], squares: Sequence[Floats]
) -> list[Floats]:
    """Σ IF IF' of each pair of means, (2, 2) each, rows independent.

    Args:
        pairs: influences on the mean under control and under treatment.
        features: of the rows of either arm.
        squares: the sums of the products of every two of them, (p, p) of each arm.
    """
    made = [np.zeros((2, 2)) for _ in pairs]
    for arm in (0, 1):
        place = {feature: i for i, feature in enumerate(features[arm])}
        for p, pair in enumerate(pairs):
            slopes = np.zeros((2, len(place)))
            for a, one in enumerate(pair):
                for feature, value in features_of(one, arm).items():
                    slopes[a, place[feature]] = value
            made[p] += np.einsum("ai,ij,bj->ab", slopes, squares[arm], slopes)
    return made
