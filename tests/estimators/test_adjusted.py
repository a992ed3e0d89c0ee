"""Covariate adjustment: against regressions on the rows, its laws, and which covariates a study can bear."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from honestlift.estimators.adjusted import Adjustment, Covariate
from honestlift.estimators.fit import least_squares
from honestlift.estimators.itt import choose_covariates, cluster_mean_moments, user_moments
from honestlift.inference.sandwich import covariance, whiten
from honestlift.moments.cells import Outcome

Floats = NDArray[np.float64]


def rows(clusters: int = 40, seed: int = 0) -> tuple[NDArray[np.int64], Floats, Floats, Floats]:
    """Cluster, arm and covariate mean of every user, and an outcome that goes with both."""
    rng = np.random.default_rng(seed)
    cluster = np.repeat(np.arange(clusters), rng.integers(2, 9, clusters))
    arm = rng.permutation(np.arange(clusters) % 2).astype(np.float64)
    x = rng.normal(size=clusters)
    y = 2 + 0.5 * arm[cluster] + x[cluster] * (1 + arm[cluster]) + rng.normal(size=cluster.size)
    return cluster, arm, x, y


def outcome(cluster: NDArray[np.int64], arm: Floats, y: Floats) -> Outcome:
    n, total, square = (np.bincount(cluster, v).astype(np.float64) for v in (np.ones_like(y), y, y**2))
    on = arm.astype(np.bool_)
    return Outcome(
        cluster=np.arange(on.size),
        treated=on,
        exposed=None,
        count=n,
        total=total,
        square=square,
        arm=on,
        stratum=None,
        origin=0.0,
    )


def adjusted(o: Outcome, *values: Floats, form: str = "interacted") -> Adjustment:
    covariates = [Covariate(name=f"x{i}", values=v.reshape(o.clusters, -1)) for i, v in enumerate(values)]
    return choose_covariates(o, covariates, form)  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize("form", ["interacted", "additive"])
def test_per_user_is_the_regression_on_the_rows_with_the_centred_mean_of_the_workspace(form: str):
    cluster, arm, x, y = rows()
    o = outcome(cluster, arm, y)
    made = adjusted(o, x, form=form)
    centred = (x[cluster] - x[cluster].mean())[:, None]
    d = arm[cluster][:, None]
    design = np.hstack([np.ones_like(d), d, centred, *([centred * d] if form == "interacted" else [])])
    beta = np.linalg.lstsq(design, y, rcond=None)[0]
    assert made.form == form
    fit = least_squares(user_moments(o, adjustment=made))
    np.testing.assert_allclose(fit.theta, beta, rtol=1e-10)
    assert fit.names[:2] == ("control mean", "itt")


def test_cr2_of_it_is_bell_and_mccaffreys_on_the_rows():
    """(I − H_gg)^(−1/2) e_g from the rows, one workspace at a time."""
    cluster, arm, x, y = rows(seed=4)
    o = outcome(cluster, arm, y)
    d, centred = arm[cluster], x[cluster] - x[cluster].mean()
    design = np.column_stack([np.ones_like(d), d, centred, centred * d])
    bread = np.linalg.inv(design.T @ design)
    residual = y - design @ (bread @ design.T @ y)
    meat = np.zeros((4, 4))
    for g in range(o.clusters):
        part = design[cluster == g]
        values, vectors = np.linalg.eigh(np.eye(len(part)) - part @ bread @ part.T)
        score = part.T @ (vectors * values**-0.5) @ vectors.T @ residual[cluster == g]
        meat += np.outer(score, score)
    white = whiten(least_squares(user_moments(o, adjustment=adjusted(o, x))))
    np.testing.assert_allclose(covariance(white, "CR2"), bread @ meat @ bread, rtol=1e-9)


def test_per_workspace_is_centred_at_the_mean_over_workspaces():
    """One row per workspace; the effect is the difference of the two arms' lines at the mean of x (Lin 2013, section 3)."""
    cluster, arm, x, y = rows(seed=1)
    o = outcome(cluster, arm, y)
    means = np.bincount(cluster, y) / np.bincount(cluster)
    at = [np.polyval(np.polyfit(x[arm == a], means[arm == a], 1), x.mean()) for a in (0, 1)]
    fit = least_squares(cluster_mean_moments(o, adjustment=adjusted(o, x)))
    assert fit.theta[1] == pytest.approx(at[1] - at[0], rel=1e-10)


def test_without_noise_the_effect_at_the_mean_covariate_comes_back():
    """The outcome is 1 + 2D + 3x + Dx: the effect per user is 2 + mean x over users, and nothing is left over."""
    cluster, arm, x, _ = rows(seed=2)
    y = 1 + 2 * arm[cluster] + (3 + arm[cluster]) * x[cluster]
    o = outcome(cluster, arm, y)
    white = whiten(least_squares(user_moments(o, adjustment=adjusted(o, x))))
    assert white.fit.theta[1] == pytest.approx(2 + x[cluster].mean(), rel=1e-10)
    assert covariance(white, "CR2")[1, 1] == pytest.approx(0, abs=1e-18)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6), st.floats(-1e3, 1e3), st.floats(0.01, 100))
def test_units_of_the_covariate_and_names_of_the_arms_do_not_matter(seed: int, shift: float, scale: float):
    cluster, arm, x, y = rows(32, seed)
    o = outcome(cluster, arm, y)
    plain = least_squares(user_moments(o, adjustment=adjusted(o, x))).theta[1]
    moved = least_squares(user_moments(o, adjustment=adjusted(o, shift + scale * x))).theta[1]
    assert moved == pytest.approx(plain, rel=1e-6, abs=1e-8)
    swapped = outcome(cluster, 1 - arm, y)
    assert least_squares(user_moments(swapped, adjustment=adjusted(swapped, x))).theta[1] == pytest.approx(
        -plain, rel=1e-8, abs=1e-10
    )


def test_strata_and_covariates_together_are_the_regression_with_both():
    cluster, arm, x, y = rows(seed=5)
    stratum = np.arange(40) % 4 // 2
    o = replace(outcome(cluster, arm, y), stratum=stratum)
    made = choose_covariates(o, [Covariate(name="x", values=x[:, None])], "interacted", strata=True)
    d, s, c = arm[cluster], stratum[cluster] - stratum[cluster].mean(), x[cluster] - x[cluster].mean()
    beta = np.linalg.lstsq(np.column_stack([np.ones_like(d), d, s, s * d, c, c * d]), y, rcond=None)[0]
    assert least_squares(user_moments(o, strata=True, adjustment=made)).theta[1] == pytest.approx(beta[1], rel=1e-10)


@pytest.mark.parametrize(
    ("clusters", "columns", "form", "used"),
    [
        (30, 1, "interacted", 1),
        (28, 1, "additive", 1),
        (40, 2, "interacted", 2),
        (38, 2, "additive", 2),
        (10, 3, "additive", 2),
        (5, 1, "none", 0),
    ],
)
def test_the_form_depends_on_the_smaller_arm_and_the_number_of_columns(clusters: int, columns: int, form: str, used: int):
    """10 + 5q workspaces in each arm to interact; four workspaces beyond the arms for each column to adjust at all."""
    cluster, arm, _, y = rows(clusters)
    o = outcome(cluster, arm, y)
    rng = np.random.default_rng(9)
    made = adjusted(o, *rng.normal(size=(columns, clusters)))
    assert (made.form, len(made.used), len(made.left_out)) == (form, used, columns - used)
    assert made.used == tuple(f"x{i}" for i in range(used))


def test_what_says_nothing_new_is_left_out():
    cluster, arm, x, y = rows()
    o = outcome(cluster, arm, y)
    lone = np.zeros(40)
    lone[3] = 1.0
    made = adjusted(o, x, np.full(40, 7.0), 2 * x - 1, arm, lone, x**2)
    assert (made.used, made.left_out) == (("x0", "x5"), ("x1", "x2", "x3", "x4"))


def test_a_covariate_that_varies_in_one_arm_only_is_added_not_interacted():
    cluster, arm, _, y = rows()
    o = outcome(cluster, arm, y)
    one_sided = np.where(arm == 1, 1.0, np.random.default_rng(0).normal(size=40))
    assert adjusted(o, one_sided).form == "additive"


def test_a_category_is_taken_whole_or_not_at_all():
    cluster, arm, x, y = rows(14)
    o = outcome(cluster, arm, y)
    wide = np.random.default_rng(1).normal(size=(14, 4))
    made = adjusted(o, wide, x)
    assert (made.used, made.left_out, made.names) == (("x1",), ("x0",), ("mean x1",))


def test_a_level_in_one_workspace_only_joins_the_first_one():
    cluster, arm, x, y = rows()
    o = outcome(cluster, arm, y)
    lone = np.zeros(40)
    lone[3] = 1.0
    made = adjusted(o, np.stack([x, lone], axis=1))
    assert (made.used, made.names, made.left_out) == (("x0",), ("mean x0",), ())


def test_none_asked_for_is_none():
    cluster, arm, x, y = rows()
    assert adjusted(outcome(cluster, arm, y), x, form="none").form == "none"
