"""How strong must an unmeasured cause be? Omitted-variable bias in a linear model and in augmented weighting."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from honestlift.estimators.stack import cross
from honestlift.inference.interval import t_quantile
from honestlift.moments.patterns import Patterns

Floats = NDArray[np.float64]

MOST_TIMES = 1e4
"""Multiples of a benchmark above which the search for the erasing strength ends."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Regression:
    """Least squares of the outcome on the treatment and all covariates, with classical standard errors.

    Attributes:
        names: (k,) covariate columns.
        covariates: (k,) the covariate each belongs to.
        products: (k + 3, k + 3) cross-products of intercept, covariates (standardized), treatment and outcome.
        effect: coefficient of the treatment.
        std_error: its classical standard error, never the cluster-robust one.
        dof: n − k − 2.
    """

    names: tuple[str, ...]
    covariates: tuple[str, ...]
    products: Floats
    effect: float
    std_error: float
    dof: float


def partial_linear(patterns: Patterns) -> Regression:
    """Fit the regression from patterns."""
    weight = patterns.count.sum(axis=1)
    n = patterns.rows
    centre = np.array([float(np.sum(weight * patterns.x[:, j])) / n for j in range(len(patterns.names))])
    deviations = patterns.x - centre
    spread = np.sqrt(np.array([float(np.sum(weight * deviations[:, j] ** 2)) / n for j in range(centre.size)]))
    base = np.column_stack([np.ones(patterns.size), deviations / np.where(spread > 0, spread, 1.0)])
    k = base.shape[1]
    products = np.zeros((k + 2, k + 2))
    products[:k, :k] = cross(base, weight)
    products[:k, k] = products[k, :k] = np.einsum("pi,p->i", base, patterns.count[:, 1])
    products[:k, k + 1] = products[k + 1, :k] = np.einsum("pi,p->i", base, patterns.total.sum(axis=1))
    products[k, k] = patterns.arms[1]
    products[k, k + 1] = products[k + 1, k] = float(patterns.total[:, 1].sum())
    products[k + 1, k + 1] = float(patterns.square.sum())
    return regression_of(products, patterns.names, patterns.covariates, n)


def regression_of(products: Floats, names: tuple[str, ...], covariates: tuple[str, ...], n: float) -> Regression:
    """The regression from cross-products (k + 2, k + 2) of intercept, covariates, treatment and outcome.

    Args:
        products: the sums.
        names: the covariate columns.
        covariates: the covariate each belongs to.
        n: rows.
    """
    k = len(names) + 1
    everything = list(range(k))
    d_rest = _residual(products, k, everything)
    # an outcome that the covariates determine leaves nothing but rounding
    y_rest = max(_residual(products, k + 1, [*everything, k]), 1e-14 * float(products[k + 1, k + 1]))
    beta = np.linalg.solve(products[: k + 1, : k + 1], products[: k + 1, k + 1])
    dof = n - k - 1
    return Regression(
        names=names,
        covariates=covariates,
        products=products,
        effect=float(beta[-1]),
        std_error=math.sqrt(y_rest / dof / d_rest),
        dof=dof,
    )


def _residual(products: Floats, column: int, on: list[int]) -> float:
    """Residual sum of squares of one column on others."""
    inside = products[np.ix_(on, on)]
    across = products[on, column]
    return float(products[column, column] - across @ np.linalg.solve(inside, across))


def robustness_value(t: float, dof: float, *, q: float = 1.0, level: float | None = None) -> float:
    """Share of what is left of both treatment and outcome that a cause must explain to take away the share q of the effect.

    Cinelli & Hazlett (2020), "Making Sense of Sensitivity", JRSS B 82, equations 19 and 20. With a level: to make the
    interval touch the remaining effect.

    Args:
        t: classical t statistic of the treatment.
        dof: residual degrees of freedom.
        q: share of the effect.
        level: e.g. 0.95 for the interval; None for the estimate.
    """
    f = q * abs(t) / math.sqrt(dof)
    if level is None:
        return rv_of(f)
    critical = t_quantile(dof - 1, level) / math.sqrt(dof - 1)
    a = f - critical
    if a <= 0:
        return 0.0
    return rv_of(a) if f <= 1 / critical else (f**2 - critical**2) / (1 + f**2)


def rv_of(a: float) -> float:
    """The robustness value of a standardized distance a: (√(a⁴ + 4a²) − a²)/2."""
    return (math.sqrt(a**4 + 4 * a**2) - a**2) / 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Benchmark:
    """What the estimate would be if an unmeasured cause were so many times as strong as a measured covariate.

    Attributes:
        name: the covariate (as a whole) or the column.
        times: how many times as strong.
        r2_treatment, r2_outcome: share of the rest of treatment and of outcome that it explains; None where impossible.
        adjusted, std_error, low, high: the estimate after adjusting for it, moved towards and past zero; None where impossible.
    """

    name: str
    times: float
    r2_treatment: float | None
    r2_outcome: float | None
    adjusted: float | None
    std_error: float | None
    low: float | None
    high: float | None


def strength(fit: Regression, columns: list[int]) -> tuple[float, float]:
    """Partial R² of a group of covariate columns with the treatment and with the outcome given everything else."""
    k = len(fit.names) + 1
    others = [0, *(j + 1 for j in range(len(fit.names)) if j not in columns)]
    everything = list(range(k))
    return _explained(fit.products, k, everything, others), _explained(fit.products, k + 1, [*everything, k], [*others, k])


def _explained(products: Floats, column: int, on: list[int], fewer: list[int]) -> float:
    """Share of what fewer columns leave of one that the others explain; nothing where only rounding is left."""
    left = _residual(products, column, fewer)
    return max(1 - _residual(products, column, on) / left, 0.0) if left > 1e-14 * products[column, column] else 0.0


def benchmark(fit: Regression, name: str, columns: list[int], times: float, level: float) -> Benchmark:
    """Bounds by a group of columns (Cinelli & Hazlett 2020, equations 15 and 16), as R's sensemakr has them.

    Args:
        fit: the regression.
        name: what to call it.
        columns: the group, by position.
        times: how many times as strong the unmeasured cause is, with treatment and with outcome.
        level: of the interval.
    """
    r, r_y = strength(fit, columns)
    shares = _shares(r, r_y, times)
    if shares is None:
        return Benchmark(
            name=name, times=times, r2_treatment=None, r2_outcome=None, adjusted=None, std_error=None, low=None, high=None
        )
    r_d, r_out = shares
    adjusted, error = adjust(fit, r_d, r_out)
    half = t_quantile(fit.dof - 1, level) * error
    return Benchmark(
        name=name,
        times=times,
        r2_treatment=r_d,
        r2_outcome=r_out,
        adjusted=adjusted,
        std_error=error,
        low=adjusted - half,
        high=adjusted + half,
    )


def _shares(r: float, r_y: float, times: float) -> tuple[float, float] | None:
    """Partial R² with treatment and outcome of a cause so many times as strong; None where none can be."""
    if times * r >= 1 or r >= 1:
        return None
    r_d = times * r / (1 - r)
    z = times * r**2 / ((1 - times * r) * (1 - r))
    if r_d >= 1 or z >= 1:
        return None
    outcome = ((math.sqrt(times) + math.sqrt(z)) / math.sqrt(1 - z)) ** 2 * r_y / (1 - r_y) if r_y < 1 else 1.0
    return r_d, min(1.0, outcome)


def adjust(fit: Regression, r2_treatment: float, r2_outcome: float) -> tuple[float, float]:
    """Estimate and standard error after a cause with these partial R², in the direction that shrinks the effect."""
    bias = fit.std_error * math.sqrt(fit.dof) * math.sqrt(r2_outcome * r2_treatment / (1 - r2_treatment))
    adjusted = math.copysign(1.0, fit.effect) * (abs(fit.effect) - bias)
    error = fit.std_error * math.sqrt((1 - r2_outcome) / (1 - r2_treatment)) * math.sqrt(fit.dof / (fit.dof - 1))
    return adjusted, error


def groups_of_columns(fit: Regression) -> dict[str, list[int]]:
    """Each covariate as a whole, with the places of its columns."""
    made: dict[str, list[int]] = {}
    for j, covariate in enumerate(fit.covariates):
        made.setdefault(covariate, []).append(j)
    return made


def strongest(fit: Regression, level: float) -> tuple[str, list[int]]:
    """The covariate that, once unmeasured and as strong, would move the estimate furthest."""
    groups = groups_of_columns(fit)

    def moved(columns: list[int]) -> float:
        found = benchmark(fit, "", columns, 1.0, level)
        return math.inf if found.adjusted is None else abs(found.adjusted - fit.effect)

    name = max(groups, key=lambda g: moved(groups[g]))
    return name, groups[name]


def erasing_times(fit: Regression, columns: list[int], level: float | None = None) -> float | None:
    """How many times as strong as these columns a cause must be to bring the estimate (or its interval) to zero.

    Args:
        fit: the regression.
        columns: the benchmark.
        level: of the interval; None for the estimate itself.

    Returns:
        The multiple; None if no multiple that can be does it.
    """

    def left(times: float) -> float | None:
        found = benchmark(fit, "", columns, times, level or 0.95)
        if found.adjusted is None or found.low is None or found.high is None:
            return None
        sign = math.copysign(1.0, fit.effect)
        return sign * found.adjusted if level is None else (found.low if sign > 0 else -found.high)

    start = left(0.0)
    if start is not None and start <= 0:
        return 0.0
    r, _ = strength(fit, columns)
    if r <= 0:
        return None
    low, high = 0.0, min((1 - r) / r, 1 / r, MOST_TIMES)
    edge = left(high * (1 - 1e-9))
    for _ in range(60):  # the largest strength that can be
        if edge is not None:
            break
        high *= 0.98
        edge = left(high)
    if edge is None or edge > 0:
        return None
    for _ in range(100):
        middle = (low + high) / 2
        found = left(middle)
        low, high = (low, middle) if found is None or found <= 0 else (middle, high)
    return high
