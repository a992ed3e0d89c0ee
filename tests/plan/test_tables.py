"""The keys of joined tables: read, written back, refused; and a plan's answer beside that of the calls."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from tests.joined_data import PLAN, written

import honestlift as hl
from honestlift.errors import HonestliftError, PlanError
from honestlift.plan import DataPath, DataTable, plan_text, read_plan


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return written(tmp_path)


def test_a_metric_with_a_window_is_a_sum_of_events(folder: Path) -> None:
    plan = read_plan(folder / "plan.yaml")
    study = plan.study
    assert isinstance(study, hl.Study)
    assert study.tables == hl.Tables(
        assignment=hl.AssignmentTable(
            arm="arm", cluster="workspace_id", time="assigned_at", joined="joined_at", moves="first", late="drop"
        ),
        exposure=hl.ExposureTable(unit="user_id", time="seen_at"),
        events=hl.EventTable(
            unit="user_id",
            time="at",
            until=date(2026, 3, 25),
            sums=(
                hl.EventSum(name="clicks", window="2w"),
                hl.EventSum(column="minutes", name="minutes (14d)", window="14d"),
                hl.EventSum(column="minutes", name="minutes (28d before)", window="28d", before=True),
                hl.EventSum(column="minutes", name="minutes (all)"),
                hl.EventSum(column="minutes", name="minutes (7d)", window="7d"),
                hl.EventSum(column="weight", name="weight (7d)", window="7d"),
            ),
        ),
    )
    assert study.metrics == (
        hl.Mean("minutes (14d)", pre="minutes (28d before)"),
        hl.Mean("minutes (all)", name="All minutes"),
        hl.Ratio("minutes (7d)", "weight (7d)", name="Per click"),
        hl.Mean("clicks"),
    )
    assert plan.tables["events"] == DataPath(path=str(folder / "events.parquet"))


def test_a_plan_with_tables_is_written_and_read_back(folder: Path) -> None:
    plan = read_plan(folder / "plan.yaml")
    places = {**plan.tables, "events": DataTable(database=str(folder / "lake.duckdb"), table="events")}
    (folder / "again.yaml").write_text(plan_text(plan.study, plan.data, folder, tables=places))
    again = read_plan(folder / "again.yaml")
    assert (again.study, again.tables) == (plan.study, places)
    assert again.study.sha256() == plan.study.sha256()
    with pytest.raises(HonestliftError, match="events is not among the data"):
        plan_text(plan.study, plan.data, folder, tables={k: v for k, v in places.items() if k != "events"})


@pytest.mark.parametrize(
    ("line", "other", "words"),
    [
        ("  time: at\n", "", r"window of 'clicks' needs a time"),
        ("window: 14d,", "window: fortnight,", r"line 18: The window 'fortnight' is no time"),
        ("window: 14d, ", "", r"line 18: `pre_window: '28d'` stands in a metric without"),
        ("until: 2026-03-25", "until: soon", r"line 10: events.until is 'soon'. Expected a date or a time"),
        ("moves: first", "moves: nowhere", r"line 4: assignment_table.moves is 'nowhere'. Expected 'error', 'first'"),
        ("cluster: workspace_id, time", "time", r"names both a cluster and a unit, or neither"),
        ("joined: joined_at, ", "", r"`moves: first` needs a time"),
        ("exposure_table:", "exposure_tabel:", r"line 5: .*exposure_tabel.* Did you mean .*exposure_table"),
        ("kind: cluster\n  cluster: workspace_id", "kind: opt_in", r"assignment_table"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(folder: Path, line: str, other: str, words: str) -> None:
    assert line in PLAN
    (folder / "plan.yaml").write_text(PLAN.replace(line, other, 1))
    with pytest.raises(PlanError, match=words):
        read_plan(folder / "plan.yaml")


def test_a_window_without_events_is_refused(tmp_path: Path) -> None:
    text = PLAN[: PLAN.index("exposure_table:")] + PLAN[PLAN.index("design:") :]
    (tmp_path / "plan.yaml").write_text(text.replace("  - clicks\n", ""))
    with pytest.raises(PlanError, match="A metric over 'minutes' has a window, and the plan names no events"):
        read_plan(tmp_path / "plan.yaml")


def test_an_opt_in_metric_has_no_window(tmp_path: Path) -> None:
    (tmp_path / "plan.yaml").write_text(
        "data: users.parquet\nunit: u\ndesign: {kind: opt_in, treatment: chose}\ncovariates: [tier]\n"
        "metrics: [{column: minutes, window: 14d}]\n"
    )
    with pytest.raises(PlanError, match="Only cluster studies join tables"):
        read_plan(tmp_path / "plan.yaml")


@pytest.mark.parametrize("key", ["events", "assignment_table", "exposure_table"])
def test_an_opt_in_plan_names_no_tables(tmp_path: Path, key: str) -> None:
    (tmp_path / "plan.yaml").write_text(
        f"data: users.parquet\nunit: u\ndesign: {{kind: opt_in, treatment: chose}}\ncovariates: [tier]\nmetrics: [minutes]\n"
        f"{key}: {{data: other.parquet, unit: u}}\n"
    )
    with pytest.raises(PlanError, match=rf"line 6: the key '{key}' .*an opt-in study joins no tables"):
        read_plan(tmp_path / "plan.yaml")
