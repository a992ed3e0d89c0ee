"""Tests of the sums: the same bytes from every form of the same rows, and every sum as exact as was predicted."""

from __future__ import annotations

import itertools
import math
import random
from fractions import Fraction

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from honestlift.moments import scan
from honestlift.moments.exact import TOLERANCE
from honestlift.moments.profile import Profile
from honestlift.moments.spec import Spec, Sum
from honestlift.source.connect import connect
from rows_data import FORMS, MEASURES, awkward, exact_sum, spec, summed


@pytest.fixture(scope="module")
def table() -> pa.Table:
    return awkward()


@pytest.fixture(scope="module")
def expected(table) -> str:
    return summed(table).digest()


def seen_of(source, keys=("ws", "treated"), measures=MEASURES) -> Profile:
    return scan.profile(source, measures, scan.count_cells(source, keys))


class TestSameBytes:
    """The same rows by every road."""

    @pytest.mark.parametrize("form", FORMS)
    def test_whatever_the_rows_come_in(self, form, table, expected, tmp_path):
        assert summed(FORMS[form](table, tmp_path)).digest() == expected

    @pytest.mark.parametrize("threads", [1, 2])
    def test_on_one_thread_or_two(self, threads, expected, tmp_path):
        """Many row groups, so that the threads share them in an order of their own; repeated, since a race is no sure thing."""
        path = FORMS["parquet, small row groups"](awkward(), tmp_path)
        assert {summed(path, threads=threads).digest() for _ in range(4)} == {expected}

    def test_from_a_database_file(self, table, expected, tmp_path):
        path = str(tmp_path / "rows.duckdb")
        with duckdb.connect(path) as connection:
            connection.register("given", table)
            connection.execute('CREATE TABLE "my ""rows""" AS SELECT * FROM given')
        assert summed(path, table='my "rows"').digest() == expected

    def test_plain_sums_of_the_same_rows_do_differ(self, table):
        """The remedy is needed: added up as they come, the tail's numbers depend on the order."""
        values = table.column("tail").to_numpy()
        orders = [np.random.default_rng(i).permutation(values) for i in range(8)]
        assert len({float(np.add.accumulate(v)[-1]) for v in orders}) > 1

    def test_the_data_ask_for_both_kinds_of_grid(self, table):
        seen = seen_of(connect(table))
        grids = {m: scan._grid(Sum.of(m), seen) for m in MEASURES}
        assert grids["tail"].low is not None
        assert grids["plain"].low is None

    @pytest.mark.parametrize("form", ["shuffled", "ten parts", "polars, lazy", "relation"])
    def test_by_the_sorted_road(self, form, table, expected, tmp_path, monkeypatch):
        monkeypatch.setattr(scan, "SORT_ABOVE", 0)
        monkeypatch.setattr(scan, "FEWEST_SORT", 0)
        assert summed(FORMS[form](table, tmp_path)).digest() == expected

    def test_by_the_split_road(self, table, expected, monkeypatch):
        """Too many sums for one scan, too many columns to sort: several scans, the same cells."""
        monkeypatch.setattr(scan, "SORT_ABOVE", 2)
        monkeypatch.setattr(scan, "WIDEST_SORT", 0)
        assert summed(table).digest() == expected


class TestExact:
    """Every sum against rationals."""

    def test_every_sum_in_every_cell(self, table):
        """Against rationals. The predicted error is relative to the typical size of a sum in a cell of n rows."""
        moments, seen = summed(table), seen_of(connect(table))
        rows = table.to_pylist()
        cells = list(zip(*(key.values() for key in moments.keys.values()), strict=True))
        for s, values in moments.sums.items():
            columns = [seen.columns[m] for m in s.factors]
            scale = math.prod(max(c.spread, c.magnitude) for c in columns)
            for cell, n, value in zip(cells, moments.rows, values, strict=True):
                here = [r for r in rows if (r["ws"], r["treated"]) == cell and all(r[m] is not None for m in s.present)]
                about = [[r[m] - moments.origin[m] for r in here] for m in s.factors] or [[1.0] * len(here)]
                exact = exact_sum(*about)
                allowed = 20 * TOLERANCE * scale * n + 1e-15 * float(sum(abs(math.prod(v)) for v in zip(*about, strict=True)))
                assert abs(Fraction(value) - exact) <= allowed, (s, cell)

    def test_nothing_is_rounded_in_the_adding_up(self, table):
        """The parts that are added are multiples of a unit of which any cell's sum has fewer than 2^53: no cell may break that."""
        source, asked = connect(table), spec()
        seen = seen_of(source)
        distinct = list(dict.fromkeys(s.where_missing(seen.incomplete) for s in asked.sums if s.factors))
        grids = {s: scan._grid(s, seen) for s in distinct}
        frame = table.to_pandas()
        for s, g in grids.items():
            values = math.prod(frame[m] - seen.columns[m].origin for m in s.factors).dropna()
            high = (values + g.high) - g.high
            low = 0 * high if g.low is None else ((values - high) + g.low) - g.low
            for part, constant in ((high, g.high), (low, g.low)):
                if constant is not None:
                    in_cell = part.abs().groupby([frame.ws, frame.treated]).apply(math.fsum)
                    assert in_cell.max() <= 2**53 * math.ulp(constant)

    def test_the_bound_covers_every_summand(self, table):
        seen = seen_of(connect(table))
        for m in MEASURES:
            values = table.column(m).drop_null().to_numpy()
            assert np.abs(values - seen.columns[m].origin).max() <= seen.columns[m].bound

    def test_one_huge_cell_beside_lone_rows(self):
        """30,000 rows in one cluster and 1 in each of 40: the lone sums keep their digits."""
        rng = np.random.default_rng(3)
        ws = np.concatenate([np.zeros(30_000, dtype=int), np.arange(1, 41)])
        y = rng.normal(0.0, 1.0, ws.size)
        table = pa.table({"ws": ws, "treated": ws % 2, "y": y})
        moments = summed(table, Spec.of_outcome("ws", "y", cells=("treated",)))
        lone = moments.sums[Sum.of("y")][1:]
        # one value of size 1 in a grid made for 30,000: without regard for small cells the error would be 1e-11
        assert np.allclose(lone, y[-40:] - moments.origin["y"], rtol=0, atol=5e-12)

    @given(st.lists(st.tuples(st.integers(0, 3), st.floats(-1e12, 1e12)), min_size=1, max_size=60), st.randoms())
    @example([(0, 0.0), (0, 1.2e-198), (1, 1e-228)], random.Random(0))
    @settings(max_examples=40, deadline=None)
    def test_any_numbers_in_any_order(self, rows, order):
        asked = Spec.of_outcome("ws", "y")
        digests = set()
        largest = max(abs(r[1]) for r in rows) or 1.0
        spread = largest * float(np.std([r[1] / largest for r in rows]))  # squares of the smallest numbers are zero
        for _ in range(2):
            order.shuffle(rows)
            moments = summed(pa.table({"ws": [r[0] for r in rows], "y": [r[1] for r in rows]}), asked)
            digests.add(moments.digest())
            for ws, total in zip(moments.keys["ws"].values(), moments.sums[Sum.of("y")], strict=True):
                about = [r[1] - moments.origin["y"] for r in rows if r[0] == ws]
                allowed = 20 * TOLERANCE * spread * len(about) + 1e-15 * math.fsum(abs(v) for v in about)
                assert abs(Fraction(float(total)) - exact_sum(about)) <= allowed
        assert len(digests) == 1


class TestMissing:
    """Missing values."""

    def test_each_metric_over_its_own_rows(self):
        rng = np.random.default_rng(4)
        frame = pd.DataFrame(
            {"ws": rng.integers(0, 5, 300), "a": rng.normal(size=300), "b": rng.normal(size=300), "x": rng.normal(size=300)}
        )
        frame.loc[rng.random(300) < 0.3, "a"] = np.nan
        frame.loc[rng.random(300) < 0.3, "b"] = np.nan
        moments = summed(frame, Spec.of_outcome("ws", "a", ["x"]) | Spec.of_outcome("ws", "b", ["x"]))
        for y in ("a", "b"):
            here = frame[frame[y].notna()]
            by = here.ws
            assert moments.sums[Sum.of(present=[y, "x"])].tolist() == by.groupby(by).size().tolist()
            for factors in ((y,), ("x",), (y, "x"), ("x", "x")):
                product = math.prod(here[f] - moments.origin[f] for f in factors)
                got = moments.sums[Sum.of(*factors, present=[y, "x"])]
                # hundreds of numbers of size 1
                assert np.allclose(got, product.groupby(by).sum(), rtol=0, atol=1e-11)

    @pytest.mark.parametrize(
        "form", ["arrow", "pandas, numpy", "pandas, arrow", "polars", "polars, lazy", "relation", "csv", "parquet"]
    )
    def test_null_and_nan_mean_the_same_in_every_form(self, form, tmp_path):
        nulls = pa.table({"ws": [1, 1, 2, 2], "y": [1.5, None, 2.5, 4.0]})
        nans = pa.table({"ws": [1, 1, 2, 2], "y": [1.5, math.nan, 2.5, 4.0]})
        digests = set()
        for i, t in enumerate((nulls, nans)):
            folder = tmp_path / str(i)
            folder.mkdir()
            digests.add(summed(FORMS[form](t, folder), Spec.of_outcome("ws", "y")).digest())
        assert len(digests) == 1


class TestSortedRoad:
    """Many sums."""

    def test_three_hundred_sums_take_it_and_agree_with_one_by_one(self, monkeypatch):
        rng = np.random.default_rng(8)
        names = [f"m{i}" for i in range(23)]
        frame = pd.DataFrame({"ws": rng.integers(0, 6, 500), "treated": 0, **{n: rng.normal(size=500) for n in names}})
        asked = Spec.of_outcome("ws", names[0], names[1:])
        sorted_by = []
        plain = type(connect(frame)).sorted_copy
        monkeypatch.setattr(type(connect(frame)), "sorted_copy", lambda *a: sorted_by.append(a[2]) or plain(*a))
        split = summed(frame, asked)
        assert sorted_by == []
        monkeypatch.setattr(scan, "FEWEST_SORT", 6)
        many = summed(frame, asked)
        assert len(asked.sums) == 300
        assert sorted_by == [1]
        assert split.digest() == many.digest()
        for s in itertools.islice(asked.sums, 1, None, 40):
            one = Sum.of(*s.factors)
            assert summed(frame, Spec("ws", (), (one,))).sums[one].tobytes() == many.sums[s].tobytes()

    def test_it_leaves_no_trace_in_the_users_connection(self, table, expected, monkeypatch):
        monkeypatch.setattr(scan, "SORT_ABOVE", 0)
        monkeypatch.setattr(scan, "FEWEST_SORT", 0)
        connection = duckdb.connect()
        connection.register("given", table)
        for name in ("rows", "kept", "everything"):
            connection.execute(f"CREATE TABLE {name} AS SELECT * FROM given")
        before = _objects(connection)
        for _ in range(3):
            assert summed(connection.table("kept")).digest() == expected
        assert _objects(connection) == before

    def test_it_works_on_a_read_only_database(self, table, expected, tmp_path, monkeypatch):
        monkeypatch.setattr(scan, "SORT_ABOVE", 0)
        monkeypatch.setattr(scan, "FEWEST_SORT", 0)
        path = str(tmp_path / "rows.duckdb")
        with duckdb.connect(path) as connection:
            connection.register("given", table)
            connection.execute("CREATE TABLE kept AS SELECT * FROM given")
        with duckdb.connect(path, read_only=True) as connection:
            assert summed(connection.table("kept")).digest() == expected
        assert summed(path, table="kept").digest() == expected


def _objects(connection: duckdb.DuckDBPyConnection) -> list[tuple[str, ...]]:
    query = "SELECT table_catalog, table_schema, table_name, table_type FROM information_schema.tables ORDER BY ALL"
    return connection.execute(query).fetchall()
