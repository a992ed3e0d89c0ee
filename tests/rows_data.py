"""Rows for the tests of source and moments: awkward numbers, and the same table in every form that connect takes."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from honestlift.moments import scan
from honestlift.moments.spec import Spec
from honestlift.moments.table import Moments
from honestlift.source.connect import Source, connect

HELD: list[duckdb.DuckDBPyConnection] = []
"""Connections of the relations below: on DuckDB 1.4 a relation dies with its connection."""

MEASURES = ("plain", "offset", "tail", "binary", "whole", "gaps")
KEYS = ("ws", "treated")


def awkward(rows: int = 4000, seed: int = 5) -> pa.Table:
    """Clusters of 1 to over 1,000 rows; a heavy tail, an offset of 1e9, 0/1, whole numbers, and a column with gaps."""
    rng = np.random.default_rng(seed)
    ws = np.minimum((rng.pareto(0.7, rows) * 2).astype(np.int64), 40)
    gaps = rng.normal(3.0, 1.0, rows)
    gaps[rng.random(rows) < 0.1] = np.nan
    return pa.table(
        {
            "user_id": np.arange(rows),
            "ws": ws,
            "treated": (ws % 2).astype(np.int64),
            "plain": rng.normal(5.0, 0.4, rows),
            "offset": 1e9 + rng.normal(0.0, 1.0, rows),
            "tail": np.exp(rng.normal(0.0, 4.0, rows)),
            "binary": (rng.random(rows) < 0.2).astype(np.int64),
            "whole": rng.integers(-1000, 100_000, rows),
            "gaps": pa.array(gaps, from_pandas=True),
        }
    )


def spec(measures: tuple[str, ...] = MEASURES, covariates: tuple[str, ...] = ("plain", "tail")) -> Spec:
    made = Spec("ws", ("treated",))
    for name in measures:
        made = made | Spec.of_outcome("ws", name, covariates, cells=("treated",))
    return made


def summed(data: Any, asked: Spec | None = None, **options: Any) -> Moments:
    """The whole road from any form of data to sums."""
    source: Source = connect(data, **options)
    asked = asked or spec()
    cells = scan.count_cells(source, [asked.cluster, *asked.cells])
    return scan.sums(source, asked, scan.profile(source, asked.measures, cells))


def _written(table: pa.Table, folder: Path, **options: Any) -> str:
    path = folder / f"{len(list(folder.iterdir()))}.parquet"
    pq.write_table(table, path, **options)
    return str(path)


def _parts(table: pa.Table, folder: Path, count: int = 10) -> str:
    parts = folder / "parts"
    parts.mkdir()
    ends = np.linspace(0, table.num_rows, count + 1).astype(int)
    for i, (start, end) in enumerate(itertools.pairwise(ends)):
        pq.write_table(table.slice(start, end - start), parts / f"part-{i}.parquet")
    return str(parts / "*.parquet")


def _csv(table: pa.Table, folder: Path) -> str:
    frame = table.to_pandas()
    path = folder / "rows.csv"
    frame.to_csv(path, index=False)  # shortest digits that round-trip
    return str(path)


def _shuffled(table: pa.Table, _: Path) -> pa.Table:
    return table.take(np.random.default_rng(9).permutation(table.num_rows))


def _relation(table: pa.Table, _: Path) -> duckdb.DuckDBPyRelation:
    connection = duckdb.connect()
    connection.register("given", table)
    connection.execute("CREATE TABLE stored AS SELECT * FROM given")
    HELD.append(connection)
    return connection.table("stored")


FORMS: dict[str, Callable[[pa.Table, Path], Any]] = {
    "arrow": lambda t, _: t,
    "shuffled": _shuffled,
    "parquet": _written,
    "parquet, small row groups": lambda t, f: _written(t, f, row_group_size=97),
    "ten parts": _parts,
    "csv": _csv,
    "arrow batch": lambda t, _: t.combine_chunks().to_batches()[0],
    "arrow reader": lambda t, _: t.to_reader(100),
    "pandas, numpy": lambda t, _: t.to_pandas(),
    "pandas, arrow": lambda t, _: t.to_pandas(types_mapper=pd.ArrowDtype),
    "polars": lambda t, _: pl.from_arrow(t),
    "polars, lazy": lambda t, _: pl.from_arrow(t).lazy(),  # pyright: ignore
    "relation": _relation,
}


def exact_sum(*columns: list[float | None]) -> Fraction:
    """Σ of products, without any rounding, over the rows where nothing is missing."""
    total = Fraction(0)
    for values in zip(*columns, strict=True):
        if all(v is not None for v in values):
            product = Fraction(1)
            for v in values:
                product *= Fraction(v)  # pyright: ignore
            total += product
    return total
