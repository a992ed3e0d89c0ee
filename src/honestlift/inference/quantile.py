"""The difference of two arms' quantiles: its interval and test from inverted tests of the distribution functions."""

from __future__ import annotations

import math

from scipy.special import stdtr

from honestlift.estimators.quantile import Curve
from honestlift.inference.interval import t_quantile
from honestlift.result import Interval

STEPS = 60
"""Bisections of the critical value at which the interval first holds zero."""


def difference(
    arms: tuple[Curve, Curve], at: tuple[float, float], q: float, df: float, level: float, std_error: float = math.nan
) -> Interval:
    """Interval of Q_1 − Q_0 from the arms' own limits l and u, by the method of variance estimates recovery.

    d − √((Q_1 − l_1)² + (u_0 − Q_0)²) to d + √((u_1 − Q_1)² + (Q_0 − l_0)²) (Zou & Donner 2008, Statistics in Medicine 27). The p-value
    is that of the critical value at which an end comes to zero.

    Args:
        arms: the curves of the control and the treated arm.
        at: their quantiles Q_0 and Q_1.
        q: which quantile.
        df: degrees of freedom of the t distribution.
        level: nominal coverage.
        std_error: what is told beside it.
    """
    low, high = _ends(arms, at, q, t_quantile(df, level))
    return Interval(std_error=std_error, df=df, p_value=_p_value(arms, at, q, df), low=low, high=high, level=level)


def _ends(arms: tuple[Curve, Curve], at: tuple[float, float], q: float, t: float) -> tuple[float, float]:
    (l0, u0), (l1, u1) = (curve.limits(q, t) for curve in arms)
    l0, l1, u0, u1 = min(l0, at[0]), min(l1, at[1]), max(u0, at[0]), max(u1, at[1])
    effect = at[1] - at[0]
    return effect - math.hypot(at[1] - l1, u0 - at[0]), effect + math.hypot(u1 - at[1], at[0] - l0)


def _p_value(arms: tuple[Curve, Curve], at: tuple[float, float], q: float, df: float) -> float:
    if at[0] == at[1]:
        return 1.0

    def holds_zero(t: float) -> bool:
        low, high = _ends(arms, at, q, t)
        return low <= 0 <= high

    inside = 1.0
    while not holds_zero(inside):
        inside *= 2
        if inside > 1e6:
            return 0.0
    outside = 0.0
    for _ in range(STEPS):
        middle = (inside + outside) / 2
        inside, outside = (middle, outside) if holds_zero(middle) else (inside, middle)
    return float(2 * stdtr(df, -inside))
