"""rollout and export: a roll-out by hash read and followed, and a record as platforms read it."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest
from pyarrow import parquet

import honestlift as hl
from studies import frame

PLAN = """\
data: users.parquet
unit: user
design: {kind: cluster, cluster: workspace, treatment: treated, assignment: assignment.json}
metrics: [minutes]
bootstrap: 0
"""


@pytest.fixture
def users(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> pd.DataFrame:
    """Forty workspaces, each in the arm to which a flag hashes it."""
    monkeypatch.chdir(tmp_path)
    f = frame(40, 10)
    names = [str(w) for w in f.workspace]
    f["treated"] = [int(v == "treated") for v in hl.HashedFlag(key="ai-notes").variations(names)]
    parquet.write_table(pa.Table.from_pandas(f, preserve_index=False), "users.parquet")
    Path("plan.yaml").write_text(PLAN, encoding="utf-8")
    return f


def test_data_that_follow_a_flag_are_a_bernoulli_design(cli, users: pd.DataFrame):
    ended = cli("rollout", "users.parquet", "-c", "workspace", "--key", "ai-notes")
    treated = int(users.groupby("workspace").treated.first().sum())
    assert ended.out == f"40 workspaces: {40 - treated} control, {treated} treated; a coin for each workspace, by hash.\n"
    lift = hl.Lift.from_dict(json.loads(cli("run", "plan.yaml", "--json", "--quiet").out))
    assert lift.check("assignment_followed").level == "ok"
    assert "its flag hashes to the same arms again" in lift.check("assignment_followed").statement
    assert "each had a chance of 50 %" in lift.check("sample_ratio").statement


@pytest.mark.usefixtures("users")
def test_data_that_do_not_follow_it_are_stopped(cli):
    cli("rollout", "users.parquet", "-c", "workspace", "--key", "another", "--hash-version", 1)
    lift = hl.Lift.from_dict(json.loads(cli("run", "plan.yaml", "--json", "--quiet").out))
    assert lift.check("assignment_followed").level == "stop"
    assert lift.verdict.level == "not trustworthy"


def test_a_record_is_exported_as_lists_a_feature_and_rows(cli, users: pd.DataFrame):
    cli("assign", "users.parquet", "-c", "workspace", "--seed", 3)
    record = hl.Assignment.from_json(Path("assignment.json").read_text(encoding="utf-8"))
    common = ("export", "assignment.json", "-e", "ai", "-c", "workspace")
    more = ("-d", "users.parquet", "-u", "user", "--at", "2026-11-01T08:30:00")
    ended = cli(*common, *more, "--users", "x.csv", "--targeting", "lists.json", "--growthbook", "feature.json")
    assert ended.code == 0, ended.err
    rows = pd.read_csv("x.csv")
    assert list(rows.columns) == ["unit", "experiment", "variation", "timestamp", "cluster"]
    assert rows.unit.tolist() == sorted(users.user)
    assert set(rows.timestamp) == {"2026-11-01T08:30:00Z"}
    assert (rows.variation == [record.assigned[str(c)] for c in rows.cluster]).all()
    lists = json.loads(Path("lists.json").read_text(encoding="utf-8"))
    assert lists["attribute"] == "workspace"
    assert {name: arm for arm, names in lists["variations"].items() for name in names} == dict(record.assigned)
    feature = json.loads(Path("feature.json").read_text(encoding="utf-8"))["ai"]
    assert feature["defaultValue"] is False
    assert feature["rules"] == [{"condition": {"workspace": {"$in": lists["variations"]["treated"]}}, "force": True}]


def test_users_outside_the_record_are_left_out_and_counted(cli, users: pd.DataFrame):
    cli("rollout", "users.parquet", "-c", "workspace", "--key", "ai-notes", "--coverage", 0.5)
    common = ("-e", "ai", "-c", "workspace", "-d", "users.parquet", "-u", "user", "--at", "2026-11-01")
    ended = cli("export", "assignment.json", *common, "--users", "x.parquet")
    kept = parquet.read_table("x.parquet").num_rows
    assert f"{len(users) - kept} users are in workspaces that are not in the record" in ended.err
    assert 0 < kept < len(users)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("export", "none.json", "-e", "a", "-c", "workspace", "--targeting", "l.json"), "There is no record at none.json"),
        (("export", "assignment.json", "-e", "a", "-c", "workspace"), "Nothing to write"),
        (("export", "assignment.json", "-e", "a", "-c", "workspace", "--users", "l.csv"), "needs --data"),
        (("export", "assignment.json", "-e", "a", "-c", "workspace", "--targeting", "plan.yaml"), "is there already"),
        (("export", "users.parquet", "-e", "a", "-c", "workspace", "--targeting", "l.json"), "is not text in UTF-8"),
        (("export", "s.json", "-e", "a", "-c", "workspace", "--targeting", "l.json"), "treats users"),
        (("rollout", "users.parquet", "-c", "workspace", "--key", "a", "--out", "plan.yaml"), "is there already"),
        (("rollout", "users.parquet", "-c", "workspace", "--key", "a", "--weight", "on", "--out", "n.json"), "--weight is 'on'"),
        (
            ("rollout", "users.parquet", "-c", "workspace", "--key", "a", "--coverage", "0.001", "--out", "n.json"),
            "The flag 'a' puts",
        ),
    ],
)
@pytest.mark.usefixtures("users")
def test_what_cannot_be_done_is_said_and_nothing_written(cli, words: tuple[str, ...], said: str):
    cli("assign", "users.parquet", "-c", "workspace", "--seed", 3)
    saturated = ("--saturation", "0", "--saturation", "0.5", "-u", "user", "--users", "s.csv", "--out", "s.json")
    cli("assign", "users.parquet", "-c", "workspace", "--seed", 3, *saturated)
    before = sorted(Path().iterdir())
    ended = cli(*words)
    assert ended.code == 2
    assert said in ended.err
    assert sorted(Path().iterdir()) == before
