"""Files of one table that do not hold its columns alike: a wider type for all, or an error, and never a rounded number."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import honestlift as hl
from honestlift.errors import SourceError
from honestlift.moments import scan


def written(folder: Path, *tables: pa.Table) -> str:
    for i, table in enumerate(tables):
        pq.write_table(table, folder / f"part{i}.parquet")
    return str(folder / "*.parquet")


def column(*kinds: pa.DataType) -> list[pa.Table]:
    return [pa.table({"a": pa.array([i, i + 10], pa.int64()), "y": pa.array([i + 0.5, 2], kind)}) for i, kind in enumerate(kinds)]


def test_whole_numbers_first_and_fractions_later(tmp_path: Path) -> None:
    whole = pa.table({"y": pa.array([1, 2], pa.int32())})
    source = hl.connect(written(tmp_path, whole, pa.table({"y": [0.5, 1.25]})))
    (found,) = scan.summaries(source, ["y"])
    assert (source.kind("y"), found.mean, found.low) == ("number", 4.75 / 4, 0.5)


def test_single_precision_first(tmp_path: Path) -> None:
    single, double = pa.table({"y": pa.array([0.5], pa.float32())}), pa.table({"y": [0.1]})
    assert scan.summaries(hl.connect(written(tmp_path, single, double)), ["y"])[0].low == 0.1


def test_short_integers_first_and_ids_beyond_doubles(tmp_path: Path) -> None:
    short, long = pa.table({"u": pa.array([1], pa.int16())}), pa.table({"u": pa.array([2**53 + 1], pa.int64())})
    assert scan.count_cells(hl.connect(written(tmp_path, short, long)), ["u"]).keys["u"].labels == (1, 2**53 + 1)


def test_columns_in_another_order(tmp_path: Path) -> None:
    first = pa.table({"a": [1, 2], "y": pa.array([3, 4], pa.int32())})
    second = pa.table({"y": [0.5], "a": [9]})
    source = hl.connect(written(tmp_path, first, second))
    assert source.columns == ("a", "y")
    assert sorted(map(tuple, (row.values() for row in scan.collect(source.everything()).to_pylist()))) == [
        (1, 3),
        (2, 4),
        (9, 0.5),
    ]


def test_a_column_that_a_file_lacks(tmp_path: Path) -> None:
    one, other = column(pa.float32(), pa.float64())
    with pytest.raises(SourceError, match="not all files that are read with it have the column 'b'"):
        hl.connect(written(tmp_path, one, other.append_column("b", other["a"])))
