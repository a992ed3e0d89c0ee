"""The query of a study on engines that are really started: its answer is that of a scan by DuckDB, to the byte."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import honestlift as hl
from honestlift.analysis.query import moments_query
from query_data import cases, told

CASES = cases()


def asked(name: str, table: str, dialect: str) -> tuple[pa.Table, hl.Study, str]:
    data, study = CASES[name]
    rows = pa.Table.from_pandas(data, preserve_index=False)
    source = hl.connect(rows)
    kinds = dict(zip(source.columns, source.kinds, strict=True))
    return rows, study, moments_query(study, table, dialect=dialect, kinds=kinds)


@pytest.mark.engine
@pytest.mark.parametrize("name", CASES)
def test_spark(spark: Any, tmp_path: Path, name: str):
    rows, study, query = asked(name, "asked", "spark")
    pq.write_table(rows, tmp_path / "rows.parquet")
    spark.read.parquet(str(tmp_path / "rows.parquet")).repartition(3).createOrReplaceTempView("asked")
    pq.write_table(spark.sql(query).toArrow(), tmp_path / "sums.parquet")
    lift = hl.run(hl.read_moments(str(tmp_path / "sums.parquet")), study)
    assert told(lift) == told(hl.run(rows, study))
    assert lift.data["engine"] == "spark"


@pytest.mark.engine
@pytest.mark.parametrize("name", CASES)
def test_postgres(postgres: Any, tmp_path: Path, name: str):
    from engines.server import load

    table = f"asked {list(CASES).index(name)}"
    rows, study, query = asked(name, f'"{table}"', "postgres")
    with postgres.session() as session:
        load(session, table, rows)
        session.execute("SET extra_float_digits = 1")  # as it is by default: all digits
        with session.cursor().copy(f"COPY ({query}) TO STDOUT (FORMAT csv, HEADER true)") as copied:
            (tmp_path / "sums.csv").write_bytes(b"".join(map(bytes, copied)))
    lift = hl.run(hl.read_moments(str(tmp_path / "sums.csv")), study)
    assert told(lift) == told(hl.run(rows, study))
