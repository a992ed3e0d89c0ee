"""E-values, Rosenbaum bounds, bounds of augmented weighting: more answers to how strong an unmeasured cause must be."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from honestlift.diagnostics.sensitivity import rv_of
from honestlift.estimators.outcome import OutcomeModel
from honestlift.estimators.tilt import Estimand
from honestlift.moments.patterns import Patterns

Floats = NDArray[np.float64]


def e_value(ratio: float) -> float:
    """E-value of a risk ratio (VanderWeele & Ding 2017, Annals of Internal Medicine 167): RR + √(RR(RR − 1)), for RR < 1 of 1/RR.

    Both risk ratios of an unmeasured cause, with the treatment and with the outcome, must reach it to explain the ratio away.
    """
    r = max(ratio, 1 / ratio)
    return r + math.sqrt(r * (r - 1))


def e_value_of_interval(ratio: float, low: float, high: float) -> float:
    """E-value of the end of the interval that is nearest 1; 1 when the interval contains 1."""
    if low <= 1 <= high:
        return 1.0
    return e_value(low if ratio > 1 else high)


def ratio_of_odds(odds_ratio: float) -> float:
    """Approximate risk ratio of an odds ratio for an outcome that is not rare: its square root."""
    return math.sqrt(odds_ratio)


def ratio_of_hazards(hazard_ratio: float) -> float:
    """Approximate risk ratio of a hazard ratio for an outcome that is not rare."""
    root = math.sqrt(hazard_ratio)
    return (1 - 0.5**root) / (1 - 0.5 ** (1 / root))


def ratio_of_difference(difference: float, std_error: float) -> tuple[float, float, float]:
    """Approximate risk ratio, and its 95 % ends, of a difference in standard deviations: exp(0.91 d), exp(0.91 d ∓ 1.78 se)."""
    return tuple(math.exp(0.91 * difference + step * 1.78 * std_error) for step in (0, -1, 1))  # pyright: ignore[reportReturnType]


def bias_factor_of_risk_difference(risks: tuple[float, float], variances: tuple[float, float], quantile: float) -> float:
    """Bias factor at which the lower end of the interval of a positive risk difference reaches zero (Ding & VanderWeele 2016).

    The root of p1 − p0·B − q·√(v1 + v0·B²) = 0; 1 if it is reached without bias.

    Args:
        risks: (control p0, treated p1).
        variances: their squared standard errors.
        quantile: of the normal, e.g. 1.959964.
    """
    (p0, p1), (v0, v1) = risks, variances

    def lower(factor: float) -> float:
        return p1 - p0 * factor - quantile * math.sqrt(v1 + v0 * factor**2)

    if lower(1.0) <= 0:
        return 1.0
    low, high = 1.0, p1 / p0
    for _ in range(200):
        middle = (low + high) / 2
        low, high = (middle, high) if lower(middle) > 0 else (low, middle)
    return high


def mcnemar_bound(treated_only: float, control_only: float, gamma: float) -> float:
    """Greatest one-sided p of McNemar's test when odds of treatment within a pair may differ by a factor Γ (Rosenbaum 2002, 4.3).

    P(Bin(D, Γ/(1 + Γ)) ≥ a) for a of D discordant pairs in which the treated has the outcome. Pairs without replacement only.

    Args:
        treated_only: discordant pairs in which the treated has the outcome; a fraction (an expectation over ties) is rounded.
        control_only: those in which the control has it.
        gamma: Γ ≥ 1.
    """
    from scipy.special import bdtrc

    a, d = round(treated_only), round(treated_only) + round(control_only)
    return 1.0 if a <= 0 else float(bdtrc(a - 1, d, gamma / (1 + gamma)))


def signed_rank(differences: Sequence[float] | Floats) -> tuple[float, Floats]:
    """Wilcoxon's signed-rank statistic, the sum of the ranks of positive differences, and the ranks (ties averaged)."""
    d = np.asarray(differences, dtype=np.float64)
    values, place, count = np.unique(np.abs(d), return_inverse=True, return_counts=True)
    middle = np.cumsum(count) - (count - 1) / 2
    ranks = middle[place] if values.size else np.zeros(0)
    return float(np.sum(ranks[d > 0])), ranks


def signed_rank_bounds(differences: Sequence[float] | Floats, gamma: float) -> tuple[float, float]:
    """Least and greatest one-sided p of the signed-rank test at Γ, by the normal approximation (Rosenbaum 2002, 4.3.3).

    Args:
        differences: treated minus control of each pair, without replacement.
        gamma: Γ ≥ 1.
    """
    from scipy.special import ndtr

    t, ranks = signed_rank(differences)
    total, squares = float(ranks.sum()), float(np.sum(ranks**2))
    made: list[float] = []
    for p in (1 / (1 + gamma), gamma / (1 + gamma)):
        made.append(float(ndtr(-(t - p * total) / math.sqrt(p * (1 - p) * squares))))
    return made[0], made[1]


def critical_gamma(treated_only: float, control_only: float, alpha: float = 0.05) -> float:
    """Greatest Γ at which McNemar's test still rejects at a one-sided α; 1 when it does not reject at all."""
    if mcnemar_bound(treated_only, control_only, 1.0) > alpha:
        return 1.0
    low, high = 1.0, 2.0
    while mcnemar_bound(treated_only, control_only, high) <= alpha and high < 1e6:
        low, high = high, 2 * high
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if mcnemar_bound(treated_only, control_only, middle) <= alpha else (low, middle)
    return low


@dataclass(frozen=True, slots=True, kw_only=True)
class DoublyRobust:
    """Sensitivity of an augmented-weighting estimate (Chernozhukov, Cinelli, Newey, Sharma & Syrgkanis 2022), as DoubleML has it.

    Attributes:
        scale: √(σ²ν²), the bias per √(cf_y·cf_d/(1 − cf_d)).
        robustness: share of both sides that a cause must explain to erase the estimate.
    """

    scale: float
    robustness: float

    def bias(self, cf_y: float, cf_d: float) -> float:
        """Bias of a cause that explains ``cf_y`` of the outcome's rest and ``cf_d`` of the weights'."""
        return self.scale * math.sqrt(cf_y * cf_d / (1 - cf_d))


def doubly_robust(
    patterns: Patterns, e: Floats, outcomes: tuple[OutcomeModel, OutcomeModel], effect: float, estimand: Estimand
) -> DoublyRobust | None:
    """σ² = mean (Y − m_T)², ν² = 2 mean m(α) − mean α², α the Riesz representer; None for an estimand without one here.

    Args:
        patterns: the rows.
        e: (P,) propensity.
        outcomes: models of the control and of the treated arm.
        effect: the estimate.
        estimand: ATE or ATT.
    """
    if estimand not in ("ATE", "ATT"):
        return None
    n, f = patterns.rows, 1 - e
    means = np.column_stack([m.mean for m in outcomes])
    deviation = patterns.means() - means
    variance = float(np.sum(patterns.count * deviation**2 + patterns.within())) / n
    if estimand == "ATE":
        alpha = np.column_stack([-1 / f, 1 / e])
        riesz = np.column_stack([1 / e + 1 / f] * 2)
    else:
        p = patterns.arms[1] / n
        alpha = np.column_stack([-e / f, np.ones_like(e)]) / p
        riesz = np.column_stack([np.zeros_like(e), (1 + e / f) / p**2])
    nu2 = float(np.sum(patterns.count * (2 * riesz - alpha**2))) / n
    if not (variance > 0 and nu2 > 0):
        return None
    scale = math.sqrt(variance * nu2)
    return DoublyRobust(scale=scale, robustness=rv_of(abs(effect) / scale))
