"""Databases and clusters without what reaches them: what to install is said, whatever is installed here."""

from __future__ import annotations

import sqlite3
import sys

import duckdb
import pytest

import honestlift as hl
from honestlift.errors import DesignError, ReachError, SourceError
from honestlift.source.failure import is_failure
from honestlift.source.spark import spark_session


@pytest.mark.parametrize("missing", ["ibis", "psycopg"])
def test_without_the_extra_of_databases(monkeypatch, missing):
    if missing == "psycopg":
        pytest.importorskip("ibis")
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(ReachError, match=rf"need the package '{missing}'.*pip install 'honestlift\[ibis\]'"):
        hl.connect("postgres://127.0.0.1:1/d", table="t")


def test_without_the_extra_of_spark(monkeypatch):
    for name in ("pyspark", "pyspark.sql"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ReachError, match=r"pip install 'honestlift\[spark\]'"):
        spark_session()


def test_an_address_without_a_table():
    with pytest.raises(SourceError, match=r"^postgres://h/d is a database, and no table in it is named"):
        hl.connect("postgres://someone:secret@h/d")


def test_the_errors_of_any_driver_are_failures():
    assert is_failure(sqlite3.OperationalError("no such table"))
    assert not is_failure(ValueError("a mistake of ours"))


def test_a_mapping_names_a_table_as_a_plan_does(tmp_path):
    with duckdb.connect(str(tmp_path / "x.duckdb")) as made:
        made.execute("CREATE TABLE t AS SELECT 1 AS a")
    assert hl.connect({"database": str(tmp_path / "x.duckdb"), "table": "t"}).columns == ("a",)
    for wrong in ({}, {"database": "x.duckdb"}, {"ibis": "postgres://h/d"}, {"spark": "t", "table": "u"}, {"a": [1]}):
        with pytest.raises(SourceError, match="mapping with the keys"):
            hl.connect(wrong)


@pytest.mark.filterwarnings("ignore")  # Ibis sets an option of pandas that is going away
def test_limits_are_refused_where_the_engine_has_its_own():
    ibis = pytest.importorskip("ibis")
    for limit in ({"threads": 2}, {"memory_limit": "1GB"}):
        with pytest.raises(DesignError, match="which has limits of its own"):
            hl.connect(ibis.memtable({"a": [1]}), **limit)
