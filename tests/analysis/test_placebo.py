"""The placebo lab of a study: on which rows, by which rule, and what the result says."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import honestlift as hl
from honestlift.report.terminal import as_text
from studies import DESIGN, answer, frame


def lab(lift: hl.Lift) -> list[dict[str, object]]:
    table = lift.tables["placebo_lab"]
    return [dict(zip(table.columns, row, strict=True)) for row in table.rows]


@pytest.fixture(scope="module")
def rows() -> pd.DataFrame:
    f = frame(24, between=1.0)
    return f.assign(earlier=f.minutes - 0.5 * f.treated)


def test_the_measure_before_the_treatment_is_taken_where_there_is_one(rows: pd.DataFrame):
    lift = answer(rows, [hl.Mean("minutes", pre="earlier")])
    found = lab(lift)
    assert {(r["outcome"], r["basis"], r["workspaces"], r["treated"], r["redraws"]) for r in found} == {
        ("earlier", "pre_period", 24, 12, 2_000)
    }
    rates = {r["method"]: r["false_alarms"] for r in found}
    assert rates["user_ols:randomization"] == 0.05
    assert rates["naive_ols"] > 0.3  # ICC about .5, 12 users each
    assert rates["user_ols"] == pytest.approx(0.05, abs=0.02)
    assert lift.check("placebo_lab").level == "ok"


def test_else_the_control_workspaces_are_split_again(rows: pd.DataFrame):
    changed = rows.assign(minutes=rows.minutes + 100 * rows.treated * rows.user)
    for data in (rows, changed):  # what happened in treated workspaces does not touch it
        found = lab(answer(data))
        assert (found[0]["basis"], found[0]["workspaces"], found[0]["treated"], found[0]["redraws"]) == (
            "control_group",
            12,
            6,
            924,
        )
        assert all(r["std_error"] == 0 for r in found)  # C(12, 6) = 924: all of them
        assert [r["false_alarms"] for r in found] == [r["false_alarms"] for r in lab(answer(rows))]


def test_a_constant_measure_before_is_none(rows: pd.DataFrame):
    assert lab(answer(rows.assign(earlier=1.0), [hl.Mean("minutes", pre="earlier")]))[0]["basis"] == "control_group"


def test_few_workspaces_have_no_lab():
    assert "placebo_lab" not in answer(frame(10)).tables  # five control workspaces
    assert "placebo_lab" in answer(frame(12)).tables


def test_strata_hold_the_redraws_and_the_estimate():
    """Strata 100 apart: re-drawn within them nothing is seen of that; over all workspaces CR2 would see little else."""
    f = frame(24)
    tier = f.workspace % 2
    f["treated"] = (f.workspace // 2) % 2
    f["minutes"] += 100 * tier
    f["earlier"] = f.minutes
    within = lab(answer(f.assign(tier=tier), [hl.Mean("minutes", pre="earlier")], strata=("tier",)))
    rates = {r["method"]: r["false_alarms"] for r in within}
    assert rates["user_ols"] == pytest.approx(0.05, abs=0.02)
    assert rates["cluster_wls"] == 0  # not adjusted: its standard error holds the strata


def test_a_stratified_record_is_the_rule_whatever_the_plan_says():
    f = frame(24)
    tier = {str(w): "large" if w % 2 else "small" for w in range(24)}
    f["minutes"] += 100 * (f.workspace % 2)
    record = hl.assign([str(w) for w in range(24)], hl.Rule(kind="stratified"), seed=1, strata=tier)
    f["treated"] = [int(record.assigned[str(w)] == "treated") for w in f.workspace]
    f["earlier"] = f.minutes
    with_record = answer(f, [hl.Mean("minutes", pre="earlier")], assignment=record, adjustment="none")
    without = answer(f, [hl.Mean("minutes", pre="earlier")], adjustment="none")
    p = [x.find("user_ols:randomization").conf_high - x.find("user_ols:randomization").conf_low for x in (with_record, without)]  # type: ignore[operator]
    assert p[0] < p[1] / 10, "re-draws within strata do not move large workspaces into one arm"
    rates = {r["method"]: r["false_alarms"] for r in lab(with_record)}
    assert rates["user_ols"] == pytest.approx(0.05, abs=0.02)  # within the record's strata; without them it would be 0
    assert rates["user_ols:randomization"] == pytest.approx(0.05, abs=0.001)


def test_the_terminal_shows_it(rows: pd.DataFrame):
    text = as_text(answer(rows, [hl.Mean("minutes", pre="earlier")]))
    assert "Placebo lab  On your own data, with no effect at all (earlier before the treatment" in text
    assert "CR2, unadjusted" in text, "the headline is adjusted for the measure before, the lab is not"
    assert "the headline's method, unadjusted, in" in " ".join(text.split())
    assert "CR2 (the headline's)" in as_text(answer(rows, [hl.Mean("minutes")]))
    assert "95 % promises 5" in text


def test_missing_outcomes_and_level_are_the_studys(rows: pd.DataFrame):
    f = rows.assign(earlier=rows.earlier.where(rows.workspace > 3))
    found = lab(hl.analyze(f, hl.ClusterDesign(**DESIGN), [hl.Mean("minutes", pre="earlier")], bootstrap=0, level=0.9))
    assert found[0]["workspaces"] == 20
    assert found[0]["level"] == 0.9
    assert found[-1]["false_alarms"] == pytest.approx(0.1, abs=0.001)
    assert np.isclose(float(found[3]["false_alarms"]), 0.1, atol=0.03)  # type: ignore[arg-type]
