"""plan.yaml to a study: the keys of the contract, what is left out, and where the data are."""

from __future__ import annotations

from pathlib import Path

import pytest

from honestlift.design.assignment import Rule, assign
from honestlift.design.cluster import ClusterDesign, Treatment
from honestlift.design.exposure import Exposure
from honestlift.design.metric import Mean
from honestlift.design.study import Study
from honestlift.plan import DataPath, DataTable, read_plan

# The example of the contract, reduced to what this version does.
CONTRACT = """\
name: AI meeting notes                      # any text
data: users.parquet                         # parquet/csv path or glob, relative to the plan
unit: user_id
rows: units
design:
  kind: cluster
  cluster: workspace_id
  treatment: {column: arm, treated: on, control: off}
  assignment: assignment.json
  strata: [plan_tier]
  exposure:
    column: spillover_exposed
    randomized: true
  uptake: used_feature
metrics:
  - {name: Session minutes, column: session_minutes, better: higher, role: primary, pre: minutes_before}
  - {name: Errors, kind: mean, column: errors, better: lower, role: guardrail, margin: 0.02}
  - clicks
negative_controls: [logins_before]
covariates: [engagement_tier, {column: query_confidence}]
trim: null
missing: error
headline: itt
level: 0.9
seed: 7
bootstrap: 200
"""


def test_the_contract_becomes_the_study_that_the_calls_make(write, tmp_path: Path) -> None:
    record = assign([f"w{i}" for i in range(8)], Rule(), seed=3)
    (tmp_path / "assignment.json").write_text(record.to_json(), encoding="utf-8")
    plan = read_plan(write(CONTRACT))
    assert plan.study == Study(
        name="AI meeting notes",
        design=ClusterDesign(
            unit="user_id",
            cluster="workspace_id",
            treatment=Treatment(column="arm", treated="on", control="off"),
            strata=("plan_tier",),
            exposure=Exposure(column="spillover_exposed", randomized=True),
            uptake="used_feature",
            assignment=record,
        ),
        metrics=(
            Mean("session_minutes", name="Session minutes", role="primary", pre="minutes_before"),
            Mean("errors", name="Errors", better="lower", role="guardrail", margin=0.02),
            Mean("clicks"),
        ),
        negative_controls=("logins_before",),
        covariates=("engagement_tier", "query_confidence"),
        level=0.9,
        seed=7,
        bootstrap=200,
    )
    assert plan.data == DataPath(path=str(tmp_path / "users.parquet"))
    assert plan.path == tmp_path / "plan.yaml"


def test_what_is_left_out_or_left_empty_has_the_default_of_the_calls(minimal, write) -> None:
    expected = Study(
        design=ClusterDesign(unit="user_id", cluster="workspace_id", treatment="treated"), metrics=(Mean("session_minutes"),)
    )
    assert read_plan(write(minimal)).study == expected
    assert read_plan(write(minimal + "level:\nseed: null\ncovariates:\nname: ~\nmatching:\n")).study == expected
    assert read_plan(write(minimal)).study.sha256() == expected.sha256()


@pytest.mark.parametrize(
    ("data", "path"),
    [
        ("users.parquet", "{here}/users.parquet"),
        ("../day=*/*.parquet", "{above}/day=*/*.parquet"),
        ("/data/users.csv", "/data/users.csv"),
        ("s3://bucket/a/../users.parquet", "s3://bucket/a/../users.parquet"),
        ("~/users.csv", "{home}/users.csv"),
    ],
)
def test_data_are_relative_to_the_plan_and_not_to_the_working_folder(minimal, write, monkeypatch, tmp_path, data, path) -> None:
    monkeypatch.setenv("HOME", "/home/someone")
    plan = read_plan(write(minimal.replace("users.parquet", data)))
    assert plan.data == DataPath(path=path.format(here=tmp_path, above=tmp_path.parent, home="/home/someone"))


def test_data_in_a_database(minimal, write, tmp_path) -> None:
    plan = read_plan(write(minimal.replace("users.parquet", "{database: x.duckdb, table: t}")))
    assert plan.data == DataTable(database=str(tmp_path / "x.duckdb"), table="t")


@pytest.mark.parametrize(
    ("written", "treated", "control"),
    [
        ("treated: on, control: off", "on", "off"),
        ("treated: yes, control: NO", "yes", "NO"),
        ("treated: 'true', control: x", "true", "x"),
        ("treated: true, control: false", True, False),
        ("treated: 2, control: 1.5", 2, 1.5),
        ("treated: 01, control: 1e2", "01", 100.0),
    ],
)
def test_arms_keep_the_text_that_was_written(minimal, write, written, treated, control) -> None:
    arms = read_plan(
        write(minimal.replace("treatment: treated", f"treatment: {{column: arm, {written}}}"))
    ).study.design.treatment
    assert arms == Treatment(column="arm", treated=treated, control=control)
    assert [type(arms.treated), type(arms.control)] == [type(treated), type(control)]
