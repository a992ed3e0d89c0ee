"""check: the screen, the JSON and the exit codes; outcomes that are not there yet."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

ROWS = "user,ws,d,seen,x\n" + "".join(
    f"{i},{i // 4},{i // 4 % 2},{(1 - i // 4 % 2) * (i % 3 == 0):d},{i % 3}\n" for i in range(96)
)
PLAN = """\
name: Small
data: rows.csv
unit: user
design: {kind: cluster, cluster: ws, treatment: d, exposure: {column: seen}}
metrics: [y]
covariates: [x]
"""
OPT_IN = "name: Chosen\ndata: rows.csv\nunit: user\ndesign: {kind: opt_in, treatment: seen}\nmetrics: [y]\ncovariates: [d]\n"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("rows.csv").write_text(ROWS, encoding="utf-8")
    Path("plan.yaml").write_text(PLAN, encoding="utf-8")
    return tmp_path


def test_bad_news_is_no_error_and_comes_first(cli, folder: Path):
    ended = cli("check")
    assert ended.code == 0
    assert "96 users in 24 workspaces, 12 of them treated" in ended.out
    assert ended.out.index("✗ Exposure is randomized") < ended.out.index("✓ Sample ratio") < ended.out.index("Not read: y.")
    assert ended.err.splitlines()[-1] == "Checking …"
    assert {p.name for p in folder.iterdir()} == {"rows.csv", "plan.yaml"}


def test_json_on_stdout_messages_on_stderr(cli):
    ended = cli("check", "--json")
    values = json.loads(ended.out)
    assert (ended.code, values["kind"], values["not_read"]) == (0, "cluster", ["y"])
    assert values["checks"][0]["level"] == "stop"
    assert "Checking …" in ended.err
    assert cli("check", "--json", "--quiet").err == ""


def test_who_opts_in_and_whom_the_data_support(cli):
    rows = ROWS.replace(",1,0,", ",1,1,", 3)
    Path("rows.csv").write_text(rows, encoding="utf-8")
    Path("plan.yaml").write_text(OPT_IN, encoding="utf-8")
    ended = cli("check", "--quiet")
    assert ended.code == 0, ended.err
    assert "Odds of opting in, per standard deviation: d (" in ended.out
    assert "The data support: " in ended.out


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("unit: user", "unit: usr", "Did you mean 'user'?"),
        ("rows.csv", "nope.csv", "There is no file"),
        ("metrics", "metric", "metrics"),
    ],
)
def test_what_cannot_be_checked_exits_2(cli, old: str, new: str, words: str):
    Path("plan.yaml").write_text(PLAN.replace(old, new), encoding="utf-8")
    ended = cli("check")
    assert (ended.code, ended.out) == (2, "")
    assert words in ended.err
