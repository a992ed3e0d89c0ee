"""Quantile metrics: exact quantiles, the delta method beside an outside formula, ties, point masses, tiny studies, and refusals."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest

import honestlift as hl
from honestlift.errors import DataError, DesignError
from honestlift.report.html import write_report

DESIGN = hl.ClusterDesign(unit="user", cluster="workspace", treatment="treated")


def rows(shift: float = 0.0, *, seed: int = 2, clusters: int = 24, size: int = 40) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    workspace = np.repeat(np.arange(clusters), size)
    treated = rng.permutation(np.arange(clusters) % 2)[workspace]
    location = rng.normal(0, 0.3, clusters)[workspace] + shift * treated
    y = np.exp(location + rng.normal(0, 1, workspace.size))
    return pd.DataFrame({"user": np.arange(workspace.size), "workspace": workspace, "treated": treated, "y": y})


@pytest.mark.parametrize("q", [0.25, 0.5, 0.9])
def test_the_estimate_is_the_difference_of_the_arms_quantiles_to_the_last_bit(q: float) -> None:
    users = rows(0.3)
    users.loc[::17, "y"] = np.nan
    lift = hl.analyze(users, DESIGN, hl.Quantile("y", q), bootstrap=50)
    at = {a: np.nanquantile(users["y"][users["treated"] == a], q, method="inverted_cdf") for a in (0, 1)}
    evidence = lift.check("quantile").evidence
    assert (evidence["control"], evidence["treated"]) == (at[0], at[1])
    for method in ("user_ols", "user_ols:inversion", "user_ols:bootstrap"):
        assert lift.find(method).estimate == at[1] - at[0]
    head, other = lift.headline(), lift.find("user_ols:inversion")
    assert (head.scale, head.method, head.estimand) == ("difference of quantiles", "user_ols", "itt_user")
    assert head.conf_low < head.estimate < head.conf_high
    assert other.conf_high - other.conf_low == pytest.approx(head.conf_high - head.conf_low, rel=0.15)
    assert other.p_value == pytest.approx(head.p_value, rel=0.6, abs=0.03)


def test_with_many_users_the_error_is_that_of_a_known_density() -> None:
    users = rows(clusters=200, size=100)
    lift = hl.analyze(users, DESIGN, hl.Quantile("y", 0.5), bootstrap=0)
    # the median of exp(N(0, 1.09)): density 1 / sqrt(2π 1.09) at 1; cluster shares vary by the density of location
    below = users.assign(b=users["y"] <= users["y"].median()).groupby(["treated", "workspace"])["b"].mean()
    variance = sum(below[a].var() / below[a].size for a in (0, 1))
    assert lift.headline().std_error == pytest.approx(np.sqrt(variance * 2 * np.pi * 1.09), rel=0.1)


def test_shift_scale_and_swap() -> None:
    users = rows(0.2)
    metric = hl.Quantile("y", 0.7)
    base = hl.analyze(users, DESIGN, metric, bootstrap=0).headline()
    moved = hl.analyze(users.assign(y=4 * users["y"] + 1024), DESIGN, metric, bootstrap=0).headline()
    assert moved.estimate == pytest.approx(4 * base.estimate, rel=1e-9)
    assert moved.std_error == pytest.approx(4 * base.std_error, rel=1e-6)
    swapped = hl.analyze(users.assign(treated=1 - users["treated"]), DESIGN, metric, bootstrap=0).headline()
    assert swapped.estimate == pytest.approx(-base.estimate)
    assert swapped.conf_low == pytest.approx(-base.conf_high)


def test_the_same_bytes_on_any_frame_order_and_name_of_workspace() -> None:
    users = rows(0.2)
    renamed = users.assign(workspace="w" + (100 - users["workspace"]).astype(str))
    found = [
        hl.analyze(frame, DESIGN, hl.Quantile("y", 0.9), bootstrap=50, seed=3).to_dict()["estimates"]
        for frame in (users, pl.from_pandas(users.sample(frac=1, random_state=1)), renamed)
    ]
    assert found[0] == found[1] == found[2]


def test_ties_make_steps_and_the_result_says_so() -> None:
    rng = np.random.default_rng(5)
    users = rows().assign(y=lambda f: rng.poisson(np.exp(1 + 0.5 * f["treated"])))
    lift = hl.analyze(users, DESIGN, hl.Quantile("y", 0.5), bootstrap=50)
    check, head = lift.check("quantile"), lift.headline()
    assert check.level == "caution"
    assert "moves in steps" in check.statement
    assert head.std_error is None
    assert head.estimate == np.quantile(users["y"][users["treated"] == 1], 0.5, method="inverted_cdf") - np.quantile(
        users["y"][users["treated"] == 0], 0.5, method="inverted_cdf"
    )
    assert head.conf_low <= head.estimate <= head.conf_high
    assert head.conf_low < head.conf_high
    assert {e.method for e in lift.estimates} == {"naive_ols", "user_ols", "user_ols:bootstrap"}


def test_a_quantile_that_nothing_moves_is_refused() -> None:
    users = rows()
    users.loc[users["user"] % 10 < 7, "y"] = 0.0
    with pytest.raises(DataError, match="no effect in reach moves it"):
        hl.analyze(users, DESIGN, hl.Quantile("y", 0.5), bootstrap=0)
    lift = hl.analyze(users, DESIGN, hl.Quantile("y", 0.9), bootstrap=0)
    assert lift.check("quantile").level == "ok"


def test_a_quantile_beyond_a_tiny_study_is_refused() -> None:
    with pytest.raises(DataError, match=r"The interval of the 0\.99 quantile of 'y' in the \w+ arm reaches beyond the data"):
        hl.analyze(rows(clusters=6, size=20), DESIGN, hl.Quantile("y", 0.99), bootstrap=0)
    with pytest.raises(DataError, match="reaches beyond the data"):
        hl.analyze(rows(clusters=4, size=3), DESIGN, hl.Quantile("y", 0.5), bootstrap=0)


def test_it_adjusts_for_covariates_and_strata_and_stands_beside_other_metrics(tmp_path: Path) -> None:
    users = rows(0.3, clusters=40)
    rng = np.random.default_rng(9)
    users["before"] = np.log(users["y"]) - 0.3 * users["treated"] + rng.normal(0, 0.1, len(users))
    users["tier"] = np.where(users["workspace"] % 4 < 2, "a", "b")
    users["use"] = users["treated"]
    design = hl.ClusterDesign(unit="user", cluster="workspace", treatment="treated", strata="tier", uptake="use")
    metrics = [
        hl.Quantile("y", 0.5, pre="before"),
        hl.Mean("y", name="mean"),
        hl.Quantile("y", 0.9, role="guardrail", margin=0.1),
    ]
    lift = hl.analyze(users, design, metrics, bootstrap=50)
    head = lift.headline()
    assert head.adjustment == "strata, interacted; covariates, additive" or "covariates" in head.adjustment
    assert head.std_error < lift.find("user_ols:unadjusted", metric=head.metric).std_error
    assert lift.headline("0.9 quantile of y").relative.conf_low is not None
    page = tmp_path / "r.html"
    write_report(lift, page)
    text = page.read_text(encoding="utf-8")
    assert "Effect on the quantile" in text
    assert "where that part of the users lies, not what any user gained" in text
    assert "of the control quantile" in lift.verdict.headline
    assert "inverted tests" in str(lift)


def test_words_that_are_refused() -> None:
    for q in (0, 1, -0.5, 90, True, float("nan")):
        with pytest.raises(DesignError, match="q is"):
            hl.Quantile("y", q)
    with pytest.raises(DesignError, match="ratios and quantiles are metrics of cluster studies"):
        hl.OptInStudy(design=hl.OptInDesign(unit="u", treatment="t"), metrics=(hl.Quantile("y", 0.5),), covariates=("x",))
