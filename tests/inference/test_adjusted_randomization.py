"""The randomization test with covariates: every re-draw against least squares and CR2 on rows, exactness, and known cases."""

import math
from itertools import combinations

import numpy as np
import pytest
from numpy.typing import NDArray

from honestlift.design.assignment import Rule, assign, redraws
from honestlift.estimators.fit import least_squares
from honestlift.inference.adjusted_randomization import Regression, adjusted_redraws, invert_each
from honestlift.inference.randomization import randomization_interval, randomization_p_value, within
from honestlift.inference.randomization import redraws as plain_redraws
from honestlift.inference.sandwich import covariance
from oracles_data import moments_of_rows

RNG = np.random.default_rng(0)


def rows(
    seed: int, arms: NDArray[np.bool_], covariates: int
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]:
    """Users of unequal clusters, their outcome, and covariates of the clusters."""
    rng = np.random.default_rng(seed)
    cluster = np.repeat(np.arange(arms.size), rng.integers(2, 9, arms.size))
    x = rng.normal(size=(arms.size, covariates))
    y = rng.normal(size=arms.size)[cluster] + x.sum(axis=1)[cluster] + rng.normal(size=cluster.size) + 0.8 * arms[cluster]
    return cluster, y, x


def t_of_rows(
    cluster: NDArray[np.int64],
    y: NDArray[np.float64],
    arms: NDArray[np.bool_],
    fixed: NDArray[np.float64],
    varying: NDArray[np.float64],
) -> float:
    """CR2's t of the coefficient of the arm, by least squares on rows and the general covariance."""
    d = arms.astype(np.float64)
    design = np.column_stack([np.ones(arms.size), d, fixed, varying * d[:, None]])
    fit = least_squares(moments_of_rows(cluster, design[cluster], y))
    return float(fit.theta[1] / np.sqrt(covariance(fit, "CR2")[1, 1]))


def regression(
    cluster: NDArray[np.int64], y: NDArray[np.float64], fixed: NDArray[np.float64], varying: NDArray[np.float64]
) -> Regression:
    n = np.bincount(cluster).astype(np.float64)
    return Regression(weight=n, mean=np.bincount(cluster, y) / n, fixed=fixed, varying=varying)


@pytest.mark.parametrize(("fixed", "varying"), [(0, 0), (1, 0), (2, 0), (1, 1), (2, 1)])
@pytest.mark.parametrize("treated", [4, 3])
def test_every_redraw_equals_least_squares_and_cr2_on_rows(fixed: int, varying: int, treated: int):
    arms = np.arange(9) < treated
    cluster, y, x = rows(fixed + 5 * varying, arms, fixed)
    drawn = adjusted_redraws(regression(cluster, y, x, x[:, :varying]), arms, within(arms, None), RNG)
    assert (drawn.enumerated, drawn.assignments) == (True, math.comb(9, treated))
    for null in (-2.0, 0.0, 0.7):
        imputed = y - null * arms[cluster]
        actual = t_of_rows(cluster, imputed, arms, x, x[:, :varying])
        stars = [
            t_of_rows(cluster, imputed, np.isin(np.arange(9), chosen), x, x[:, :varying])
            for chosen in combinations(range(9), treated)
        ]
        assert randomization_p_value(drawn, null) == np.mean(np.abs(stars) >= abs(actual) * (1 - 1e-9))
    assert drawn.estimate / drawn.std_error == pytest.approx(t_of_rows(cluster, y, arms, x, x[:, :varying]), rel=1e-10)


def test_without_covariates_it_is_the_plain_test():
    arms = np.arange(10) % 2 == 0
    cluster, y, x = rows(1, arms, 0)
    one = adjusted_redraws(regression(cluster, y, x, x), arms, within(arms, None), RNG)
    n = np.bincount(cluster).astype(np.float64)
    two = plain_redraws(n, np.bincount(cluster, y), arms, RNG)
    a, b = randomization_interval(one, 0.9), randomization_interval(two, 0.9)
    assert (a.p_value, one.smallest_p) == (b.p_value, two.smallest_p)
    assert (a.low, a.high) == pytest.approx((b.low, b.high), rel=1e-9)


def test_pair_effects_are_those_of_dummies():
    names = [str(i) for i in range(8)]
    size = {name: [float(i * i % 13)] for i, name in enumerate(names)}
    record = assign(names, Rule(kind="matched_pairs", covariates=("size",)), seed=3, covariates=size)
    arms = np.array([arm == "treated" for arm in record.assigned.values()])
    pair = np.array([int(p.removeprefix("pair ")) for p in (record.strata or {}).values()])
    dummies = (pair[:, None] == np.arange(2, 5)).astype(np.float64)
    cluster, y, _ = rows(4, arms, 1)
    y = y + 5.0 * pair[cluster]
    none = dummies[:, :0]
    drawn = adjusted_redraws(regression(cluster, y, dummies, none), arms, redraws(record), RNG)
    assert (drawn.enumerated, drawn.assignments, drawn.smallest_p) == (True, 16, 2 / 16)
    stars = []
    for flips in np.ndindex(*(2,) * 4):
        again = arms.copy()
        for p, flip in enumerate(flips):
            again[pair == p + 1] ^= bool(flip)
        stars.append(t_of_rows(cluster, y, again, dummies, none))
    actual = t_of_rows(cluster, y, arms, dummies, none)
    assert randomization_p_value(drawn) == np.mean(np.abs(stars) >= abs(actual) * (1 - 1e-9))


def test_it_is_exact_for_a_constant_effect():
    """Over all 56 assignments of 3 of 8, p ≤ α happens in no more than a share α of them, for every α."""
    cluster, y, x = rows(8, np.zeros(8, dtype=np.bool_), 1)
    p_values = []
    for chosen in combinations(range(8), 3):
        arms = np.isin(np.arange(8), chosen)
        moved = regression(cluster, y + 1.5 * arms[cluster], x, x)
        p_values.append(randomization_p_value(adjusted_redraws(moved, arms, within(arms, None), RNG), 1.5))
    for rank, p in enumerate(sorted(p_values), start=1):
        assert rank / 56 <= p + 1e-12
    assert min(p_values) <= 2 / 56


@pytest.mark.parametrize("unit", [1e-9, 1e9])
def test_units_and_origins_change_nothing(unit: float):
    arms = np.arange(9) < 4
    cluster, y, x = rows(3, arms, 2)
    one = randomization_interval(adjusted_redraws(regression(cluster, y, x, x[:, :1]), arms, within(arms, None), RNG), 0.8)
    other = regression(cluster, y * unit, x * unit, x[:, :1] * unit)
    two = randomization_interval(adjusted_redraws(other, arms, within(arms, None), RNG), 0.8)
    assert two.p_value == one.p_value
    assert (two.low / unit, two.high / unit) == pytest.approx((one.low, one.high), rel=1e-8)
    moved = randomization_interval(adjusted_redraws(regression(cluster, y + 50, x, x[:, :1]), arms, within(arms, None), RNG), 0.8)
    assert (moved.low, moved.high) == pytest.approx((one.low, one.high), rel=1e-8)


def test_redraws_that_are_collinear_are_left_out():
    """A covariate that is one only in clusters 0 and 1: the re-draw that treats just these has no effect of its own."""
    x = (np.arange(6) < 2).astype(np.float64)[:, None]
    arms = np.isin(np.arange(6), [0, 2])
    cluster, y, _ = rows(2, arms, 0)
    drawn = adjusted_redraws(regression(cluster, y, x, x[:, :0]), arms, within(arms, None), RNG)
    assert drawn.assignments == 15
    assert drawn.numerator.shape[0] == 14


def test_small_matrices_are_inverted():
    a = np.random.default_rng(1).normal(size=(50, 4, 4))
    a = np.einsum("bij,bkj->bik", a, a) * np.array([1e-6, 1, 1e6, 1])[:, None] * np.array([1e-6, 1, 1e6, 1])
    a[7] = np.einsum("i,j->ij", a[7, 0], a[7, 0])
    inverse, regular = invert_each(a, np.diagonal(a, axis1=1, axis2=2))
    assert np.flatnonzero(~regular).tolist() == [7]
    product = np.einsum("bij,bjk->bik", inverse, a)[regular]
    scale = np.array([1e-6, 1, 1e6, 1])
    assert product / scale[:, None] ** -1 * scale**-1 == pytest.approx(np.broadcast_to(np.eye(4), product.shape), abs=1e-6)
