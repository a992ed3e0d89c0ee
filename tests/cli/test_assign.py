"""assign: a draw with its record, and a run that checks the data against it."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest
from pyarrow import parquet

from honestlift import Assignment
from studies import frame

PLAN = """\
data: users.parquet
unit: user
design:
  kind: cluster
  cluster: workspace
  treatment: treated
  assignment: assignment.json
{strata}
metrics: [minutes]
bootstrap: 0
"""


def write(folder: Path, f: pd.DataFrame) -> None:
    parquet.write_table(pa.Table.from_pandas(f, preserve_index=False), folder / "users.parquet")


@pytest.fixture
def roster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> pd.DataFrame:
    monkeypatch.chdir(tmp_path)
    f = (
        frame(24, 10)
        .assign(tier=["free", "pro", "max"] * 80)
        .assign(tier=lambda d: d.groupby("workspace").tier.transform("first"))
    )
    write(tmp_path, f)
    return f


def follow(folder: Path, f: pd.DataFrame) -> pd.DataFrame:
    assigned = json.loads((folder / "assignment.json").read_text(encoding="utf-8"))["assigned"]
    return f.assign(treated=[int(assigned[str(w)] == "treated") for w in f.workspace])


def test_draw_record_plan_run(cli, roster: pd.DataFrame, tmp_path: Path):
    drawn = cli("assign", "users.parquet", "--cluster", "workspace", "--seed", "7")
    assert drawn.code == 0
    assert drawn.out == "12 workspaces treated, 12 control; complete randomization, seed 7.\n"
    assert "design.assignment" in drawn.err
    record = Assignment.from_json((tmp_path / "assignment.json").read_text(encoding="utf-8"))
    assert record.reproduces()
    write(tmp_path, follow(tmp_path, roster))
    (tmp_path / "plan.yaml").write_text(PLAN.format(strata=""), encoding="utf-8")
    result = json.loads(cli("run", "--json").out)
    levels = {c["code"]: c["level"] for c in result["checks"]}
    assert (levels["assignment_followed"], levels["sample_ratio"]) == ("ok", "ok")
    write(tmp_path, follow(tmp_path, roster).assign(treated=lambda d: 1 - d.treated))
    broken = json.loads(cli("run", "--json").out)
    assert {c["code"]: c["level"] for c in broken["checks"]}["assignment_followed"] == "stop"
    assert broken["verdict"]["level"] == "not trustworthy"


def test_stratified_draw_and_run(cli, roster: pd.DataFrame, tmp_path: Path):
    drawn = cli("assign", "users.parquet", "-c", "workspace", "-s", "tier", "--seed", "7", "--share", "0.5")
    assert drawn.code == 0
    assert "stratified randomization" in drawn.out
    followed = follow(tmp_path, roster)
    per_tier = followed.groupby("tier").apply(
        lambda d: d.groupby("workspace").treated.first().agg(["sum", "size"]), include_groups=False
    )
    assert ((per_tier["sum"] - per_tier["size"] / 2).abs() < 1).all()
    write(tmp_path, followed)
    (tmp_path / "plan.yaml").write_text(PLAN.format(strata="  strata: [tier]"), encoding="utf-8")
    result = json.loads(cli("run", "--json").out)
    assert {c["code"]: c["level"] for c in result["checks"]}["assignment_followed"] == "ok"
    assert next(e for e in result["estimates"] if e["headline"])["adjustment"].startswith("strata")


@pytest.mark.usefixtures("roster")
def test_the_seed_decides_and_a_fresh_one_is_recorded(cli):
    for name, seed in (("a", ["--seed", "1"]), ("b", ["--seed", "1"]), ("c", [])):
        assert cli("assign", "users.parquet", "-c", "workspace", "--out", f"{name}.json", *seed).code == 0
    a, b, c = (Path(f"{name}.json").read_text(encoding="utf-8") for name in "abc")
    assert a == b
    assert a != c
    fresh = Assignment.from_json(c)
    assert fresh.reproduces()
    assert f"seed {fresh.seed}" not in a


def test_the_order_of_rows_does_not_matter(cli, roster: pd.DataFrame, tmp_path: Path):
    cli("assign", "users.parquet", "-c", "workspace", "--seed", "3", "--out", "a.json")
    write(tmp_path, roster.sample(frac=1, random_state=0))
    cli("assign", "users.parquet", "-c", "workspace", "--seed", "3", "--out", "b.json")
    assert Path("a.json").read_bytes() == Path("b.json").read_bytes()


@pytest.mark.usefixtures("roster")
def test_a_second_draw_is_a_second_experiment(cli, tmp_path: Path):
    assert cli("assign", "users.parquet", "-c", "workspace").code == 0
    before = (tmp_path / "assignment.json").read_bytes()
    ended = cli("assign", "users.parquet", "-c", "workspace")
    assert ended.code == 2
    assert "a second draw is a second experiment" in ended.err
    assert (tmp_path / "assignment.json").read_bytes() == before
    assert cli("assign", "users.parquet", "-c", "workspace", "--force").code == 0
    assert (tmp_path / "assignment.json").read_bytes() != before


@pytest.mark.usefixtures("roster")
@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["-c", "workspce"], "Did you mean 'workspace'?"),
        (["-c", "workspace", "-s", "tir"], "Did you mean 'tier'?"),
        (["-c", "workspace", "--share", "0.01"], "Expected at least 2 in each arm"),
        (["-c", "workspace", "--share", "1.5"], "a number between 0 and 1"),
        (["-c", "workspace", "--share", "nan"], "a number between 0 and 1"),
        (["-c", "workspace", "-s", "user"], "more than one stratum"),
        (["-c", "workspace", "--seed", "-1"], "--seed"),
        ([], "--cluster"),
    ],
)
def test_draws_that_cannot_be_exit_2_and_write_nothing(cli, tmp_path: Path, args: list[str], words: str):
    ended = cli("assign", "users.parquet", *args)
    assert ended.code == 2
    assert words in ended.err
    assert not (tmp_path / "assignment.json").exists()


def test_clusters_without_a_name_are_refused(cli, roster: pd.DataFrame, tmp_path: Path):
    write(tmp_path, roster.assign(workspace=roster.workspace.where(roster.user != 3)))
    ended = cli("assign", "users.parquet", "-c", "workspace")
    assert ended.code == 2
    assert "no value of 'workspace'" in ended.err
