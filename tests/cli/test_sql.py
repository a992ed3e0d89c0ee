"""sql: the query on stdout or in a file, what it needs to be told, and the way back through run --moments."""

from __future__ import annotations

import json
from pathlib import Path

import duckdb
import pytest

from joined_data import written


def test_the_published_study_through_its_query(cli, study: Path):
    ended = cli("sql", "plan.yaml", "--out", "sums.sql")
    assert (ended.code, ended.out, ended.err) == (0, "", "The query is in sums.sql.\n")
    duckdb.sql((study / "sums.sql").read_text(encoding="utf-8")).write_parquet(str(study / "sums.parquet"))
    assert cli("run", "plan.yaml", "--out", "rows.json", "-q").code == 0
    (study / "users.parquet").unlink()
    ended = cli("run", "plan.yaml", "--moments", "sums.parquet", "--out", "sums.json", "-q")
    assert ended.code == 0
    rows, sums = (json.loads((study / name).read_text(encoding="utf-8")) for name in ("rows.json", "sums.json"))
    assert rows["estimates"] == sums["estimates"]
    assert rows["verdict"] == sums["verdict"]
    assert "Every user stands on one row" in next(c["statement"] for c in sums["checks"] if c["code"] == "stored_moments")


@pytest.mark.parametrize("dialect", ["duckdb", "spark", "postgres", "bigquery", "snowflake"])
def test_every_dialect_names_the_table(cli, study: Path, dialect: str):
    ended = cli("sql", study / "plan.yaml", "--dialect", dialect, "--table", "app.users")
    assert ended.code == 0
    assert ended.out.startswith("-- honestlift ")
    assert ended.out.endswith("\n")
    for quoted in ('"app"."users"', "`app`.`users`", '"APP"."USERS"'):
        if quoted in ended.out:
            break
    else:
        pytest.fail("the table is not quoted")


def test_long_lines_stay_whole(cli, study: Path):
    line = next(one for one in cli("sql", study / "plan.yaml").out.splitlines() if "AS layout" in one)
    assert json.loads(line.strip().removeprefix("'").removesuffix("' AS layout,"))["version"] == 1


def test_data_that_cannot_be_looked_at(cli, study: Path):
    plan = (study / "plan.yaml").read_text(encoding="utf-8")
    plan = plan.replace("users.parquet", "far.parquet") + "covariates: [tier]\n"
    (study / "far.yaml").write_text(plan, encoding="utf-8")
    ended = cli("sql", "far.yaml", "--table", "t", "--text", "tier", "--boolean", "session_minutes_obs")
    assert ended.code == 0
    assert ended.err.startswith("The plan's data were not looked at.")
    assert '"tier" AS k3' in ended.out
    assert 'CAST(CASE WHEN "session_minutes_obs" THEN 1 WHEN NOT "session_minutes_obs" THEN 0 END AS DOUBLE)' in ended.out
    assert 'CAST("tier" AS DOUBLE)' in cli("sql", "far.yaml", "--table", "t").out


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--dialect", "bigquery"], "Expected --table analytics.users"),
        (["--table", "a", "--dbt", "b"], "Expected one of the two"),
        (["--dialect", "oracle"], "'oracle' is not one of"),
        (["--out", "plan.yaml"], "would be replaced"),
        (["--dbt", "a b"], "is no name of a dbt model"),
    ],
)
def test_what_cannot_be(cli, study: Path, options: list[str], words: str):
    ended = cli("sql", "plan.yaml", *options)
    assert ended.code == 2
    assert words in ended.err
    assert sorted(p.name for p in study.iterdir()) == ["plan.yaml", "users.parquet"]


def test_a_column_that_is_not_there(cli, study: Path):
    plan = (study / "plan.yaml").read_text(encoding="utf-8").replace("session_minutes_obs", "session_minuts_obs")
    (study / "plan.yaml").write_text(plan, encoding="utf-8")
    ended = cli("sql", "plan.yaml")
    assert ended.code == 2
    assert "Did you mean 'session_minutes_obs'?" in ended.err


def test_a_study_of_users_who_choose(cli, tmp_path: Path):
    plan = "data: x.parquet\nunit: u\ndesign: {kind: opt_in, treatment: t}\nmetrics: [y]\ncovariates: [x]\n"
    (tmp_path / "plan.yaml").write_text(plan, encoding="utf-8")
    ended = cli("sql", tmp_path / "plan.yaml", "--table", "t")
    assert ended.code == 2
    assert "No query can make the sums of this study: 'a study of users who choose'" in ended.err


@pytest.mark.parametrize("place", ["lake", "lake/**/*.parquet"])
def test_rows_in_folders_whose_names_are_columns(cli, study: Path, place: str):
    duckdb.sql("FROM 'users.parquet'").write_parquet("lake", partition_by=["workspace_id"])
    (study / "users.parquet").unlink()
    plan = (study / "plan.yaml").read_text(encoding="utf-8")
    (study / "plan.yaml").write_text(plan.replace("users.parquet", place), encoding="utf-8")
    assert cli("sql", "plan.yaml", "--out", "sums.sql").code == 0
    duckdb.sql((study / "sums.sql").read_text(encoding="utf-8")).write_parquet("sums.parquet")
    assert cli("check", "plan.yaml", "-q").code == 0
    rows, sums = (cli("run", "plan.yaml", "--json", "-q", *more) for more in ((), ("--moments", "sums.parquet")))
    assert json.loads(rows.out)["estimates"] == json.loads(sums.out)["estimates"]


def test_a_plan_that_joins_tables(cli, tmp_path: Path):
    folder = written(tmp_path)
    plan = (folder / "plan.yaml").read_text(encoding="utf-8")
    assert "moves: first" in cli("sql", folder / "plan.yaml").err
    (folder / "plan.yaml").write_text(plan.replace(", moves: first", ""), encoding="utf-8")
    ended = cli("sql", folder / "plan.yaml")
    assert ended.code == 0
    duckdb.sql(ended.out).write_parquet(str(folder / "sums.parquet"))
    rows, sums = (cli("run", folder / "plan.yaml", "--json", "-q", *m) for m in ((), ("--moments", folder / "sums.parquet")))
    assert json.loads(rows.out)["estimates"] == json.loads(sums.out)["estimates"]
    ended = cli("sql", folder / "plan.yaml", "--table", "app.users", "--join", "events=app.events")
    assert (ended.code, "Expected --join assignment_table=" in ended.err) == (2, True)
    assert cli("sql", folder / "plan.yaml", "--table", "app.users", "--join", "event=app.events").code == 2
