"""Cluster-robust covariances and df: by hand, against rows and outside answers, known cases, laws."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from honestlift.errors import DesignError
from honestlift.estimators.fit import Fit, least_squares
from honestlift.inference.interval import t_interval
from honestlift.inference.sandwich import (
    POWERS,
    adjusted_scores,
    covariance,
    effective_clusters,
    intraclass,
    leverage,
    satterthwaite,
    whiten,
)
from honestlift.moments.cluster import ClusterMoments
from oracles_data import SIX_ROWS, moments_of_rows, random_trial, six_rows, trial

SEEDS = st.integers(0, 10_000)
KINDS = ("iid", *POWERS)


def std_error(fit: Fit, kind: str, name: str = "treated") -> float:
    c = fit.contrast(name)
    return float(np.sqrt(c @ covariance(fit, kind) @ c))


def from_rows(
    cluster: NDArray[np.int64], design: NDArray[np.float64], y: NDArray[np.float64], contrast: NDArray[np.float64], power: float
) -> tuple[NDArray[np.float64], float]:
    """Covariance and df from the rows, (I − H_gg)^-power by eigenvalues (Bell & McCaffrey 2002, Imbens & Kolesár 2016)."""
    bread = np.linalg.inv(design.T @ design)
    hat = design @ bread @ design.T
    residual = y - hat @ y
    meat, columns = np.zeros_like(bread), []
    for g in np.unique(cluster):
        own = cluster == g
        values, vectors = np.linalg.eigh(np.eye(own.sum()) - hat[np.ix_(own, own)])
        inverse = np.where(values > 1e-9, np.where(values > 1e-9, values, 1) ** -power, 0)
        adjust = (vectors * inverse) @ vectors.T
        score = design[own].T @ adjust @ residual[own]
        meat += np.outer(score, score)
        columns.append((np.eye(y.size) - hat)[:, own] @ adjust @ design[own] @ bread @ contrast)
    gram = np.array(columns) @ np.array(columns).T
    return bread @ meat @ bread, np.trace(gram) ** 2 / (gram**2).sum()


@pytest.mark.parametrize(
    ("kind", "variance"),
    [("iid", 5 / 3), ("CR0", 8 / 9), ("CR1", 32 / 27), ("CR1S", 40 / 27), ("CR2", 2.0), ("CR3", 5.0), ("CV3", 15 / 4)],
)
def test_six_rows_by_hand(kind: str, variance: float):
    """Σ e_g²/(1 − n_g/3)^2p / 9 with e = 0, 0, −2, 2 and n = 2, 1, 2, 1; iid: (10/4)(1/3 + 1/3)."""
    assert covariance(least_squares(six_rows()), kind)[1, 1] == pytest.approx(variance, rel=1e-13)


def test_df_leverage_and_effective_clusters_of_six_rows_by_hand():
    """D_g = 2/3, 1/6 and |r_g|² = 4/9, 1/18 in each arm: df = (5/3 − 1)² / (17/18 − 22/18 + 1/2) = 2."""
    fit = least_squares(six_rows())
    white, c = whiten(fit), fit.contrast("treated")
    assert satterthwaite(white, c) == pytest.approx(2, rel=1e-12)
    np.testing.assert_allclose(leverage(white), [2 / 3, 1 / 3, 2 / 3, 1 / 3], rtol=1e-13)
    assert effective_clusters(white, c, 0) == pytest.approx(4 / (1 + 1 / 9), rel=1e-13)  # γ ∝ n_g: 4/3, 2/3
    assert effective_clusters(fit, c, 1) == pytest.approx(4 / 1.36, rel=1e-13)  # γ ∝ n_g²: 8/5, 2/5


def test_intraclass_of_six_rows_by_hand():
    """MSW = 4/2, MSB = 6/2, m0 = (6 − 10/3)/2 = 4/3: τ² = 3/4, ρ = 3/11, design effect 1 + (10/6 − 1)ρ."""
    n = np.array([2.0, 1, 2, 1])
    got = intraclass(n, np.array([4.0, 2, 10, 8]), np.array([10.0, 4, 52, 64]), np.array([0, 0, 1, 1]))
    assert (got.between, got.within) == pytest.approx((0.75, 2.0), rel=1e-13)
    assert (got.rho, got.total, got.design_effect) == pytest.approx((3 / 11, 2.75, 13 / 11), rel=1e-13)


def test_intraclass_says_when_it_cannot_be_known():
    one_each = intraclass(np.ones(4), np.arange(4.0), np.arange(4.0) ** 2, np.array([0, 0, 1, 1]))
    assert np.isnan(one_each.rho)
    assert np.isnan(one_each.design_effect)
    alike = intraclass(np.full(4, 2.0), np.full(4, 2.0), np.full(4, 4.0), np.array([0, 0, 1, 1]))  # 0 and 2 in every cluster
    assert (alike.between, alike.rho, alike.design_effect) == (0, 0, 1)
    padded = intraclass(np.array([2.0, 0, 2]), np.array([2.0, 0, 6]), np.array([4.0, 0, 20]), np.array([0, 1, 0]))
    assert padded.within == pytest.approx(2)


@given(SEEDS, st.sampled_from([3, 4]))
@settings(max_examples=30, deadline=None)
def test_equals_the_rows(seed: int, columns: int):
    cluster, design, y = random_trial(seed, columns=columns)
    fit = least_squares(moments_of_rows(cluster, design, y))
    white = whiten(fit)
    for contrast in np.eye(columns):
        for kind, power in POWERS.items():
            expected, df = from_rows(cluster, design, y, contrast, power)
            if kind in ("CR0", "CR2", "CR3"):
                scale = np.sqrt(np.outer(np.diag(expected), np.diag(expected)))
                np.testing.assert_allclose(covariance(white, kind) / scale, expected / scale, atol=1e-8)  # squared conditions
            assert satterthwaite(white, contrast, kind) == pytest.approx(df, rel=1e-8)


@given(SEEDS)
@settings(max_examples=20, deadline=None)
def test_cv3_is_the_jackknife(seed: int):
    cluster, design, y = random_trial(seed)
    fit = least_squares(moments_of_rows(cluster, design, y))
    groups = np.unique(cluster)
    left_out = np.stack([np.linalg.lstsq(design[cluster != g], y[cluster != g] - y.mean())[0] - fit.theta for g in groups])
    expected = (groups.size - 1) / groups.size * left_out.T @ left_out
    np.testing.assert_allclose(covariance(fit, "CV3"), expected, rtol=1e-8, atol=1e-10)
    white = whiten(fit)
    np.testing.assert_allclose(-adjusted_scores(white, 1.0) @ white.loading.T, left_out, rtol=1e-8, atol=1e-10)


@given(SEEDS)
@settings(max_examples=20, deadline=None)
def test_cr2_on_one_row_per_cluster_is_welch(seed: int):
    """s1²/k1 + s0²/k0, and Satterthwaite's df under equal variances K²(k1−1)(k0−1)/(k1²(k1−1) + k0²(k0−1))."""
    rng = np.random.default_rng(seed)
    k1, k0 = (int(v) for v in rng.integers(2, 9, size=2))
    y, arm = rng.normal(size=k1 + k0), np.repeat([1.0, 0.0], [k1, k0])
    fit = least_squares(moments_of_rows(np.arange(k1 + k0), np.column_stack([np.ones(k1 + k0), arm]), y))
    welch = y[:k1].var(ddof=1) / k1 + y[k1:].var(ddof=1) / k0
    assert covariance(fit, "CR2")[1, 1] == pytest.approx(welch, rel=1e-10)
    df = (k1 + k0) ** 2 * (k1 - 1) * (k0 - 1) / (k1**2 * (k1 - 1) + k0**2 * (k0 - 1))
    assert satterthwaite(fit, fit.contrast("treated")) == pytest.approx(df, rel=1e-10)


@pytest.mark.parametrize("name", ["crt10", "crt50"])
@pytest.mark.parametrize("shift", [0.0, 1e9])
def test_outside_answers(name: str, shift: float):
    data = trial(name)
    y = data.y + shift
    answers, groups = data.answers, np.unique(data.cluster).size
    fit = least_squares(moments_of_rows(data.cluster, data.design(), y))
    c = fit.contrast("treated")
    rel, absolute = (1e-8, 2e-8) if shift == 0 else (1e-6, 1e-6)  # 1e9 rounds the outcome itself at 1e-7
    for kind, key in [
        ("iid", "se_iid"),
        ("CR0", "se_CR0"),
        ("CR1S", "se_CR1S_stata"),
        ("CR2", "se_CR2"),
        ("CR3", "se_CR3_clubSandwich"),
        ("CV3", "se_CR3_jackknife_MNW"),
    ]:
        assert std_error(fit, kind) == pytest.approx(answers[key], rel=rel), kind
    df = satterthwaite(fit, c)
    assert df == pytest.approx(answers["df_CR2_satterthwaite"], rel=1e-8)  # a function of the design alone
    estimate = float(fit.theta[1])
    got = t_interval(estimate, std_error(fit, "CR2"), df, 0.95)
    assert got.p_value == pytest.approx(answers["p_CR2_satterthwaite"], abs=absolute)
    assert (got.low, got.high) == pytest.approx(tuple(answers["ci_CR2_satterthwaite"]), abs=absolute)
    stata = t_interval(estimate, std_error(fit, "CR1S"), groups - 1, 0.95)
    assert stata.p_value == pytest.approx(answers["p_CR1S_t(G-1)"], abs=absolute)


def test_outside_answers_that_only_one_data_set_has():
    small, large = trial("crt10"), trial("crt50")
    fit = least_squares(moments_of_rows(small.cluster, small.design(), small.y))
    normal = t_interval(float(fit.theta[1]), std_error(fit, "CR1S"), np.inf, 0.95)
    assert normal.p_value == pytest.approx(small.answers["p_CR1S_z"], abs=1e-8)  # printed to 8 decimals
    classical = t_interval(float(fit.theta[1]), std_error(fit, "iid"), fit.rows - 2, 0.95)
    assert classical.p_value == pytest.approx(small.answers["p_iid"], abs=1e-8)
    fit = least_squares(moments_of_rows(large.cluster, large.design(), large.y))
    assert std_error(fit, "CR1") == pytest.approx(large.answers["se_CR1_G/(G-1)"], rel=1e-8)


@pytest.mark.parametrize(("name", "key"), [("crt10", "adj_y~d+x"), ("crt50", "adj_y~d+x+stratum")])
def test_outside_answers_with_covariates(name: str, key: str):
    data = trial(name)
    categories = np.unique(data.stratum)[1:] if "stratum" in key else []
    design = data.design(data.x, *((data.stratum == s).astype(np.float64) for s in categories))
    names = ("intercept", "treated", "x", *(f"stratum {s}" for s in categories))
    fit = least_squares(moments_of_rows(data.cluster, design, data.y, names=names))
    answers = data.answers[key]
    assert fit.theta[1] == pytest.approx(answers["coef"], abs=1e-10)  # printed to 9 or 10 digits
    assert std_error(fit, "CR1S") == pytest.approx(answers["se_CR1S"], abs=1e-9)
    assert std_error(fit, "CR2") == pytest.approx(answers["se_CR2"], abs=1e-9)
    assert std_error(fit, "CR3") == pytest.approx(answers["se_CR3_clubSandwich"], abs=1e-9)
    assert satterthwaite(fit, fit.contrast("treated")) == pytest.approx(answers["df_CR2"], abs=2e-8)


@given(SEEDS, st.floats(-100, 100))
@settings(max_examples=20, deadline=None)
def test_a_constant_and_the_order_of_clusters_change_nothing(seed: int, shift: float):
    cluster, design, y = random_trial(seed)
    label = np.random.default_rng(seed).permutation(8)
    one = least_squares(moments_of_rows(cluster, design, y))
    two = least_squares(moments_of_rows(label[cluster], design, y + shift))
    for kind in KINDS:
        np.testing.assert_allclose(covariance(two, kind), covariance(one, kind), rtol=1e-8, atol=1e-10)
    assert satterthwaite(two, two.contrast("treated")) == pytest.approx(satterthwaite(one, one.contrast("treated")), rel=1e-8)
    np.testing.assert_allclose(leverage(two)[label], leverage(one), rtol=1e-9)


@given(SEEDS)
@settings(max_examples=20, deadline=None)
def test_swapping_the_arms_flips_the_sign_and_keeps_the_rest(seed: int):
    cluster, design, y = random_trial(seed)
    one = least_squares(moments_of_rows(cluster, design, y))
    swapped = design.copy()
    swapped[:, 1] = 1 - swapped[:, 1]
    two = least_squares(moments_of_rows(cluster, swapped, y))
    c = one.contrast("treated")
    assert two.theta[1] == pytest.approx(-one.theta[1], rel=1e-9, abs=1e-11)
    for kind in KINDS:
        assert std_error(two, kind) == pytest.approx(std_error(one, kind), rel=1e-8)
    assert satterthwaite(two, c) == pytest.approx(satterthwaite(one, c), rel=1e-8)
    assert effective_clusters(two, c, 1) == pytest.approx(effective_clusters(one, c, 1), rel=1e-8)


def test_cluster_fixed_effects_use_the_moore_penrose_inverse():
    """With a dummy for every cluster I − H_gg is singular; the rows say what CR2 is then."""
    rng = np.random.default_rng(5)
    cluster = np.repeat(np.arange(5), [3, 4, 5, 3, 6])
    x = rng.normal(size=cluster.size)
    design = np.column_stack([x, *((cluster == g).astype(np.float64) for g in range(5))])
    y = rng.normal(size=cluster.size) + cluster
    fit = least_squares(moments_of_rows(cluster, design, y, names=("x", "a", "b", "c", "d", "e")))
    c = fit.contrast("x")
    expected, df = from_rows(cluster, design, y, c, 0.5)
    assert covariance(fit, "CR2")[0, 0] == pytest.approx(expected[0, 0], rel=1e-10)
    assert satterthwaite(fit, c) == pytest.approx(df, rel=1e-10)
    totals = np.stack([design[cluster == g].sum(axis=0) for g in range(5)])
    assert effective_clusters(fit, c, 0, totals) < 5
    with pytest.raises(DesignError, match="no intercept"):
        effective_clusters(fit, c, 1)


def test_totals_stand_in_for_an_intercept():
    rows = SIX_ROWS
    dummies = np.column_stack([1 - rows["treated"], rows["treated"]])
    fit = least_squares(moments_of_rows(rows["cluster"], dummies, rows["y"], names=("control", "treated")))
    totals = np.array([[2.0, 0], [1, 0], [0, 2], [0, 1]])
    assert effective_clusters(fit, np.array([-1.0, 1.0]), 1, totals) == pytest.approx(4 / 1.36, rel=1e-12)


def test_effective_clusters_do_not_count_those_without_rows():
    m = six_rows()
    empty = np.zeros((3, 2, 2))
    padded = ClusterMoments(
        names=m.names,
        A=np.concatenate([empty, m.A]),
        b=np.concatenate([empty[:, 0], m.b]),
        c=np.append(np.zeros(3), m.c),
        n=np.append(np.zeros(3), m.n),
    )
    fit = least_squares(padded)
    assert effective_clusters(fit, fit.contrast("treated"), 0) == pytest.approx(3.6, rel=1e-12)
    assert covariance(fit, "CR1")[1, 1] == pytest.approx(32 / 27, rel=1e-12)


def test_too_few_clusters_or_rows_give_nan_and_an_unknown_kind_is_named():
    design = np.column_stack([np.ones(3), [0.0, 1.0, 2.0]])
    fit = least_squares(moments_of_rows([0, 0, 0], design, [1.0, 2.0, 5.0]))
    assert np.isnan(covariance(fit, "CR1")).all()
    full = least_squares(moments_of_rows([0, 1], design[:2], [1.0, 2.0]))
    assert np.isnan(covariance(full, "iid")).all()
    assert np.isnan(satterthwaite(fit, fit.contrast("treated")))
    with pytest.raises(DesignError, match="'CR4'"):
        covariance(fit, "CR4")
    with pytest.raises(DesignError, match="'iid'"):
        satterthwaite(fit, fit.contrast("treated"), "iid")


def test_whitened_values_serve_all_kinds_alike():
    cluster, design, y = random_trial(3)
    fit = least_squares(moments_of_rows(cluster, design, y))
    white = whiten(fit)
    for kind in KINDS:
        np.testing.assert_array_equal(covariance(white, kind), covariance(fit, kind))
    with pytest.raises(ValueError, match="read-only"):
        white.eigenvalues[0] = 0
