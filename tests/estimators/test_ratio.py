"""Ratios of sums: by hand, against the delta method on the rows, and what they collapse to."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

import honestlift as hl
from honestlift.errors import DataError, DesignError
from honestlift.report.html import report_html
from studies import answer
from studies import frame as plain_frame

Floats = NDArray[np.float64]
COST = hl.Ratio("cost", "tasks", better="lower")


def frame(clusters: int = 40, seed: int = 0, *, offset: float = 0.0) -> pd.DataFrame:
    """Costs that go with tasks, and workspaces that differ in both."""
    rng = np.random.default_rng(seed)
    f = plain_frame(clusters, rng.integers(5, 25, clusters).tolist(), seed=seed)
    each = rng.gamma(8, 0.5, clusters)[f.workspace]
    tasks = rng.poisson(each) + offset
    cost = tasks * (0.5 + 0.1 * f.treated) + 0.2 * each + rng.normal(0, 0.5, len(f))
    return f.assign(tasks=tasks, cost=cost)


def test_by_hand_on_four_workspaces():
    """Treated 6/3 = 2, control 4/4 = 1; workspace ratios 3, 1 and 2, 2/3: their means differ by 2 − 4/3."""
    f = pd.DataFrame(
        {
            "user": range(4),
            "workspace": ["a", "b", "c", "d"],
            "treated": [1, 1, 0, 0],
            "cost": [4.5, 1.5, 2.0, 2.0],
            "tasks": [1.5, 1.5, 1.0, 3.0],
        }
    )
    lift = answer(f, [COST])
    assert lift.headline().estimate == pytest.approx(2.0 - 1.0, rel=1e-14)
    assert lift.headline().relative.estimate == pytest.approx(1.0, rel=1e-13)
    assert lift.find("cluster_means").estimate == pytest.approx(2 - 4 / 3, rel=1e-13)


def parts(f: pd.DataFrame) -> Floats:
    """Each user's u = R_a + (N − R_a M)/m̄_a."""
    u = np.empty(len(f))
    for arm in (0, 1):
        rows = (f.treated == arm).to_numpy()
        ratio = f.cost[rows].sum() / f.tasks[rows].sum()
        u[rows] = ratio + (f.cost[rows] - ratio * f.tasks[rows]) / f.tasks[rows].mean()
    return u


@pytest.mark.parametrize("offset", [0.0, 1e5])
def test_it_is_the_mean_of_the_linearized_outcome(offset: float):
    """Estimate, CR2 error and df, naive error and relative interval are those of u as a plain mean, made from the rows."""
    f = frame(offset=offset)
    ratio, mean = answer(f, [COST]), answer(f.assign(u=parts(f)), [hl.Mean("u")])
    arms = f.groupby("treated")[["cost", "tasks"]].sum()
    r = arms.cost / arms.tasks
    assert ratio.headline().estimate == pytest.approx(r[1] - r[0], rel=1e-7)
    for method in ("user_ols", "naive_ols", "user_ols:cr1", "cluster_wls"):
        a, b = ratio.find(method), mean.find(method)
        got = [a.estimate, a.std_error, a.df, a.relative.estimate, a.relative.conf_low]
        assert got == pytest.approx([b.estimate, b.std_error, b.df, b.relative.estimate, b.relative.conf_low], rel=1e-6)


def test_with_large_workspaces_the_error_is_the_delta_methods():
    """Var(R_a) = K/(K−1) Σ(N_g − R M_g)² / (ΣM)² over workspaces of one size (Deng, Knoblich & Lu 2018, section 3)."""
    rng = np.random.default_rng(1)
    f = plain_frame(200, 10)
    tasks = rng.poisson(rng.gamma(8, 0.5, 200)[f.workspace]) + 1.0
    f = f.assign(tasks=tasks, cost=tasks * rng.normal(1, 0.2, 200)[f.workspace])
    variance = 0.0
    for _, arm in f.groupby("treated"):
        g = arm.groupby("workspace")[["cost", "tasks"]].sum()
        e = g.cost - g.cost.sum() / g.tasks.sum() * g.tasks
        variance += (e**2).sum() / g.tasks.sum() ** 2 * len(g) / (len(g) - 1)
    assert answer(f, [COST]).headline().std_error == pytest.approx(variance**0.5, rel=1e-9)


def test_over_a_denominator_of_one_it_is_the_mean():
    f = frame().assign(one=1)
    ratio, mean = answer(f, [hl.Ratio("cost", "one")]), answer(f, [hl.Mean("cost")])
    for method in ("user_ols", "naive_ols", "cluster_means"):
        a, b = ratio.find(method), mean.find(method)
        assert (a.estimate, a.std_error, a.df) == pytest.approx((b.estimate, b.std_error, b.df), rel=1e-10)


def test_units_scale_and_swapped_arms_flip():
    f = frame()
    plain = answer(f, [COST]).headline()
    scaled = answer(f.assign(cost=f.cost * 100, tasks=f.tasks * 4), [COST]).headline()
    assert (scaled.estimate, scaled.std_error) == pytest.approx((25 * plain.estimate, 25 * plain.std_error), rel=1e-9)  # type: ignore[operator]
    swapped = answer(f.assign(treated=1 - f.treated), [COST]).headline()
    assert (swapped.estimate, swapped.std_error) == pytest.approx((-plain.estimate, plain.std_error), rel=1e-9)  # type: ignore[operator]


def test_covariates_adjust_a_ratio_as_they_do_a_mean():
    f = frame(60)
    f = f.assign(before=f.groupby("workspace").cost.transform("sum") / f.groupby("workspace").tasks.transform("sum"))
    lift = answer(f, [COST], covariates=["before"])
    by_hand = answer(f.assign(u=parts(f)), [hl.Mean("u")], covariates=["before"])
    assert lift.headline().adjustment == "covariates, interacted"
    assert lift.headline().estimate == pytest.approx(by_hand.headline().estimate, rel=1e-8)
    assert lift.headline().std_error < lift.find("user_ols:unadjusted").std_error  # type: ignore[operator]


def test_rows_without_either_column_are_left_out_and_counted():
    f = frame()
    f = f.assign(cost=f.cost.where(f.user % 5 != 0), tasks=f.tasks.where(f.user % 7 != 0))
    lift = answer(f, [COST])
    kept = f.dropna(subset=["cost", "tasks"])
    assert lift.headline().n_units == len(kept)
    assert lift.headline().estimate == pytest.approx(answer(kept, [COST]).headline().estimate, rel=1e-10)
    assert sum(lift.data["dropped"].values()) == len(f) - len(kept)
    assert lift.check("missing_outcome").evidence["missing"] == len(f) - len(kept)


def test_a_workspace_without_denominator_has_no_ratio_and_the_effect_per_workspace_is_left_out():
    f = frame()
    f = f.assign(tasks=f.tasks.where(f.workspace != 3, 0))
    methods = [e.method for e in answer(f, [COST]).estimates]
    assert "user_ols" in methods
    assert "cluster_means" not in methods


def test_a_denominator_that_adds_up_to_nothing_is_refused():
    with pytest.raises(DataError, match="does not add up to more than zero among control users"):
        answer(frame().assign(tasks=lambda d: d.tasks.where(d.treated == 1, 0)), [COST])


def test_a_denominator_that_may_be_zero_or_is_moved_is_a_caution():
    quiet = answer(frame(), [COST]).check("denominator")
    assert quiet.level == "ok"
    rng = np.random.default_rng(0)
    unsure = answer(frame().assign(tasks=lambda d: rng.normal(0.05, 1, len(d)) + 0.1), [COST]).check("denominator")
    assert (unsure.level, unsure.evidence["relative_error"] > 0.2) == ("caution", True)  # type: ignore[operator]
    moved = answer(frame().assign(tasks=lambda d: d.tasks + 5 * d.treated), [COST]).check("denominator")
    assert moved.level == "caution"
    assert "moves tasks too" in moved.remedy


def test_it_is_shown_as_what_it_is():
    f = frame(16)
    lift = answer(f, [COST, hl.Mean("minutes")], bootstrap=20)
    assert lift.headline().scale == "difference of ratios"
    ratio = [e.method for e in lift.estimates if e.metric == "cost / tasks"]
    assert "user_ols:wild" in ratio
    assert not [m for m in ratio if m.endswith((":bootstrap", ":randomization"))]
    text = str(lift)
    assert "Effect on the ratio" in text
    assert "per user in treated" not in lift.verdict.headline
    assert "Effect on the ratio" in report_html(lift)


def test_a_ratio_is_no_metric_of_an_opt_in_study():
    with pytest.raises(DesignError, match="ratios and quantiles are metrics of cluster studies"):
        hl.analyze(frame(), hl.OptInDesign(unit="user", treatment="treated"), COST, covariates=["before"])


@pytest.mark.slow
def test_coverage_in_worlds_with_one_true_ratio():
    """500 worlds of 30 workspaces; R is .3 in both arms. Monte Carlo standard error .01."""
    rng = np.random.default_rng(5)
    hits = 0
    for _ in range(500):
        f = plain_frame(30, rng.integers(2, 30, 30).tolist(), seed=int(rng.integers(1 << 30)))
        each = rng.gamma(4, 1, 30)[f.workspace]
        tasks = rng.poisson(each) + 1
        f = f.assign(tasks=tasks, cost=tasks * np.maximum(rng.normal(0.3, 0.1, 30), 0)[f.workspace] * rng.gamma(2, 0.5, len(f)))
        e = answer(f, [COST]).headline()
        hits += e.conf_low <= 0 <= e.conf_high  # type: ignore[operator]
    assert 0.92 < hits / 500 < 0.98
