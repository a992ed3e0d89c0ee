"""Tests beside the headline where workspaces are few, against committed answers by other software."""

from __future__ import annotations

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


def test_many_workspaces_need_none_of_it():
    lift = study_of("crt50")
    assert not [e for e in lift.estimates if e.method in ("user_ols:wild", "user_ols:randomization")]
    assert "methods_disagree" not in [c.code for c in lift.checks]


def test_four_workspaces_cannot_close_an_interval():
    frame = pd.DataFrame({"ws": [1, 1, 2, 2, 3, 3, 4, 4], "d": [0, 0, 0, 0, 1, 1, 1, 1], "y": [1.0, 2, 1.5, 1.2, 9, 8, 9.5, 9.1]})
    frame["user"] = range(8)
    lift = hl.analyze(frame, DESIGN, [hl.Mean("y")], bootstrap=0)
    found = lift.find("user_ols:randomization")
    assert (found.conf_low, found.conf_high) == (None, None)  # the smallest possible p is 2/6
    assert found.p_value == pytest.approx(2 / 6)
    assert lift.check("methods_disagree").level == "caution"
