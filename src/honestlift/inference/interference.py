"""Users randomized one by one against workspaces randomized whole: the two agree where nobody's treatment reaches another."""

from __future__ import annotations

import math
from dataclasses import dataclass

from honestlift.inference.interval import t_interval
from honestlift.result import Interval


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """An effect with its standard error and degrees of freedom (infinite for the normal)."""

    estimate: float
    std_error: float
    df: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """How far the two are apart.

    Attributes:
        difference: effect by workspaces minus effect by users.
        z: the difference over its standard error; NaN where that is zero.
        interval: of the difference, with its test.
    """

    difference: float
    z: float
    interval: Interval


def randomization_gap(by_cluster: Measured, by_user: Measured, level: float) -> Gap:
    """Z = (τ_cr − τ_ur)/sqrt(V_cr + V_ur) of two experiments on different users (Saveski et al. 2017, KDD; Pouget-Abadie et al. 2019).

    Without interference both estimate the same effect. The reference is a t distribution with Welch's and Satterthwaite's degrees of
    freedom, which is the normal where there are many workspaces.

    Args:
        by_cluster: the effect where whole workspaces were randomized.
        by_user: the effect where users were.
        level: nominal coverage of the interval.
    """
    difference = by_cluster.estimate - by_user.estimate
    variances = [(e.std_error**2, e.df) for e in (by_cluster, by_user)]
    total = sum(v for v, _ in variances)
    below = sum(v**2 / df for v, df in variances)
    df = total**2 / below if below > 0 else math.inf
    error = math.sqrt(total)
    return Gap(
        difference=difference, z=difference / error if error else math.nan, interval=t_interval(difference, error, df, level)
    )
