"""The randomization test: outside answers, general CR2 on every re-draw, exactness, strata, laws."""

import math
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from honestlift.errors import DataError, DesignError
from honestlift.estimators.fit import least_squares
from honestlift.inference.randomization import randomization_interval, randomization_p_value, redraws
from honestlift.inference.sandwich import covariance
from oracles_data import moments_of_rows, trial

RNG = np.random.default_rng(0)
STATISTICS = ("cr2_t", "neyman_t", "difference")


def sums(cluster: NDArray[np.int64], y: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    return np.bincount(cluster).astype(np.float64), np.bincount(cluster, y)


def made_up(seed: int, clusters: int = 6, treated: int = 3) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.bool_]]:
    rng = np.random.default_rng(seed)
    cluster = np.repeat(np.arange(clusters), rng.integers(2, 9, clusters))
    arms = np.zeros(clusters, dtype=np.bool_)
    arms[rng.choice(clusters, treated, replace=False)] = True
    return cluster, rng.normal(size=clusters)[cluster] + rng.normal(size=cluster.size) + 0.8 * arms[cluster], arms


def statistic(kind: str, cluster: NDArray[np.int64], y: NDArray[np.float64], arms: NDArray[np.bool_]) -> float:
    """The statistic from rows, by least squares and the general covariance."""
    if kind == "neyman_t":
        y, cluster = np.bincount(cluster, y) / np.bincount(cluster), np.arange(arms.size)
    design = np.column_stack([np.ones(y.size), arms[cluster].astype(np.float64)])
    fit = least_squares(moments_of_rows(cluster, design, y))
    return float(fit.theta[1] / (1 if kind == "difference" else np.sqrt(covariance(fit, "CR2")[1, 1])))


@pytest.mark.parametrize("offset", [0.0, 1e9])
@pytest.mark.parametrize(
    ("kind", "p", "ends"),
    [
        ("cr2_t", "ri_exact_252_p_cr2_t_of_user_ols", "ri_exact_252_ci_cr2_t_of_user_ols"),
        ("neyman_t", "ri_exact_252_p_neyman_t_of_workspace_means", "ri_exact_252_ci_neyman_t_of_workspace_means"),
        ("difference", "ri_exact_252_p", "ri_exact_inverted_ci_StatsPAI"),
    ],
)
def test_outside_answers(kind: str, p: str, ends: str, offset: float):
    data = trial("crt10")
    y = data.y + offset
    n, total = sums(data.cluster, y - y.mean())
    drawn = redraws(n, total, np.bincount(data.cluster, data.treated) > 0, RNG, statistic=kind)
    got = randomization_interval(drawn, 0.95)
    assert drawn.enumerated
    assert drawn.assignments == 252
    assert drawn.smallest_p == 2 / 252
    assert got.p_value == pytest.approx(data.answers[p], abs=5e-9)  # printed to 8 decimals
    digits = 5e-5 if kind != "difference" else 2e-7 if offset else 5e-9  # printed to 4 decimals, or 8
    assert (got.low, got.high) == pytest.approx(tuple(data.answers[ends]), abs=digits)
    assert math.isnan(got.std_error)


@pytest.mark.parametrize("kind", STATISTICS)
@pytest.mark.parametrize("treated", [2, 3])
def test_every_redraw_equals_the_general_cr2_on_rows(kind: str, treated: int):
    cluster, y, arms = made_up(treated, treated=treated)
    n, total = sums(cluster, y)
    drawn = redraws(n, total, arms, RNG, statistic=kind)
    for null in (-2.0, 0.0, 0.7, 5.0):
        imputed = y - null * arms[cluster]
        actual = statistic(kind, cluster, imputed, arms)
        stars = []
        for chosen in combinations(range(6), treated):
            again = np.zeros(6, dtype=np.bool_)
            again[list(chosen)] = True
            stars.append(statistic(kind, cluster, imputed, again))
        assert randomization_p_value(drawn, null) == np.mean(np.abs(stars) >= abs(actual) * (1 - 1e-9))
    assert drawn.estimate / drawn.std_error == pytest.approx(statistic(kind, cluster, y, arms), rel=1e-10)


@pytest.mark.parametrize("kind", STATISTICS)
def test_it_is_exact_for_a_constant_effect(kind: str):
    """Over all 35 assignments of 3 of 7, p ≤ α happens in no more than a share α of them, for every α."""
    cluster, y, _ = made_up(8, clusters=7)
    n, total = sums(cluster, y)
    p_values = []
    for chosen in combinations(range(7), 3):
        arms = np.isin(np.arange(7), chosen)
        p_values.append(randomization_p_value(redraws(n, total + 1.5 * n * arms, arms, RNG, statistic=kind), 1.5))
    for rank, p in enumerate(sorted(p_values), start=1):
        assert rank / 35 <= p + 1e-12
    assert min(p_values) <= 2 / 35


def test_stratified_assignments_are_enumerated_within_strata():
    """C(4,2) · C(3,1) = 18 assignments; not every stratum is halved, so the smallest p is 1/18."""
    cluster, y, _ = made_up(2, clusters=7)
    strata, arms = np.array([0, 1, 0, 0, 1, 0, 1]), np.array([1, 0, 0, 1, 0, 0, 1], dtype=np.bool_)
    n, total = sums(cluster, y)
    drawn = redraws(n, total, arms, RNG, strata=strata)
    assert (drawn.assignments, drawn.smallest_p, drawn.enumerated) == (18, 1 / 18, True)
    stars = []
    for first in combinations([0, 2, 3, 5], 2):
        for second in ([1], [4], [6]):
            stars.append(statistic("cr2_t", cluster, y, np.isin(np.arange(7), [*first, *second])))
    actual = statistic("cr2_t", cluster, y, arms)
    assert randomization_p_value(drawn) == np.mean(np.abs(stars) >= abs(actual) * (1 - 1e-9))


def test_halved_strata_have_a_mirror_image():
    cluster, y, _ = made_up(3, clusters=6)
    strata, arms = np.array([0, 0, 1, 1, 2, 2]), np.array([1, 0, 0, 1, 1, 0], dtype=np.bool_)
    drawn = redraws(*sums(cluster, y), arms, RNG, strata=strata)
    assert (drawn.assignments, drawn.smallest_p) == (8, 0.25)  # pairs: 2/2^3
    assert randomization_interval(drawn, 0.95).high == math.inf
    assert randomization_interval(drawn, 0.5).high < math.inf


def test_draws_converge_to_the_enumeration():
    data = trial("crt10")
    n, total = sums(data.cluster, data.y - data.y.mean())
    arms = np.bincount(data.cluster, data.treated) > 0
    exact = randomization_p_value(redraws(n, total, arms, RNG), 0.2)
    drawn = redraws(n, total, arms, np.random.default_rng(1), draws=251)
    assert not drawn.enumerated
    assert drawn.smallest_p == 2 / 252
    assert randomization_p_value(drawn, 0.2) == pytest.approx(exact, abs=4 * math.sqrt(exact * (1 - exact) / 251))
    assert randomization_p_value(drawn, drawn.estimate) == 1


def test_random_draws_keep_to_the_rule():
    """With half of each stratum treated the strata cancel from the difference; without strata they do not."""
    n = np.full(20, 3.0)
    strata = np.repeat([0, 1], 10)
    total = n * strata * 100  # the strata differ by 100; within them clusters are alike
    arms, rng = np.tile([True, False], 10), np.random.default_rng(0)
    drawn = redraws(n, total, arms, rng, strata=strata, statistic="difference", draws=500)
    assert not drawn.enumerated
    np.testing.assert_allclose(drawn.numerator[:, 0], 0, atol=1e-10)
    free = redraws(n, total, arms, rng, statistic="difference", draws=500)
    assert np.abs(free.numerator[:, 0]).max() > 10


@given(st.integers(0, 10_000), st.floats(-50, 50), st.sampled_from(STATISTICS))
@settings(max_examples=25, deadline=None)
def test_laws(seed: int, shift: float, kind: str):
    """A constant, the order of the clusters and the name of the arms change nothing, but that the interval is mirrored."""
    cluster, y, arms = made_up(seed, clusters=8, treated=4)
    n, total = sums(cluster, y)
    order = np.random.default_rng(seed).permutation(8)
    one = randomization_interval(redraws(n, total, arms, RNG, statistic=kind), 0.8)
    moved = (total + shift * n)[order]
    two = randomization_interval(redraws(n[order], moved, ~arms[order], RNG, statistic=kind), 0.8)
    assert two.p_value == one.p_value
    assert (-two.high, -two.low) == pytest.approx((one.low, one.high), rel=1e-6, abs=1e-6)


@pytest.mark.parametrize("kind", STATISTICS)
@pytest.mark.parametrize("unit", [1e-9, 1e9])
def test_the_unit_of_the_outcome_scales_the_interval(kind: str, unit: float):
    cluster, y, arms = made_up(1, clusters=8, treated=4)
    n, total = sums(cluster, y)
    one = randomization_interval(redraws(n, total, arms, RNG, statistic=kind), 0.8)
    two = randomization_interval(redraws(n, total * unit, arms, RNG, statistic=kind), 0.8)
    assert (two.low / unit, two.high / unit) == pytest.approx((one.low, one.high), rel=1e-9)


def test_clusters_without_users_are_left_out_of_the_statistic():
    """Two of six clusters are empty: re-draws that treat only these two have no statistic."""
    n, total = np.array([2.0, 3, 0, 4, 0, 5]), np.array([1.0, 5, 0, 2, 0, 9])
    arms = np.array([1, 0, 1, 0, 0, 0], dtype=np.bool_)
    drawn = redraws(n, total, arms, RNG, statistic="difference")
    assert drawn.assignments == 15
    assert drawn.numerator.shape[0] == 14
    assert randomization_p_value(drawn, drawn.estimate) == 1
    assert np.isfinite(redraws(n, total, arms, RNG, statistic="neyman_t").numerator).all()


def test_an_empty_arm_and_an_unknown_statistic_are_refused():
    n, total = np.array([2.0, 0, 3]), np.array([1.0, 0, 2])
    with pytest.raises(DataError, match="No treated user"):
        redraws(n, total, np.array([False, True, False]), RNG)
    with pytest.raises(DesignError, match="'wilcoxon'"):
        redraws(n, total, np.array([True, False, False]), RNG, statistic="wilcoxon")
