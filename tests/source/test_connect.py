"""Tests of the door: every kind of source, every hostile name, every kind of column, and copies that leave no trace."""

from __future__ import annotations

import os
from pathlib import Path

import duckdb
import narwhals as nw
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.dataset
import pyarrow.parquet as pq
import pytest

from honestlift.errors import ColumnError, DesignError, SourceError
from honestlift.moments import scan
from honestlift.source.connect import Source, connect
from honestlift.source.duck import DuckSource
from rows_data import FORMS

HOSTILE = [
    "plain", "sp ace", 'quo"te', "it's", "back`tick", "*", "select", "from", "né", "用户", "😀", "a.b", "a", "A", "a_1",
    'x") from t; --', "a; drop table t; --", "^x.*$", "%s", "c0", "c1", "#1", "{x}", "\\n", "n" * 300, " lead", "trail ",
]  # fmt: skip


def values(source: Source, name: str) -> list:
    return source.select([name]).collect("pyarrow").to_arrow().column("c0").to_pylist()


class TestNames:
    """Hostile names."""

    @pytest.fixture
    def table(self) -> pa.Table:
        return pa.table([[i, i + 1000] for i in range(len(HOSTILE))], names=HOSTILE)

    @pytest.mark.parametrize(
        "form",
        ["arrow", "parquet", "ten parts", "pandas, numpy", "pandas, arrow", "polars", "polars, lazy", "csv", "arrow batch"],
    )
    def test_every_name_means_its_own_column(self, form, table, tmp_path):
        source = connect(FORMS[form](table, tmp_path))
        names = [n.strip() if form == "csv" else n for n in table.column_names]
        assert list(source.columns) == names
        for i, name in enumerate(names):
            assert source.position(name, "outcome") == i
            assert sorted(values(source, name)) == [i, i + 1000]

    @pytest.mark.parametrize("form", ["arrow", "parquet", "pandas, numpy", "csv"])
    def test_an_empty_name(self, form, tmp_path):
        source = connect(FORMS[form](pa.table([[1], [2]], names=["y", ""]), tmp_path))
        assert (values(source, ""), values(source, "y")) == ([2], [1])

    def test_in_a_database(self, tmp_path):
        """DuckDB itself refuses an empty name, and two that differ only by case."""
        names = [n for n in HOSTILE if n != "A"]
        path = str(tmp_path / "x.duckdb")
        with duckdb.connect(path) as connection:
            columns = ", ".join(f'{i} AS "{n.replace(chr(34), chr(34) * 2)}"' for i, n in enumerate(names))
            connection.execute(f"CREATE TABLE t AS SELECT {columns}")
        source = connect(path, table="t")
        for i, name in enumerate(names):
            assert values(source, name) == [i]

    def test_names_that_swap_with_ours(self):
        for frame in (
            pl.DataFrame({"c1": [1], "c0": [0]}),
            pl.LazyFrame({"c1": [1], "c0": [0]}),
            pd.DataFrame({"c1": [1], "c0": [0]}),
        ):
            source = connect(frame)
            assert (values(source, "c0"), values(source, "c1")) == ([0], [1])

    def test_the_users_frame_keeps_its_names(self):
        frame = pd.DataFrame({"y": [1.0]})
        connect(frame)
        assert list(frame.columns) == ["y"]

    def test_columns_that_are_not_text(self):
        assert connect(pd.DataFrame({0: [5], ("a", "b"): [6]})).columns == ("0", "('a', 'b')")

    @pytest.mark.parametrize("form", ["arrow", "pandas", "parquet", "csv", "relation"])
    def test_a_name_that_stands_twice_is_refused_and_the_others_are_right(self, form, tmp_path):
        names, row = ["a", "y", "a", "Y"], [1, 2, 3, 4]
        table = pa.table([[v] for v in row], names=names)
        path = tmp_path / "x.csv"
        path.write_text("a,y,a,Y\n1,2,3,4\n")
        if form == "parquet":
            pq.write_table(table, tmp_path / "x.parquet")
        data = {
            "arrow": table,
            "pandas": pd.DataFrame([row], columns=names),
            "parquet": str(tmp_path / "x.parquet"),
            "csv": str(path),
            "relation": duckdb.sql("SELECT 1 AS a, 2 AS y, 3 AS a, 4 AS z"),
        }[form]
        source = connect(data)
        with pytest.raises(ColumnError, match="more than one column called 'a'"):
            source.position("a", "outcome")
        assert values(source, "y") == [2]
        if form != "relation":
            assert values(source, "Y") == [4]

    def test_a_misspelt_name(self):
        with pytest.raises(
            ColumnError, match=r"no column 'workspce_id', which the plan names as cluster. Did you mean 'workspace_id'?"
        ):
            connect(pa.table({"workspace_id": [1]})).position("workspce_id", "cluster")


class TestDatabase:
    """DuckDB files."""

    @pytest.fixture
    def path(self, tmp_path) -> str:
        path = str(tmp_path / "x.duckdb")
        with duckdb.connect(path) as connection:
            connection.execute("CREATE TABLE users AS SELECT 1 AS y")
            connection.execute("CREATE SCHEMA s")
            connection.execute("CREATE VIEW s.later AS SELECT 2 AS y")
        return path

    def test_table_view_and_schema(self, path):
        assert values(connect(path, table="users"), "y") == [1]
        assert values(connect(path, table="s.later"), "y") == [2]

    def test_a_misspelt_or_missing_table(self, path):
        with pytest.raises(SourceError, match=r"no table 'user'. Did you mean 'users'"):
            connect(path, table="user")
        with pytest.raises(SourceError, match=r"no table in it is named. Expected one of: .*'users'.*Name it"):
            connect(path)

    def test_it_is_not_written_to(self, path):
        before = Path(path).read_bytes()
        scan.count_cells(connect(path, table="users"), ["y"])
        assert Path(path).read_bytes() == before
        assert sorted(os.listdir(Path(path).parent)) == ["x.duckdb"]

    def test_a_file_that_is_no_database(self, tmp_path):
        (tmp_path / "x.duckdb").write_text("x" * 10_000)
        with pytest.raises(SourceError, match=r"cannot be opened: .*Expected a DuckDB database"):
            connect(str(tmp_path / "x.duckdb"), table="t")


class TestKinds:
    """What a column holds."""

    def test_of_sql_types(self):
        types = {
            "integer": ["TINYINT", "UBIGINT", "HUGEINT", "DECIMAL(18,0)"],
            "number": ["DOUBLE", "FLOAT", "DECIMAL(9,2)"],
            "boolean": ["BOOLEAN"],
            "text": ["VARCHAR", "UUID", "ENUM('a', 'b')"],
            "time": ["DATE", "TIMESTAMP", "TIMESTAMP WITH TIME ZONE", "TIME", "TIMESTAMP_NS"],
            "other": [
                "INTEGER[]",
                "DECIMAL(9,2)[]",
                "STRUCT(a INTEGER)",
                "BLOB",
                "INTERVAL",
                "INTEGER[3]",
                "MAP(INTEGER, INTEGER)",
            ],
        }
        for kind, names in types.items():
            for name in names:
                assert connect(duckdb.sql(f"SELECT NULL::{name} AS x")).kind("x") == kind, name

    def test_a_column_of_nothing_may_hold_numbers(self):
        assert connect(pa.table({"x": pa.nulls(2)})).kind("x") in ("number", "integer")
        assert connect(pd.DataFrame({"x": [None, None]})).kind("x") in ("number", "integer")


class TestFrames:
    """Frames of other kinds."""

    def test_narwhals_dataset_and_batches(self, tmp_path):
        table = pa.table({"y": [1, 2]})
        pq.write_table(table, tmp_path / "x.parquet")
        for data in (
            nw.from_native(table),
            pyarrow.dataset.dataset(tmp_path / "x.parquet"),
            table.to_reader(),
            table.to_batches()[0],
        ):
            assert values(connect(data), "y") == [1, 2]

    def test_a_source_comes_back_as_it_is(self):
        source = connect(pa.table({"y": [1]}))
        assert connect(source) is source

    @pytest.mark.parametrize(
        "column",
        [
            pd.array([1, None], "Int64"),
            pd.array([1.0, None], "Float64"),
            pd.array([True, None], "boolean"),
            pd.Series([1, None], dtype=object),
        ],
    )
    def test_nullable_pandas(self, column):
        assert values(connect(pd.DataFrame({"y": column})), "y") == [1, None]


def limits(source: DuckSource) -> tuple[int, str]:
    assert source.connection is not None
    return source.connection.execute("SELECT current_setting('threads'), current_setting('memory_limit')").fetchall()[0]


class TestLimits:
    """Threads and memory."""

    def test_threads_and_memory_reach_the_engine_and_its_copies(self):
        source = connect(pa.table({"y": [2, 1]}), threads=1, memory_limit="200MB")
        assert isinstance(source, DuckSource)
        assert limits(source) == (1, "190.7 MiB")
        copy = source.sorted_copy(["y"], 1)
        assert isinstance(copy, DuckSource)
        assert limits(source) == limits(copy) == (1, "95.3 MiB")  # the two share it

    @pytest.mark.parametrize(
        ("limits", "words"), [({"threads": 0}, "threads is 0"), ({"memory_limit": "lots"}, "memory_limit is 'lots'")]
    )
    def test_limits_that_cannot_be(self, limits, words):
        with pytest.raises(DesignError, match=words):
            connect(pa.table({"y": [1]}), **limits)


class TestViews:
    """Fewer rows, more columns, copies."""

    def test_restricted(self):
        table = pa.table({"arm": ["a", "b", None, "c"], "x*": [1, 2, 3, 4]})
        assert values(connect(table).restricted("arm", ["a", "c"]), "x*") == [1, 4]

    @pytest.mark.parametrize("kind", ["DATE", "HUGEINT", "DECIMAL(3,2)", "DOUBLE", "BOOLEAN", "UUID", "ENUM('1', 'x')"])
    def test_restricted_by_the_labels_that_counting_gives(self, kind):
        literal = {"DATE": "2026-01-01", "UUID": "00000000-0000-0000-0000-000000000001"}.get(kind, "1")
        source = connect(duckdb.sql(f"SELECT v::{kind} AS k, i FROM (VALUES ('{literal}', 7), (NULL, 8)) t(v, i)"))
        label = scan.count_cells(source, ["k"]).keys["k"].labels[0]
        assert label is not None
        assert values(source.restricted("k", [label]), "i") == [7]

    def test_indicators_of_levels(self):
        source = connect(pa.table({"tier": ["a", "it's", "a"], "y": [1, 2, 3]})).with_indicators("tier", ["a", "it's"])
        assert values(source, "tier = it's") == [0, 1, 0]
        assert values(source, "y") == [1, 2, 3]
        assert source.kind("tier = a") == "integer"

    def test_indicators_of_those_without_a_value(self):
        source = connect(pa.table({"tier": ["a", None, "b"]})).with_indicators("tier", ["a", "b"], "missing")
        assert [values(source, f"tier = {level}") for level in ("a", "b", "missing")] == [[1, 0, 0], [0, 0, 1], [0, 1, 0]]

    def test_complete_rows_have_a_value_that_is_a_number(self):
        table = pa.table({"x": [1.0, float("nan"), None, 4.0], "tier": ["a", "b", "c", None], "y": [1, 2, 3, 4]})
        assert values(connect(table).complete(["x", "tier"]), "y") == [1]
        assert values(connect(table).complete(["tier"]), "y") == [1, 2, 3]

    def test_a_long_copy_is_whole_and_sorted(self):
        """Streams of many batches: a query on the same connection in between would cut them short in silence."""
        y = np.random.default_rng(1).permutation(1_000_000)
        copy = connect(pa.table({"y": y})).sorted_copy(["y"], 1)
        assert np.array_equal(copy.select(["y"]).collect("pyarrow").to_arrow().column("c0").to_numpy(), np.arange(y.size))

    def test_copies_beside_each_other(self):
        """Each in its own connection, though all share one engine; what is dropped leaves nothing behind."""
        connection = duckdb.connect()
        sources = [connect(connection.sql(f"SELECT {i} AS y FROM range(3)")) for i in range(3)]
        copies = [s.sorted_copy(["y"], 1) for s in sources]
        assert [values(c, "y") for c in copies] == [[i] * 3 for i in range(3)]
        del copies[0]
        assert values(copies[0], "y") == [1, 1, 1]
