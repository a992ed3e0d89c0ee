"""The fits of many simulated opt-in studies at once, as the product's estimators take them: one pattern per number of each world."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from honestlift.analysis.opt_in.fits import Key
from honestlift.estimators.fit import solve_each
from honestlift.estimators.outcome import OutcomeModel
from honestlift.estimators.propensity import Propensity, expit
from honestlift.estimators.stack import Linear, Nuisance
from honestlift.estimators.tilt import ESTIMANDS, Estimand, in_arm, tilt
from honestlift.moments.patterns import Patterns

Floats = NDArray[np.float64]
MOST_STEPS, SMALLEST_STEP = 40, 1e-10


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class WorldFits:
    """W worlds of D cells, fitted.

    Attributes:
        design: (D, k) intercept and columns of a cell.
        beta: (W, k) coefficients of the logit.
        users: (W,) users.
        patterns: (W·4D) controls, opted-in users and their totals of each cell, each as a pattern of its own; all estimators are
            linear in these numbers.
        propensity, outcomes, balancing: the fits on these patterns.
    """

    design: Floats
    beta: Floats
    users: Floats
    patterns: Patterns
    propensity: Propensity
    outcomes: tuple[OutcomeModel, OutcomeModel]
    balancing: dict[Estimand, tuple[Nuisance | None, Nuisance | None]]


def fit_worlds(x: Floats, totals: Floats) -> WorldFits:
    """Fit the logit, linear outcome models and balancing weights of every world.

    Args:
        x: (D, k − 1) covariate columns of the cells.
        totals: (W, 4D) controls, opted-in users, and their totals, cell by cell.
    """
    w, d = totals.shape[0], x.shape[0]
    design = np.column_stack([np.ones(d), x])
    products = (design[:, :, None] * design[:, None, :]).reshape(d, -1)
    n, total = totals[:, : 2 * d].reshape(w, 2, d), totals[:, 2 * d :].reshape(w, 2, d)
    patterns = _patterns(x, n, total)
    every = np.tile(design, (4 * w, 1))

    def spread(values: Floats) -> Floats:
        return np.repeat(values[:, None, :], 4, axis=1).reshape(-1, 1)

    start = np.zeros((w, design.shape[1]))
    start[:, 0] = np.log(n[:, 1].sum(axis=1) / n[:, 0].sum(axis=1))
    beta = newton_each(design, products, n, start)
    e = spread(expit(beta @ design.T))
    curvature = np.broadcast_to(e * (1 - e), (e.size, 2))
    score = _nuisance(every, Linear(level=np.concatenate([-e, 1 - e], axis=1)), curvature)
    propensity = Propensity(
        e=e.ravel(),
        design=None,
        beta=beta,
        penalty=score.penalty,
        pull=score.pull,
        steps=0,
        status="converged",
        loglik=float("nan"),
        nuisance=score,
    )
    control, treated = (
        _outcome(a, every, spread(least_squares_each(design, products, n[:, a], total[:, a]) @ design.T)) for a in (0, 1)
    )
    balancing = dict[Estimand, tuple[Nuisance | None, Nuisance | None]]()
    for estimand, own, wanted in (("ATE", None, n.sum(axis=1)), ("ATT", 1, n[:, 1]), ("ATC", 0, n[:, 0])):
        share = np.ones((patterns.size, 2)) if own is None else in_arm(patterns.size, own)
        weights = [None if a == own else spread(_balance(design, products, n[:, a], wanted @ design)) for a in (0, 1)]
        both = [
            None if v is None else _nuisance(every, Linear(level=share - in_arm(v.size, a) * v), in_arm(v.size, a) * v)
            for a, v in enumerate(weights)
        ]
        balancing[estimand] = both[0], both[1]
    return WorldFits(
        design=design,
        beta=beta,
        users=n.sum(axis=(1, 2)),
        patterns=patterns,
        propensity=propensity,
        outcomes=(control, treated),
        balancing=balancing,
    )


def _patterns(x: Floats, n: Floats, total: Floats) -> Patterns:
    w, d = n.shape[0], x.shape[0]
    count, sums = np.zeros((w, 4, d, 2)), np.zeros((w, 4, d, 2))
    for a in (0, 1):
        count[:, a, :, a], sums[:, 2 + a, :, a] = n[:, a], total[:, a]
    size = (w * 4 * d, 2)
    return Patterns(
        names=tuple(f"x{j}" for j in range(x.shape[1])),
        x=np.asfortranarray(np.tile(x, (4 * w, 1))),
        count=count.reshape(size),
        total=sums.reshape(size),
        square=np.zeros(size),
    )


def _nuisance(design: Floats, residual: Linear, curvature: Floats) -> Nuisance:
    zero = np.zeros(design.shape[1])
    return Nuisance(design=design, residual=residual, curvature=curvature, penalty=zero, pull=zero)


def _outcome(arm: int, design: Floats, mean: Floats) -> OutcomeModel:
    inside = in_arm(mean.size, arm)
    fit = _nuisance(design, Linear(level=-inside * mean, slope=inside), inside)
    return OutcomeModel(arm=arm, mean=mean.ravel(), slope=np.ones(mean.size), nuisance=fit)


def newton_each(design: Floats, products: Floats, n: Floats, start: Floats) -> Floats:
    """Coefficients (B, k) of the logit in each of B samples, n (B, 2, D) failures and successes; NaN where it has no maximum."""
    k, every = design.shape[1], n.sum(axis=1)
    beta = np.broadcast_to(start, (n.shape[0], k)).copy()
    for _ in range(MOST_STEPS):
        e = expit(beta @ design.T)
        move, _ = solve_each(((every * e * (1 - e)) @ products).reshape(-1, k, k), (n[:, 1] - every * e) @ design)
        beta += move
        if not np.nanmax(np.abs(move)) > SMALLEST_STEP:
            break
    return beta


def least_squares_each(design: Floats, products: Floats, n: Floats, total: Floats) -> Floats:
    """Coefficients (B, k) of the outcome in each of B samples, n (B, D) rows and their totals."""
    k = design.shape[1]
    return solve_each((n @ products).reshape(-1, k, k), total @ design)[0]


def _balance(design: Floats, products: Floats, n: Floats, wanted: Floats) -> Floats:
    """Weights exp(z'λ) of an arm, (B, D), that reproduce the sums (B, k) of a target."""
    k = design.shape[1]
    beta = np.zeros_like(wanted)
    beta[:, 0] = np.log(wanted[:, 0] / n.sum(axis=1))
    for _ in range(MOST_STEPS):
        weight = n * np.exp(beta @ design.T)
        move, _ = solve_each((weight @ products).reshape(-1, k, k), wanted - weight @ design)
        beta += np.clip(move, -1, 1)
        if not np.nanmax(np.abs(move)) > SMALLEST_STEP:
            break
    return np.exp(beta @ design.T)


def matrices(totals: Floats, first: int, k: int) -> Floats:
    """(W, k, k) curvature of a fit in each world, from its upper triangle among the sums."""
    upper = np.triu_indices(k)
    made = np.empty((totals.shape[0], k, k))
    made[:, upper[0], upper[1]] = totals[:, first : first + upper[0].size]
    made[:, upper[1], upper[0]] = totals[:, first : first + upper[0].size]
    return made


def refitted(design: Floats, start: Floats, drawn: Floats) -> dict[Key, Floats]:
    """Weighting and doubly robust effects in B resamples, (B,) each, with propensity and outcome models fitted anew to each.

    Args:
        design: (D, k) intercept and columns of the cells.
        start: (k,) the full sample's coefficients, where Newton's method starts.
        drawn: (B, 4D) controls, opted-in users, and their totals.
    """
    d = design.shape[0]
    n, total = drawn[:, : 2 * d].reshape(-1, 2, d), drawn[:, 2 * d :].reshape(-1, 2, d)
    products = (design[:, :, None] * design[:, None, :]).reshape(d, -1)
    e = expit(newton_each(design, products, n, start) @ design.T)
    mean = [least_squares_each(design, products, n[:, a], total[:, a]) @ design.T for a in (0, 1)]
    made: dict[Key, Floats] = {}
    for estimand in ESTIMANDS:
        t = tilt(e, estimand)
        share = {"ATT": n[:, 1], "ATC": n[:, 0]}.get(estimand, t.h * n.sum(axis=1))
        plain, both = [], []
        for a, w in enumerate((t.w0, t.w1)):
            sums, weight = (total[:, a] * w).sum(axis=1), n[:, a] * w
            plain.append(sums / weight.sum(axis=1))
            both.append(((share * mean[a]).sum(axis=1) + sums - (weight * mean[a]).sum(axis=1)) / share.sum(axis=1))
        made |= {("ipw", estimand): plain[1] - plain[0], ("aipw", estimand): both[1] - both[0]}
    return made
