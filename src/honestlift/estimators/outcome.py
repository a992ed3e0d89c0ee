"""Outcome models: the mean outcome of each arm given the covariates, linear or logistic."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from honestlift.errors import DesignError
from honestlift.estimators.design import Design, require_rank, standardize
from honestlift.estimators.propensity import expit, newton
from honestlift.estimators.stack import Linear, Nuisance, cross, predict, project, solve_square
from honestlift.estimators.tilt import in_arm
from honestlift.moments.patterns import Patterns

Floats = NDArray[np.float64]
Family = Literal["linear", "logistic"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class OutcomeModel:
    """The mean outcome of one arm, predicted for every pattern.

    Attributes:
        arm: 0 control, 1 treated.
        mean: (P,) prediction about the origin.
        slope: (P,) its derivative by the linear predictor: 1, or m(1 − m).
        nuisance: the estimating equation Σ 1{T = arm}(Y − m)v = 0; None for a model that is given, e.g. a constant.
    """

    arm: int
    mean: Floats
    slope: Floats
    nuisance: Nuisance | None


def given(patterns: Patterns, arm: int, value: float) -> OutcomeModel:
    """A constant prediction, in the outcome's own unit."""
    mean = np.full(patterns.size, value - patterns.origin)
    return OutcomeModel(arm=arm, mean=mean, slope=np.ones(patterns.size), nuisance=None)


def fit_outcome(
    patterns: Patterns,
    arm: int,
    *,
    family: Family = "linear",
    columns: Sequence[int] | None = None,
    design: Design | None = None,
) -> OutcomeModel:
    """Least squares or a logit of the outcome on the covariates in one arm, predicted for both.

    Args:
        patterns: the rows.
        arm: 0 control, 1 treated.
        family: ``linear``, or ``logistic`` for outcomes from 0 to 1.
        columns: which covariate columns enter; all by default.
        design: the standardized columns, where they have been made already.

    Raises:
        DesignError: if a covariate is constant or collinear in this arm, or a logistic outcome is not within 0 and 1.
    """
    design = design or standardize(patterns, columns)
    count, total = patterns.count[:, arm], patterns.total[:, arm]
    matrix = design.matrix
    if family == "linear":
        normal = cross(matrix, count)
        require_rank(("intercept", *design.names), normal)
        mean = predict(matrix, solve_square(normal, project(matrix, total)))
        return _model(arm, mean, np.ones_like(mean), design)
    successes = total + patterns.origin * count
    both: Floats = np.column_stack([count - successes, successes])
    if (both < -1e-9 * max(1.0, patterns.rows)).any():
        raise DesignError.out_of_range("family", family, "'linear' for an outcome outside 0 to 1")
    free: Floats = np.zeros(len(design.names) + 1)
    beta, _, settled = newton(matrix, np.where(both > 0, both, 0.0), free)
    if not settled:
        raise DesignError.out_of_range(
            "family", family, "'linear': the covariates determine the outcome, and a logit has no maximum"
        )
    m = expit(predict(matrix, beta))
    return _model(arm, m - patterns.origin, m * (1 - m), design)


def evaluated_outcome(arm: int, design: Design, beta: Floats) -> OutcomeModel:
    """The linear model with these coefficients of a design, (k + 1,), about the outcome's origin."""
    mean = predict(design.matrix, beta)
    return _model(arm, mean, np.ones_like(mean), design)


def _model(arm: int, mean: Floats, slope: Floats, design: Design) -> OutcomeModel:
    inside, zero = in_arm(mean.size, arm), np.zeros(design.matrix.shape[1])
    nuisance = Nuisance(
        design=design.matrix,
        residual=Linear(level=-inside * mean[:, None], slope=inside),
        curvature=inside * slope[:, None],
        penalty=zero,
        pull=zero,
    )
    return OutcomeModel(arm=arm, mean=mean, slope=slope, nuisance=nuisance)
