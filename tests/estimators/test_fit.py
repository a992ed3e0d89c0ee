"""Least squares from sums: by hand, against rows, its laws, and its refusals."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from honestlift.errors import DesignError
from honestlift.estimators.fit import (
    intercept_column,
    least_squares,
    loading,
    solve_each,
    solve_normal,
    true_value,
    weighted_sums,
)
from honestlift.moments.cluster import ClusterMoments
from oracles_data import moments_of_rows, random_trial, six_rows, trial

SEEDS = st.integers(0, 10_000)


def test_six_rows_by_hand():
    fit = least_squares(six_rows())
    assert fit.theta[1] == pytest.approx(4, rel=1e-14)
    assert true_value(fit, np.array([1.0, 0.0])) == pytest.approx(2, rel=1e-14)
    assert true_value(fit, np.array([1.0, 1.0])) == pytest.approx(6, rel=1e-14)
    assert fit.rss == pytest.approx(10, rel=1e-14)
    np.testing.assert_allclose(fit.scores, [[0, 0], [0, 0], [-2, -2], [2, 2]], atol=1e-14)
    assert (fit.clusters, fit.rows) == (4, 6)


@given(SEEDS)
@settings(max_examples=25, deadline=None)
def test_equals_least_squares_on_rows(seed: int):
    cluster, design, y = random_trial(seed, columns=4)
    fit = least_squares(moments_of_rows(cluster, design, y))
    theta, rss, *_ = np.linalg.lstsq(design, y - y.mean())
    np.testing.assert_allclose(fit.theta, theta, rtol=1e-9, atol=1e-11)  # condition numbers up to 1e3, squared in the sums
    assert fit.rss == pytest.approx(float(rss[0]), rel=1e-10)
    np.testing.assert_allclose(fit.scores.sum(axis=0), 0, atol=1e-10)
    np.testing.assert_allclose(fit.root @ fit.root.T, design.T @ design, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(loading(fit.root) @ loading(fit.root).T @ fit.hessians.sum(axis=0), np.eye(4), atol=1e-10)


@given(SEEDS, st.floats(-1e6, 1e6))
@settings(max_examples=25, deadline=None)
def test_a_constant_moves_only_the_intercept(seed: int, shift: float):
    cluster, design, y = random_trial(seed)
    before = least_squares(moments_of_rows(cluster, design, y))
    after = least_squares(moments_of_rows(cluster, design, y + shift))
    tolerance = 1e-15 * (1 + abs(shift)) * 1e3  # the shifted outcome itself is rounded at 1e-16 of its size
    np.testing.assert_allclose(after.theta[1:], before.theta[1:], atol=tolerance)
    one = np.eye(3)[0]
    assert true_value(after, one) == pytest.approx(true_value(before, one) + shift, abs=tolerance)


@given(SEEDS)
@settings(max_examples=25, deadline=None)
def test_the_unit_of_a_regressor_scales_only_its_coefficient(seed: int):
    cluster, design, y = random_trial(seed)
    plain = least_squares(moments_of_rows(cluster, design, y))
    scaled = least_squares(moments_of_rows(cluster, design * [1, 1, 1e-12], y))
    np.testing.assert_allclose(scaled.theta * [1, 1, 1e-12], plain.theta, rtol=1e-11, atol=1e-12)


def test_published_coefficients():
    for name in ("crt10", "crt50"):
        data = trial(name)
        fit = least_squares(moments_of_rows(data.cluster, data.design(), data.y))
        assert fit.theta[1] == pytest.approx(data.answers["coef"], abs=1e-10)  # printed to 10 digits


def test_a_regressor_without_values_is_named():
    cluster, design, y = random_trial(1)
    design[:, 1] = 0
    with pytest.raises(DesignError, match="'treated' is zero on every row"):
        least_squares(moments_of_rows(cluster, design, y))


@pytest.mark.parametrize("scale", [1e-9, 1.0, 1e9])
def test_a_combination_of_regressors_is_named_whatever_its_unit(scale: float):
    cluster, design, y = random_trial(1)
    design[:, 2] = scale * (design[:, 0] - 3 * design[:, 1])
    with pytest.raises(DesignError, match="'x' is a linear combination of 'intercept', 'treated'"):
        least_squares(moments_of_rows(cluster, design, y))


def test_a_year_is_no_constant():
    """2024 and 2025 leave 6e-8 of their sum of squares beside an intercept: little, but real."""
    cluster, design, y = random_trial(1)
    design[:, 2] = 2024 + (np.arange(y.size) % 2)
    fit = least_squares(moments_of_rows(cluster, design, y))
    theta, *_ = np.linalg.lstsq(design - [0, 0, 2024], y)
    assert fit.theta[2] == pytest.approx(float(theta[2]), rel=1e-6)  # 16 digits less the 7 lost to the offset, less 2


def test_arrays_are_read_only():
    fit = least_squares(six_rows())
    for array in (fit.theta, fit.scores, fit.hessians, fit.root, fit.n):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 1


def test_contrast_picks_a_coefficient_and_names_the_unknown():
    fit = least_squares(six_rows())
    np.testing.assert_array_equal(fit.contrast("treated"), [0, 1])
    with pytest.raises(DesignError, match=r"'tretaed'.*'intercept', 'treated'"):
        fit.contrast("tretaed")


def test_intercept_is_found_by_its_values():
    cluster, design, y = random_trial(2)
    assert intercept_column(least_squares(moments_of_rows(cluster, design, y))) == 0
    assert intercept_column(least_squares(moments_of_rows(cluster, design[:, ::-1], y))) == 2
    without = least_squares(moments_of_rows(cluster, design[:, 1:], y, origin=0.0))
    assert intercept_column(without) is None
    assert true_value(without, np.array([1.0, 0.0])) == without.theta[0]


def test_clusters_without_rows_do_not_count():
    m = six_rows()
    padded = ClusterMoments(
        names=m.names,
        A=np.concatenate([m.A, np.zeros((1, 2, 2))]),
        b=np.concatenate([m.b, np.zeros((1, 2))]),
        c=np.append(m.c, 0.0),
        n=np.append(m.n, 0.0),
        origin=m.origin,
    )
    fit = least_squares(padded)
    assert fit.clusters == 4
    assert intercept_column(fit) == 0
    np.testing.assert_array_equal(fit.theta, least_squares(m).theta)


@given(SEEDS, st.integers(1, 6))
@settings(max_examples=25, deadline=None)
def test_many_systems_at_once(seed: int, k: int):
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(7, k + 3, k)) * 10.0 ** rng.integers(-6, 6, size=k)
    matrices, vectors = rows.transpose(0, 2, 1) @ rows, rng.normal(size=(7, k))
    solution, regular = solve_each(matrices, vectors)
    assert regular.all()
    scale = np.sqrt(np.diagonal(matrices, axis1=1, axis2=2))
    expected = np.linalg.solve(matrices / (scale[:, :, None] * scale[:, None]), (vectors / scale)[..., None])[..., 0]
    np.testing.assert_allclose(solution * scale, expected, rtol=1e-8, atol=1e-10 * np.abs(expected).max())
    root = np.linalg.cholesky(matrices[0] / np.outer(scale[0], scale[0]))
    np.testing.assert_allclose(
        solve_normal(root, vectors[0] / scale[0]), expected[0], rtol=1e-8, atol=1e-9 * np.abs(expected).max()
    )


def test_singular_systems_are_told_apart_and_do_not_spoil_the_others():
    good = np.array([[2.0, 1.0], [1.0, 3.0]])
    matrices = np.stack([good, np.ones((2, 2)), np.array([[4.0, 0.0], [0.0, 0.0]]), np.zeros((2, 2)), good * 1e-20])
    solution, regular = solve_each(matrices, np.ones((5, 2)))
    np.testing.assert_array_equal(regular, [True, False, False, False, True])
    np.testing.assert_allclose(solution[0], [0.4, 0.2], rtol=1e-14)
    np.testing.assert_allclose(solution[4], [0.4e20, 0.2e20], rtol=1e-14)
    assert np.isnan(solution[1:4]).all()


def test_weighted_sums_do_not_depend_on_how_many_are_asked_for():
    rng = np.random.default_rng(0)
    weights, values = rng.random((101, 333)), rng.normal(size=(333, 5))
    whole = weighted_sums(weights, values)
    np.testing.assert_allclose(whole, weights @ values, rtol=1e-12, atol=1e-12)
    pieces = [weighted_sums(weights[i : i + 7], values) for i in range(0, 101, 7)]
    np.testing.assert_array_equal(np.concatenate(pieces), whole)
