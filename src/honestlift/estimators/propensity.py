"""The propensity: the probability of opting in given the covariates, by a logit with or without an L2 penalty."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, cast

import numpy as np
from numpy.typing import NDArray

from honestlift.estimators.design import Design, standardize
from honestlift.estimators.stack import Linear, Nuisance, cross, predict, project, solve_square
from honestlift.moments.patterns import Patterns

Floats = NDArray[np.float64]
Status = Literal["converged", "separated", "not converged"]

MOST_STEPS = 40
"""Newton steps. A fit with a maximum needs under ten; one that runs away to infinity gains one unit of the predictor a step."""

SMALLEST_STEP = 1e-10
"""Change of the standardized coefficients at which the fit has converged; the next step would change the last digit."""

EDGE = 1e-8
"""Fitted probabilities nearer to 0 or 1 than this are a sign of separation."""


LEAST = 1e-100
"""Least probability that is told apart from none; its inverse, squared, is still a number."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Propensity:
    """A fitted (or known) probability of opting in for every pattern.

    Attributes:
        e: (P,) the probability.
        design: regressors of the logit; None for a known probability.
        beta: (k + 1,) coefficients of the standardized regressors.
        penalty: (k + 1,) 1/C on the columns as they came, in units of the standardized ones; zero without a penalty.
        pull: (k + 1,) what the scores add up to: penalty·beta at the maximum, something else where a solver stopped early.
        steps: Newton steps taken.
        status: ``converged``, ``separated`` (the maximum lies at infinity) or ``not converged``.
        loglik: log-likelihood, without the penalty.
        nuisance: the fit's estimating equation, for standard errors; None for a known probability, which adds no uncertainty.
    """

    e: Floats
    design: Design | None
    beta: Floats
    penalty: Floats
    pull: Floats
    steps: int
    status: Status
    loglik: float
    nuisance: Nuisance | None

    @property
    def coefficients(self) -> Floats:
        """(k + 1,) intercept and coefficients of the columns in their own units."""
        return self.design.raw(self.beta) if self.design is not None else self.beta


def known(e: Floats) -> Propensity:
    """A propensity that is not estimated, e.g. one that is constant by design."""
    none = np.zeros(0)
    return Propensity(
        e=e, design=None, beta=none, penalty=none, pull=none, steps=0, status="converged", loglik=float("nan"), nuisance=None
    )


def fit_propensity(
    patterns: Patterns,
    *,
    columns: Sequence[int] | None = None,
    ridge: float | None = None,
    start: Floats | None = None,
    design: Design | None = None,
) -> Propensity:
    """Logit of opting in on the covariates, by Newton's method on a standardized design.

    Args:
        patterns: the rows.
        columns: which covariate columns enter; all by default.
        ridge: C of an L2 penalty ½|slopes|²/C on the summed loss, slopes in the columns' own units and the intercept free, as
            scikit-learn's LogisticRegression has it; None for maximum likelihood.
        start: (k + 1,) standardized coefficients to start from.
        design: the standardized columns, where they have been made already.

    Raises:
        DesignError: if a column is constant or collinear.
    """
    design = design or standardize(patterns, columns)
    penalty = np.zeros(len(design.names) + 1)
    if ridge is not None:
        penalty[1:] = 1 / (ridge * design.scale**2)
    beta, steps, done = newton(design.matrix, patterns.count, penalty, start)
    return evaluated(patterns, design, beta, penalty, steps, done)


def fit_like_scikit_learn(patterns: Patterns, *, ridge: float = 1.0) -> Propensity:
    """The logit that ``sklearn.linear_model.LogisticRegression(C=ridge)`` returns with its defaults.

    It minimizes mean loss + ½|slopes|²/(C·n), columns in their own units, by L-BFGS-B from zero, and stops when no component of
    the gradient exceeds 1e-4: short of the minimum by more than the penalty moves it. The published numbers need the same stop.

    Args:
        patterns: the rows.
        ridge: C.
    """
    from scipy.optimize import minimize

    design = standardize(patterns)
    raw = np.asfortranarray(np.column_stack([patterns.x, np.ones(patterns.size)]))
    count, n = patterns.count, patterns.rows
    strength = np.append(np.full(patterns.x.shape[1], 1 / (ridge * n)), 0.0)

    def loss(w: Floats) -> tuple[float, Floats]:
        eta = predict(raw, w)
        gradient = project(raw, count.sum(axis=1) * expit(eta) - count[:, 1]) / n + strength * w
        return -_loglik(eta, count) / n + 0.5 * float(np.sum(strength * w**2)), gradient

    options = {"maxiter": 100, "maxls": 50, "gtol": 1e-4, "ftol": 64 * np.finfo(np.float64).eps}
    solver = cast("Callable[..., Any]", minimize)  # its stubs do not know these options
    found = solver(loss, np.zeros(raw.shape[1]), jac=True, method="L-BFGS-B", options=options)
    slopes: Floats = np.asarray(found.x[:-1], dtype=np.float64)
    beta = np.concatenate([[float(found.x[-1]) + float(np.sum(slopes * design.centre))], slopes * design.scale])
    penalty = np.concatenate([[0.0], 1 / (ridge * design.scale**2)])
    return evaluated(patterns, design, beta, penalty, int(found.nit), bool(found.success))


def evaluated(patterns: Patterns, design: Design, beta: Floats, penalty: Floats, steps: int, done: bool) -> Propensity:
    """The logit with these coefficients on these patterns, which need not be those that it was fitted to.

    Args:
        patterns: the rows.
        design: their standardized columns.
        beta: (k + 1,) coefficients of these.
        penalty: (k + 1,) of their squares.
        steps: that it took to find them.
        done: whether they settled.
    """
    eta = predict(design.matrix, beta)
    e = expit(eta)
    there = patterns.count.sum(axis=1) > 0
    extreme = bool((np.minimum(e, 1 - e)[there] < EDGE).any())
    pull = project(design.matrix, patterns.count[:, 1] - patterns.count.sum(axis=1) * e)
    return Propensity(
        e=e,
        design=design,
        beta=beta,
        penalty=penalty,
        pull=pull,
        steps=steps,
        status="separated" if extreme and not done else "converged" if done else "not converged",
        loglik=_loglik(eta, patterns.count),
        nuisance=_equation(e, design, penalty, pull),
    )


def _equation(e: Floats, design: Design, penalty: Floats, pull: Floats) -> Nuisance:
    column = e[:, None]
    residual = np.concatenate([-column, 1 - column], axis=1)
    curvature = np.broadcast_to(column * (1 - column), residual.shape)
    return Nuisance(design=design.matrix, residual=Linear(level=residual), curvature=curvature, penalty=penalty, pull=pull)


def newton(design: Floats, count: Floats, penalty: Floats, start: Floats | None = None) -> tuple[Floats, int, bool]:
    """Maximize Σ log-likelihood of a logit − ½ penalty·beta² by Newton's method with step halving.

    Args:
        design: (P, k) regressors.
        count: (P, 2) failures and successes; they may be fractions.
        penalty: (k,) of each squared coefficient.
        start: (k,) where to start; the overall rate by default.

    Returns:
        Coefficients (k,), steps taken, and whether they settled.
    """
    n, successes = count.sum(axis=1), count[:, 1]
    beta = _overall_rate(design.shape[1], count) if start is None else start
    for step in range(1, MOST_STEPS + 1):
        e = expit(predict(design, beta))
        gradient = project(design, successes - n * e) - penalty * beta
        hessian = cross(design, n * e * (1 - e)) + np.diag(penalty)
        if not np.linalg.cond(hessian) < 1e15:
            return beta, step, False
        move = _uphill(design, count, penalty, beta, solve_square(hessian, gradient))
        beta = beta + move
        if float(np.abs(move).max()) <= SMALLEST_STEP:
            return beta, step, True
    return beta, MOST_STEPS, False


def _overall_rate(columns: int, count: Floats) -> Floats:
    beta = np.zeros(columns)
    beta[0] = float(np.log(np.sum(count[:, 1]) / np.sum(count[:, 0])))
    return beta


def _uphill(design: Floats, count: Floats, penalty: Floats, beta: Floats, move: Floats) -> Floats:
    """The step, halved until the penalized likelihood does not fall."""

    def value(b: Floats) -> float:
        return _loglik(predict(design, b), count) - 0.5 * float(np.sum(penalty * b**2))

    before = value(beta)
    for _ in range(30):
        if value(beta + move) >= before - 1e-12 * abs(before):
            break
        move = move / 2
    return move


def expit(eta: Floats) -> Floats:
    """1 / (1 + exp(−eta)) without overflow, and never 0 or 1 themselves: a weight of nobody would be infinite times nothing."""
    z = np.exp(-np.abs(eta))
    return np.clip(np.where(eta >= 0, 1 / (1 + z), z / (1 + z)), LEAST, 1 - 2.0**-53)


def _loglik(eta: Floats, count: Floats) -> float:
    return float(np.sum(count[:, 1] * eta - count.sum(axis=1) * np.logaddexp(0.0, eta)))


def auc(e: Floats, count: Floats) -> float:
    """Probability that a random opted-in row has a higher propensity than a random other row, ties counted half.

    Args:
        e: (P,) propensity.
        count: (P, 2) rows.
    """
    values, place = np.unique(e, return_inverse=True)
    control = np.bincount(place, count[:, 0], values.size)
    treated = np.bincount(place, count[:, 1], values.size)
    below = np.cumsum(control) - control
    return float(np.sum(treated * (below + control / 2)) / (control.sum() * treated.sum()))


def determining(patterns: Patterns) -> list[str]:
    """Covariate columns that tell by themselves who opted in: no value, or one value only, occurs in both arms' ranges."""
    made: list[str] = []
    there = patterns.count > 0
    for j, name in enumerate(patterns.names):
        control, treated = patterns.x[there[:, 0], j], patterns.x[there[:, 1], j]
        varies = control.size and treated.size and float(np.ptp(np.append(control, treated))) > 0
        if varies and (control.max() <= treated.min() or treated.max() <= control.min()):
            made.append(name)
    return made
