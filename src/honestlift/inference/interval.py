"""Confidence intervals: from a standard error, from replicates, and for an effect as a fraction of the control mean."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri, stdtr, stdtrit

from honestlift.result import Interval, Relative

MOST_STEPS = 2.0**20
"""First steps from the estimate after which the end of an inverted test is taken to be infinite."""


def t_quantile(df: float, level: float) -> float:
    """Quantile (1 + level)/2 of the t distribution; of the normal for infinite df; NaN for df that are NaN or not positive."""
    if math.isnan(df) or df <= 0:
        return math.nan
    return float(ndtri((1 + level) / 2) if math.isinf(df) else stdtrit(df, (1 + level) / 2))


def t_interval(estimate: float, std_error: float, df: float, level: float) -> Interval:
    """Symmetric interval and two-sided test from an estimate, its standard error and a t distribution.

    Args:
        estimate: the estimate.
        std_error: its standard error, same unit. Zero gives an interval of one point.
        df: degrees of freedom; infinity for the normal.
        level: nominal coverage, e.g. 0.95.

    Returns:
        The interval; what cannot be said (NaN standard error or df, a p-value of 0/0) is NaN.
    """
    estimate, std_error, df = float(estimate), float(std_error), float(df)
    half = t_quantile(df, level) * std_error
    certain = math.inf if std_error == 0 and estimate != 0 else math.nan
    ratio = abs(estimate) / std_error if std_error > 0 else certain
    p_value = math.nan
    if df > 0 and not math.isnan(ratio):
        p_value = 2 * float(ndtr(-ratio) if math.isinf(df) else stdtr(df, -ratio))
    return Interval(std_error=std_error, df=df, p_value=p_value, low=estimate - half, high=estimate + half, level=level)


def percentile_interval(replicates: NDArray[np.float64], level: float, estimate: float) -> Interval:
    """Percentile bootstrap interval (Efron 1979), with linearly interpolated quantiles.

    It under-covers when clusters are few or unequal: shown for what it is, never the headline.

    Args:
        replicates: (B,) bootstrap replicates of the estimate.
        level: nominal coverage.
        estimate: the estimate itself; it does not move the ends, which are quantiles.

    Returns:
        The interval; its standard error is the standard deviation of the replicates (divisor B − 1); it has no df and no
        p-value. All NaN when fewer than two replicates, or no estimate, are left.
    """
    if replicates.size < 2 or math.isnan(estimate):
        return Interval(std_error=math.nan, df=math.nan, p_value=math.nan, low=math.nan, high=math.nan, level=level)
    low, high = np.quantile(replicates, [(1 - level) / 2, (1 + level) / 2])
    spread = float(np.std(replicates, ddof=1))
    return Interval(std_error=spread, df=math.nan, p_value=math.nan, low=float(low), high=float(high), level=level)


def relative(effect: float, control_mean: float, covariance: NDArray[np.float64], df: float, level: float) -> Relative:
    """An effect as a fraction of the control mean, with the interval of Fieller's theorem (Fieller 1954, J. R. Stat. Soc. B 16).

    The interval is {r: |effect − r·mean| ≤ q·SE(effect − r·mean)}; it tends to that of the delta method as the mean becomes
    precise. The sign is that of effect / mean: a rise of 1 on a mean of −10 is −0.1, and the ends stand in ascending order.

    Args:
        effect: the effect, treated minus control.
        control_mean: mean of the outcome under control, with the origin of the outcome put back.
        covariance: (2, 2) of (control mean, effect).
        df: degrees of freedom of the t distribution; infinity for the normal.
        level: nominal coverage.

    Returns:
        The fraction; the ends are None when the set is unbounded (the mean does not differ from zero at this level) or undefined,
        and the estimate too when the mean is zero.
    """
    if control_mean == 0 or math.isnan(control_mean) or math.isnan(effect):
        return Relative(estimate=None, conf_low=None, conf_high=None)
    ratio = float(effect) / float(control_mean)
    square = t_quantile(df, level) ** 2
    # r = ratio + u, so that nothing cancels: mean² u² ≤ q² Var(effect − ratio·mean − u·mean)
    v_mean, v_cross = float(covariance[0, 0]), float(covariance[0, 1] + covariance[1, 0]) / 2
    v_ratio = float(covariance[1, 1]) - 2 * ratio * v_cross + ratio**2 * v_mean
    a = float(control_mean) ** 2 - square * v_mean
    b = -square * (v_cross - ratio * v_mean)
    if math.isnan(square) or math.isnan(v_ratio) or not a > 0:
        return Relative(estimate=ratio, conf_low=None, conf_high=None)
    half = math.sqrt(b * b + a * square * max(0.0, v_ratio))
    return Relative(estimate=ratio, conf_low=ratio + (b - half) / a, conf_high=ratio + (b + half) / a)


def inverted_interval(p_value: Callable[[float], float], estimate: float, step: float, level: float) -> tuple[float, float]:
    """Ends of the values that a test does not reject: {r: p(r) > 1 − level}, sought outward from the estimate.

    The step is doubled until p falls to 1 − level, and the crossing is then bisected to the last digit.

    Args:
        p_value: two-sided p-value of the hypothesis that the true value is r.
        estimate: where p is 1.
        step: first step, e.g. a standard error; not positive: the interval is the estimate.
        level: nominal coverage.

    Returns:
        The ends; infinite where p never falls so far, as when the smallest possible p is above 1 − level.
    """
    alpha = round(1 - level, 12)

    def end(direction: float) -> float:
        inside, width = 0.0, step
        while p_value(estimate + direction * width) > alpha:
            inside, width = width, 2 * width
            if width > MOST_STEPS * step:
                return direction * math.inf
        outside = width
        while inside < (middle := (inside + outside) / 2) < outside and outside - inside > 1e-13 * width:
            inside, outside = (middle, outside) if p_value(estimate + direction * middle) > alpha else (inside, middle)
        return estimate + direction * (inside + outside) / 2

    return (end(-1.0), end(1.0)) if step > 0 else (estimate, estimate)
