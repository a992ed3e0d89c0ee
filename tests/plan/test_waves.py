"""The plan of a roll-out in waves: read, written, drafted, and refused with its line."""

from __future__ import annotations

from pathlib import Path

import pytest

import honestlift as hl
from honestlift.errors import PlanError
from honestlift.plan import ColumnSketch, Given, draft, json_schema, plan_text, read_plan

PLAN = """name: Roll-out
data: users.parquet
unit: user_id
design:
  kind: waves
  cluster: workspace_id
  period: week
  start: first_week
metrics: [minutes]
"""


def read(folder: Path, text: str) -> hl.WavesStudy:
    """The study of a plan."""
    (folder / "plan.yaml").write_text(text)
    study = read_plan(folder / "plan.yaml").study
    assert isinstance(study, hl.WavesStudy)
    return study


def test_a_plan_says_what_the_call_says(tmp_path: Path):
    design = hl.WavesDesign(unit="user_id", cluster="workspace_id", period="week", start="first_week")
    assert read(tmp_path, PLAN) == hl.WavesStudy(name="Roll-out", design=design, metrics=(hl.Mean("minutes"),))
    assert read(tmp_path, PLAN).sha256() == hl.WavesStudy(name="Roll-out", design=design, metrics=(hl.Mean("minutes"),)).sha256()


@pytest.mark.parametrize("more", ["", "  base: last\n  randomized: true\n"])
def test_what_is_written_reads_back(tmp_path: Path, more: str):
    study = read(tmp_path, PLAN.replace("metrics:", f"{more}negative_controls: [logins]\nlevel: 0.9\nmetrics:"))
    plan = read_plan(tmp_path / "plan.yaml")
    assert read(tmp_path, plan_text(study, plan.data, tmp_path)) == study


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("metrics:", "covariates: [a]\nmetrics:", "line 9: the key 'covariates' does not stand here"),
        ("  start: first_week\n", "", "line 4: the key 'design.start' is missing"),
        ("  start: first_week", "  start: week", "both as period and as start"),
        ("[minutes]", "[{column: minutes, window: 14d}]", "Only cluster studies join tables"),
        ("[minutes]", "[{kind: ratio, numerator: a, denominator: b}]", "in a metric of `kind: ratio`, in a cluster study"),
        ("[minutes]", "[{column: minutes, pre: before}]", "line 9: pre is 'before'"),
        ("  start:", "  treatment: on\n  start:", "Expected it in a plan of `design: {kind: cluster}`"),
        ("  start:", "  base: first\n  start:", "Expected 'all' or 'last'"),
        ("metrics:", "rows: events\nmetrics:", "Expected 'periods'"),
    ],
)
def test_a_mistake_is_told_with_its_line(tmp_path: Path, old: str, new: str, said: str):
    with pytest.raises(PlanError) as found:
        read(tmp_path, PLAN.replace(old, new))
    assert said in str(found.value)


def test_the_schema_has_the_third_kind():
    schema = json_schema()
    assert len(schema["oneOf"]) == 3
    assert schema["$defs"]["WavesDesignSection"]["required"] == ["kind", "cluster", "period", "start"]


def test_a_draft_finds_the_columns_that_say_when(tmp_path: Path):
    columns = [
        ColumnSketch(name="user_id", kind="integer", distinct=900, rows=1000),
        ColumnSketch(name="workspace_id", kind="integer", distinct=50, rows=1000),
        ColumnSketch(name="week", kind="integer", distinct=12, rows=1000),
        ColumnSketch(name="rollout_week", kind="integer", distinct=3, rows=1000),
        ColumnSketch(name="session_minutes", kind="number", distinct=800, rows=1000),
    ]
    study = read(tmp_path, draft(columns, "users.parquet", Given(kind="waves")))
    assert (study.design.period, study.design.start, study.primary.column) == ("week", "rollout_week", "session_minutes")
    told = read(tmp_path, draft(columns, "users.parquet", Given(kind="waves", period="rollout_week", treatment="week")))
    assert (told.design.period, told.design.start) == ("rollout_week", "week")
    empty = draft(columns[:2], "users.parquet", Given(kind="waves"))
    assert empty.count("FILL IN") == 3
