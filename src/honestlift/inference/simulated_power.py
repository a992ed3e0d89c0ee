"""The power of the study's own test: on re-drawn arms of workspaces as unequal as they are, where no closed form holds."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from honestlift.design.variation import Variation
from honestlift.inference.power import Estimand, t_power

Arms = Callable[[np.random.Generator, int], NDArray[np.bool_]]
"""Draws arms of K workspaces: (rng, draws) to (draws, K), true where treated."""

BLOCK = 1_000_000
"""Draws × workspaces that are held at one time."""


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
