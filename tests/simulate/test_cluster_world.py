"""Cluster worlds have the parameters they were asked for, as rows and as sums."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from honestlift.design.assignment import arm_sizes
from honestlift.errors import AssignmentError, DesignError
from honestlift.simulate import ClusterWorld, World, coverage_world


def _columns(world: World) -> dict[str, NDArray[Any]]:
    return {name: world.table[name].to_numpy() for name in world.table.column_names}


def test_a_world_has_its_columns_and_its_record() -> None:
    world = ClusterWorld(clusters=10, mean_size=20, treated_share=0.3, spillover=0.2, exposed_share=0.4).draw(1)
    d = _columns(world)
    assert list(d) == ["user_id", "workspace_id", "treated", "session_minutes", "minutes_before", "exposed"]
    assert (d["user_id"] == np.arange(200)).all()
    assert np.bincount(d["workspace_id"]).tolist() == [20] * 10
    assert world.assignment is not None
    assert world.assignment.reproduces()
    on = np.array([world.assignment.assigned[str(g)] == "treated" for g in d["workspace_id"]])
    assert (d["treated"] == on).all()
    assert np.unique(d["workspace_id"][on]).size == arm_sizes([10], 0.3)[0] == 3
    assert d["exposed"][~on].any()
    assert not d["exposed"][on].any()


def test_worlds_are_seeded() -> None:
    spec = ClusterWorld(clusters=6, mean_size=10, sizes="lognormal")
    assert spec.draw(5).table.equals(spec.draw(np.random.default_rng(5)).table)
    assert not spec.draw(5).table.equals(spec.draw(6).table)


def test_an_outcome_without_noise_is_its_arithmetic() -> None:
    # icc 0 and a standard deviation of 1e-12 leave mean + effect × treated + spillover × exposed, with
    # effect = .8 + .5 (n/mean_size − 1).
    spec = ClusterWorld(
        clusters=8, mean_size=40, sizes="lognormal", size_slope=0.5, spillover=0.3, exposed_share=0.5, sd=1e-12, icc=0
    )
    world = spec.draw(2)
    d = _columns(world)
    size = np.bincount(d["workspace_id"])
    effect = 0.8 + 0.5 * (size / 40 - 1)
    expected = 5 + effect[d["workspace_id"]] * d["treated"] + 0.3 * d["exposed"]
    assert d["session_minutes"] == pytest.approx(expected, abs=1e-10)
    assert world.truth["gate"] == pytest.approx((size * effect).sum() / size.sum(), abs=1e-12)
    assert world.truth["itt_user"] < world.truth["gate"]


def test_without_spillover_all_user_weighted_effects_agree() -> None:
    truth = ClusterWorld(clusters=30, mean_size=50, sizes="lognormal", size_slope=0.4).draw(1).truth
    assert truth["itt_user"] == pytest.approx(truth["gate"], abs=1e-15)
    # Larger workspaces gain more: by .4 × CV² = .4 in expectation; any positive slope puts the per-user effect above.
    assert truth["itt_user"] > truth["itt_cluster"] + 0.05


def test_variance_components() -> None:
    world = ClusterWorld(clusters=2_000, mean_size=20, sd=2.0, icc=0.3, covariate_r2=0.6, covariate_r2_within=0.25).draw(3)
    d = _columns(world)
    y = (d["session_minutes"] - 0.8 * d["treated"]).reshape(2_000, 20)
    x = d["minutes_before"].reshape(2_000, 20)
    within_y, within_x = y - y.mean(axis=1, keepdims=True), x - x.mean(axis=1, keepdims=True)
    msw = (within_y**2).sum() / (2_000 * 19)
    # Within variance .7 × 4 = 2.8 on 38,000 df: standard error 2.8 × sqrt(2 / 38,000) = .020. Between: 1.2 + 2.8/20 = 1.34 on
    # 1,999 df, standard error .042. Correlations: (1 − r²)/sqrt(n). Four standard errors each.
    assert msw == pytest.approx(2.8, abs=0.08)
    assert y.mean(axis=1).var(ddof=1) - msw / 20 == pytest.approx(1.2, abs=0.17)
    assert x.mean(axis=1).var(ddof=1) - msw / 20 == pytest.approx(1.2, abs=0.17)
    assert np.corrcoef(within_y.ravel(), within_x.ravel())[0, 1] == pytest.approx(0.5, abs=4 * 0.75 / 40_000**0.5)
    # Workspace means: covariance sqrt(.6) × 1.2 + .5 × 2.8/20, over the variance 1.34.
    r = (0.6**0.5 * 1.2 + 0.5 * 0.14) / 1.34
    assert np.corrcoef(y.mean(axis=1), x.mean(axis=1))[0, 1] == pytest.approx(r, abs=4 * (1 - r**2) / 2_000**0.5)
    assert x.mean() == pytest.approx(5, abs=4 * (1.34 / 2_000) ** 0.5)


@pytest.mark.parametrize("tail", ["student", "lognormal"])
def test_tails_are_heavier_but_standardized(tail: Any) -> None:
    d = _columns(ClusterWorld(clusters=100, mean_size=2_000, tail=tail, tail_df=5, icc=0, effect=0).draw(4))
    z = d["session_minutes"] - 5
    # Variance of the estimated variance is (kurtosis − 1)/n: kurtosis 9 (Student, 5 df) and 114 (exp of a normal); n = 200,000.
    kurtosis = {"student": 9, "lognormal": 114}[tail]
    assert z.mean() == pytest.approx(0, abs=4 / 200_000**0.5)
    assert z.var() == pytest.approx(1, abs=5 * (kurtosis / 200_000) ** 0.5)
    law = (
        stats.t(5, scale=0.6**0.5)
        if tail == "student"
        else stats.lognorm(1, loc=-(np.e**0.5) / 4.6708**0.5, scale=1 / 4.6708**0.5)
    )
    # 4.6708 = e² − e is the variance of exp of a standard normal. One fixed seed; fails for one seed in a thousand.
    assert stats.kstest(z[:20_000], law.cdf).pvalue > 0.001


@pytest.mark.parametrize("cv", [0.6, 1.0])
def test_lognormal_sizes(cv: float) -> None:
    size = (
        ClusterWorld(clusters=1_000, mean_size=500, sizes="lognormal", size_cv=cv)
        .draw_sums(40, np.random.default_rng(6))
        .users.sum(axis=2)
    )
    # 40,000 sizes: standard error of their mean 500 cv / 200; of the CV of a log-normal of CV 1 about .013 (delta method).
    assert size.mean() == pytest.approx(500, abs=4 * 500 * cv / 200)
    assert size.std() / size.mean() == pytest.approx(cv, abs=4 * 0.013)
    assert size.min() >= 1


def test_multinomial_sizes_keep_the_number_of_users() -> None:
    size = ClusterWorld(clusters=8, mean_size=125, sizes="multinomial").draw_sums(5, np.random.default_rng(6)).users.sum(axis=2)
    assert (size.sum(axis=1) == 1_000).all()
    assert np.unique(size).size > 8


def test_smallest_size_is_kept() -> None:
    size = (
        ClusterWorld(clusters=50, mean_size=30, sizes="lognormal", size_cv=2, smallest=20)
        .draw_sums(20, np.random.default_rng(0))
        .users
    )
    assert size.sum(axis=2).min() == 20


def test_missing_outcomes() -> None:
    world = ClusterWorld(clusters=20, mean_size=1_000, missing_share=0.1, missing_gap=0.05).draw(7)
    missing = world.table["session_minutes"].is_null().to_numpy()
    on = world.table["treated"].to_numpy() == 1
    # 10,000 users in each arm: four standard errors of a share of .1 or .15.
    assert missing[~on].mean() == pytest.approx(0.10, abs=4 * (0.09 / 10_000) ** 0.5)
    assert missing[on].mean() == pytest.approx(0.15, abs=4 * (0.1275 / 10_000) ** 0.5)
    assert world.table["minutes_before"].null_count == 0
    complete = ClusterWorld(clusters=20, mean_size=1_000).draw(7)
    assert complete.table["session_minutes"].null_count == 0


def test_missing_only_in_control() -> None:
    world = ClusterWorld(clusters=4, mean_size=500, missing_share=0.2, missing_gap=-0.2).draw(7)
    missing = world.table["session_minutes"].is_null().to_numpy()
    assert missing.any()
    assert not missing[world.table["treated"].to_numpy() == 1].any()


SMALL = ClusterWorld(clusters=6, mean_size=4, spillover=0.7, exposed_share=0.4, heterogeneity=0.5, sd=1.5, icc=0.3)


@cache
def _rows_as_sums() -> NDArray[np.float64]:
    """(1500, 6, 2, 3) Count, sum and sum of squares of the outcome about 5, from rows."""
    rng = np.random.default_rng(10)
    return np.stack([_cells(SMALL.draw(rng)) for _ in range(1_500)])


def _cells(world: World) -> NDArray[np.float64]:
    assert world.components is not None
    d, users = _columns(world), world.components.users
    y = d["session_minutes"] - 5
    is_open = d["exposed"] == 1
    on = d["treated"] == 1
    # In treated workspaces the rows do not say who is open; only control cells are compared by that.
    cell = 2 * d["workspace_id"] + np.where(on, 0, is_open)
    sums = [np.bincount(cell, w, 12).reshape(6, 2) for w in (np.ones(y.size), y, y**2)]
    control = ~np.bincount(d["workspace_id"], on, 6).astype(bool)
    assert (sums[0][control] == users[control]).all()
    return np.stack([*sums, np.repeat(on.reshape(6, 4)[:, :1], 2, axis=1)], axis=2)


@pytest.mark.parametrize("treated", [False, True])
@pytest.mark.parametrize("which", [1, 2])
def test_sums_have_the_law_of_the_rows(*, which: int, treated: bool) -> None:
    rows = _rows_as_sums()
    sums = SMALL.draw_sums(1_500, np.random.default_rng(11))
    drawn = np.stack([sums.users, sums.total, sums.square], axis=3)[..., which]
    arms = rows[:, :, 0, 3] == treated
    # Two-sample Kolmogorov–Smirnov on one workspace per world (workspaces of a world are independent given the arms);
    # one fixed seed; fails for one seed in a thousand.
    for side in (0, 1) if not treated else (None,):
        a = rows[arms][:, :, which].sum(axis=1) if side is None else rows[arms][:, side, which]
        chosen = drawn[sums.treated == treated]
        b = chosen.sum(axis=1) if side is None else chosen[:, side]
        assert stats.ks_2samp(a, b, method="asymp").pvalue > 0.001


def test_sums_of_squares_belong_to_their_sums() -> None:
    sums = coverage_world(6, 3).draw_sums(50, np.random.default_rng(1))
    count = np.maximum(sums.users, 1)
    about_mean = sums.square - sums.total**2 / count
    # Within a cell the variance is .09 on n − 1 df; over all cells about 300,000 df: four standard errors .09 × sqrt(2/3e5) × 4.
    assert about_mean.sum() / (sums.users - 1).sum() == pytest.approx(0.09, abs=0.001)
    assert (about_mean >= -1e-9 * sums.square).all()


def test_truth_of_sums_is_that_of_their_workspaces() -> None:
    sums = SMALL.draw_sums(7, np.random.default_rng(3))
    size = sums.users.sum(axis=2)
    share = sums.users[:, :, 1] / size
    assert sums.truth["gate"] == pytest.approx(np.average(sums.effect, axis=1, weights=size), abs=1e-14)
    assert sums.truth["itt_user"] == pytest.approx(np.average(sums.effect - 0.7 * share, axis=1, weights=size), abs=1e-14)
    assert sums.truth["itt_cluster"] == pytest.approx((sums.effect - 0.7 * share).mean(axis=1), abs=1e-14)


@pytest.mark.parametrize(
    "wrong",
    [
        {"clusters": 3},
        {"mean_size": 0},
        {"mean_size": np.inf},
        {"sizes": "pareto"},
        {"size_cv": -1},
        {"smallest": 0},
        {"treated_share": 1.0},
        {"effect": np.nan},
        {"heterogeneity": -0.1},
        {"size_slope": np.inf},
        {"spillover": np.nan},
        {"exposed_share": 1.0},
        {"mean": np.nan},
        {"sd": 0},
        {"icc": 1.0},
        {"tail": "cauchy"},
        {"tail_df": 2.0},
        {"covariate_r2": 1.1},
        {"covariate_r2_within": -0.1},
        {"missing_share": 1.0},
        {"missing_gap": -0.1},
    ],
)
def test_values_out_of_range_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(DesignError, match=next(iter(wrong))):
        ClusterWorld(**wrong)


def test_an_arm_needs_two_workspaces() -> None:
    with pytest.raises(AssignmentError, match="1 treated and 9 control"):
        ClusterWorld(clusters=10, treated_share=0.1)


@pytest.mark.parametrize("wrong", [{"tail": "student"}, {"missing_share": 0.1}])
def test_sums_need_normal_and_complete_outcomes(wrong: dict[str, Any]) -> None:
    with pytest.raises(DesignError, match=next(iter(wrong))):
        ClusterWorld(**wrong).draw_sums(2, np.random.default_rng(0))
    with pytest.raises(DesignError, match="worlds"):
        ClusterWorld().draw_sums(0, np.random.default_rng(0))
