"""The query of a study that joins tables: run by DuckDB it gives the bytes of the rows, who was left out included."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest
import sqlglot

import honestlift as hl
from honestlift.plan import read_plan
from joined_data import written
from query_data import told

Data = dict[str, pl.DataFrame]
DIALECTS = ("duckdb", "spark", "postgres", "bigquery", "snowflake")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Data, hl.Study]:
    folder = written(tmp_path_factory.mktemp("tables"))
    study = read_plan(folder / "plan.yaml").study
    assert isinstance(study, hl.Study)
    return {name: pl.read_parquet(folder / f"{name}.parquet") for name in study.tables.names}, with_assignment(
        study, moves="error"
    )


def with_assignment(study: hl.Study, **changed: Any) -> hl.Study:
    return replace(study, tables=replace(study.tables, assignment=replace(study.tables.assignment, **changed)))


def answer(data: Data, study: hl.Study, path: Path, *, zoned: bool = False) -> str:
    """The answer of the query, in a file."""
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'America/New_York'")
    for name, table in data.items():
        connection.register(name, table)
    query = hl.moments_query(study, {name: name for name in data}, zoned=zoned)
    rows = connection.sql(query)
    (rows.write_csv if path.suffix == ".csv" else rows.write_parquet)(str(path))
    return str(path)


def same(data: Data, study: hl.Study, path: Path, *, zoned: bool = False) -> hl.Lift:
    lift = hl.run(hl.read_moments(answer(data, study, path, zoned=zoned)), study)
    assert told(lift) == told(hl.run(data, study))
    return lift


def mapped(data: Data, change: Callable[[pl.Expr], pl.Expr]) -> Data:
    """All times changed."""
    return {name: table.with_columns(change(pl.col(pl.Datetime))) for name, table in data.items()}


@pytest.mark.parametrize("ending", ["parquet", "csv"])
@pytest.mark.parametrize("late", ["drop", "keep"])
def test_the_answer_is_that_of_the_rows_to_the_byte(made, late: str, ending: str, tmp_path: Path) -> None:
    data, study = made
    lift = same(data, with_assignment(study, late=late), tmp_path / f"sums.{ending}")
    assert lift.check("left_out_alike").evidence["users"] == 131
    assert ("joined after the assignment" in lift.data["dropped"]) == (late == "drop")


def test_covariates_strata_and_gaps(made, tmp_path: Path) -> None:
    data, study = made
    users = data["users"].with_columns(
        tier=pl.when(pl.col("tier") == 0).then(None).otherwise(pl.col("tier")), size=pl.col("workspace_id").str.len_chars()
    )
    study = replace(study, covariates=("tier",), missing="drop", design=replace(study.design, strata=("size",)))
    assert same(data | {"users": users}, study, tmp_path / "m.parquet").data["dropped"]["covariates missing"] > 0


def test_users_and_workspaces_without_a_partner(made, tmp_path: Path) -> None:
    data, study = made
    users = data["users"].with_columns(
        workspace_id=pl.when(pl.col("user_id") % 9 == 0).then(None).otherwise(pl.col("workspace_id").replace("w3", "elsewhere"))
    )
    lift = same(data | {"users": users}, study, tmp_path / "m.parquet")
    assert {"no workspace_id", "not in the assignment table"} <= set(lift.data["dropped"])


@pytest.mark.parametrize("kind", ["days", "zones", "summer"])
def test_clocks_of_days_zones_and_changes_of_the_clock(made, kind: str, tmp_path: Path) -> None:
    data, study = made
    if kind == "days":
        same(mapped(data, lambda t: t.dt.date()), study, tmp_path / "m.parquet")
    else:
        shift = "0d" if kind == "zones" else "45d"
        zoned = mapped(data, lambda t: t.dt.offset_by(shift).dt.replace_time_zone("UTC").dt.convert_time_zone("America/New_York"))
        ends = replace(study.tables.events, until=study.tables.events.until + timedelta(days=45))
        study = study if kind == "zones" else replace(study, tables=replace(study.tables, events=ends))
        same(zoned, study, tmp_path / "m.parquet", zoned=True)


def test_other_tables(made, tmp_path: Path) -> None:
    data, study = made
    alone = replace(study, tables=replace(study.tables, exposure=None))
    same({k: v for k, v in data.items() if k != "exposure_table"}, alone, tmp_path / "a.parquet")
    everything = hl.EventTable(unit="user_id", sums=(hl.EventSum(column="minutes"), hl.EventSum(name="clicks")))
    assignment = hl.AssignmentTable(cluster="workspace_id", arm="arm")
    tables = hl.Tables(assignment=assignment, events=everything)
    whole = hl.Study(design=study.design, metrics=(hl.Mean("minutes"), hl.Mean("clicks")), tables=tables, bootstrap=0)
    same({k: v for k, v in data.items() if k != "exposure_table"}, whole, tmp_path / "b.parquet")
    events = hl.Tables(events=everything)
    users = data["users"].join(data["assignment_table"], on="workspace_id")
    same({"users": users, "events": data["events"]}, replace(whole, tables=events), tmp_path / "c.parquet")


def test_hostile_names_are_names(made, tmp_path: Path) -> None:
    data, _ = made
    bad = ['u"; drop table users; --', "w'`s", "a\\b", "t.*", "e $1 %s", "m /* */"]
    tables = {
        "users": data["users"].select(pl.col("user_id").alias(bad[0]), pl.col("workspace_id").alias(bad[1])),
        "assignment_table": data["assignment_table"].select(
            pl.col("workspace_id").alias(bad[2]), (pl.col("arm") == "on").alias(bad[3]), pl.col("assigned_at").alias(bad[4])
        ),
        "events": data["events"].select(
            pl.col("user_id").alias(bad[2]), pl.col("at").alias(bad[0]), pl.col("minutes").alias(bad[5])
        ),
    }
    sums = (hl.EventSum(column=bad[5], name="it's", window="36h"),)
    until = data["events"]["at"].max()
    joins = hl.Tables(
        assignment=hl.AssignmentTable(cluster=bad[2], arm=bad[3], time=bad[4]),
        events=hl.EventTable(unit=bad[2], time=bad[0], sums=sums, until=until),
    )
    design = hl.ClusterDesign(unit=bad[0], cluster=bad[1], treatment=bad[3])
    study = hl.Study(design=design, metrics=(hl.Mean("it's"),), tables=joins, bootstrap=0)
    path = tmp_path / "m.parquet"
    connection = duckdb.connect()
    for name, table in tables.items():
        connection.register(name, table)
    connection.sql(hl.moments_query(study, {n: n for n in tables}, zoned=False, kinds={bad[3]: "boolean"})).write_parquet(
        str(path)
    )
    assert told(hl.run(hl.read_moments(str(path)), study)) == told(hl.run(tables, study))


@pytest.mark.parametrize("dialect", DIALECTS)
def test_every_dialect_parses_and_says_what_was_executed(made, dialect: str) -> None:
    data, study = made
    query = hl.moments_query(study, {name: f"app.{name}" for name in data}, dialect=dialect, zoned=True)
    assert sqlglot.parse_one(query, read=dialect).sql(dialect)
    assert ("only parsed" in query.splitlines()[1]) == (dialect != "duckdb")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda s: with_assignment(s, moves="first"), "moves: first"),
        (lambda s: replace(s, tables=replace(s.tables, events=replace(s.tables.events, until=None))), "without `until`"),
    ],
)
def test_what_no_query_says_is_refused(made, change: Any, words: str) -> None:
    data, study = made
    with pytest.raises(hl.HonestliftError, match=words):
        hl.moments_query(change(study), {name: name for name in data}, zoned=False)


def test_unknown_zones_and_tables_are_refused(made) -> None:
    data, study = made
    with pytest.raises(hl.HonestliftError, match="zone"):
        hl.moments_query(study, {name: name for name in data})
    with pytest.raises(hl.HonestliftError, match="exposure_table"):
        hl.moments_query(study, {"users": "users", "assignment_table": "a", "events": "e"}, zoned=False)


WRONG: dict[str, tuple[str, Callable[[pl.DataFrame], pl.DataFrame], str]] = {
    "two arms": ("assignment_table", lambda t: pl.concat([t, t[:1].with_columns(arm=pl.lit("on"))]), "arm"),
    "no arm": ("assignment_table", lambda t: t.with_columns(arm=pl.when(pl.col("workspace_id") != "w1").then("arm")), "arm"),
    "no time": (
        "assignment_table",
        lambda t: t.with_columns(assigned_at=pl.when(pl.col("workspace_id") != "w1").then("assigned_at")),
        "assigned_at",
    ),
    "infinite": (
        "events",
        lambda t: t.with_columns(minutes=pl.when(pl.col("user_id") == 3).then(float("inf")).otherwise("minutes")),
        "infinite",
    ),
    "too large": (
        "events",
        lambda t: t.with_columns(minutes=pl.when(pl.col("user_id") == 3).then(1e200).otherwise("minutes")),
        "minutes",
    ),
    "twice": ("users", lambda t: pl.concat([t, t]), "user_id"),
    "nobody exposed": (
        "exposure_table",
        lambda t: t.with_columns(seen_at=pl.col("seen_at").dt.offset_by("-5y")),
        "never exposed",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_the_rows_are_refused_for_is_refused(made, name: str, tmp_path: Path) -> None:
    data, study = made
    table, change, words = WRONG[name]
    wrong = data | {table: change(data[table])}
    with pytest.raises(hl.HonestliftError, match=words):
        hl.run(hl.read_moments(answer(wrong, study, tmp_path / "m.parquet")), study)
    with pytest.raises(hl.HonestliftError):
        hl.run(wrong, study)


def test_late_users_that_are_an_error(made, tmp_path: Path) -> None:
    data, study = made
    study = with_assignment(study, late="error")
    with pytest.raises(hl.HonestliftError, match="131"):
        hl.run(hl.read_moments(answer(data, study, tmp_path / "m.parquet")), study)


def test_answers_are_kept_but_not_added(made, tmp_path: Path) -> None:
    data, study = made
    stored = hl.read_moments(answer(data, study, tmp_path / "m.parquet"))
    stored.write(tmp_path / "kept.parquet")
    assert told(hl.run(hl.read_moments(str(tmp_path / "kept.parquet")), study)) == told(hl.run(data, study))
    answer(data, study, tmp_path / "n.parquet")
    with pytest.raises(hl.HonestliftError, match="joined tables"):
        hl.read_moments(str(tmp_path / "m.parquet"), str(tmp_path / "n.parquet"))
