"""Standard errors from influence functions: rows as independent, or summed within clusters."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from honestlift.estimators.stack import Means
from honestlift.estimators.streamed import Assembled, MeanSums
from honestlift.moments.patterns import Patterns, tally
from honestlift.moments.streamed.influences import Influence

Floats = NDArray[np.float64]


def covariance(means: Means, patterns: Patterns) -> Floats:
    """Covariance (2, 2) of (mean under control, mean under treatment), ΣIF IF'/n², rows independent, no small-sample factor.

    Args:
        means: the means with their influence functions.
        patterns: the rows they were made from.
    """
    at_mean = means.level + means.slope * patterns.means()
    within = patterns.within()
    n = patterns.rows
    made = np.einsum("apt,bpt,pt->ab", at_mean, at_mean, patterns.count)
    made += np.einsum("apt,bpt,pt->ab", means.slope, means.slope, within)
    return made / n**2


def cluster_influence(means: Means, patterns: Patterns, group: NDArray[np.int64], groups: int) -> Floats:
    """Sum of the influence functions within each of G clusters, (G, 2)."""
    sums = [patterns.sum_over_rows(means.level[a], means.slope[a]) for a in (0, 1)]
    return np.column_stack([tally(group, s, groups) for s in sums])


def clustered_covariance(means: Means, patterns: Patterns, group: NDArray[np.int64], groups: int) -> Floats:
    """The same with rows dependent within clusters, times G/(G − 1): Liang & Zeger (1986), as WeightIt has it.

    Args:
        means: the means with their influence functions.
        patterns: the rows.
        group: (P,) cluster of each pattern.
        groups: number G of clusters.
    """
    sums = cluster_influence(means, patterns, group, groups)
    return groups / (groups - 1) * np.einsum("ga,gb->ab", sums, sums) / patterns.rows**2


def streamed_clustered_covariance(
    made: Assembled, stack: tuple[MeanSums, MeanSums], found: tuple[Influence, Influence], rows: float
) -> Floats:
    """The same from sums per cluster that the engine computed.

    Args:
        made: the sums of every fit.
        stack: the sums of both means of one estimator, (G,) each.
        found: the influence functions of both means.
        rows: number n of rows.
    """
    sums: list[Floats] = []
    for mean, one in zip(stack, found, strict=True):
        value = mean.top - one.mean * mean.bottom
        for (place, _, _), v in zip(mean.moved, one.directions(), strict=True):
            value = value + np.einsum("gj,j->g", made.fits[place].score, v)
        sums.append(value / one.size)
    both = np.column_stack(sums)
    groups = both.shape[0]
    return groups / (groups - 1) * np.einsum("ga,gb->ab", both, both) / rows**2


def effect_covariance(covariance_of_means: Floats) -> Floats:
    """Covariance (2, 2) of (mean under control, effect) from that of the two means."""
    change = np.array([[1.0, 0.0], [-1.0, 1.0]])
    return change @ covariance_of_means @ change.T


def log_ratio(means: Means, covariance_of_means: Floats) -> tuple[float, float]:
    """Logarithm of the ratio of the two means, and its standard error by the delta method; NaN unless both are positive."""
    mu = means.theta + means.origin
    return _transformed(np.log(mu), 1 / mu, covariance_of_means) if mu.min() > 0 else (float("nan"), float("nan"))


def log_odds_ratio(means: Means, covariance_of_means: Floats) -> tuple[float, float]:
    """Logarithm of the odds ratio of the two means, and its standard error; NaN unless both lie between 0 and 1."""
    mu = means.theta + means.origin
    if not (mu.min() > 0 and mu.max() < 1):
        return float("nan"), float("nan")
    return _transformed(np.log(mu / (1 - mu)), 1 / (mu * (1 - mu)), covariance_of_means)


def _transformed(values: Floats, slopes: Floats, covariance_of_means: Floats) -> tuple[float, float]:
    direction = np.array([-1.0, 1.0]) * slopes
    return float(values[1] - values[0]), float(np.sqrt(direction @ covariance_of_means @ direction))
