"""Captions say what is true: on worlds whose answer is known, and by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import honestlift as hl
from honestlift.report.captions import caption
from honestlift.report.figures.density import Group, overlap
from pages import exposed, large
from studies import answer, frame, make_estimate, make_lift


def uniform(shift: float, clusters: int = 20, size: int = 200) -> pd.DataFrame:
    """Users spread evenly over [0, 1], treated ones moved by ``shift``; every workspace holds the same values."""
    values = (np.arange(size) + 0.5) / size
    workspace = np.repeat(np.arange(clusters), size)
    treated = workspace % 2
    return pd.DataFrame(
        {
            "user": np.arange(workspace.size),
            "workspace": workspace,
            "treated": treated,
            "minutes": np.tile(values, clusters) + shift * treated,
            "exposed": (1 - treated) * (np.tile(values, clusters) > 0.75),
        }
    )


@pytest.mark.parametrize(("effect", "where"), [(3.0, "lie above zero"), (-3.0, "lie below zero"), (0.0, "include zero")])
def test_forest_says_where_the_intervals_lie(effect: float, where: str):
    lift = answer(frame(20, 30, effect=effect, seed=11, between=1.0))
    assert f"All 3 intervals by workspace {where}." in caption(lift, "forest").finding


def test_forest_says_when_methods_disagree():
    common = {"identified": "randomized", "headline": False}
    rows = (make_estimate(), make_estimate(method="cluster_means", conf_low=-0.1, **common))
    rows += (make_estimate(method="cluster_wls", conf_low=-3.0, conf_high=-1.0, estimate=-2.0, **common),)
    finding = caption(make_lift(estimates=rows), "forest").finding
    assert finding == "Of 3 intervals by workspace 1 lie above zero, 1 below, and 1 include zero: the methods disagree."


def test_forest_says_how_much_too_small_the_naive_error_is():
    alike = answer(frame(20, 100, seed=3, between=2.0))
    naive, honest = alike.find("naive_ols"), alike.headline()
    ratio = honest.std_error / naive.std_error
    assert 6 < ratio < 12  # √(1 + 99·ICC) with ICC = 4/5 is 9
    assert f"{ratio:.1f} times too small" in caption(alike, "forest").finding
    strangers = answer(frame(40, 50, seed=5, between=0.0))
    assert strangers.headline().std_error / strangers.find("naive_ols").std_error < 1.1
    assert "about as wide" in caption(strangers, "forest").finding


def test_associations_are_named_only_where_they_are():
    assert "Direct effect and spillover are associations." in caption(exposed(), "forest").finding
    assert "association" not in caption(answer(frame()), "forest").finding


def test_density_says_the_means_and_what_is_in_common():
    lift = answer(uniform(0.5))
    said = caption(lift, "density")
    assert said.finding.startswith("Treated users average 1.00, control users 0.50")
    share = int(said.finding.partition("have ")[2].partition(" %")[0])
    assert share == pytest.approx(50, abs=3)  # half of [0, 1] lies in [0.5, 1.5]; bins blur the edges
    assert said.title == "Outcome by arm"


def test_density_says_how_exposed_controls_differ():
    data = uniform(0.5)
    lift = answer(data, exposure=hl.Exposure(column="exposed"))
    said = caption(lift, "density").finding
    # the means of [0.75, 1] and [0, 0.75] are 0.875 and 0.375
    assert "Exposed controls average 0.50 more than unexposed ones; who is exposed was not randomized." in said
    vouched = caption(answer(data, exposure=hl.Exposure(column="exposed", randomized=True)), "density").finding
    assert "not randomized" not in vouched


def test_overlap_by_hand():
    a = Group(name="a", bins=((0.0, 1.0, 50), (1.0, 2.0, 50)), users=100, mean=1.0)
    b = Group(name="b", bins=((1.0, 3.0, 30),), users=30, mean=2.0)
    assert overlap(a, a) == pytest.approx(1.0)
    assert overlap(a, b) == pytest.approx(0.5)  # on [1, 2] both densities are 1/2
    assert overlap(a, replace(b, bins=((5.0, 6.0, 30),))) == 0.0


def test_a_stray_value_keeps_the_caption_from_a_claim():
    data = frame(20, 30, seed=1)
    data.loc[0, "minutes"] = 1e6  # every other user is then in one bin, merged over most of the line
    assert "in common" not in caption(answer(data), "density").finding


def test_two_values_have_the_smaller_shares_in_common():
    data = uniform(0.0)
    rank = np.tile(np.arange(200), 20)
    data["minutes"] = (rank < np.where(data["treated"] == 1, 150, 50)).astype(int)  # 75 % and 25 % ones
    assert "have 50 % in common" in caption(answer(data), "density").finding


def test_strata_can_make_the_naive_error_too_large():
    data = frame(40, 20, effect=0.5, seed=2, between=0.05)
    data["tier"] = np.where(data["workspace"] < 20, "low", "high")
    data["treated"] = data["workspace"] % 2
    data["minutes"] += 20.0 * (data["tier"] == "high")
    lift = answer(data, strata=["tier"])
    assert lift.headline().std_error < lift.find("naive_ols").std_error
    assert "times too large" in caption(lift, "forest").finding


def test_caterpillar_counts_the_upper_half():
    data = frame(20, 30, effect=0.0, seed=1, between=0.0)
    data["minutes"] = data["workspace"] * 0.1 + 10.0 * data["treated"] + np.tile([-0.5, 0.5], len(data) // 2)
    said = caption(answer(data), "caterpillar")
    assert "Of the upper half of the workspaces shown, 10 of 10 are treated." in said.finding
    control = sorted(set(data["workspace"][data["treated"] == 0]))
    assert f"Control workspaces alone lie up to {(control[-1] - control[0]) * 0.1:.1f} apart" in said.finding
    assert "20 workspace means" in said.alt
    data["minutes"] = data["minutes"] - 20.0 * data["treated"]
    assert "0 of 10 are treated." in caption(answer(data), "caterpillar").finding


def test_caterpillar_says_what_eighty_marks_stand_for():
    said = caption(large(), "caterpillar").finding
    assert "80 marks stand for 2,000 workspaces: the lowest, the highest, and even steps between" in said
    assert "those with fewer than 10 users are drawn together." in said


def test_caterpillar_of_small_workspaces_claims_no_steps():
    said = caption(answer(frame(24, [4 if i < 8 else 20 for i in range(24)], seed=9)), "caterpillar").finding
    assert "even steps" not in said
    assert "18 marks stand for 24 workspaces; those with fewer than 10 users are drawn together." in said


def test_caterpillar_of_all_workspaces_says_nothing_of_marks():
    assert "marks stand" not in caption(exposed(), "caterpillar").finding


def test_an_unknown_figure_is_refused():
    with pytest.raises(LookupError, match="caterpillar"):
        caption(exposed(), "pie")
