"""The effect on compliers: by hand, rows by brute force, another package's answers, laws."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from honestlift.errors import DesignError
from honestlift.estimators.compliers import ComplierFit, complier_fit
from honestlift.estimators.fit import least_squares
from honestlift.inference.compliers import anderson_rubin, complier_interval, first_stage
from honestlift.inference.interval import t_quantile
from honestlift.inference.sandwich import covariance, satterthwaite, whiten
from oracles_data import FOLDER, moments_of_rows


def rows(seed: int, clusters: int = 12, *, defiers: float = 0.1) -> tuple[NDArray[np.int64], NDArray[np.float64], ...]:
    """Cluster, arm, use and outcome of a made-up trial with two-sided noncompliance, and a covariate of the clusters."""
    rng = np.random.default_rng(seed)
    cluster = np.repeat(np.arange(clusters), rng.integers(3, 12, clusters))
    arm = rng.permutation(np.arange(clusters) % 2)[cluster].astype(float)
    keen = rng.random(cluster.size) + 0.1 * rng.normal(size=clusters)[cluster]
    use = np.where(arm > 0, keen > 0.4, keen > 1 - defiers).astype(float)
    y = 2 + 0.8 * use + keen + 0.5 * rng.normal(size=clusters)[cluster] + rng.normal(size=cluster.size)
    return cluster, arm, use, y, rng.normal(size=clusters)[cluster]


def fitted(
    cluster: NDArray[np.int64], use: NDArray[np.float64], y: NDArray[np.float64], *columns: NDArray[np.float64]
) -> ComplierFit:
    Z = np.column_stack([np.ones_like(y), *columns])
    names = ("control mean", "itt", "x", "z")[: Z.shape[1]]
    return complier_fit(least_squares(moments_of_rows(cluster, Z, y, names=names)), np.bincount(cluster, use))


def by_rows(cluster: NDArray[np.int64], Z: NDArray[np.float64], X: NDArray[np.float64], y: NDArray[np.float64], power: float):
    """β and V of just-identified 2SLS with (I − H_gg)^-power applied to each cluster's residuals, H the instruments' hat matrix."""
    beta = np.linalg.solve(Z.T @ X, Z.T @ y)
    bread, inverse = np.linalg.inv(Z.T @ X), np.linalg.inv(Z.T @ Z)
    meat = np.zeros((Z.shape[1],) * 2)
    for g in np.unique(cluster):
        Zg, eg = Z[cluster == g], (y - X @ beta)[cluster == g]
        values, vectors = np.linalg.eigh(np.eye(len(eg)) - Zg @ inverse @ Zg.T)
        scale = np.where(values > 1e-9, np.maximum(values, 1e-9) ** -power, 0)
        score = Zg.T @ vectors @ (scale * (vectors.T @ eg))
        meat += np.outer(score, score)
    return beta, bread @ meat @ bread.T


def df_by_rows(cluster: NDArray[np.int64], Z: NDArray[np.float64], X: NDArray[np.float64]) -> float:
    """Satterthwaite's df from the matrix of the quadratic form itself, residuals taken on the instruments."""
    inverse, c = np.linalg.inv(Z.T @ Z), np.eye(Z.shape[1])[1]
    direction = Z @ np.linalg.inv(Z.T @ X).T @ c  # the estimate is direction'y
    annihilator = np.eye(len(Z)) - Z @ inverse @ Z.T
    total = np.zeros((len(Z), len(Z)))
    for g in np.unique(cluster):
        own = cluster == g
        values, vectors = np.linalg.eigh(annihilator[np.ix_(own, own)])
        root = vectors @ np.diag(np.where(values > 1e-9, np.maximum(values, 1e-9) ** -0.5, 0)) @ vectors.T
        p = annihilator[:, own] @ root @ direction[own]
        total += np.outer(p, p)
    return float(np.trace(total) ** 2 / np.trace(total @ total))


def test_by_hand():
    """Means 2 and 5 of y, 0 and 3/4 of use: (5 − 2)/(3/4) = 4."""
    cluster, arm = np.array([0, 0, 1, 1, 2, 2, 3, 3]), np.array([0, 0, 0, 0, 1, 1, 1, 1.0])
    use, y = np.array([0, 0, 0, 0, 1, 1, 1, 0.0]), np.array([1, 3, 2, 2, 4, 6, 5, 5.0])
    fit = fitted(cluster, use, y, arm)
    assert fit.effect == pytest.approx(4, rel=1e-14)
    assert first_stage(fit).effect == pytest.approx(0.75, rel=1e-14)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(("kind", "power"), [("CR0", 0.0), ("CR2", 0.5), ("CR3", 1.0)])
def test_equals_the_rows(seed: int, kind: str, power: float):
    cluster, arm, use, y, x = rows(seed)
    for extra in ([], [x]):
        Z, X = (np.column_stack([np.ones_like(y), v, *extra]) for v in (arm, use))
        beta, V = by_rows(cluster, Z, X, y, power)
        fit = fitted(cluster, use, y, arm, *extra)
        got = complier_interval(fit, kind, 0.95)
        assert fit.effect == pytest.approx(beta[1], rel=1e-10)
        assert got.std_error == pytest.approx(math.sqrt(V[1, 1]), rel=1e-9)
        if kind == "CR2":
            assert got.df == pytest.approx(df_by_rows(cluster, Z, X), rel=1e-9)


def test_outside_answers():
    """Linearmodels' IV2SLS, clustered, on the rows that this seed makes; see tests/oracles/README.md."""
    answers = json.loads((FOLDER / "complier.json").read_text(encoding="utf-8"))
    cluster, arm, use, y, x = rows(answers["seed"], clusters=answers["clusters"])
    for name, extra in (("plain", []), ("covariate", [x])):
        fit = fitted(cluster, use, y, arm, *extra)
        assert fit.effect == pytest.approx(answers[name]["coef"], rel=1e-10)
        assert complier_interval(fit, "CR0", 0.95).std_error == pytest.approx(answers[name]["se_clustered"], rel=1e-9)
        assert complier_interval(fit, "CR1S", 0.95).std_error == pytest.approx(answers[name]["se_clustered_debiased"], rel=1e-9)
        assert first_stage(fit).effect == pytest.approx(answers[name]["first_stage"], rel=1e-10)


def test_use_that_follows_the_arm_gives_the_effect_of_the_arm():
    cluster, arm, _, y, x = rows(5)
    fit = fitted(cluster, arm, y, arm, x)
    ols = least_squares(moments_of_rows(cluster, np.column_stack([np.ones_like(y), arm, x]), y))
    white, pick = whiten(ols), np.array([0, 1.0, 0])
    got = complier_interval(fit, "CR2", 0.95)
    assert (fit.effect, got.std_error, got.df) == pytest.approx(
        (ols.theta[1], math.sqrt(covariance(white, "CR2")[1, 1]), satterthwaite(white, pick)), rel=1e-9
    )
    assert first_stage(fit).f == math.inf
    ar = anderson_rubin(fit, 0.95)
    assert (ar.low, ar.high) == pytest.approx((got.low, got.high), rel=1e-8)


@pytest.mark.parametrize("seed", range(4))
def test_anderson_and_rubins_ends_are_where_their_test_rejects(seed: int):
    cluster, arm, use, y, _ = rows(seed, clusters=16)
    ar = anderson_rubin(fitted(cluster, use, y, arm), 0.9)
    Z = np.column_stack([np.ones_like(y), arm])
    for end in (ar.low, ar.high):
        white = whiten(least_squares(moments_of_rows(cluster, Z, y - end * use)))
        pick = np.array([0.0, 1.0])
        t = white.fit.theta[1] / math.sqrt(covariance(white, "CR2")[1, 1])
        assert abs(t) == pytest.approx(t_quantile(satterthwaite(white, pick), 0.9), rel=1e-8)


def test_a_weak_effect_on_use_leaves_the_set_without_ends():
    cluster, arm, _, y, _ = rows(3)
    noise = np.random.default_rng(0).integers(0, 2, y.size).astype(float)
    fit = fitted(cluster, noise, y, arm)
    assert first_stage(fit).f < 4
    ar = anderson_rubin(fit, 0.95)
    assert (ar.low, ar.high) == (-math.inf, math.inf)


def test_equal_use_in_both_arms_is_refused():
    cluster, arm = np.array([0, 0, 1, 1, 2, 2, 3, 3]), np.array([0, 0, 0, 0, 1, 1, 1, 1.0])
    with pytest.raises(DesignError, match="equal in both arms"):
        fitted(cluster, np.tile([0, 1.0], 4), arm + np.arange(8), arm)


@given(st.integers(0, 10_000), st.floats(-1e6, 1e6))
@settings(max_examples=15, deadline=None)
def test_laws(seed: int, shift: float):
    """A constant added to the outcome changes nothing; use counted the other way round flips the sign; so does swapping the arms not."""
    cluster, arm, use, y, _ = rows(seed)
    one, two = (
        complier_interval(fitted(cluster, use, y, arm), "CR2", 0.95),
        complier_interval(fitted(cluster, use, y + shift, arm), "CR2", 0.95),
    )
    assert (two.low, two.high) == pytest.approx((one.low, one.high), rel=1e-6, abs=1e-6)
    flipped = complier_interval(fitted(cluster, 1 - use, y, arm), "CR2", 0.95)
    assert (-flipped.high, -flipped.low) == pytest.approx((one.low, one.high), rel=1e-6, abs=1e-6)
    swapped = complier_interval(fitted(cluster, use, y, 1 - arm), "CR2", 0.95)
    assert (swapped.low, swapped.high) == pytest.approx((one.low, one.high), rel=1e-6, abs=1e-6)
