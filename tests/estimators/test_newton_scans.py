"""Newton's method whose sums somebody else adds up: it climbs, halves steps that lead away, and gives up in words."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from honestlift.estimators.mixtures import Balancing
from honestlift.estimators.newton_scans import MOST_SCANS, fit_in_scans
from honestlift.estimators.propensity import fit_propensity
from honestlift.moments.patterns import patterns_of_rows
from honestlift.moments.streamed.terms import Term, Totals
from honestlift.moments.streamed.weights import Model, Rows

RNG = np.random.default_rng(2)
X = RNG.normal(size=(500, 2))
T = RNG.random(500) < 1 / (1 + np.exp(-(0.3 + X @ np.array([0.8, -0.5]))))


class Engine:
    """Adds up by NumPy, and counts the scans."""

    def __init__(self, x: Any, treated: Any) -> None:
        self.z, self.t, self.scans = np.column_stack([np.ones(len(x)), x]), treated.astype(float), 0

    def __call__(self, terms: list[Term], model: Model) -> Totals:
        self.scans += 1
        e = 1 / (1 + np.exp(-np.clip(self.z @ model.propensity, -600, 600)))
        weights = {"v": e * (1 - e), "residual": self.t - e}
        weights |= {f"exp{j}": np.exp(np.clip(self.z @ b, -600, 600)) for j, b in enumerate(model.balance)}
        arms = {-1: 1.0, 0: 1 - self.t, 1: self.t}
        values = {t: np.array([np.sum(arms[t.arm] * weights[t.weight] * self.z[:, t.i] * self.z[:, t.j])]) for t in terms}
        return Totals(values=values, groups=(None,), rows=np.array([float(self.t.size)]))

    def target(self, balancing: Balancing) -> Any:
        return np.where(self.t == 1, balancing.share[1], balancing.share[0]) @ self.z


def fit(engine: Engine, start: Any, balance: tuple[Balancing, ...] = (), penalty: float = 0.0) -> Any:
    k = engine.z.shape[1]
    rows = Rows(
        frame=None,  # pyright: ignore[reportArgumentType]
        bound=np.abs(engine.z).max(axis=0),
        outcome=1.0,
        count=0,
        most=0,
        largest=0,
        grouped=False,
    )
    model = Model(
        propensity=np.asarray(start, dtype=float),
        balance=tuple(np.zeros(k) for _ in balance),
        ranges={"eta": ((-9.0, 9.0), (-9.0, 9.0))} | {f"b{j}": ((0.0, 0.0), (0.0, 0.0)) for j in range(len(balance))},
    )
    return fit_in_scans(rows, engine, model, balance, np.array([0.0, *[penalty] * (k - 1)]), engine.target)


def test_it_comes_to_the_maximum_that_patterns_give() -> None:
    held = fit_propensity(patterns_of_rows(X, T, X[:, 0]))
    engine = Engine(X, T)
    found = fit(engine, np.zeros(3))
    assert found.done
    assert found.model.propensity == pytest.approx(held.coefficients, abs=1e-6)  # the estimates take the last step with them
    assert engine.scans == found.steps < 10


def test_a_wild_start_is_tamed_by_halving() -> None:
    assert fit(Engine(X, T), [4.0, -6.0, 5.0]).done


def test_balancing_weights_advance_beside_it_and_those_out_of_reach_are_left_out() -> None:
    reachable, target = Balancing(arm=0, share=(0.0, 1.0)), T.astype(float)
    found = fit(Engine(X, T), np.zeros(3), (reachable,))
    assert found.balance == (reachable,)
    z = np.column_stack([np.ones(500), X])
    assert (np.exp(z @ found.model.balance[0]) * (1 - target)) @ z == pytest.approx(target @ z, rel=1e-6)
    apart = np.concatenate([X[~T] * 0.01, X[T] + 50])
    away = fit(Engine(apart, np.sort(T)), [0.0, 0.0, 0.0], (reachable,))
    assert away.balance == ()


def test_a_covariate_that_decides_has_no_maximum() -> None:
    engine = Engine(X, X[:, 0] > 0)
    assert not fit(engine, np.zeros(3)).done
    assert engine.scans <= MOST_SCANS


def test_a_penalty_pulls_the_slopes_and_says_so() -> None:
    free, held = fit(Engine(X, T), np.zeros(3)), fit(Engine(X, T), np.zeros(3), penalty=50.0)
    assert np.abs(held.model.propensity[1:]).sum() < np.abs(free.model.propensity[1:]).sum()
    assert held.pull == pytest.approx(np.array([0.0, 50.0, 50.0]) * held.model.propensity)
