"""The query of a study: run by DuckDB it gives the bytes of a scan; in every dialect a hostile name stays a name."""

from __future__ import annotations

import json
import re
from dataclasses import fields
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import sqlglot
from sqlglot import exp

import honestlift as hl
from honestlift.analysis import query as queries
from honestlift.analysis.query import KNOWN, moments_query
from query_data import HOSTILE, armed, arms, cases, frame, hostile, plain_study, rich, rich_study, told
from studies import levels

CASES = cases()
DIALECTS = ("duckdb", "spark", "postgres", "bigquery", "snowflake")
PLAIN = "users"


def kinds(data: Any) -> dict[str, Any]:
    source = hl.connect(data)
    return dict(zip(source.columns, source.kinds, strict=True))


def answer(data: Any, study: hl.Study, path: Path, **options: Any) -> str:
    """The answer of the query, in a file."""
    connection = duckdb.connect()
    connection.register(PLAIN, data)
    made = connection.sql(moments_query(study, PLAIN, kinds=kinds(data), **options))
    (made.write_csv if path.suffix == ".csv" else made.write_parquet)(str(path))
    return str(path)


@pytest.mark.parametrize("ending", ["parquet", "csv"])
@pytest.mark.parametrize("name", CASES)
def test_the_answer_is_that_of_a_scan_to_the_byte(tmp_path: Path, name: str, ending: str):
    data, study = CASES[name]
    lift = hl.run(hl.read_moments(answer(data, study, tmp_path / f"sums.{ending}")), study)
    assert told(lift) == told(hl.run(data, study))
    assert lift.data["engine"] == "duckdb"
    check = lift.check("stored_moments")
    assert check.level == "ok"
    assert check.statement.startswith("The sums were made by a query elsewhere. Every user stands on one row. The picture")


def test_the_sums_themselves_are_the_same(tmp_path: Path):
    data, study = CASES["rich"]
    asked, scanned = hl.read_moments(answer(data, study, tmp_path / "m.parquet")), hl.collect_moments(data, study)
    assert asked.moments.digest() == scanned.moments.digest()


def test_a_parquet_file_with_nan_and_statistics(tmp_path: Path):
    data = frame(24, 20)
    values = data["minutes"].to_numpy().copy()
    values[::7] = np.nan
    table = pa.Table.from_pandas(data).set_column(data.columns.get_loc("minutes"), "minutes", pa.array(values))
    pq.write_table(table, tmp_path / "users.parquet")
    path = str(tmp_path / "users.parquet")
    query = moments_query(plain_study(), path, source="parquet")
    duckdb.sql(query).write_parquet(str(tmp_path / "sums.parquet"))
    lift = hl.run(hl.read_moments(str(tmp_path / "sums.parquet")), plain_study())
    assert told(lift) == told(hl.run(path, plain_study()))


def test_answers_about_different_users_are_added(tmp_path: Path):
    data = rich()
    for i in range(2):
        answer(data[data["user"] % 2 == i], rich_study(), tmp_path / f"{i}.parquet")
    together = hl.run(hl.read_moments(str(tmp_path / "*.parquet")), rich_study())
    whole = hl.run(data, rich_study())
    assert together.headline().estimate == pytest.approx(whole.headline().estimate, rel=1e-9)
    assert levels(together)["stored_moments"] == "caution"


def test_late_joiners_in_control_by_the_record_are_left_out(tmp_path: Path):
    data = frame(24, 20)
    early = data[data["workspace"] < 20]
    clusters = [str(w) for w in sorted(early["workspace"].unique())]
    record = hl.assign(clusters, rule=hl.Rule(late="control"), seed=3)
    treated = {c for c, arm in record.assigned.items() if arm == "treated"}
    data["treated"] = [int(str(w) in treated) for w in data["workspace"]]
    design = hl.ClusterDesign(unit="user", cluster="workspace", treatment="treated", assignment=record)
    study = plain_study(design=design)
    lift, whole = hl.run(hl.read_moments(answer(data, study, tmp_path / "m.parquet")), study), hl.run(data, study)
    assert lift.data["dropped"] == whole.data["dropped"] == {"joined after the draw": 80}
    assert lift.headline().estimate == pytest.approx(whole.headline().estimate, rel=1e-12)


WRONG: dict[str, tuple[Any, dict[str, Any], str]] = {
    "infinite": (lambda d: d.assign(minutes=d["minutes"].where(d["user"] > 3, np.inf)), {}, "is infinite on [34] rows"),
    "a user twice": (lambda d: pd.concat([d, d[:2]]), {}, r"counted 482 rows and 480 different values of 'user'"),
    "a user in two workspaces": (lambda d: d.assign(user=d["user"].replace(0, 479)), {}, "counted 480 rows and 479 different"),
    "no user": (lambda d: d.assign(user=d["user"].astype("Int64").where(d["user"] > 1)), {}, "2 rows have no value of 'user'"),
    "no arm": (lambda d: d.assign(treated=d["treated"].astype("Int64").where(d["user"] > 1)), {}, "no value of 'treated'"),
    "no workspace": (
        lambda d: d.assign(workspace=d["workspace"].astype("Int64").where(d["user"] > 1)),
        {},
        "no value of 'workspace'",
    ),
    "no rows": (lambda d: d[:0], {}, "or no rows"),
    "constant": (lambda d: d.assign(minutes=3.5), {}, "is 3.5 on every row"),
    "all missing": (lambda d: d.assign(minutes=np.nan), {}, "has no value on any row"),
    "a gap in text": (lambda d: d.assign(tier=["a", "b", None, "c"] * 120), {"covariates": ("tier",)}, "have no value of 'tier'"),
    "too many texts": (lambda d: d.assign(tier=d["user"].astype(str)), {"covariates": ("tier",)}, "different values"),
    "too many segments": (lambda d: d.assign(tier=d["user"].astype(str)), {"segments": ("tier",)}, "different values"),
    "a user in two arms": (
        lambda d: pd.concat([d, d[:1].assign(treated=1 - d["treated"][:1])]),
        {"rows": "events"},
        "1 values of 'user' have events with more than one cluster",
    ),
    "an infinite event": (
        lambda d: d.assign(minutes=d["minutes"].where(d["user"] > 3, -np.inf)),
        {"rows": "events"},
        "is infinite",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_a_scan_refuses_is_refused(tmp_path: Path, name: str):
    change, asked, words = WRONG[name]
    data, study = change(frame(24, 20)), plain_study(**asked)
    path = answer(data, study, tmp_path / "m.parquet")
    with pytest.raises(hl.HonestliftError, match=words):
        hl.run(hl.read_moments(path), study)
    with pytest.raises(hl.HonestliftError):
        hl.run(data, study)


def test_an_arm_that_is_not_there_is_refused(tmp_path: Path):
    study = plain_study(design=arms("on", "off"))
    path = answer(armed(["off", "up", "off", "up"]), study, tmp_path / "m.parquet")
    with pytest.raises(hl.HonestliftError, match="'on'"):
        hl.run(hl.read_moments(path), study)


@pytest.mark.parametrize("name", ["users", "nobody"])
def test_what_the_query_counted_is_one_number(tmp_path: Path, name: str):
    table = pq.read_table(answer(frame(24, 20), plain_study(), tmp_path / "m.parquet"))
    table = table.set_column(table.column_names.index(name), name, pa.array(range(table.num_rows)))
    pq.write_table(table, tmp_path / "m.parquet")
    with pytest.raises(hl.HonestliftError, match=f"'{name}' is not one number"):
        hl.read_moments(str(tmp_path / "m.parquet"))


def test_an_engine_that_shouts_is_understood(tmp_path: Path):
    path = answer(frame(24, 20), plain_study(), tmp_path / "m.parquet")
    table = pq.read_table(path)
    pq.write_table(table.rename_columns([n.upper() for n in table.column_names]), path)
    assert told(hl.run(hl.read_moments(path), plain_study())) == told(hl.run(frame(24, 20), plain_study()))


@pytest.mark.parametrize("dialect", DIALECTS)
def test_hostile_names_are_names_and_nothing_else(dialect: str):
    """Read by another parser, the query is one SELECT in which the user's words are identifiers of its first step, or one literal."""
    data, study = hostile()
    query = moments_query(study, '"a ""b"" c".t.u', dialect=dialect, kinds=kinds(data), exact_names=True)
    statements = sqlglot.parse(query, read=dialect)
    assert len(statements) == 1
    whole = statements[0]
    assert isinstance(whole, exp.Select)
    ours = re.compile(r"[a-z_]+[0-9]*")
    names = {i.name for i in whole.find_all(exp.Identifier) if i.quoted}
    dotted = {"a", "b"} if dialect == "bigquery" else {"a.b"}  # no column there can have a dot in its name
    assert names == {*HOSTILE, 'a "b" c', "t", "u", *dotted} - ({"a.b"} - dotted)
    assert all(ours.fullmatch(i.name) for i in whole.find_all(exp.Identifier) if not i.quoted)
    texts = [t.name for t in whole.find_all(exp.Literal) if t.is_string]
    assert [json.loads(t)["keys"] for t in texts] == [queries.study_layout(study, [HOSTILE[6]])[0]]
    table = next(t for t in whole.find_all(exp.Table) if t.name == "u")
    assert (table.catalog, table.db) == ('a "b" c', "t")
    assert {type(n) for n in whole.walk()} <= SAFE


SAFE = {
    *(
        exp.Select,
        exp.With,
        exp.CTE,
        exp.From,
        exp.Table,
        exp.TableAlias,
        exp.Join,
        exp.Group,
        exp.Where,
        exp.Identifier,
        exp.Star,
    ),
    *(exp.Column, exp.Alias, exp.Literal, exp.Boolean, exp.Null, exp.Cast, exp.DataType, exp.DataTypeParam, exp.Case, exp.If),
    *(exp.Add, exp.Sub, exp.Mul, exp.Div, exp.Neg, exp.Paren, exp.And, exp.Or, exp.Not, exp.Is, exp.EQ, exp.NEQ, exp.GT, exp.GTE),
    *(exp.LT, exp.LTE, exp.In, exp.Coalesce, exp.Nullif, exp.Greatest, exp.Abs, exp.Ceil, exp.Floor, exp.Ln, exp.Pow, exp.Sqrt),
    *(exp.Sum, exp.Count, exp.Min, exp.Max, exp.Avg, exp.Distinct, exp.Window, exp.Anonymous, exp.LogicalAnd, exp.LogicalOr),
    exp.TryCast,  # how CAST is read in the dialect of Spark
}
"""All that a query is made of."""


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("name", CASES)
def test_every_query_can_be_parsed_in_its_dialect(name: str, dialect: str):
    data, study = CASES[name]
    whole = sqlglot.parse_one(moments_query(study, "app.users", dialect=dialect, kinds=kinds(data)), read=dialect)
    columns = [c.alias_or_name for c in whole.expressions]
    assert columns[:5] == ["layout", "cells", "total", "users", "nobody"]
    assert (
        columns[-1] == f"s{len(queries.study_layout(study, [c for c in study.covariates if c == 'tier'])[2]) - 1}"
        or name == "hostile"
    )


def test_a_dialect_says_whether_it_was_executed():
    heads = {d: moments_query(plain_study(), "t", dialect=d).splitlines()[1] for d in DIALECTS}
    assert [d for d, line in heads.items() if "executed in honestlift's tests" in line] == ["duckdb", "spark", "postgres"]
    assert [d for d, line in heads.items() if "only parsed" in line] == ["bigquery", "snowflake"]


def test_snowflake_looks_for_capitals_unless_told_otherwise():
    folded = moments_query(plain_study(), "app.users", dialect="snowflake")
    assert '"MINUTES"' in folded
    assert '"APP"."USERS"' in folded
    exact = moments_query(plain_study(), "app.users", dialect="snowflake", exact_names=True)
    assert '"minutes"' in exact
    assert '"app"."users"' in exact
    assert f'"{HOSTILE[0].replace(chr(34), chr(34) * 2)}"' in moments_query(rich_study(), "users", dialect="snowflake")


def test_a_model_of_dbt():
    query = moments_query(plain_study(), "users", source="dbt")
    assert "  FROM {{ ref('users') }}\n" in query
    assert "  FROM {{ source('app', 'users') }}\n" in moments_query(plain_study(), "app.users", source="dbt")
    for name in ("a'b", "a.b.c", "", "{{ x }}"):
        with pytest.raises(hl.HonestliftError, match="no name of a dbt model"):
            moments_query(plain_study(), name, source="dbt")
    sly = plain_study(metrics=(hl.Mean("{{ env_var('SECRET') }}"),))
    with pytest.raises(hl.HonestliftError, match="which dbt would run"):
        moments_query(sly, "users", source="dbt")
    assert "env_var" in moments_query(sly, "users")


REFUSED: dict[str, tuple[Any, str]] = {
    "choosers": (
        hl.OptInStudy(design=hl.OptInDesign(unit="u", treatment="t"), metrics=(hl.Mean("y"),), covariates=("x",)),
        "a study of users who choose",
    ),
    "quantiles": (plain_study(metrics=(hl.Quantile("minutes", 0.5),)), "the quantile metric"),
    "caps": (plain_study(metrics=(hl.Mean("minutes", winsorize=hl.Winsorize(above=3.0)),)), "the caps of minutes"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_no_query_can_give_is_said(name: str):
    study, words = REFUSED[name]
    with pytest.raises(hl.HonestliftError, match=words):
        moments_query(study, "t")


def test_other_things_that_cannot_be():
    with pytest.raises(hl.HonestliftError, match=r"no dialect 'snowflaek'. Did you mean 'snowflake'"):
        moments_query(plain_study(), "t", dialect="snowflaek")
    for name in ("", "a\0b"):
        with pytest.raises(hl.HonestliftError, match="cannot stand in this query"):
            moments_query(plain_study(), name)
    with pytest.raises(hl.HonestliftError, match="cannot stand in this query"):
        moments_query(plain_study(metrics=(hl.Mean("a\0b"),)), "t")


def test_what_the_query_does_not_know_of_is_refused(monkeypatch: pytest.MonkeyPatch):
    """A new field of a study has to be summed by the query too, or it stays refused."""
    monkeypatch.setitem(KNOWN, hl.Study, KNOWN[hl.Study] - {"covariates"})
    with pytest.raises(hl.HonestliftError, match="'covariates'"):
        moments_query(plain_study(covariates=("before",)), "t")
    assert moments_query(plain_study(), "t")
    for part in (hl.Study, hl.ClusterDesign, hl.Exposure):
        assert {f.name for f in fields(part)} >= KNOWN[part] - set(queries.UNTOUCHED)


def test_without_sqlglot_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch):
    import sys

    for name in [n for n in sys.modules if n.split(".")[0] == "sqlglot" or n.startswith("honestlift.moments.query")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "sqlglot", None)
    with pytest.raises(hl.HonestliftError, match=r"pip install 'honestlift\[sql\]'"):
        moments_query(plain_study(), "t")
