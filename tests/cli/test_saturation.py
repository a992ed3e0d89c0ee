"""A two-stage study from the command line: the recorded rule is recognised, as in Python; checked without outcomes; sums are refused."""

import json
from pathlib import Path

import pytest

from two_stage_data import answer, record, rows

DRAWN = record(24, (0.0, 0.5, 1.0))
ROWS = rows(DRAWN, size=12)


@pytest.fixture
def plan(tmp_path: Path) -> Path:
    ROWS.to_csv(tmp_path / "users.csv", index=False)
    (tmp_path / "assignment.json").write_text(DRAWN.to_json(), encoding="utf-8")
    path = tmp_path / "plan.yaml"
    design = "{kind: cluster, cluster: workspace, treatment: treated, assignment: assignment.json}"
    path.write_text(f"data: users.csv\nunit: user\ndesign: {design}\nmetrics: [minutes]\n", encoding="utf-8")
    return path


def test_run_gives_what_python_gives_and_a_page(cli, plan: Path):
    ended = cli("run", plan, "--quiet")
    assert ended.code == 0, ended.err
    assert "with 100 % of a workspace's users treated" in " ".join(ended.out.replace("│", " ").split())
    made = json.loads((plan.parent / "result.json").read_text(encoding="utf-8"))
    assert [e["estimand"] for e in made["estimates"] if e["headline"]] == ["overall:1-0"]
    assert [e["estimate"] for e in made["estimates"]] == [e.estimate for e in answer(ROWS, DRAWN).estimates]
    assert "Outcome by saturation" in (plan.parent / "report.html").read_text(encoding="utf-8")


def test_check_reads_no_outcome(cli, plan: Path):
    ROWS.drop(columns="minutes").to_csv(plan.parent / "users.csv", index=False)
    ended = cli("check", plan, "--json", "--quiet")
    assert ended.code == 0, ended.err
    found = json.loads(ended.out)
    assert {c["level"] for c in found["checks"]} == {"ok"}
    assert found["not_read"] == ["minutes"]


def test_sums_cannot_be_kept(cli, plan: Path):
    ended = cli("run", plan, "--save-moments", plan.parent / "m.parquet", "--quiet")
    assert ended.code == 2
    assert "two-stage" in ended.err
    assert not (plan.parent / "m.parquet").exists()
