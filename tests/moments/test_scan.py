"""Tests of the scans that count, profile and bin, and of those that look for repeated, missing and impossible values."""

from __future__ import annotations

import math
from decimal import Decimal

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from honestlift.errors import SourceError
from honestlift.moments import scan
from honestlift.moments.profile import Profile
from honestlift.moments.spec import Spec, Sum
from honestlift.source.connect import connect
from rows_data import FORMS, MEASURES, awkward, summed


@pytest.fixture(scope="module")
def table() -> pa.Table:
    return awkward()


def seen_of(source, keys=("ws", "treated"), measures=MEASURES) -> Profile:
    return scan.profile(source, measures, scan.count_cells(source, keys))


class TestProfile:
    """The first scan."""

    def test_agrees_with_numpy(self, table):
        seen = seen_of(connect(table))
        assert (seen.rows, seen.cells) == (4000, 41)
        assert seen.largest_cell == np.bincount(table.column("ws").to_numpy()).max()
        sizes = np.bincount(table.column("ws").to_numpy())
        assert seen.typical_cell == pytest.approx(float(np.mean(sizes**-0.5)) ** -2)
        for m in MEASURES:
            values = table.column(m).drop_null().to_numpy().astype(float)
            c = seen.columns[m]
            assert (c.count, c.missing, c.infinite) == (values.size, 4000 - values.size, 0)
            assert (c.low, c.high) == (values.min(), values.max())
            # an offset of 1e9 leaves 1e-7 of each value; the rest is summation
            assert c.mean == pytest.approx(values.mean(), rel=1e-12)
            assert c.spread == pytest.approx(values.std(), rel=1e-8)

    @pytest.mark.parametrize("form", FORMS)
    def test_infinite_is_not_missing_and_nan_is(self, form, tmp_path):
        """Parquet statistics leave NaN out, and an engine that answers from them gets it wrong."""
        for extremes in ([math.inf, -math.inf], [5.0, 6.0]):
            values = [1.0, 2.0, *extremes, math.nan, math.nan, None, 0.0]
            folder = tmp_path / str(extremes[0])
            folder.mkdir()
            source = connect(FORMS[form](pa.table({"ws": [1] * 8, "y": values}), folder))
            c = scan.profile(source, ["y"], scan.count_cells(source, ["ws"])).columns["y"]
            if extremes[0] == math.inf:
                assert (c.count, c.infinite, c.missing, c.low, c.high) == (3, 2, 3, 0.0, 2.0)
            else:
                assert (c.count, c.infinite, c.missing, c.low, c.high) == (5, 0, 3, 0.0, 6.0)

    @pytest.mark.parametrize(
        "column",
        [pa.nulls(3), pa.nulls(3, pa.float64()), pa.array([math.nan] * 3), pa.nulls(3, pa.bool_())],
        ids=["untyped", "double", "NaN", "boolean"],
    )
    def test_all_missing(self, column):
        source = connect(pa.table({"ws": [1, 1, 2], "y": column}))
        c = scan.profile(source, ["y"], scan.count_cells(source, ["ws"])).columns["y"]
        assert (c.count, c.missing, c.infinite) == (0, 3, 0)
        assert math.isnan(c.low)

    def test_squares_beyond_a_double_do_not_stop_the_scan(self):
        source = connect(pa.table({"ws": [1, 1], "y": [1e200, -3e300]}))
        c = scan.profile(source, ["y"], scan.count_cells(source, ["ws"])).columns["y"]
        assert (c.low, c.high, c.count) == (-3e300, 1e200, 2)

    @pytest.mark.parametrize(
        "column",
        [
            pa.array([True, False, None, True]),
            pa.array([Decimal("1.00"), Decimal("0.00"), None, Decimal("1.00")]),
            pa.array([1, 0, None, 1], pa.uint64()),
            pa.array([1, 0, None, 1], pa.float32()),
        ],
        ids=["boolean", "decimal", "unsigned", "float"],
    )
    def test_other_kinds_of_numbers(self, column):
        moments = summed(pa.table({"ws": [1, 1, 1, 2], "y": column}), Spec.of_outcome("ws", "y"))
        total = moments.sums[Sum.of("y")] + moments.origin["y"] * moments.sums[Sum.of(present=["y"])]
        assert total.tolist() == [1.0, 1.0]
        assert moments.sums[Sum.of(present=["y"])].tolist() == [2.0, 1.0]


class TestCells:
    """Counts."""

    def test_counts_in_the_order_of_the_values_with_null_last(self):
        counts = scan.count_cells(connect(pa.table({"k": ["b", None, "a", "b"], "t": [1, 1, 0, 0]})), ["k", "t"])
        assert list(zip(counts.keys["k"].values(), counts.keys["t"].values(), counts.rows.tolist(), strict=True)) == [
            ("a", 0, 1),
            ("b", 0, 1),
            ("b", 1, 1),
            (None, 1, 1),
        ]

    def test_few_cells_or_none(self):
        source = connect(pa.table({"k": list(range(10))}))
        assert scan.few_cells(source, ["k"], 9) is None
        few = scan.few_cells(source, ["k"], 10)
        assert few is not None
        assert few.cells == 10

    def test_rows_that_change_between_the_scans_are_noticed(self, tmp_path):
        path = tmp_path / "rows.parquet"
        pq.write_table(pa.table({"ws": [1, 1, 2], "y": [1.0, 2.0, 4.0]}), path)
        source = connect(str(path))
        seen = seen_of(source, ["ws"], ["y"])
        pq.write_table(pa.table({"ws": [1, 1, 1, 2], "y": [1.0, 2.0, 3.0, 4.0]}), path)
        with pytest.raises(SourceError, match="changed between two scans"):
            scan.sums(source, Spec.of_outcome("ws", "y"), seen)


class TestHistogram:
    """Bins."""

    def test_agrees_with_numpy_and_takes_what_lies_beyond(self):
        rng = np.random.default_rng(2)
        frame = pd.DataFrame({"t": rng.integers(0, 2, 1000), "y": rng.normal(size=1000)})
        frame.loc[3, "y"] = np.nan
        edges = np.linspace(-1.0, 1.0, 9)
        counts, bins = scan.histogram(connect(frame), ["t"], "y", edges)
        arm = np.array(counts.keys["t"].values())
        for t in (0, 1):
            mine = np.bincount(bins[arm == t], counts.rows[arm == t], 8)
            inside = frame[(frame.t == t) & frame.y.notna()].y.clip(-0.999, 0.999)
            assert mine.tolist() == np.histogram(inside, edges)[0].tolist()

    def test_one_bin_per_whole_number(self):
        source = connect(pa.table({"t": [0] * 6, "y": [0, 1, 1, 3, 3, 3]}))
        counts, bins = scan.histogram(source, ["t"], "y", np.arange(0, 5) - 0.5)
        assert np.bincount(bins, counts.rows, 4).tolist() == [1.0, 2.0, 0.0, 3.0]


class TestMissing:
    """Rows without a value."""

    def test_missing(self):
        assert scan.missing(connect(pa.table({"u": ["a", None, None]})), "u") == 2


class TestNotBinary:
    """Values other than 0 and 1."""

    def test_lists_other_values_and_skips_missing_ones(self):
        source = connect(pa.table({"x": [0.0, 1.0, None, math.nan, 0.5, -1.0, 0.5], "b": [True, None] * 3 + [False]}))
        assert scan.not_binary(source, "x") == [-1.0, 0.5]
        assert scan.not_binary(source, "b") == []


def test_what_the_engine_says_reaches_the_user():
    connection = duckdb.connect()
    source = connect(connection.sql("SELECT CAST(x AS INTEGER) AS y FROM (VALUES ('1'), ('one')) t(x)"))
    with pytest.raises(SourceError, match=r"The engine stopped: .*one.*Nothing was estimated"):
        scan.missing(source, "y")
