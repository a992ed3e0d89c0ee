"""The wild cluster restricted bootstrap: outside answers, brute force on rows, ties, infinite ends, laws."""

import math
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from honestlift.errors import DesignError
from honestlift.estimators.fit import least_squares
from honestlift.inference.wild import WEBB, wild_draws, wild_interval, wild_p_value
from honestlift.moments.cluster import ClusterMoments
from oracles_data import moments_of_rows, random_trial, six_rows, trial

RNG = np.random.default_rng(0)
ARM = np.array([0.0, 1.0, 0.0])


def p_by_rows(
    cluster: NDArray[np.int64], design: NDArray[np.float64], y: NDArray[np.float64], null: float, weights: NDArray[np.float64]
) -> float:
    """Share of |t*| ≥ |t| when y* = X theta~ + v_g u~ is made row by row and fitted anew (WCR, CR0 studentized)."""
    bread = np.linalg.inv(design.T @ design)

    def fit(outcome: NDArray[np.float64]) -> float:
        theta = bread @ design.T @ outcome
        residual = outcome - design @ theta
        scores = np.stack([design[cluster == g].T @ residual[cluster == g] for g in np.unique(cluster)])
        return float((theta[1] - null) / np.sqrt((bread @ scores.T @ scores @ bread)[1, 1]))

    rest = np.delete(design, 1, axis=1)
    restricted = rest @ np.linalg.lstsq(rest, y - null * design[:, 1])[0] + null * design[:, 1]
    actual = fit(y)
    stars = [fit(restricted + v[cluster] * (y - restricted)) for v in weights]
    return float(np.mean(np.abs(stars) >= abs(actual) * (1 - 1e-9)))


def digits(rng: np.random.Generator, points: int, clusters: int, draws: int) -> NDArray[np.int64]:
    """(B, G) which value each cluster's weight has: bytes hold eight signs, or three of Webb's six points, the first lowest."""
    together = 8 if points == 2 else 3
    places = rng.integers(0, points**together, size=(-(-clusters // together), draws), dtype=np.uint8).astype(np.int64)
    return np.stack([places[g // together] // points ** (g % together) % points for g in range(clusters)], axis=1)


def test_outside_answers():
    data = trial("crt10")
    fit = least_squares(moments_of_rows(data.cluster, data.design(), data.y))
    drawn = wild_draws(fit, ARM[:2], RNG)
    got = wild_interval(drawn, 0.95)
    assert drawn.enumerated
    assert drawn.numerator.shape == (1024, 2)
    assert got.p_value == data.answers["wcr11_rademacher_enum1024_p_geq"]
    assert (got.low, got.high) == pytest.approx(tuple(data.answers["wcr11_ci_geq"]), abs=2e-6)  # printed to 6 decimals
    assert wild_p_value(wild_draws(fit, ARM[:2], RNG, scores="WCR-S")) == data.answers["wcr_s_p"]
    assert math.isnan(got.std_error)
    assert math.isnan(got.df)


@pytest.mark.parametrize("shift", [1.0, 1e9])
def test_outside_answers_survive_an_offset(shift: float):
    data = trial("crt10")
    fit = least_squares(moments_of_rows(data.cluster, data.design(), data.y + shift))
    got = wild_interval(wild_draws(fit, ARM[:2], RNG), 0.95)
    assert got.p_value == data.answers["wcr11_rademacher_enum1024_p_geq"]
    assert (got.low, got.high) == pytest.approx(tuple(data.answers["wcr11_ci_geq"]), abs=3e-6)  # 1e9 rounds the outcome at 1e-7


@pytest.mark.parametrize("seed", range(4))
def test_equals_the_rows_for_every_null(seed: int):
    cluster, design, y = random_trial(seed, clusters=6)
    fit = least_squares(moments_of_rows(cluster, design, y))
    drawn = wild_draws(fit, ARM, RNG)
    signs = np.array(list(product([-1.0, 1.0], repeat=6)))
    for null in (-3.0, 0.0, 0.3, 1.7, 40.0):
        assert wild_p_value(drawn, null) == p_by_rows(cluster, design, y, null, signs)


def test_random_weights_equal_the_rows():
    cluster, design, y = random_trial(11, clusters=8)
    fit = least_squares(moments_of_rows(cluster, design, y))
    for weights, values in (("webb", WEBB), ("rademacher", np.array([-1.0, 1.0]))):
        drawn = wild_draws(fit, ARM, np.random.default_rng(5), draws=99, weights=weights)
        v = values[digits(np.random.default_rng(5), values.size, 8, 99)]
        assert not drawn.enumerated
        for null in (0.0, 1.0):
            assert wild_p_value(drawn, null) == pytest.approx((1 + 99 * p_by_rows(cluster, design, y, null, v)) / 100)


@pytest.mark.parametrize("seed", range(3))
def test_wcr_s_equals_its_definition(seed: int):
    """b_g − A_g theta~_(g), theta~_(g) the restricted estimate on the rows of all other clusters."""
    cluster, design, y = random_trial(seed, clusters=6)
    moments = moments_of_rows(cluster, design, y)
    fit, bread = least_squares(moments), np.linalg.inv(design.T @ design)
    signs, null = np.array(list(product([-1.0, 1.0], repeat=6))), 0.4
    outcome = y - moments.origin
    scores = []
    for g in range(6):
        rows, own = cluster != g, cluster == g
        rest = np.linalg.lstsq(np.delete(design[rows], 1, axis=1), outcome[rows] - null * design[rows, 1])[0]
        theta = np.insert(rest, 1, null)
        scores.append(design[own].T @ (outcome[own] - design[own] @ theta))
    shift = (signs @ np.array(scores)) @ bread
    own_terms = signs[:, :, None] * np.array(scores) - np.einsum("gij,bj->bgi", moments.A, shift)
    stars = shift[:, 1] / np.sqrt((((own_terms @ bread)[:, :, 1]) ** 2).sum(axis=1))
    actual = (fit.theta[1] - null) / np.sqrt(((fit.scores @ bread)[:, 1] ** 2).sum())
    expected = np.mean(np.abs(stars) >= abs(actual) * (1 - 1e-9))
    assert wild_p_value(wild_draws(fit, ARM, RNG, scores="WCR-S"), null) == expected


def test_draws_converge_to_the_enumeration():
    data = trial("crt10")
    fit = least_squares(moments_of_rows(data.cluster, data.design(), data.y))
    drawn = wild_draws(fit, ARM[:2], np.random.default_rng(0), draws=1_000)
    assert not drawn.enumerated
    exact = wild_p_value(wild_draws(fit, ARM[:2], RNG), 0.2)
    assert wild_p_value(drawn, 0.2) == pytest.approx(exact, abs=4 * math.sqrt(exact * (1 - exact) / 1_000))


@pytest.mark.parametrize("seed", range(6))
def test_few_clusters_cannot_reject(seed: int):
    """Five clusters: all-equal signs tie with the data, so p is at least 2/32, and the interval is the whole line."""
    cluster, design, y = random_trial(seed, clusters=5)
    drawn = wild_draws(least_squares(moments_of_rows(cluster, design, y)), ARM, RNG)
    assert drawn.smallest_p == 2 / 32
    assert min(wild_p_value(drawn, sign * 10.0**e) for e in range(-6, 9) for sign in (-1, 1)) >= 2 / 32
    got = wild_interval(drawn, 0.95)
    assert (got.low, got.high) == (-math.inf, math.inf)
    half = wild_interval(drawn, 0.5)
    assert -math.inf < half.low < drawn.estimate < half.high < math.inf


def test_smallest_p_of_random_draws_is_one_in_all():
    cluster, design, y = random_trial(1, clusters=30)
    fit = least_squares(moments_of_rows(cluster, design, y + 50 * design[:, 1]))
    drawn = wild_draws(fit, ARM, np.random.default_rng(0), draws=499)
    assert wild_p_value(drawn) == drawn.smallest_p == 1 / 500
    assert wild_p_value(drawn, drawn.estimate) == 1


@given(st.integers(0, 10_000), st.floats(-50, 50))
@settings(max_examples=20, deadline=None)
def test_laws(seed: int, shift: float):
    """A constant, the order of the clusters and the name of the arms change nothing, but that the interval is mirrored."""
    cluster, design, y = random_trial(seed, clusters=7)
    label = np.random.default_rng(seed).permutation(7)
    swapped = design * [1, -1, 1] + [0, 1, 0]
    one, two = (
        wild_interval(wild_draws(least_squares(m), ARM, RNG), 0.9)
        for m in (moments_of_rows(cluster, design, y), moments_of_rows(label[cluster], swapped, y + shift))
    )
    assert two.p_value == one.p_value
    assert (-two.high, -two.low) == pytest.approx((one.low, one.high), rel=1e-6, abs=1e-6)
    assert one.p_value > 0.1 or not one.low <= 0 <= one.high


def test_clusters_without_rows_change_nothing():
    cluster, design, y = random_trial(2, clusters=6)
    m = moments_of_rows(cluster, design, y)
    padded = ClusterMoments(
        names=m.names,
        A=np.concatenate([m.A, np.zeros((2, 3, 3))]),
        b=np.concatenate([m.b, np.zeros((2, 3))]),
        c=np.append(m.c, [0.0, 0.0]),
        n=np.append(m.n, [0.0, 0.0]),
    )
    assert wild_draws(least_squares(padded), ARM, RNG).smallest_p == 2 / 2**6
    for scores in ("WCR", "WCR-S"):
        assert wild_interval(wild_draws(least_squares(padded), ARM, RNG, scores=scores), 0.9).low == pytest.approx(
            wild_interval(wild_draws(least_squares(m), ARM, RNG, scores=scores), 0.9).low, rel=1e-9
        )


def test_webb_weights_have_mean_zero_and_variance_one():
    assert WEBB.sum() == pytest.approx(0, abs=1e-15)
    assert (WEBB**2).mean() == pytest.approx(1, rel=1e-15)


def test_unknown_options_are_named():
    fit = least_squares(six_rows())
    with pytest.raises(DesignError, match="'mammen'"):
        wild_draws(fit, ARM[:2], RNG, weights="mammen")
    with pytest.raises(DesignError, match="'WCU'"):
        wild_draws(fit, ARM[:2], RNG, scores="WCU")
