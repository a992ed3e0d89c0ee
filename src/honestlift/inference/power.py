"""Power before the data: closed forms for cluster studies, and the workspaces that an effect needs."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import nctdtr, stdtrit

from honestlift.design.assignment import arm_sizes
from honestlift.design.variation import Variation
from honestlift.errors import DesignError

Estimand = Literal["itt_user", "itt_cluster"]

FEWEST_ARM, MOST_CV = 10, 0.6
"""Smaller arm below which, and coefficient of variation of the sizes above which, the closed form is no longer trusted."""

FAR = 37.0
"""Standard errors up to which a noncentral t is evaluated; beyond, the test rejects as surely."""

NEVER = 8.0
"""Standard errors from which the test never announces the wrong sign (under 1e-15)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Formula:
    """The closed form: standard error of the effect and degrees of freedom of its test.

    Attributes:
        std_error: in the unit of the outcome.
        df: Satterthwaite's for the workspaces of each arm, less q: K − 2 − q where arms are equal.
        trusted: whether sizes and arms are where the form agrees with the test itself within 0.03 of power.
    """

    std_error: float
    df: float
    trusted: bool

    def power(self, effect: float, level: float = 0.95) -> float:
        """Chance that the two-sided test announces a true effect, by the noncentral t."""
        return float(t_power(np.array(effect / self.std_error), self.df, level))

    def mde(self, target: float = 0.8, level: float = 0.95) -> float:
        """Smallest effect that is announced with this chance: (t_{1−α/2} + t_power)·SE."""
        return float(stdtrit(self.df, (1 + level) / 2) + stdtrit(self.df, target)) * self.std_error


def formula(variation: Variation, *, share: float = 0.5, estimand: Estimand = "itt_user") -> Formula:
    """Standard error of the intention-to-treat effect in closed form (Donner & Klar 2000; Eldridge, Ashby & Kerry 2006, IJE 35).

    Per user: SE² = σ²[ρ(1−R²_B)(1+CV²) + (1−ρ)(1−R²_W)/m̄] / (p(1−p)K), m̄ the mean size and CV that of the actual sizes; per
    workspace: SE² = σ²[ρ(1−R²_B) + (1−ρ)(1−R²_W)·mean(1/n_g)] / (p(1−p)K); p is the share that is treated after rounding.

    Args:
        variation: sizes, variances, what covariates explain.
        share: share of the workspaces that is treated.
        estimand: ``itt_user`` or ``itt_cluster``.

    Raises:
        DesignError: if an arm would have fewer than two workspaces, or the covariates leave no degree of freedom.
    """
    clusters, treated = variation.clusters, treated_of(variation.clusters, share)
    n = variation.n
    if estimand == "itt_user":
        per_cluster = variation.between * (1 + variation.size_cv**2) + variation.within / n.mean()
    else:
        per_cluster = variation.between + variation.within * float((1 / n).mean())
    df = satterthwaite_df(treated, clusters - treated) - variation.covariates
    if clusters - 2 - variation.covariates < 1:
        raise DesignError.out_of_range(
            "covariates",
            variation.covariates,
            f"fewer than the {clusters} workspaces less 2, so that a degree of freedom is left",
        )
    smaller = min(treated, clusters - treated)
    return Formula(
        std_error=math.sqrt(per_cluster * clusters / (treated * (clusters - treated))),
        df=max(df, 1.0),
        trusted=smaller >= FEWEST_ARM and variation.size_cv <= MOST_CV,
    )


def satterthwaite_df(one: int, other: int) -> float:
    """Degrees of freedom of the CR2 t of a difference between so many workspaces of equal size: K − 2 for equal arms, fewer for others."""
    clusters = one + other
    return clusters**2 * (one - 1) * (other - 1) / (one**2 * (one - 1) + other**2 * (other - 1))


def treated_of(clusters: int, share: float) -> int:
    """Number of treated workspaces.

    Raises:
        DesignError: if the share is out of range, or an arm would have fewer than two.
    """
    if not 0 < share < 1:
        raise DesignError.out_of_range("share", share, "a number between 0 and 1")
    treated = int(arm_sizes([clusters], share)[0])
    if min(treated, clusters - treated) < 2:
        raise DesignError.out_of_range("share", share, f"at least two of {clusters} workspaces in each arm")
    return treated


def t_power(shift: NDArray[np.float64], df: NDArray[np.float64] | float, level: float) -> NDArray[np.float64]:
    """Chance that |t| passes its two-sided critical value, t noncentral with this shift; element by element."""
    critical = stdtrit(df, (1 + level) / 2)
    size = np.minimum(np.abs(shift), FAR)
    wrong = np.where(size < NEVER, nctdtr(df, np.minimum(size, NEVER), -critical), 0.0)
    return np.clip(np.asarray(1 - nctdtr(df, size, critical) + wrong, dtype=np.float64), 0.0, 1.0)


def clusters_needed(
    variation: Variation,
    effect: float,
    *,
    share: float = 0.5,
    target: float = 0.8,
    level: float = 0.95,
    estimand: Estimand = "itt_user",
    most: int = 100_000,
) -> int | None:
    """Fewest workspaces, sizes spread as these are, for which the closed form's MDE is no larger than an effect; arms in whole numbers.

    Args:
        variation: sizes, variances, covariates.
        effect: in the unit of the outcome.
        share: share that is treated; 0.5 counts in pairs.
        target: power wanted.
        level: of the test.
        estimand: ``itt_user`` or ``itt_cluster``.
        most: number above which none is told.

    Returns:
        The number, or None if ``most`` are too few.
    """
    if effect == 0:
        return None
    step = next((s for s in range(1, 11) if abs(s * share - round(s * share)) < 1e-9 and 0 < round(s * share) < s), 1)
    least = max(4, variation.covariates + 3, math.ceil(2 / min(share, 1 - share)))

    def enough(steps: int) -> bool:
        made = formula(variation.with_clusters(steps * step), share=share, estimand=estimand)
        return made.mde(target, level) <= abs(effect)

    low, high = math.ceil(least / step) - 1, math.ceil(least / step)
    while not enough(high):
        low, high = high, high * 2
        if high * step > most:
            return None
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high * step
