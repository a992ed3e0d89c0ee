"""init: a draft that runs on the published file, and files that are not overwritten."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from pyarrow.parquet import write_table

from honestlift.plan import read_plan
from honestlift.simulate import published


def test_init_validate_run_on_the_published_file(cli, study: Path):
    (study / "plan.yaml").unlink()
    drafted = cli("init", "users.parquet")
    assert drafted.code == 0
    assert drafted.out == "plan.yaml is drafted from 19 columns. Every role in it is a guess.\n"
    assert "honestlift validate plan.yaml" in drafted.err
    design = read_plan("plan.yaml").study.design
    assert (design.unit, design.cluster, design.treatment) == ("user_id", "workspace_id", "treated")
    assert cli("validate", "plan.yaml").code == 0
    ended = cli("run", "plan.yaml", "--json")
    assert ended.code == 0
    naive = next(e for e in json.loads(ended.out)["estimates"] if e["method"] == "naive_ols")
    assert round(naive["estimate"], 4) == 0.6723


def test_a_plan_that_is_there_stays(cli, study: Path):
    before = (study / "plan.yaml").read_bytes()
    ended = cli("init", "users.parquet")
    assert ended.code == 2
    assert "plan.yaml is there already" in ended.err
    assert (study / "plan.yaml").read_bytes() == before
    assert cli("init", "users.parquet", "--force").code == 0
    assert (study / "plan.yaml").read_bytes() != before


def test_print_writes_nothing(cli, study: Path):
    ended = cli("init", "users.parquet", "--print")
    assert ended.code == 0
    assert "cluster: workspace_id" in ended.out
    assert sorted(os.listdir(study)) == ["plan.yaml", "users.parquet"]


@pytest.mark.parametrize("target", ["plans/deep/p.yaml", "p.yaml"])
def test_the_data_are_named_from_where_the_plan_stands(cli, study: Path, target: str):
    assert cli("init", "users.parquet", "--out", target).code == 0
    assert Path(read_plan(target).data.path).resolve() == (study / "users.parquet").resolve()  # pyright: ignore[reportAttributeAccessIssue]


def test_a_glob_and_an_absolute_path(cli, study: Path):
    assert cli("init", "*.parquet", "--out", "glob.yaml").code == 0
    assert cli("validate", "glob.yaml").code == 0
    assert cli("init", study / "users.parquet", "--out", "absolute.yaml").code == 0
    assert cli("validate", "absolute.yaml").code == 0


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("nope.parquet", None, "There is no file at"),
        ("text.parquet", b"this is no parquet", "cannot be read"),
        ("rows.xlsx", b"PK", "neither parquet nor CSV"),
    ],
)
def test_files_that_cannot_be_read_exit_2(cli, study: Path, name: str, content: bytes | None, words: str):
    if content is not None:
        (study / name).write_bytes(content)
    ended = cli("init", name, "--out", "other.yaml")
    assert ended.code == 2
    assert words in ended.err
    assert not (study / "other.yaml").exists()


def test_a_file_without_rows_exits_2(cli, study: Path):
    (study / "empty.csv").write_text("user_id,workspace_id,treated,minutes\n", encoding="utf-8")
    ended = cli("init", "empty.csv", "--out", "other.yaml")
    assert (ended.code, ended.out) == (2, "")
    assert "The table has no rows" in ended.err


def test_hostile_column_names_become_a_plan_that_can_be_read(cli, study: Path):
    rows = "".join(f"{i},{i // 4},{i // 4 % 2},{i},{i}\n" for i in range(40))
    (study / "odd.csv").write_text('user_id,"ws: [1] #","treated\t","a ""b"" {c}",on\n' + rows, encoding="utf-8")
    assert cli("init", "odd.csv", "--out", "odd.yaml").code == 0
    assert "\t" not in (study / "odd.yaml").read_text(encoding="utf-8")
    assert cli("validate", "odd.yaml").code in (0, 2)


@pytest.fixture
def chosen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The published file of users who choose by themselves."""
    monkeypatch.chdir(tmp_path)
    write_table(published(5_000).table, "users.parquet")
    return tmp_path


@pytest.mark.usefixtures("chosen")
def test_a_file_of_users_who_chose_becomes_an_opt_in_plan_that_runs(cli):
    assert cli("init", "users.parquet").code == 0
    study = read_plan("plan.yaml").study
    assert (study.design.unit, study.design.treatment) == ("user_id", "opt_in_agent_mode")
    assert study.covariates == ("engagement_tier", "query_confidence")
    assert "Everything rests on these" in Path("plan.yaml").read_text(encoding="utf-8")
    assert cli("check", "--quiet").code == 0
    ended = cli("run", "--json", "--quiet")
    assert ended.code == 0, ended.err
    assert json.loads(ended.out)["kind"] == "opt_in"


@pytest.mark.usefixtures("chosen")
def test_roles_that_are_named_are_not_guessed(cli):
    args = ["--kind", "opt_in", "--cluster", "workspace_id", "--metric", "task_completed", "--metric", "thumbs_up"]
    assert cli("init", "users.parquet", *args, "--covariate", "engagement_tier").code == 0
    study = read_plan("plan.yaml").study
    assert study.design.cluster == "workspace_id"
    assert [m.column for m in study.metrics] == ["task_completed"]
    assert "column: thumbs_up" in Path("plan.yaml").read_text(encoding="utf-8")
    assert study.covariates == ("engagement_tier",)
    wrong = cli("init", "users.parquet", "--force", "--treatment", "opt_in")
    assert wrong.code == 2
    assert "no column 'opt_in'" in wrong.err


def test_what_was_done_is_the_users_to_say(cli, study: Path):
    """The collaboration file has an arm and a choice."""
    assert cli("init", "users.parquet", "--force").code == 0
    assert read_plan("plan.yaml").study.canonical()["design"]["kind"] == "cluster"
    args = ["--force", "--kind", "opt_in", "--metric", "task_completed"]
    assert cli("init", "users.parquet", *args).code == 0
    made = read_plan(study / "plan.yaml").study
    assert (made.design.treatment, made.canonical()["design"]["kind"]) == ("opt_in_agent_mode", "opt_in")
    assert cli("init", "users.parquet", "--force", "--treatment", "prompt_variant", "--kind", "cluster").code == 0
    assert read_plan("plan.yaml").study.design.treatment == "prompt_variant"
