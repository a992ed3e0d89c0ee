"""Stacked estimating equations: two potential means, the fits they rest on, and the influence of every row on both.

After Stefanski & Boos (2002), "The Calculus of M-Estimation", The American Statistician 56. A potential mean is
μ_a = Σ N_a / Σ D_a, where N_a and D_a depend on fits (a propensity, outcome models, balancing weights), each of which solves
Σ design·residual = 0. Whatever is linear in the outcome is kept as level + slope·y per pattern and arm, so that sums of influence
functions, of their squares and of resamples need no rows.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from honestlift.moments.patterns import Patterns

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Linear:
    """level + slope·(y − origin) for each pattern and arm, (P, 2) each; no slope means zero."""

    level: Floats
    slope: Floats | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Nuisance:
    """A fit that solves Σ design·residual − pull = 0 in its linear predictor.

    Attributes:
        design: (P, k) regressors, with the intercept.
        residual: score per unit of the linear predictor.
        curvature: (P, 2) minus its derivative by the linear predictor.
        penalty: (k,) second derivative of a quadratic penalty; zero without one.
        pull: (k,) first derivative of it at the solution.
    """

    design: Floats
    residual: Linear
    curvature: Floats
    penalty: Floats
    pull: Floats


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Slope:
    """How numerator and denominator of a mean move with the linear predictor of one fit."""

    numerator: Linear
    denominator: Floats | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Equation:
    """A potential mean Σ numerator / Σ denominator.

    Attributes:
        numerator: per pattern and arm.
        denominator: (P, 2).
        slopes: by which of the stack's fits it moves, and how; fits that are not named do not touch it.
    """

    numerator: Linear
    denominator: Floats
    slopes: tuple[tuple[int, Slope], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Stack:
    """All equations of one estimator: the fits, then the mean under control and the mean under treatment."""

    nuisances: tuple[Nuisance, ...]
    equations: tuple[Equation, Equation]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Means:
    """Two potential means with the influence of every row on them.

    Attributes:
        theta: (2,) mean under control and under treatment, about the origin.
        level, slope: (2, P, 2) influence function level + slope·(y − origin) of each mean, per pattern and arm; it averages zero.
        origin: what was taken off every outcome.
    """

    theta: Floats
    level: Floats
    slope: Floats
    origin: float

    @property
    def effect(self) -> float:
        """Mean under treatment minus mean under control."""
        return float(self.theta[1] - self.theta[0])

    @property
    def control_mean(self) -> float:
        """Mean under control, with the origin put back."""
        return float(self.theta[0]) + self.origin


def solve(stack: Stack, patterns: Patterns) -> Means:
    """The two means and their influence functions.

    IF = [N − μD + Σ_fits residual·design'v] / mean(D), v = J⁻¹ (mean ∂N − μ mean ∂D), J = mean curvature·design design'.
    """
    n = patterns.rows
    inverse = [information(f, patterns) / n for f in stack.nuisances]
    theta, levels, slopes = np.empty(2), np.empty((2, patterns.size, 2)), np.empty((2, patterns.size, 2))
    for a, equation in enumerate(stack.equations):
        mean_d = float(patterns.sum_over_rows(equation.denominator).sum()) / n
        mu = float(patterns.sum_over_rows(equation.numerator.level, equation.numerator.slope).sum()) / n / mean_d
        level = equation.numerator.level - mu * equation.denominator
        slope = np.zeros_like(level) if equation.numerator.slope is None else np.array(equation.numerator.slope)
        for index, moved in equation.slopes:
            fit = stack.nuisances[index]
            v = solve_square(inverse[index], _gradient(moved, fit, mu, patterns) / n)
            along = predict(fit.design, v)[:, None]
            level = level + fit.residual.level * along - float(fit.pull @ v) / n
            if fit.residual.slope is not None:
                slope += fit.residual.slope * along
        theta[a], levels[a], slopes[a] = mu, level / mean_d, slope / mean_d
    return Means(theta=theta, level=levels, slope=slopes, origin=patterns.origin)


def information(fit: Nuisance, patterns: Patterns) -> Floats:
    """Σ curvature·design design' + penalty, (k, k)."""
    return cross(fit.design, patterns.sum_over_rows(fit.curvature)) + np.diag(fit.penalty)


def _gradient(moved: Slope, fit: Nuisance, mu: float, patterns: Patterns) -> Floats:
    """Σ (∂N − μ ∂D)·design, (k,)."""
    weight = patterns.sum_over_rows(moved.numerator.level, moved.numerator.slope)
    if moved.denominator is not None:
        weight = weight - mu * patterns.sum_over_rows(moved.denominator)
    return project(fit.design, weight)


def solve_square(matrix: Floats, vector: Floats) -> Floats:
    """Solution of a small square system."""
    return np.asarray(np.linalg.solve(matrix, vector), dtype=np.float64)


def predict(design: Floats, beta: Floats) -> Floats:
    """design·beta, (P,), column by column: equal rows give equal bits, whatever stands around them."""
    made = np.zeros(design.shape[0])
    for j, b in enumerate(beta):
        made += design[:, j] * b
    return made


def cross(design: Floats, weight: Floats) -> Floats:
    """X' diag(weight) X of a design X, (k, k); no call of BLAS, whose last digits depend on the number of threads."""
    rows = np.ascontiguousarray(design.T)
    return np.einsum("ip,jp->ij", rows * weight, rows)


def project(design: Floats, weight: Floats) -> Floats:
    """design'weight, (k,)."""
    return np.einsum("ip,p->i", np.ascontiguousarray(design.T), weight)
