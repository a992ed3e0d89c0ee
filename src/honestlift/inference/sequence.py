"""Intervals that may be read as often as one likes: an asymptotic confidence sequence for an estimate that is looked at repeatedly."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import lambertw, ndtri

from honestlift.inference.interval import t_quantile

SHARPEST = 2.0
"""Information, in multiples of that at the first look, at which the sequence is tuned to be as narrow as it can be."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sequence:
    """A confidence sequence over T looks.

    Attributes:
        low, high: (T,) ends; all T intervals together contain the effect with the nominal probability.
        p_value: (T,) always-valid p-value for zero: the smallest α whose sequence has left out zero at this look or before.
    """

    low: NDArray[np.float64]
    high: NDArray[np.float64]
    p_value: NDArray[np.float64]

    def __post_init__(self) -> None:
        for array in (self.low, self.high, self.p_value):
            array.setflags(write=False)


def mixture_variance(std_error: float, level: float) -> float:
    """Variance ρ² of the mixture, in units of the squared effect, from the standard error at the first look.

    Narrowest at twice the first look's information: ρ² = (−W₋₁(−α²/e) − 1)/I (Waudby-Smith et al. 2024, appendix B.2).
    """
    alpha = 1 - level
    best = -float(lambertw(-(alpha**2) / math.e, k=-1).real) - 1
    return best * std_error**2 / SHARPEST


def confidence_sequence(
    estimates: NDArray[np.float64], errors: NDArray[np.float64], df: NDArray[np.float64], level: float, rho2: float
) -> Sequence:
    """Asymptotic confidence sequence in the time of information I_t = 1/SE_t².

    |τ̂_t − τ| < √(2(1 + ρ²I)/(ρ²I²) · log(√(1 + ρ²I)/α)) at all looks at once (Robbins 1970, Ann. Math. Stat. 41, whose Gaussian
    mixture this is; Waudby-Smith, Arbour, Sinha, Kennedy & Ramdas 2024, Ann. Stat. 52, theorem 2.2, for estimated variances).

    The unit is the cluster: each SE is a cluster-robust one, and the estimates over time must be those of one accumulating study,
    Cov(τ̂_s, τ̂_t) = Var(τ̂_t) for s ≤ t. That holds when clusters enter one after another, and when fixed clusters are followed whose
    effects stay; in both, I·τ̂ is a Brownian motion with drift in I. With few clusters the SE is inflated by t_df/z, so that each
    look's own interval is the headline's.

    Args:
        estimates: (T,) the effect at each look, in order of time.
        errors: (T,) its cluster-robust standard errors, positive.
        df: (T,) their degrees of freedom.
        level: nominal coverage of all looks together.
        rho2: variance of the mixture; chosen at the first look, see ``mixture_variance``, and never after.
    """
    alpha, z = 1 - level, float(ndtri((1 + level) / 2))
    inflated = errors * np.array([t_quantile(float(d), level) for d in df]) / z
    information = 1 / inflated**2
    grown = 1 + rho2 * information
    half = np.sqrt(2 * grown / (rho2 * information**2) * (np.log(grown) / 2 - math.log(alpha)))
    evidence = (information * estimates) ** 2 * rho2 / (2 * grown) - np.log(grown) / 2  # log e-value of the mixture against zero
    p_value = np.exp(-np.maximum(np.maximum.accumulate(evidence), 0.0))
    return Sequence(low=estimates - half, high=estimates + half, p_value=p_value)
