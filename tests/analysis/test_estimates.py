"""Every estimate of a metric: strata, relative effects, several metrics, bootstrap, and what rounding leaves over."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import honestlift as hl
from honestlift.errors import DesignError
from studies import answer, frame

ROWS = ["naive_ols", "cluster_wls", "user_ols", "cluster_means", "user_ols:cr1", "cluster_means:cr1"]


def methods(lift: hl.Lift) -> list[str]:
    return [e.method for e in lift.estimates]


def test_methods_with_and_without_bootstrap_and_exposure():
    plain = [m for m in methods(answer(frame(40))) if ":" not in m or m.endswith(":cr1")]
    assert plain == ROWS
    exposed = methods(answer(frame(40), exposure=hl.Exposure(column="exposed"), bootstrap=20))
    assert exposed.count("two_exposure_ols") == 2
    assert exposed.count("two_exposure_ols:bootstrap") == 2
    assert {"published_rollout", "user_ols:bootstrap", "cluster_means:bootstrap", "cluster_wls:bootstrap"} <= set(exposed)
    assert "naive_ols:bootstrap" not in exposed


def test_one_headline_per_metric():
    lift = answer(frame(), [hl.Mean("minutes"), hl.Mean("before", role="guardrail")])
    assert [(e.metric, e.method, e.estimand) for e in lift.estimates if e.headline] == [
        ("minutes", "user_ols", "itt_user"),
        ("before", "user_ols", "itt_user"),
    ]
    assert lift.headline().metric == "minutes"


def test_metrics_do_not_touch_each_other():
    f = frame(36).assign(errors=lambda d: d.before.where(d.user % 5 != 0))
    both = answer(f, [hl.Mean("minutes"), hl.Mean("errors")], bootstrap=30, seed=2)
    for e in answer(f, bootstrap=30, seed=2).estimates:
        assert both.find(e.method, e.estimand, "minutes") == e
    for e in answer(f, [hl.Mean("errors")]).estimates:  # its sums come second in the order of clusters: the last bits may differ
        found = both.find(e.method, e.estimand, "errors")
        assert (found.estimate, found.n_units) == pytest.approx((e.estimate, e.n_units), rel=1e-12)
        assert (found.std_error or 0.0) == pytest.approx(e.std_error or 0.0, rel=1e-12)  # tests have none


def stratified(effects: tuple[float, float], noise: float = 0.2) -> pd.DataFrame:
    """Two strata of 12 workspaces of 5 users; 9 treated in the first, 3 in the second, which lies 10 higher."""
    rng = np.random.default_rng(0)
    workspace = np.repeat(np.arange(24), 5)
    stratum = (workspace >= 12).astype(int)
    treated = np.isin(workspace % 12, range(9)) * (stratum == 0) + np.isin(workspace % 12, range(3)) * (stratum == 1)
    minutes = 10.0 * stratum + np.array(effects)[stratum] * treated + rng.normal(0, noise, 24)[workspace]
    return pd.DataFrame(
        {"user": np.arange(120), "workspace": workspace, "treated": treated.astype(int), "tier": np.array(["a", "b"])[stratum]}
    ).assign(minutes=minutes + rng.normal(0, noise, 120))


def test_interacted_strata_remove_the_bias_of_unequal_shares():
    """Without strata the arms' mix of strata, 3 to 1 against 1 to 3, costs 10/2; with them the effect is (1 + 3)/2."""
    f = stratified((1.0, 3.0))
    plain, within = answer(f), answer(f, strata=("tier",))
    assert plain.headline().estimate == pytest.approx(1.5 - 5, abs=0.3)  # three standard errors of workspace noise
    assert within.headline().estimate == pytest.approx(2.0, abs=0.3)
    assert within.headline().adjustment == "strata, interacted"
    assert within.find("cluster_means").estimate == pytest.approx(2.0, abs=0.3)
    assert within.headline().std_error < plain.headline().std_error / 5  # type: ignore[operator]
    assert (within.find("naive_ols").adjustment, within.find("cluster_wls").adjustment) == ("none", "none")
    assert within.find("naive_ols").estimate == plain.find("naive_ols").estimate


def test_strata_without_noise_give_the_effect_itself():
    f = stratified((1.0, 3.0), noise=0.0)
    assert answer(f, strata=("tier",)).headline().estimate == pytest.approx(2.0, rel=1e-12)


def test_strata_too_small_to_interact_are_added():
    f = frame(16).assign(pair=lambda d: d.workspace // 2)
    lift = answer(f, strata=("pair",))
    assert lift.headline().adjustment == "strata, additive"


def test_several_strata_are_crossed_and_their_names_do_not_matter():
    f = frame(48).assign(a=lambda d: d.workspace % 2, b=lambda d: np.array(["x", "y"])[d.workspace // 2 % 2])
    crossed = answer(f, strata=("a", "b"))
    one = answer(f.assign(c=lambda d: d.a * 2 + (d.b == "y")), strata=("c",))
    assert crossed.headline().estimate == pytest.approx(one.headline().estimate, rel=1e-12)
    assert crossed.headline().std_error == pytest.approx(one.headline().std_error, rel=1e-12)


def test_strata_that_hold_one_arm_each_are_refused():
    with pytest.raises(DesignError, match="No stratum of 's' has clusters of both arms"):
        answer(frame().assign(s=lambda d: d.treated), strata=("s",))
    with pytest.raises(DesignError, match="No stratum of 's'"):
        answer(frame().assign(s=lambda d: d.workspace * 1), strata=("s",))


def test_the_relative_effect_is_a_fraction_of_the_control_mean():
    f = frame(effect=1.0)
    e = answer(f).headline()
    assert e.relative.estimate == pytest.approx(e.estimate / f.minutes[f.treated == 0].mean(), rel=1e-12)  # type: ignore[operator]
    assert e.relative.conf_low < e.relative.estimate < e.relative.conf_high  # type: ignore[operator]


def test_the_relative_effect_has_no_ends_where_the_control_mean_may_be_zero():
    e = answer(frame(mean=0.0)).headline()
    assert (e.relative.conf_low, e.relative.conf_high) == (None, None)
    zero = answer(frame().assign(minutes=lambda d: d.minutes.where(d.treated == 1, 0.0)), bootstrap=20)
    assert all(e.relative == hl.Relative(estimate=None, conf_low=None, conf_high=None) for e in zero.estimates)


def test_a_bootstrap_is_seeded_and_only_its_rows_move():
    f = frame()
    one, same, other = (answer(f, bootstrap=50, seed=s) for s in (1, 1, 2))
    assert one.estimates == same.estimates
    moved = {e.method for e, o in zip(one.estimates, other.estimates, strict=True) if e != o}
    assert {"user_ols:bootstrap", "cluster_means:bootstrap"} <= moved
    assert not moved & set(ROWS)


def test_a_bootstrap_of_few_workspaces_drops_draws_of_one_arm():
    """Two per arm: 2·(1/2)^4 of the draws have one arm only."""
    e = answer(frame(4), bootstrap=400).find("user_ols:bootstrap")
    assert e.conf_low is not None
    assert np.isfinite([e.std_error, e.conf_low, e.conf_high]).all()  # type: ignore[list-item]


def test_vouching_for_the_exposure_changes_what_it_is_called_and_no_number():
    f = frame()
    plain, vouched = (answer(f, exposure=hl.Exposure(column="exposed", randomized=r)) for r in (False, True))
    assert plain.find("two_exposure_ols", "direct").identified == "association"
    assert vouched.find("two_exposure_ols", "direct").identified == "randomized"
    assert plain.find("two_exposure_ols", "direct").estimate == vouched.find("two_exposure_ols", "direct").estimate
    assert vouched.find("published_rollout").identified == "association"


@pytest.mark.parametrize("level", [0.5, 0.8, 0.9, 0.99, 0.999999])
def test_intervals_widen_with_the_level(level: float):
    f = frame()
    wide, usual = answer(f, level=level).headline(), answer(f).headline()
    assert wide.level == level
    assert wide.p_value == usual.p_value
    assert (wide.conf_high - wide.conf_low > usual.conf_high - usual.conf_low) is (level > 0.95)  # type: ignore[operator]


def test_a_trait_that_goes_with_the_outcome_is_measured_as_spillover():
    """Nothing leaks here; users who opted in have 3 minutes more in both arms. The direct effect beside it is as wrong."""
    rng = np.random.default_rng(1)
    f = frame(40, 50, effect=0.8)
    opted = rng.binomial(1, 0.3, len(f))
    f = f.assign(minutes=f.minutes + 3 * opted, exposed=opted)
    lift = answer(f, exposure=hl.Exposure(column="exposed"))
    assert lift.find("two_exposure_ols", "spillover").estimate == pytest.approx(3.0, abs=0.3)
    assert lift.find("two_exposure_ols", "direct").estimate == pytest.approx(0.8 + 0.9, abs=0.4)
    assert lift.headline().estimate == pytest.approx(0.8, abs=0.4)  # four standard errors
    assert lift.check("exposure_not_randomized").level == "stop"
    assert lift.verdict.level in ("supported", "likely, with caveats")
