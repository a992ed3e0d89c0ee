"""A study under each rule of assignment: what is estimated, by what it is tested, and what the checks ask for."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest
from statsmodels.api import OLS, add_constant

import honestlift as hl
from honestlift.report.html import report_html
from studies import answer, frame, levels, numbers

SIZES = [4, 30, 8, 24, 6, 22, 10, 20, 12, 14, 9, 17, 33, 5, 26, 11]


def known(f: pd.DataFrame, *names: str) -> dict[str, list[float]]:
    """Size and means of every workspace."""
    return {str(w): [float(len(d)), *(float(d[n].mean()) for n in names)] for w, d in f.groupby("workspace")}


def followed(f: pd.DataFrame, record: hl.Assignment, effect: float = 0.5) -> pd.DataFrame:
    """The same users with the arms of a record, and its effect in place of that of the frame."""
    treated = np.array([int(record.arm_of(str(w)) == "treated") for w in f.workspace])
    return f.assign(minutes=f.minutes + effect * (treated - f.treated), treated=treated)


def drawn(kind: str, f: pd.DataFrame, *names: str, seed: int = 3, **options: Any) -> hl.Assignment:
    on = kind in ("matched_pairs", "rerandomized")
    rule = hl.Rule(kind=kind, covariates=("size", *names) if on else (), **options)  # type: ignore[arg-type]
    return hl.assign(sorted({str(w) for w in f.workspace}), rule, seed=seed, covariates=known(f, *names) if on else None)


def test_pairs_are_estimated_and_tested_within_pairs():
    f = frame(16, SIZES)
    f["minutes"] += 3 * f.groupby("workspace").user.transform("size") / 10  # pairs differ much
    record = drawn("matched_pairs", f)
    f = followed(f, record)
    lift = answer(f, assignment=record)
    headline = lift.headline()
    assert headline.adjustment == "pairs, additive"
    pair = np.array([(record.strata or {})[str(w)] for w in f.workspace])
    dummies = pd.get_dummies(pair, drop_first=True, dtype=float).to_numpy()
    fit = OLS(f.minutes.to_numpy(), add_constant(np.column_stack([f.treated, dummies]))).fit()
    assert headline.estimate == pytest.approx(fit.params[1], rel=1e-10)
    test = lift.find("user_ols:randomization")
    assert (test.adjustment, test.estimate) == (headline.adjustment, pytest.approx(headline.estimate, rel=1e-10))
    assert test.p_value is not None
    assert test.p_value * 2**8 == pytest.approx(round(test.p_value * 2**8), abs=1e-9)  # all 2^8 coins
    assert lift.check("methods_disagree").evidence["randomization_smallest"] == 2 / 2**8
    found = levels(lift)
    assert (found["assignment_followed"], found["sample_ratio"], found["pair_weights"]) == ("ok", "ok", "ok")
    plain = answer(f)
    assert headline.std_error < plain.headline().std_error / 2  # type: ignore[operator]


def test_pairs_are_the_plans_strata_when_the_plan_names_them_and_the_result_is_the_same():
    f = frame(16, SIZES)
    record = drawn("matched_pairs", f)
    f = followed(f, record).assign(pair=lambda d: [(record.strata or {})[str(w)] for w in d.workspace])
    one, two = answer(f, assignment=record), answer(f, strata=("pair",))
    assert [n[2:9] for n in numbers(one)] == [n[2:9] for n in numbers(two)]


def test_a_workspace_that_lost_its_partner_has_no_say():
    f = frame(16, SIZES)
    record = drawn("matched_pairs", f)
    f = followed(f, record)
    gone = f[f.workspace != 3]
    partner = next(w for w in range(16) if w != 3 and (record.strata or {})[str(w)] == (record.strata or {})["3"])
    one, two = answer(gone, assignment=record), answer(gone[gone.workspace != partner], assignment=record)
    assert one.headline().estimate == pytest.approx(two.headline().estimate, rel=1e-10)
    assert one.headline().std_error == pytest.approx(two.headline().std_error, rel=1e-9)
    assert one.check("pair_weights").evidence["without_partner"] == 1


def test_what_a_draw_balanced_is_adjusted_for_without_being_asked():
    f = frame(24, [*SIZES, *SIZES[:8]])
    f["before"] = f.groupby("workspace").minutes.transform("mean") - 0.5 * f.treated + f.before
    record = drawn("rerandomized", f, "before")
    f = followed(f, record)
    lift = answer(f, assignment=record)
    assert lift.headline().adjustment == "covariates, additive"
    assert lift.check("balanced_covariates").level == "ok"
    assert lift.find("user_ols:randomization").adjustment == "covariates, additive"
    same = answer(f, covariates=["before"], assignment=record)  # the plan names what the record has already
    assert same.headline().estimate == lift.headline().estimate
    bare = answer(f, assignment=record, adjustment="none")
    assert bare.check("balanced_covariates").level == "caution"
    study = hl.Study(
        design=hl.ClusterDesign(unit="user", cluster="workspace", treatment="treated", assignment=record),
        metrics=(hl.Mean("minutes"),),
    )
    found = {c.code: c for c in hl.check_design(f, study).checks}
    assert found["few_clusters"].evidence["df"] == pytest.approx(lift.headline().df)
    assert found["balanced_covariates"].level == "ok"


def test_the_test_of_a_rerandomized_draw_stays_among_balanced_draws():
    """The balanced covariate is all of the outcome but noise: over all draws the unadjusted difference would vary five times as much."""
    f = frame(24, 20, between=0.0)
    level = f.workspace.to_numpy() * 1.0
    f["minutes"], f["before"] = f.minutes + level, level
    rule = hl.Rule(kind="rerandomized", covariates=("before",), acceptance=0.01)
    record = hl.assign([str(w) for w in range(24)], rule, seed=1, covariates={str(w): [float(w)] for w in range(24)})
    f = followed(f, record)
    within = answer(f, assignment=record, adjustment="none").find("user_ols:randomization")
    without = answer(f, adjustment="none").find("user_ols:randomization")
    widths = [e.conf_high - e.conf_low for e in (within, without)]  # type: ignore[operator]
    assert widths[0] < widths[1] / 5


def test_coins_are_held_at_their_numbers():
    f = frame(12)
    record = drawn("bernoulli", f, seed=2, share=0.4)
    f = followed(f, record)
    lift = answer(f, assignment=record)
    assert numbers(lift) == numbers(answer(f))
    assert "chance of 40" in lift.check("sample_ratio").statement


def test_late_workspaces_by_hash_are_in_and_late_controls_are_out():
    f = frame(24)
    early = f[f.workspace < 20]
    for late in ("hash", "control", "refuse"):
        record = drawn("complete", early, late=late)
        data = followed(f, record)
        lift = answer(data, assignment=record)
        if late == "hash":
            assert (lift.data["n_clusters"], levels(lift)["assignment_followed"]) == (24, "ok")
            assert lift.check("assignment_followed").evidence["late"] == 4
        elif late == "control":
            assert lift.data["n_clusters"] == 20
            assert lift.data["dropped"] == {"joined after the draw": 48}
            assert numbers(lift) == numbers(answer(data[data.workspace < 20], assignment=record))
            against = answer(data.assign(treated=data.treated.where(data.workspace != 21, 1)), assignment=record)
            assert against.check("assignment_followed").evidence["disagree"] == 1  # treated though late
            assert against.data["n_clusters"] == 21
        else:
            assert (lift.data["n_clusters"], levels(lift)["assignment_followed"]) == (24, "stop")


def test_two_arms_of_a_record_of_three():
    f = frame(24)
    record = hl.assign([str(w) for w in range(24)], hl.Rule(arms={"control": 1, "short": 1, "long": 1}), seed=1)
    f["treated"] = [record.assigned[str(w)] for w in f.workspace]
    arms = hl.Treatment(column="treated", treated="short", control="control")
    lift = answer(f, treatment=arms, assignment=record)
    assert (lift.data["n_clusters"], lift.data["dropped"]) == (16, {"treated is long": 96})
    assert (levels(lift)["assignment_followed"], levels(lift)["sample_ratio"]) == ("ok", "ok")
    assert lift.check("sample_ratio").evidence["missing"] == 0


@pytest.mark.parametrize("kind", ["complete", "bernoulli", "matched_pairs", "rerandomized"])
def test_the_same_rows_in_any_order_give_the_same_bytes(kind: str):
    f = frame(24, [*SIZES, *SIZES[:8]]).assign(earlier=lambda d: d.minutes - 0.5 * d.treated)
    record = drawn(kind, f, "before")
    f = followed(f, record)
    first, second = (
        answer(d, [hl.Mean("minutes", pre="earlier")], assignment=record) for d in (f, f.sample(frac=1, random_state=1))
    )
    assert numbers(first) == numbers(second)
    assert first.tables["placebo_lab"] == second.tables["placebo_lab"]
    rates = dict(zip(first.tables["placebo_lab"].columns, first.tables["placebo_lab"].rows[-1], strict=True))
    assert rates["false_alarms"] == pytest.approx(0.05, abs=0.001)  # the randomization test's reference is the rule's re-draws


def test_strata_of_the_record_are_those_of_the_analysis():
    f = frame(24)
    tier = {str(w): "large" if w % 3 else "small" for w in range(24)}
    record = hl.assign(list(tier), hl.Rule(kind="stratified", share=0.4), seed=1, strata=tier)
    f = followed(f, record).assign(tier=lambda d: [tier[str(w)] for w in d.workspace])
    one, two = answer(f, assignment=record), answer(f, assignment=record, strata=("tier",))
    assert one.headline().adjustment == "strata, interacted"
    assert [n[2:9] for n in numbers(one)] == [n[2:9] for n in numbers(two)]


def test_the_result_and_the_page_say_how_the_arms_were_drawn():
    f = frame(24, [*SIZES, *SIZES[:8]]).rename(columns={"before": "<b>\u202eold"})
    for kind, said in (("matched_pairs", "randomized in matched pairs"), ("rerandomized", "until alike in size and &lt;b&gt;")):
        record = drawn(kind, f, "<b>\u202eold")
        lift = answer(followed(f, record), assignment=record)
        facts = lift.population["assignment"]
        assert (facts["rule"], facts["clusters"], facts["covariates"]) == (kind, 24, ["size", "<b>\u202eold"])
        page = report_html(hl.Lift.from_dict(json.loads(lift.to_json())))
        assert said in page
        assert "<b>" not in page
        assert "\u202e" not in page
    assert "assignment" not in answer(f).population


def test_pairs_that_are_too_many_for_the_regression_are_left_out_and_that_is_said():
    f = frame(500, 3)
    f["minutes"] += f.groupby("workspace").before.transform("mean")
    known_to_all = {str(w): [float(d.before.mean())] for w, d in f.groupby("workspace")}
    record = hl.assign(list(known_to_all), hl.Rule(kind="matched_pairs", covariates=("before",)), seed=1, covariates=known_to_all)
    f = followed(f, record)
    lift = answer(f, assignment=record)
    assert lift.headline().adjustment == "none"
    assert lift.check("pair_weights").level == "caution"
    assert lift.headline().estimate == answer(f).headline().estimate


@pytest.mark.parametrize(("kind", "tested"), [("complete", False), ("matched_pairs", True), ("rerandomized", True)])
def test_matched_and_balanced_draws_are_tested_by_their_rule_up_to_fifty_workspaces(kind: str, tested: bool):
    f = frame(40, 5 * [3, 4, 5, 6, 7, 8, 9, 10])
    record = drawn(kind, f)
    lift = answer(followed(f, record), assignment=record)
    assert any(e.method == "user_ols:randomization" for e in lift.estimates) == tested
