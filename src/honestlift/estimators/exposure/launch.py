"""The effect of launching, everyone on against everyone off, by users whose partners share their arm and by a line through the fraction.

Surrounded users: Leung (2025). The line: y on the own arm, and on the fraction within each arm, extrapolated to 1 and to 0.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from honestlift.estimators.exposure.controls import controls, without_dependent
from honestlift.estimators.exposure.hajek import weighted_contrast
from honestlift.estimators.exposure.known import Known
from honestlift.estimators.exposure.people import Floats, People, user_moments
from honestlift.moments.cluster import ClusterMoments

Bools = NDArray[np.bool_]

FEWEST_CLUSTERS = 2
"""Clusters of each arm below which nothing is compared."""


def both_arms(people: People, kept: Bools) -> bool:
    """Whether the users who are kept are of clusters enough of both arms."""
    return all(np.unique(people.own[kept & (people.treated == arm)]).size >= FEWEST_CLUSTERS for arm in (True, False))


def surrounded(people: People, valid: Bools) -> Bools:
    """(U,) who could have been surrounded by either arm, and is by the own."""
    return valid & people.as_one & (people.alike > 0).all(axis=1)


def surrounded_moments(people: People, kept: Bools, outcome: Floats, origin: float, *, weighted: bool) -> ClusterMoments:
    """Cross-products of the difference between surrounded treated and surrounded control users, by 1/π or as they are."""
    upper = people.treated[kept]
    chance = people.alike[kept][np.arange(upper.size), upper.astype(np.int64)]
    weight = 1.0 / chance if weighted else np.ones(upper.size)
    return weighted_contrast(people, kept, upper, weight, outcome, origin)


OWN = ("control, mean", "treated", "fraction, control", "fraction, treated")
"""The regressors of the line, before its controls."""


def linear_moments(
    people: People, valid: Bools, outcome: Floats, origin: float, before: Known | None = None
) -> ClusterMoments | None:
    """Cross-products of y on the own arm, the fraction in each arm, dummies of the degree, and what was known before the treatment.

    None where a fraction does not vary within an arm. See ``launched`` for the effect.
    """
    kept = valid
    d, f = people.treated[kept].astype(np.float64), people.fraction[kept]
    p = people.chance[kept][:, 2:].sum(axis=1)
    expected = np.stack([p, (1 - p) * people.dose[kept, 0], p * people.dose[kept, 1]], axis=1)
    beside = controls(people.degree[kept], people.degree[kept].astype(np.float64), expected, told=False)
    beside = beside if before is None else beside.beside(before.of(kept))
    x = np.concatenate([np.stack([np.ones(d.size), d, f * (1 - d), f * d], axis=1), beside.matrix], axis=1)
    made = user_moments((*OWN, *beside.names), people.own[kept], x, outcome[kept], clusters=people.clusters, origin=origin)
    made = without_dependent(made, 1)
    return made if made.names[: len(OWN)] == OWN else None


def launched(people: People, names: Sequence[str]) -> Floats:
    """The contrast (k,) of the line's coefficients that is the effect of a launch.

    With everyone on, the fraction is 1 for whoever has partners elsewhere and 0 for the others: the effect is
    b_arm + b_(fraction, treated) · share with partners.
    """
    pick = np.zeros(len(names))
    pick[1], pick[3] = 1.0, float((people.degree > 0).mean())
    return pick
