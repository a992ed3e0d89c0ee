"""Adjustment for covariates, from rows to the verdict: the row beside it, missing values, forms, words."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

import honestlift as hl
from honestlift.analysis import summing
from honestlift.errors import DataError, DesignError, PlanError
from honestlift.plan import read_plan
from honestlift.report.method import plain as told_plainly
from honestlift.report.terminal import as_text
from studies import answer, numbers
from studies import frame as plain_frame


def frame(clusters: int = 40, seed: int = 0) -> pd.DataFrame:
    """Workspaces whose baselines show in a measure from before, and a tier whose shares differ between workspaces."""
    rng = np.random.default_rng(seed)
    f = plain_frame(clusters, seed=seed)
    base = rng.normal(0, 1, clusters)[f.workspace]
    share = rng.beta(2, 2, clusters)[f.workspace]
    tier = np.where(rng.random(len(f)) < share, "paid", "free")
    before = 3 + base + rng.normal(0, 0.3, len(f))
    return f.assign(before=before, minutes=f.minutes + base, tier=tier)


def test_the_adjusted_row_is_the_headline_and_the_unadjusted_one_stands_beside_it():
    f = frame()
    with_it, without = answer(f, covariates=["before"]), answer(f)
    headline = with_it.headline()
    assert (headline.method, headline.estimand, headline.adjustment) == ("user_ols", "itt_user", "covariates, interacted")
    for method in ("user_ols", "cluster_means"):
        beside, alone = with_it.find(f"{method}:unadjusted"), without.find(method)
        assert (beside.estimate, beside.std_error, beside.df) == (alone.estimate, alone.std_error, alone.df)
        assert (beside.adjustment, beside.headline) == ("none", False)
        assert with_it.find(method).std_error < 0.5 * alone.std_error  # type: ignore[operator]
    assert with_it.find("naive_ols") == without.find("naive_ols")
    assert not [e for e in without.estimates if "unadjusted" in e.method]
    assert with_it.find("user_ols:cr1").adjustment == "covariates, interacted"


def test_it_is_the_regression_on_rows_that_carry_their_workspaces_mean():
    f = frame()
    x = f.groupby("workspace").before.transform("mean")
    x = x - x.mean()
    design = np.column_stack([np.ones(len(f)), f.treated, x, x * f.treated])
    beta = np.linalg.lstsq(design, f.minutes, rcond=None)[0]
    e = answer(f, covariates=["before"]).headline()
    assert e.estimate == pytest.approx(beta[1], rel=1e-9)
    assert e.relative.estimate == pytest.approx(beta[1] / beta[0], rel=1e-9)


def test_a_measure_from_before_adjusts_its_own_metric_only():
    f = frame().assign(errors=lambda d: d.user % 7)
    lift = answer(f, [hl.Mean("minutes", pre="before"), hl.Mean("errors")])
    assert lift.headline("minutes").adjustment == "covariates, interacted"
    assert lift.headline("errors").adjustment == "none"
    assert lift.headline("minutes").estimate == answer(f, covariates=["before"]).headline().estimate
    both = answer(f, [hl.Mean("minutes", pre="before")], covariates=["before"])
    assert both.headline().estimate == lift.headline("minutes").estimate
    assert lift.check("pre_period_balance").evidence["tested"] == 1


def test_a_category_adjusts_by_its_shares_however_it_is_read(monkeypatch: pytest.MonkeyPatch):
    f = frame()
    grouped = answer(f, covariates=["tier"])
    by_hand = answer(f.assign(paid=(f.tier == "paid") * 1.0), covariates=["paid"])
    assert grouped.headline().estimate == pytest.approx(by_hand.headline().estimate, rel=1e-10)
    assert grouped.headline().std_error == pytest.approx(by_hand.headline().std_error, rel=1e-8)
    monkeypatch.setattr(summing, "MOST_CELLS", 30)
    split = answer(f, covariates=["tier"])
    assert split.headline().estimate == pytest.approx(grouped.headline().estimate, rel=1e-10)


def test_none_is_the_study_without_covariates_but_for_their_balance():
    f = frame()
    lift = answer(f, covariates=["before"], adjustment="none")
    assert [e.estimate for e in lift.estimates] == pytest.approx([e.estimate for e in answer(f).estimates], rel=1e-12)
    assert lift.check("pre_period_balance").evidence["tested"] == 1
    assert "not adjusted" in lift.check("adjustment").statement


def test_additive_on_demand_and_where_workspaces_are_few():
    assert answer(frame(), covariates=["before"], adjustment="additive").headline().adjustment == "covariates, additive"
    assert answer(frame(20), covariates=["before"]).headline().adjustment == "covariates, additive"
    few = answer(frame(4), covariates=["before"])
    assert few.headline().adjustment == "none"
    assert few.check("adjustment").evidence["left_out"] == 1


def test_strata_and_covariates_are_named_together():
    f = frame(48).assign(s=lambda d: d.workspace % 3)
    lift = answer(f, covariates=["before"], strata=("s",))
    assert lift.headline().adjustment == "strata, interacted; covariates, interacted"
    assert lift.find("user_ols:unadjusted").adjustment == "strata, interacted"
    assert lift.find("user_ols:unadjusted").estimate == pytest.approx(answer(f, strata=("s",)).headline().estimate, rel=1e-10)


GAPS = frame().assign(before=lambda d: d.before.where(d.user % 7 != 0), tier=lambda d: d.tier.where(d.user % 10 != 0))


def test_a_missing_covariate_is_an_error_by_default():
    for covariate in ("before", "tier"):
        with pytest.raises(DataError, match=f"no value of '{covariate}', the covariate"):
            answer(GAPS, covariates=[covariate])


def test_dropped_users_are_counted_and_gone():
    lift = answer(GAPS, covariates=["before", "tier"], missing="drop")
    kept = GAPS.dropna()
    assert lift.data["dropped"] == {"covariates missing": len(GAPS) - len(kept)}
    assert lift.headline().estimate == pytest.approx(answer(kept, covariates=["before", "tier"]).headline().estimate, rel=1e-10)


def test_a_share_that_says_nothing_costs_no_covariate():
    """Every workspace lacks the number of 2 users in 12: the share tells nothing, the mean still does."""
    f = GAPS.assign(before=lambda d: d.before.where(d.user % 6 != 0))
    assert answer(f, covariates=["before"], missing="category").headline().adjustment == "covariates, interacted"


def test_those_without_a_covariate_may_be_a_category():
    """The share without a number is a column of its own; those without text are one more level."""
    lift = answer(GAPS, covariates=["before"], missing="category")
    known = GAPS.groupby("workspace").before.transform("mean")
    by_hand = answer(GAPS.assign(known=known, gap=GAPS.before.isna() * 1.0), covariates=["known", "gap"])
    assert lift.headline().estimate == pytest.approx(by_hand.headline().estimate, rel=1e-9)
    assert lift.data["dropped"] == {}
    text = answer(GAPS, covariates=["tier"], missing="category")
    hand = answer(GAPS.assign(paid=(GAPS.tier == "paid") * 1.0, gap=GAPS.tier.isna() * 1.0), covariates=["paid", "gap"])
    assert text.headline().estimate == pytest.approx(hand.headline().estimate, rel=1e-9)


def test_new_users_lack_a_measure_from_before_and_a_workspace_of_them_counts_as_average():
    f = frame()
    f = f.assign(before=f.before.where(f.workspace != 5))
    lift = answer(f, [hl.Mean("minutes", pre="before")])
    means = f.groupby("workspace").before.mean()
    filled = f.workspace.map(means.fillna(means.mean()))
    by_hand = answer(f.assign(filled=filled).drop(columns="before"), covariates=["filled"])
    assert lift.headline().estimate == pytest.approx(by_hand.headline().estimate, rel=1e-9)


def test_it_says_what_it_gained():
    lift = answer(frame(), covariates=["before"])
    check = lift.check("adjustment")
    assert check.level == "ok"
    share = 1 - (lift.headline().std_error / lift.find("user_ols:unadjusted").std_error) ** 2  # type: ignore[operator]
    assert check.evidence["variance_reduction"] == pytest.approx(share, rel=1e-12)
    assert check.statement in lift.verdict.because
    text = str(lift)
    assert "users, by workspace, adjusted" in text
    assert "users, by workspace, unadjusted" in text
    noise = answer(plain_frame(40), covariates=["before"]).check("adjustment").statement
    assert "does not narrow" in noise or "falls from" in noise


def test_both_tests_beside_the_adjusted_headline_are_adjusted_as_it_is():
    """With 12 workspaces the randomization test of the unadjusted effect would have no power here; that of the adjusted one has."""
    f = frame(12).assign(minutes=lambda d: d.minutes + 0.7 * d.treated)
    lift = answer(f, covariates=["before"])
    headline, test = lift.headline(), lift.find("user_ols:randomization")
    assert test.adjustment == headline.adjustment == "covariates, additive"
    assert test.estimate == pytest.approx(headline.estimate, rel=1e-10)
    assert set(lift.check("methods_disagree").evidence) >= {"wild", "randomization", "randomization_smallest"}
    assert lift.check("methods_disagree").level == "ok"


@pytest.mark.parametrize(("option", "value"), [("adjustment", "lin"), ("missing", "impute")])
def test_unknown_options_are_refused(option: str, value: str):
    with pytest.raises(DesignError, match=value):
        answer(frame(), **{option: value})  # type: ignore[arg-type]


def test_a_plan_says_the_same(tmp_path: Any):
    frame().to_parquet(tmp_path / "users.parquet")
    plan = (
        "data: users.parquet\nunit: user\ndesign: {kind: cluster, cluster: workspace, treatment: treated}\n"
        "metrics: [{column: minutes, pre: before}]\ncovariates: [tier]\nadjustment: additive\nmissing: drop\nbootstrap: 0\n"
    )
    (tmp_path / "plan.yaml").write_text(plan)
    made = read_plan(tmp_path / "plan.yaml")
    lift = hl.run(tmp_path / "users.parquet", made.study)
    same = answer(frame(), [hl.Mean("minutes", pre="before")], covariates=["tier"], adjustment="additive", missing="drop")
    assert numbers(lift) == numbers(same)
    opt_in = plan.replace("kind: cluster, cluster: workspace", "kind: opt_in")
    (tmp_path / "plan.yaml").write_text(opt_in)
    with pytest.raises(PlanError, match="adjustment is 'additive'"):
        read_plan(tmp_path / "plan.yaml")


def test_the_terminal_shows_both_tests_under_the_adjusted_road():
    lines = as_text(answer(frame(24), covariates=["before"])).splitlines()
    adjusted = next(i for i, line in enumerate(lines) if "users, by workspace, adjusted" in line)
    beside = "".join(lines[adjusted + 1 : adjusted + 4])
    assert "CV3" in beside
    assert "randomization test" in beside


def test_the_method_says_that_covariates_are_in_the_headline_and_only_then():
    said = [any("measured before" in text for text in told_plainly(answer(frame(), covariates=c))) for c in (["before"], [])]
    assert said == [True, False]
