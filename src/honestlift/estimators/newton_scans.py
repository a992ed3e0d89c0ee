"""The fits of an opt-in study whose sums the engine computes: logit and balancing weights advance together, one scan a step."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from honestlift.estimators.stack import solve_square
from honestlift.estimators.streamed import Balancing
from honestlift.moments.streamed.terms import Term, Totals
from honestlift.moments.streamed.weights import Model, Rows, moved

Floats = NDArray[np.float64]
Ask = Callable[[list[Term], Model], Totals]

SETTLED = 1e-5
"""Step of the coefficients, in units near the spread of their columns, after which the next would be of the order of its square.

The estimates take that last step with them (``inference.replicate.means_of``), and are then right to the order of its square.
"""

MOST_SCANS, MOST_BALANCING_SCANS = 40, 25
"""Scans after which a fit that has not settled is given up; one with a maximum needs under ten."""

MOST_HALVINGS = 10

NEAR = 1e-2
"""Step up to which the information of the scan before serves once more: it has changed by no larger a share."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Fitted:
    """Where the fits have come to.

    Attributes:
        model: coefficients and the ranges of their predictors.
        balance: the balancing weights that exist.
        steps: Newton steps of the propensity.
        done: whether the propensity settled.
        pull: (k,) what its scores add up to.
    """

    model: Model
    balance: tuple[Balancing, ...]
    steps: int
    done: bool
    pull: Floats


@dataclass(slots=True)
class _Climb:
    """One fit on its way.

    Attributes:
        beta: where its sums are taken next.
        start, step: where it came from, and the step from there to ``beta``.
        gap: Newton's decrement g'J⁻¹g at ``start``: twice what was left to climb.
        information: (k, k) J, of this scan or the one before.
    """

    beta: Floats
    start: Floats
    step: Floats
    gap: float = float("inf")
    information: Floats | None = None
    steps: int = 0
    halved: int = 0
    settled: bool = False
    failed: bool = False

    @classmethod
    def at(cls, beta: Floats) -> _Climb:
        """A fit that has not moved yet."""
        return cls(beta=beta, start=beta, step=np.zeros(beta.size))

    @property
    def running(self) -> bool:
        """Whether it has not come to an end."""
        return not (self.settled or self.failed)

    @property
    def afar(self) -> bool:
        """Whether the next step needs an information of its own."""
        return self.information is None or float(np.abs(self.step).max()) > NEAR

    def advance(self, gradient: Floats, information: Floats | None) -> None:
        """Take Newton's step from here; where the last step led further away from the top, halve that one instead."""
        self.steps += 1
        self.information = self.information if information is None else information
        if self.information is None or not np.linalg.cond(self.information) < 1e15:
            self.failed = True
            return
        move = solve_square(self.information, gradient)
        gap = float(np.sum(gradient * move))
        if gap > self.gap and self.halved < MOST_HALVINGS:
            self.halved += 1
            self.step = self.step / 2
        else:
            self.start, self.step, self.gap, self.halved = self.beta, move, gap, 0
            self.settled = float(np.abs(move).max()) <= SETTLED
        self.beta = self.start + self.step


def fit_in_scans(
    rows: Rows, ask: Ask, start: Model, balance: Sequence[Balancing], penalty: Floats, targets: Callable[[Balancing], Floats]
) -> Fitted:
    """Newton's method for the logit of opting in and for balancing weights, with sums from the engine.

    Args:
        rows: bounds of the design.
        ask: answers terms at a model.
        start: where to start, with the ranges of its predictors.
        balance: the balancing weights, as many as the start has.
        penalty: (k,) of each squared coefficient of the logit.
        targets: Σ share·z of a balancing target, (k,).
    """
    k = rows.columns
    logit, weights, model = _Climb.at(start.propensity), [_Climb.at(beta) for beta in start.balance], start
    for scan in range(MOST_SCANS):
        open_ = [j for j, w in enumerate(weights) if w.running and scan < MOST_BALANCING_SCANS]
        if not logit.running and not open_:
            break
        terms = _terms(k, logit if logit.running else None, [(j, balance[j].arm, weights[j].afar) for j in open_])
        get, climbing = _sum_of(ask(terms, model)), logit.running
        if climbing:
            score = np.array([get(Term(-1, "residual", "", 0, i, True)) for i in range(k)])
            information = _matrix(get, "v", -1, k) + np.diag(penalty) if logit.afar else None
            logit.advance(score - penalty * logit.beta, information)
        for j in open_:
            arm = balance[j].arm
            have = np.array([get(Term(arm, f"exp{j}", "", 0, i, True)) for i in range(k)])
            weights[j].advance(targets(balance[j]) - have, _matrix(get, f"exp{j}", arm, k) if weights[j].afar else None)
        model = _moved(rows, model, logit if climbing else None, {j: weights[j] for j in open_})
    kept = [j for j, w in enumerate(weights) if w.settled]
    ranges = {"eta": model.ranges["eta"]} | {f"b{i}": model.ranges[f"b{j}"] for i, j in enumerate(kept)}
    model = replace(model, balance=tuple(model.balance[j] for j in kept), ranges=ranges)
    return Fitted(
        model=model,
        balance=tuple(balance[j] for j in kept),
        steps=logit.steps,
        done=logit.settled,
        pull=penalty * model.propensity,
    )


def _terms(k: int, logit: _Climb | None, balance: Sequence[tuple[int, int, bool]]) -> list[Term]:
    """Scores of the fits that are running, and informations of those that need them."""
    made: list[Term] = []
    if logit is not None:
        made += [Term(-1, "residual", "", 0, i, True) for i in range(k)]
        made += [Term(-1, "v", "", i, j) for i in range(k) for j in range(i, k)] if logit.afar else []
    for j, arm, afar in balance:
        made += [Term(arm, f"exp{j}", "", 0, i, True) for i in range(k)]
        made += [Term(arm, f"exp{j}", "", i, m) for i in range(k) for m in range(i, k)] if afar else []
    return made


def _sum_of(found: Totals) -> Callable[[Term], float]:
    return lambda term: float(found.values[term].sum())


def _matrix(get: Callable[[Term], float], weight: str, arm: int, k: int) -> Floats:
    return np.array([[get(Term(arm, weight, "", min(i, j), max(i, j))) for j in range(k)] for i in range(k)])


def _moved(rows: Rows, model: Model, logit: _Climb | None, weights: dict[int, _Climb]) -> Model:
    """The model after a step of every running fit."""
    ranges = dict(model.ranges)
    propensity, balance = model.propensity, list(model.balance)
    if logit is not None:
        ranges["eta"] = moved(rows, ranges["eta"], logit.beta - propensity)
        propensity = logit.beta
    for j, w in weights.items():
        ranges[f"b{j}"] = moved(rows, ranges[f"b{j}"], w.beta - balance[j])
        balance[j] = w.beta
    return replace(model, propensity=propensity, balance=tuple(balance), ranges=ranges)
