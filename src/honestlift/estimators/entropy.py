"""Entropy balancing: weights of one arm that reproduce the covariate means of a target exactly."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from honestlift.errors import DesignError
from honestlift.estimators.design import Design, standardize
from honestlift.estimators.stack import Linear, Nuisance, cross, predict, project
from honestlift.estimators.tilt import Estimand, in_arm
from honestlift.moments.patterns import Patterns

Floats = NDArray[np.float64]

MOST_STEPS = 100


def balancing_fits(
    patterns: Patterns, estimand: Estimand, *, fixed_target: bool = False
) -> tuple[Nuisance | None, Nuisance | None]:
    """Balancing fits of the control and the treated arm towards an estimand's population; None where the arm is that population.

    Args:
        patterns: the rows.
        estimand: ATE, ATT or ATC.
        fixed_target: take the target's means for known, as WeightIt 1.4.0 does for entropy balancing. By default they are means
            of a sample, as they are in the just-identified covariate-balancing propensity score, which is the same estimator.

    Raises:
        DesignError: if no weights reproduce the means (the target lies outside the arm's covariates).
    """
    design = standardize(patterns)
    share = {"ATE": np.ones((patterns.size, 2)), "ATT": in_arm(patterns.size, 1), "ATC": in_arm(patterns.size, 0)}.get(estimand)
    if share is None:
        raise DesignError.out_of_range("estimand", estimand, "ATE, ATT or ATC for entropy balancing")
    own = {"ATT": 1, "ATC": 0}.get(estimand)
    control, treated = (
        None if own == arm else balance_arm(patterns, design, arm, share, fixed_target=fixed_target) for arm in (0, 1)
    )
    return control, treated


def balance_arm(patterns: Patterns, design: Design, arm: int, share: Floats, *, fixed_target: bool = False) -> Nuisance:
    """Weights w = exp(z'λ) on one arm with Σwz = Σ share·z, z the design with its intercept.

    The dual of Hainmueller (2012), "Entropy Balancing for Causal Effects", Political Analysis 20: minimize Σw − λ'Σ share·z,
    which is convex; Newton's method with step halving.

    Args:
        patterns: the rows.
        design: the columns whose means are balanced.
        arm: the arm that is weighted.
        share: (P, 2) share of each row in the target.
        fixed_target: take the target's means for known.

    Returns:
        The fit as an estimating equation; its curvature is the weight, (P, 2).
    """
    beta = balancing_coefficients(patterns, design, arm, share)
    matrix = design.matrix
    inside = in_arm(patterns.size, arm)
    weight = inside * _weights(predict(matrix, beta))[:, None]
    zero = np.zeros(matrix.shape[1])
    return Nuisance(
        design=matrix,
        residual=Linear(level=-weight if fixed_target else share - weight),
        curvature=weight,
        penalty=zero,
        pull=zero,
    )


def balancing_coefficients(patterns: Patterns, design: Design, arm: int, share: Floats) -> Floats:
    """The λ of the weights exp(z'λ), (k,).

    Args:
        patterns: the rows.
        design: the columns whose means are balanced.
        arm: the arm that is weighted.
        share: (P, 2) share of each row in the target.

    Raises:
        DesignError: if no weights reproduce the means.
    """
    matrix, n = design.matrix, patterns.count[:, arm]
    wanted = project(matrix, patterns.sum_over_rows(share))
    beta = np.zeros(matrix.shape[1])
    beta[0] = np.log(wanted[0] / n.sum())

    def value(b: Floats) -> float:
        eta = predict(matrix, b)
        return float(np.sum(n * _weights(eta))) - float(np.sum(b * wanted))

    reached, settled = value(beta), False
    for _ in range(MOST_STEPS):
        w = _weights(predict(matrix, beta))
        gradient = wanted - project(matrix, n * w)
        hessian = cross(matrix, n * w)
        if not np.linalg.cond(hessian) < 1e14:
            break
        move = np.linalg.solve(hessian, gradient)
        while value(beta + move) > reached + 1e-12 * abs(reached) and float(np.abs(move).max()) > 1e-12:
            move = move / 2
        beta = beta + move
        reached = value(beta)
        settled = float(np.abs(gradient).max()) <= 1e-10 * patterns.rows and float(np.abs(move).max()) <= 1e-9
        if settled:
            break
    if not settled:
        raise DesignError.cannot_balance("treated" if arm else "control")
    return beta


def _weights(eta: Floats) -> Floats:
    return np.exp(np.minimum(eta, 600.0))  # beyond that the search has failed anyway, and says so
