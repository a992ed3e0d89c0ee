"""Power before the data: closed forms for cluster studies, and the test itself on re-drawn arms of workspaces as unequal as they are."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import nctdtr, stdtr, stdtrit

from honestlift.design.assignment import arm_sizes
from honestlift.design.variation import Variation
from honestlift.errors import DesignError

Estimand = Literal["itt_user", "itt_cluster"]
Arms = Callable[[np.random.Generator, int], NDArray[np.bool_]]
"""Draws arms of K workspaces: (rng, draws) to (draws, K), true where treated."""

FEWEST_ARM, MOST_CV = 10, 0.6
"""Smaller arm below which, and coefficient of variation of the sizes above which, the closed form is no longer trusted."""

BLOCK = 1_000_000
"""Draws × workspaces that are held at one time."""

FAR = 1_000.0
"""Standard errors beyond which a noncentral t is not evaluated: the test rejects."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Formula:
    """The closed form: standard error of the effect and degrees of freedom of its test.

    Attributes:
        std_error: in the unit of the outcome.
        df: K − 2 − q.
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
    df = clusters - 2 - variation.covariates
    if df < 1:
        raise DesignError.out_of_range(
            "covariates",
            variation.covariates,
            f"fewer than the {clusters} workspaces less 2, so that a degree of freedom is left",
        )
    smaller = min(treated, clusters - treated)
    return Formula(
        std_error=math.sqrt(per_cluster * clusters / (treated * (clusters - treated))),
        df=df,
        trusted=smaller >= FEWEST_ARM and variation.size_cv <= MOST_CV,
    )


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
    upper = np.where(size > 37, stdtr(df, np.minimum(size, FAR) - critical), 1 - nctdtr(df, np.minimum(size, 37), critical))
    return np.clip(upper + np.where(size > 37, 0.0, nctdtr(df, np.minimum(size, 37), -critical)), 0.0, 1.0)


def redrawn_power(
    variation: Variation, arms: NDArray[np.bool_], effect: float, *, estimand: Estimand = "itt_user", level: float = 0.95
) -> float:
    """Power as the mean of noncentral t over re-drawn arms of the actual sizes.

    V_r = Σ_a Σ_{g∈a} n_g²(τ² + σ²_W/n_g)/N_a² per user, the same with every n_g in the weights alike per workspace; df_r is
    Satterthwaite's.

    Args:
        variation: sizes and variances.
        arms: (B, K) re-drawn arms.
        effect: in the unit of the outcome.
        estimand: ``itt_user`` or ``itt_cluster``.
        level: of the test.
    """
    variance, df = _law(variation, arms, estimand)
    return float(t_power(effect / np.sqrt(variance), df, level).mean())


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Simulated:
    """The study's own test in simulated studies; one set of draws tells the power of every effect.

    An effect that all workspaces share moves the estimate and leaves its standard error alone: in a draw the effect is announced
    when it exceeds ``needed``, and never wrongly signed but when it exceeds ``wrong``.

    Attributes:
        needed: (2B,) sorted effects from which a draw announces a gain; each draw counts with its mirror image.
        std_error: standard deviation of the estimates.
        draws: number B of studies.
    """

    needed: NDArray[np.float64]
    std_error: float
    draws: int

    def power(self, effect: float) -> float:
        """Share of the studies that announce an effect of this size, in either direction."""
        size = abs(effect)
        right = np.searchsorted(self.needed, size, side="right")
        wrong = np.searchsorted(self.needed, -size, side="right")
        return float(right + wrong) / self.needed.size

    def mde(self, target: float = 0.8) -> float:
        """Smallest effect that this share of the studies announce."""
        low, high = 0.0, float(max(self.needed[-1], 0.0))
        for _ in range(60):
            middle = (low + high) / 2
            low, high = (low, middle) if self.power(middle) >= target else (middle, high)
        return high

    def error(self, power: float) -> float:
        """Monte Carlo standard error of a power."""
        return math.sqrt(max(power * (1 - power), 0.0) / self.draws)


def simulate_power(
    variation: Variation,
    redraw: Arms,
    rng: np.random.Generator,
    *,
    draws: int = 4_000,
    estimand: Estimand = "itt_user",
    level: float = 0.95,
) -> Simulated:
    """Studies of these very workspaces, analysed as ``run`` does: difference of means, CR2, Satterthwaite df.

    Workspace means are normal with variance τ² + σ²_W/n_g, what covariates explain taken off; q covariates take q degrees of
    freedom.

    Args:
        variation: sizes and variances.
        redraw: draws arms by the design's rule.
        rng: source of randomness.
        draws: number B of studies.
        estimand: ``itt_user`` or ``itt_cluster``.
        level: of the test.

    Returns:
        The effects that each study needed.
    """
    step = max(1, BLOCK // variation.clusters)
    spread = np.sqrt(variation.between + variation.within / variation.n)
    weights = variation.n if estimand == "itt_user" else np.ones(variation.clusters)
    found: list[NDArray[np.float64]] = []
    moved: list[NDArray[np.float64]] = []
    for start in range(0, draws, step):
        arms = redraw(rng, min(step, draws - start))
        means = rng.standard_normal(arms.shape) * spread
        difference, error, df = difference_test(weights, means, arms)
        needed = stdtrit(np.maximum(df - variation.covariates, 1.0), (1 + level) / 2) * error
        found += [needed - difference, needed + difference]
        moved.append(difference)
    spread_found = np.concatenate(moved)
    return Simulated(needed=np.sort(np.concatenate(found)), std_error=float(spread_found.std()), draws=draws)


def difference_test(
    weights: NDArray[np.float64], means: NDArray[np.float64], arms: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Weighted difference of workspace means, its CR2 error and Satterthwaite df, in closed form, for many studies at once.

    For two arms P_g is w_g = n_g/N_a on the arm's coordinate, so that V = Σ_g w_g²(ȳ_g − ȳ_a)²/(1 − w_g), and the df of Bell and
    McCaffrey (2002) need no matrices. With equal weights this is Welch's error with Satterthwaite's df.

    Args:
        weights: (K,) users of each workspace; ones for the effect per workspace.
        means: (B, K) mean outcome of each workspace.
        arms: (B, K) true where treated.

    Returns:
        (B,) differences, standard errors and degrees of freedom.
    """
    difference = np.zeros(arms.shape[0])
    variance, total, squares, crossed, quartic = (np.zeros(arms.shape[0]) for _ in range(5))
    for sign, inside in ((1, arms), (-1, ~arms)):
        users = np.where(inside, weights, 0.0)
        every = users.sum(axis=1, keepdims=True)
        w = users / every
        mean = np.einsum("bk,bk->b", w, means)
        left = np.where(1 - w > 1e-9, 1 - w, np.inf)
        difference += sign * mean
        variance += (w * w * (means - mean[:, None]) ** 2 / left).sum(axis=1)
        d = w / (left * every)
        r = w * w / (left * every)
        total += (d - r).sum(axis=1)
        squares += (d * d).sum(axis=1)
        crossed += (d * r).sum(axis=1)
        quartic += r.sum(axis=1) ** 2
    return difference, np.sqrt(variance), total**2 / (squares - 2 * crossed + quartic)


def _law(variation: Variation, arms: NDArray[np.bool_], estimand: Estimand) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Variance of the estimate and degrees of freedom of its test in each re-draw, (B,) each."""
    spread = variation.between + variation.within / variation.n
    weights = variation.n if estimand == "itt_user" else np.ones(variation.clusters)
    variance = np.zeros(arms.shape[0])
    for inside in (arms, ~arms):
        users = np.where(inside, weights, 0.0)
        w = users / users.sum(axis=1, keepdims=True)
        variance += (w * w * spread).sum(axis=1)
    _, _, df = difference_test(weights, np.zeros(arms.shape), arms)
    return variance, np.maximum(df - variation.covariates, 1.0)


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
