"""Tests beside the headline where workspaces are few, against committed answers by other software."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import honestlift as hl
from oracles_data import trial

DESIGN = hl.ClusterDesign(unit="user", cluster="ws", treatment="d")


ANSWERS = trial("crt10").answers


def study_of(name: str) -> hl.Lift:
    t = trial(name)
    frame = pd.DataFrame({"user": range(t.y.size), "ws": t.cluster, "d": t.treated, "y": t.y})
    return hl.analyze(frame, DESIGN, [hl.Mean("y")], bootstrap=0)


@pytest.fixture(scope="module")
def lift() -> hl.Lift:
    return study_of("crt10")


def test_the_wild_bootstrap_is_the_oracles(lift: hl.Lift):
    # 2^10 sign vectors, all enumerated: the p-value is a whole number of them
    assert lift.find("user_ols:wild").p_value == ANSWERS["wcr_s_p"]


def test_the_randomization_test_is_the_oracles(lift: hl.Lift):
    found = lift.find("user_ols:randomization")
    assert found.p_value == pytest.approx(ANSWERS["ri_exact_252_p_cr2_t_of_user_ols"], abs=5e-9)  # 8 printed digits
    assert [found.conf_low, found.conf_high] == pytest.approx(ANSWERS["ri_exact_252_ci_cr2_t_of_user_ols"], abs=5e-5)


def test_they_agree_with_the_headline_here(lift: hl.Lift):
    assert lift.check("methods_disagree").level == "ok"


@pytest.mark.parametrize("name", ["crt10", "crt50"])
@pytest.mark.parametrize(
    ("suffix", "key"),
    [("cr0", "se_CR0"), ("cr1", "se_CR1S_stata"), ("cr3", "se_CR3_clubSandwich"), ("cv3", "se_CR3_jackknife_MNW")],
)
def test_every_sandwich_is_the_oracles(name: str, suffix: str, key: str):
    answers, t = trial(name).answers, trial(name)
    row = study_of(name).find(f"user_ols:{suffix}")
    assert row.std_error == pytest.approx(answers[key], abs=6e-10)  # 9 or 10 printed digits
    assert row.estimate == pytest.approx(answers["coef"], abs=6e-10)
    assert row.df == len(set(t.cluster.tolist())) - 1
    if suffix == "cr1":
        assert row.p_value == pytest.approx(answers["p_CR1S_t(G-1)"], abs=6e-9)


def test_workspace_means_are_tested_by_neymans_t(lift: hl.Lift):
    found = lift.find("cluster_means:randomization")
    assert found.p_value == pytest.approx(ANSWERS["ri_exact_252_p_neyman_t_of_workspace_means"], abs=5e-9)
    assert [found.conf_low, found.conf_high] == pytest.approx(ANSWERS["ri_exact_252_ci_neyman_t_of_workspace_means"], abs=5e-5)
    means, cr2 = lift.find("cluster_means:cr3"), lift.find("cluster_means")
    # five workspaces an arm, each once: CR2 divides squared residuals by 5·4, CR3 by 4·4
    assert means.std_error == pytest.approx(cr2.std_error * (5 / 4) ** 0.5, rel=1e-12)


def methods_beside(clusters: int) -> set[str]:
    rng = np.random.default_rng(1)
    ws = np.repeat(np.arange(clusters), 4)
    frame = pd.DataFrame({"user": range(ws.size), "ws": ws, "d": ws % 2, "y": rng.normal(size=ws.size) + ws % 3})
    lift = hl.analyze(frame, DESIGN, [hl.Mean("y")], bootstrap=0)
    return {e.method.partition(":")[2] for e in lift.estimates if e.method.startswith("user_ols:")}


def test_what_is_run_goes_by_the_number_of_workspaces():
    sandwiches = {"cr0", "cr1", "cr3", "cv3"}
    assert methods_beside(8) == sandwiches | {"wild", "webb", "randomization"}
    assert methods_beside(30) == sandwiches | {"wild", "randomization"}
    assert methods_beside(50) == sandwiches | {"wild"}
    assert methods_beside(51) == sandwiches


def test_below_ten_workspaces_signs_are_enumerated_and_webbs_are_drawn():
    frame = pd.DataFrame(
        {"ws": np.repeat(np.arange(6), 2), "d": np.repeat([0, 1], 6), "y": [1.0, 2, 1.5, 1.2, 2, 3, 4, 3, 5, 2, 6, 4]}
    )
    frame["user"] = range(12)
    lift = hl.analyze(frame, DESIGN, [hl.Mean("y")], bootstrap=0)
    wild, webb = lift.find("user_ols:wild"), lift.find("user_ols:webb")
    assert wild.p_value is not None
    assert (wild.p_value * 2**6) % 1 == 0
    assert webb.p_value is not None
    assert abs(webb.p_value * 10_000 - round(webb.p_value * 10_000)) < 1e-9


def test_the_randomization_test_is_adjusted_as_the_headline_is():
    rng = np.random.default_rng(3)
    ws = np.repeat(np.arange(16), 5)
    frame = pd.DataFrame({"user": range(80), "ws": ws, "d": ws // 2 % 2, "tier": ws % 2, "y": rng.normal(size=80) + ws % 2})
    design = hl.ClusterDesign(unit="user", cluster="ws", treatment="d", strata=("tier",))
    lift = hl.analyze(frame, design, [hl.Mean("y")], bootstrap=0)
    assert lift.find("user_ols:wild").adjustment == lift.headline().adjustment == "strata, interacted"
    assert lift.find("user_ols:randomization").adjustment == "strata, interacted"
    assert lift.find("user_ols:randomization").estimate == pytest.approx(lift.headline().estimate, rel=1e-10)


def test_four_workspaces_cannot_close_an_interval():
    frame = pd.DataFrame({"ws": [1, 1, 2, 2, 3, 3, 4, 4], "d": [0, 0, 0, 0, 1, 1, 1, 1], "y": [1.0, 2, 1.5, 1.2, 9, 8, 9.5, 9.1]})
    frame["user"] = range(8)
    lift = hl.analyze(frame, DESIGN, [hl.Mean("y")], bootstrap=0)
    found = lift.find("user_ols:randomization")
    assert (found.conf_low, found.conf_high) == (None, None)  # the smallest possible p is 2/6
    assert found.p_value == pytest.approx(2 / 6)
    assert lift.check("methods_disagree").level == "caution"


def test_what_covariates_explain_to_the_last_digit_is_left_to_no_test():
    """Only rounding is left of such an outcome, and a resampling test would announce its direction."""
    ws = np.repeat(np.arange(16), 10)
    frame = pd.DataFrame({"user": range(160), "ws": ws, "d": ws // 2 % 2, "x": ws * 0.1, "y": ws * 0.3})
    lift = hl.analyze(frame, DESIGN, [hl.Mean("y")], covariates=["x"], bootstrap=0)
    assert lift.headline().estimate == 0
    assert not [e.method for e in lift.estimates if e.method.endswith((":wild", ":randomization"))]
    assert "methods_disagree" not in {c.code for c in lift.checks}
