"""What pre-period rows say: by hand, against the analysis of variance with least squares on rows, and what is refused."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

import honestlift as hl
from honestlift.inference.sandwich import intraclass


def world(seed: int = 4, clusters: int = 60) -> pd.DataFrame:
    """Users of unequal workspaces in three tiers; `before` knows half of what lies between workspaces and a third of what lies within."""
    rng = np.random.default_rng(seed)
    size = rng.integers(5, 60, clusters)
    team = np.repeat(np.arange(clusters), size)
    tier = np.arange(clusters) % 3
    between, within = rng.normal(size=clusters), rng.normal(size=team.size)
    before = 3 + (between + rng.normal(size=clusters))[team] + 2 * within + rng.normal(size=team.size) * 8**0.5
    y = 10 + 0.5 * between[team] + 1.5 * tier[team] + 2 * within
    return pd.DataFrame(
        {"user": np.arange(team.size), "team": team, "tier": tier[team], "before": before, "y": y, "flag": y > 11}
    )


def test_by_hand_on_six_rows():
    rows = pd.DataFrame({"team": list("aabbccdd"), "y": [1.0, 3, 2, 4, 6, 8, 5, 7]})
    found = hl.measure(rows, cluster="team", metric="y")
    # means 2, 3, 7, 6; within: four times 2 on 4 df; between: 2·(4 + 2.25 + 2.25... ) about 4.5 = 2·17 on 3 df
    msw, msb = 2.0, 2 * (2.5**2 + 1.5**2 + 2.5**2 + 1.5**2) / 3
    tau = (msb - msw) / 2
    assert found.icc == pytest.approx(tau / (tau + msw))
    assert found.sd == pytest.approx((tau + msw) ** 0.5)
    assert found.mean == pytest.approx(4.5)
    assert found.sizes == (2.0, 2.0, 2.0, 2.0)
    assert (found.r2_between, found.r2_within, found.covariates) == (0, 0, 0)


def test_components_are_those_of_the_kernel():
    data = world()
    groups = data.groupby("team").y
    one = np.zeros(60, dtype=np.int64)
    wanted = intraclass(
        groups.size().to_numpy(float), groups.sum().to_numpy(), (data.y**2).groupby(data.team).sum().to_numpy(), one
    )
    found = hl.measure(data, cluster="team", metric="y")
    assert (found.icc, found.sd) == (pytest.approx(wanted.rho), pytest.approx(wanted.total**0.5))


def test_r2_against_least_squares_on_rows():
    """Residuals on workspace means, distances from them and tiers, by NumPy on rows; then the analysis of variance."""
    data = world()
    mean = data.groupby("team").before.transform("mean").to_numpy()
    x = np.stack([np.ones(len(data)), mean, data.tier == 1, data.tier == 2], axis=1).astype(float)
    within = (data.before - mean).to_numpy()
    y_mean = data.groupby("team").y.transform("mean").to_numpy()
    slope = within @ (data.y - y_mean) / (within @ within)
    msw = float((((data.y - y_mean) - slope * within) ** 2).sum()) / (len(data) - 60 - 1)
    fit = np.linalg.lstsq(x, y_mean, rcond=None)[0]
    msb = float(((y_mean - x @ fit) ** 2).sum()) / (60 - 4)
    n = data.groupby("team").size().to_numpy()
    m0 = (n.sum() - (n**2).sum() / n.sum()) / 59
    raw = hl.measure(data, cluster="team", metric="y")
    found = hl.measure(data, cluster="team", metric="y", covariates="before", strata="tier", unit="user")
    assert found.r2_between == pytest.approx(1 - max(0, (msb - msw) / m0) / raw.between)
    assert found.r2_within == pytest.approx(1 - msw / raw.within)
    assert found.covariates == 3
    assert 0.5 < found.r2_strata < found.r2_between
    assert found.r2_within == pytest.approx(1 / 3, abs=0.05)
    assert "strata, before" in found.source


def test_rows_in_any_order_and_renamed_workspaces_say_the_same():
    data = world()
    asked = {"cluster": "team", "metric": "y", "covariates": ["before"], "strata": ["tier"]}
    one = hl.measure(data, **asked)
    assert hl.measure(data.sample(frac=1, random_state=3), **asked) == one
    other = hl.measure(data.assign(team=[f"t{1000 - t}" for t in data.team]), **asked)
    assert other.icc == pytest.approx(one.icc, rel=1e-12)
    assert sorted(other.sizes) == sorted(one.sizes)


def test_a_large_offset_costs_no_digits():
    data = world()
    near, far = (hl.measure(data.assign(y=data.y + shift), cluster="team", metric="y") for shift in (0.0, 1e9))
    assert far.icc == pytest.approx(near.icc, rel=1e-6)
    assert far.mean == pytest.approx(1e9 + (near.mean or 0))


def test_rows_without_a_value_are_left_out():
    data = world()
    data.loc[data.index % 7 == 0, "y"] = np.nan
    assert sum(hl.measure(data, cluster="team", metric="y").sizes) == data.y.notna().sum()


def test_useless_covariates_explain_nothing_and_cost_degrees_of_freedom():
    data = world()
    noise = np.random.default_rng(1).normal(size=len(data))
    found = hl.measure(data.assign(noise=noise), cluster="team", metric="y", covariates=["noise"])
    assert 0 <= found.r2_between < 0.1
    assert found.covariates == 1
    assert hl.measure(data, cluster="team", metric="flag").icc > 0


def wide(data: pd.DataFrame) -> pd.DataFrame:
    """As many columns of noise as there are workspaces."""
    noise = np.random.default_rng(1).normal(size=(len(data), 60))
    return pd.concat([data, pd.DataFrame(noise, columns=[f"x{i}" for i in range(60)])], axis=1)


HOSTILE: dict[str, tuple[Callable[[pd.DataFrame], pd.DataFrame], dict[str, object]]] = {
    "few": (lambda data: data[data.team < 3], {}),
    "alone": (lambda data: data.drop_duplicates("team"), {}),
    "constant": (lambda data: data.assign(y=1.0), {}),
    "infinite": (lambda data: data.assign(y=np.where(data.index == 0, np.inf, data.y)), {}),
    "empty": (lambda data: data[:0], {}),
    "no team": (lambda data: data.assign(team=data.team.where(data.index > 3)), {}),
    "stratum varies": (lambda data: data.assign(tier=data.index % 2), {"strata": "tier"}),
    "text": (lambda data: data.assign(before="a"), {"covariates": ["before"]}),
    "twice": (lambda data: data.assign(user=1), {"unit": "user"}),
    "two roles": (lambda data: data, {"covariates": ["y"]}),
    "many": (wide, {"covariates": [f"x{i}" for i in range(60)]}),
    "no column": (lambda data: data, {"metric": "nothing"}),
}


@pytest.mark.parametrize("what", HOSTILE)
def test_what_cannot_be_measured_is_refused(what: str):
    change, asked = HOSTILE[what]
    with pytest.raises(hl.HonestliftError) as refused:
        hl.measure(change(world()), **({"cluster": "team", "metric": "y"} | asked))
    assert "Expected" in str(refused.value) or "It has" in str(refused.value)


def test_hostile_names_are_names():
    data = world().rename(columns={"y": 'a"; drop table x; --', "team": "select * from", "before": "x'); --"})
    names = {"cluster": "select * from", "metric": 'a"; drop table x; --', "covariates": ["x'); --"]}
    assert hl.measure(data, **names).icc == hl.measure(world(), cluster="team", metric="y", covariates=["before"]).icc
