"""A plan of an opt-in study: its keys, its mistakes, and that it reads back as the calls say it."""

from __future__ import annotations

from pathlib import Path

import pytest

from honestlift.design.cluster import Treatment
from honestlift.design.metric import Mean
from honestlift.design.modelling import Matching, Propensity
from honestlift.design.opt_in import Covariate, OptInDesign, OptInStudy
from honestlift.plan import DataPath, plan_text, read_plan

PLAN = """\
data: users.parquet
unit: user_id
design:
  kind: opt_in
  treatment: opt_in_agent_mode
metrics:
  - task_completed
covariates: [engagement_tier]
"""


def test_a_short_plan_is_the_short_call(write) -> None:
    expected = OptInStudy(
        design=OptInDesign(unit="user_id", treatment="opt_in_agent_mode"),
        metrics=(Mean("task_completed"),),
        covariates=("engagement_tier",),
    )
    assert read_plan(write(PLAN)).study == expected
    assert read_plan(write(PLAN)).study.sha256() == expected.sha256()


@pytest.mark.parametrize("trim", [None, (0.1, 0.9), "crump"])
def test_a_study_written_as_a_plan_reads_back_as_the_same(tmp_path: Path, trim) -> None:
    study = OptInStudy(
        name="Agent mode",
        design=OptInDesign(
            unit="u",
            treatment=Treatment(column="mode", treated="agent", control="classic"),
            estimands=("ATT", "ATM"),
            cluster="w",
            treatment_time="since",
            unit_type="text",
        ),
        metrics=(Mean("y"), Mean("z", better="lower", role="guardrail", margin=0.02)),
        covariates=("a", "b"),
        timed=(Covariate("b", measured_at="ts"),),
        negative_controls=("n",),
        propensity=Propensity(penalty="l2", C=2.5),
        matching=Matching(neighbours=3, caliper=0.05, exact=("a",), bootstrap=True),
        trim=trim,
        missing="category",
        level=0.9,
        seed=3,
        bootstrap=0,
    )
    (tmp_path / "plan.yaml").write_text(plan_text(study, DataPath(path=str(tmp_path / "x.csv")), tmp_path), encoding="utf-8")
    read = read_plan(tmp_path / "plan.yaml")
    assert read.study == study
    assert read.study.sha256() == study.sha256()


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("covariates: [engagement_tier]\n", "", "plan.yaml, line 1: the key 'covariates' is missing."),
        (
            "  kind: opt_in\n",
            "  kind: opt_in\n  estimands: [ATX]\n",
            "plan.yaml, line 5: design.estimands[0] is 'ATX'. Expected 'ATE'",
        ),
        (
            "  kind: opt_in\n",
            "  kind: opt_in\n  estimands: [ATE, ATE]\n",
            "plan.yaml, line 5: estimands is ['ATE', 'ATE']. Expected each",
        ),
        (
            "  kind: opt_in\n",
            "  kind: opt_in\n  strata: [a]\n",
            "plan.yaml, line 5, in design: the key 'strata' does not stand here.",
        ),
        (
            "metrics:",
            "propensity: {penalty: l1}\nmetrics:",
            "plan.yaml, line 6: propensity.penalty is 'l1'. Expected 'none' or 'l2'",
        ),
        (
            "metrics:",
            "propensity: {penalty: l2, c: 1}\nmetrics:",
            "plan.yaml, line 6, in propensity: there is no key 'c'. Did you mean 'C'?",
        ),
        (
            "metrics:",
            "trim: [0.9, 0.1]\nmetrics:",
            "plan.yaml, line 6: trim is a list. Expected two propensities in ascending order",
        ),
        (
            "metrics:",
            "trim: 0.1\nmetrics:",
            "plan.yaml, line 6: trim is 0.1. Expected two propensities in ascending order, or crump",
        ),
        ("metrics:", "matching: {caliper: 2}\nmetrics:", "plan.yaml, line 6: matching.caliper is 2. Expected less than 1"),
        ("metrics:", "matching: {exact: [x]}\nmetrics:", "plan.yaml, line 6: exact is 'x'. Expected covariates of the study."),
        (
            "[engagement_tier]",
            "[task_completed]",
            "plan.yaml, line 8: Column 'task_completed' is named both as metric and as covariate.",
        ),
        (
            "[engagement_tier]",
            "[{column: engagement_tier, measured_at: ts}]",
            "plan.yaml, line 8: The covariate 'engagement_tier' says when it was measured ('ts'), and the design does not say when "
            "users opted in. Expected both, to compare them. Add `treatment_time: column` to the design",
        ),
        ("metrics:", "unit_type: float\nmetrics:", "plan.yaml, line 6: unit_type is 'float'. Expected 'integer' or 'text'"),
        ("metrics:", "rows: events\nmetrics:", "plan.yaml, line 6: rows is 'events'. Expected 'units'"),
    ],
)
def test_a_mistake_is_told_with_its_line(refuse, old: str, new: str, message: str) -> None:
    assert PLAN.count(old) == 1
    told = refuse(PLAN.replace(old, new))
    assert len(told) == 1
    assert told[0].startswith(message)


def test_keys_of_an_opt_in_study_do_not_stand_in_a_cluster_plan_unless_they_are_empty(minimal, refuse, write) -> None:
    told = refuse(minimal + "propensity: {penalty: l2}\n")
    assert told == [
        "plan.yaml, line 9: the key 'propensity' does not stand here. "
        "Expected it in a plan of `design: {kind: opt_in}`. Move it there."
    ]
    assert read_plan(write(minimal + "propensity:\ntrim: null\n")).study == read_plan(write(minimal)).study
