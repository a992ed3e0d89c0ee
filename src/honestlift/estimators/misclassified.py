"""Direct and spillover contrasts when the mark of an exposure is wrong at known rates: the sums of the cells are put right first.

Of m₁ exposed and m₀ unexposed users with sums of outcomes M₁ and M₀, marks with false positive rate p and false negative rate q
give, in expectation, n₁ = (1 − q)m₁ + p·m₀ marked users with sums S₁ = (1 − q)M₁ + p·M₀. Solved for m and M in every workspace:
m₁ = (n₁ − p·n)/(1 − p − q), M₁ = (S₁ − p·S)/(1 − p − q), and the rest of the controls is unexposed. Hence μ₁ = M₁/m₁ depends on p
alone and μ₀ on q alone: a missed exposure spoils the direct effect, a false one does not. (Matrix method: Barron 1977, Biometrics 33.)
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from honestlift.estimators.exposure.published import NAMES
from honestlift.moments.cells import Outcome
from honestlift.moments.cluster import ClusterMoments, cluster_moments

Floats = NDArray[np.float64]


def marked_share(outcome: Outcome) -> float:
    """Share of control users who are marked as exposed; 0 without an exposure or controls."""
    control = float(outcome.count[~outcome.treated].sum())
    return 0.0 if outcome.exposed is None or not control else float(outcome.count[outcome.exposed].sum()) / control


def exposed_share(outcome: Outcome, false_positive: float, false_negative: float) -> float:
    """Share of control users who are exposed, if the marks are wrong at these rates; not between 0 and 1 where they cannot be."""
    return (marked_share(outcome) - false_positive) / (1 - false_positive - false_negative)


def is_possible(outcome: Outcome, false_positive: float, false_negative: float) -> bool:
    """Whether marks that are wrong at these rates can look like these: there must be both exposed and unexposed controls left."""
    return false_positive + false_negative < 1 and 1e-9 < exposed_share(outcome, false_positive, false_negative) < 1 - 1e-9


def corrected_moments(outcome: Outcome, false_positive: float, false_negative: float) -> ClusterMoments:
    """Cross-products of y = pure control + direct·D + spillover·E for the true exposure E, from marks that are wrong at known rates.

    They are linear in the sums of the marks, so that least squares and cluster-robust inference go on as if they were rows; a
    workspace may have fewer than no exposed users, which the sum over workspaces has not.

    Args:
        outcome: sums by marked exposure.
        false_positive: share of unexposed users who are marked, from 0.
        false_negative: share of exposed users who are not, from 0; both together below 1.

    Raises:
        ValueError: if the outcome has no exposure, or the rates are not possible.
    """
    if outcome.exposed is None or not is_possible(outcome, false_positive, false_negative):
        raise ValueError("The marks cannot come about at these rates. Expected rates for which `is_possible` is true.")
    groups, control = outcome.clusters, ~outcome.treated
    values = (outcome.count, outcome.total, outcome.square)
    everyone = [_by_cluster(outcome, v, control) for v in values]
    marked = [_by_cluster(outcome, v, outcome.exposed) for v in values]
    scale = 1 - false_positive - false_negative
    exposed = [(one - false_positive * both) / scale for one, both in zip(marked, everyone, strict=True)]
    unexposed = [both - one for both, one in zip(everyone, exposed, strict=True)]
    treated = [_by_cluster(outcome, v, outcome.treated) for v in values]
    one, none = np.ones(groups), np.zeros(groups)
    regressors = [np.stack(x, axis=1) for x in ((one, one, none), (one, none, one), (one, none, none))]
    count, total, square = (np.concatenate(parts) for parts in zip(treated, exposed, unexposed, strict=True))
    cluster = np.tile(np.arange(groups, dtype=np.int64), 3)
    where = np.concatenate(regressors)
    return cluster_moments(NAMES, cluster, where, count, total, square, clusters=groups, origin=outcome.origin)


def _by_cluster(outcome: Outcome, values: Floats, cells: NDArray[np.bool_]) -> Floats:
    return np.bincount(outcome.cluster[cells], values[cells], outcome.clusters).astype(np.float64)
