"""The difference of two arms' quantiles: its interval and test from inverted tests of the distribution functions."""

from __future__ import annotations

import math
from collections.abc import Callable

from scipy.special import stdtr

from honestlift.estimators.quantile import Curve
from honestlift.inference.interval import t_quantile
from honestlift.result import Interval

STEPS = 60
"""Bisections of the critical value at which the interval first holds zero."""

LARGEST = 1e6
"""Critical value above which zero is out of the question."""


def difference(arms: tuple[Curve, Curve], at: tuple[float, float], q: float, df: float, level: float) -> Interval:
    """Interval of Q_1 − Q_0 from the arms' own limits l and u, by the method of variance estimates recovery.

    d − √((Q_1 − l_1)² + (u_0 − Q_0)²) to d + √((u_1 − Q_1)² + (Q_0 − l_0)²) (Zou & Donner 2008, Statistics in Medicine 27). The p-value
    is that of the critical value at which an end comes to zero.

    Args:
        arms: the curves of the control and the treated arm.
        at: their quantiles Q_0 and Q_1.
        q: which quantile.
        df: degrees of freedom of the t distribution.
        level: nominal coverage.
    """

    def ends(t: float) -> tuple[float, float]:
        (l0, u0), (l1, u1) = _limits(arms, at, q, t)
        effect = at[1] - at[0]
        return effect - math.hypot(at[1] - l1, u0 - at[0]), effect + math.hypot(u1 - at[1], at[0] - l0)

    low, high = ends(t_quantile(df, level))
    return Interval(std_error=math.nan, df=df, p_value=_p_value(ends, at, df), low=low, high=high, level=level)


def stepwise_difference(arms: tuple[Curve, Curve], at: tuple[float, float], q: float, df: float, level: float) -> Interval:
    """The same among ties, where quantiles move in steps: l_1 − u_0 to u_1 − l_0 with limits of level √level in each arm.

    The arms are independent, so that both limits hold together with probability level or more: never too narrow, however coarse the
    steps; every end is a difference of two values that occur.
    """

    def ends(t: float) -> tuple[float, float]:
        (l0, u0), (l1, u1) = _limits(arms, at, q, t)
        return l1 - u0, u1 - l0

    low, high = ends(t_quantile(df, math.sqrt(level)))
    p = 1 - (1 - _p_value(ends, at, df)) ** 2
    return Interval(std_error=math.nan, df=df, p_value=p, low=low, high=high, level=level)


def _limits(
    arms: tuple[Curve, Curve], at: tuple[float, float], q: float, t: float
) -> tuple[tuple[float, float], tuple[float, float]]:
    """The limits of both arms, each with its quantile inside."""
    (l0, u0), (l1, u1) = (curve.limits(q, t) for curve in arms)
    return (min(l0, at[0]), max(u0, at[0])), (min(l1, at[1]), max(u1, at[1]))


def _p_value(ends: Callable[[float], tuple[float, float]], at: tuple[float, float], df: float) -> float:
    """Two-sided p of the critical value at which zero comes into the interval."""
    if at[0] == at[1]:
        return 1.0

    def holds_zero(t: float) -> bool:
        low, high = ends(t)
        return low <= 0 <= high

    inside = 1.0
    while not holds_zero(inside):
        inside *= 2
        if inside > LARGEST:
            return 0.0
    outside = 0.0
    for _ in range(STEPS):
        middle = (inside + outside) / 2
        inside, outside = (middle, outside) if holds_zero(middle) else (inside, middle)
    return float(2 * stdtr(df, -inside))
