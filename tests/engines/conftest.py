"""The engines on which the same studies run: those in this process, and those that are really started."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from engines.server import Server, load, running
from honestlift.source.connect import Source, connect

Opened = Callable[[pa.Table], Source]
_NUMBERS = count()


@pytest.fixture(scope="session")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A cluster of a master and two executors in processes of their own, on loopback; gone after the tests.

    Its heaps are those that Spark has by default. The data are small, so time goes into what Spark does about a query: it plans each
    once, in few stages (``test_spark.py`` has the plans that adapt), compiles it once, and not for speed in the long run.
    """
    from pyspark import sql

    os.environ |= {"SPARK_LOCAL_IP": "127.0.0.1", "SPARK_WORKER_DIR": str(tmp_path_factory.mktemp("spark"))}
    options = {
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.host": "127.0.0.1",
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.executor.memory": "1g",
        "spark.driver.extraJavaOptions": "-XX:TieredStopAtLevel=1",
        "spark.executor.extraJavaOptions": "-XX:TieredStopAtLevel=1",
        "spark.python.sql.dataFrameDebugging.enabled": "false",
        "spark.sql.adaptive.enabled": "false",
        "spark.sql.codegen.cache.maxEntries": "5000",
        "spark.sql.files.minPartitionNum": "3",
        "spark.sql.shuffle.partitions": "2",
        "spark.sql.warehouse.dir": str(tmp_path_factory.mktemp("warehouse")),
        "spark.sql.session.timeZone": "America/New_York",
    }
    builder = sql.SparkSession.builder.master("local-cluster[2,1,2048]").appName("honestlift")
    for name, value in options.items():
        builder = builder.config(name, value)
    session = builder.getOrCreate()
    session.sparkContext.setLogLevel("OFF")
    yield session
    session.stop()


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    """A PostgreSQL server on loopback; gone after the tests."""
    with running() as server:
        yield server


@pytest.fixture
def ibis_session() -> Any:
    """Another engine that Ibis speaks to."""
    import ibis

    return ibis.duckdb.connect()


@pytest.fixture(
    params=[
        *("arrow", "parquet", "database", "polars, lazy", "pandas"),
        *(pytest.param(name, marks=pytest.mark.engine) for name in ("spark", "postgres", "ibis, duckdb")),
    ]
)
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Opened:
    """What puts a table into an engine and gives it back as a Source."""
    path = tmp_path / "rows"
    ways: dict[str, Opened] = {
        "arrow": connect,
        "polars, lazy": lambda table: connect(pl.from_arrow(table).lazy()),
        "pandas": lambda table: connect(table.to_pandas(types_mapper=_arrow_backed)),
        "parquet": lambda table: connect(_in_parquet(table, path)),
        "database": lambda table: _in_a_file(table, path),
        "spark": lambda table: connect(request.getfixturevalue("spark").read.parquet(_in_three_files(table, path))),
        "postgres": lambda table: _in_postgres(table, request.getfixturevalue("postgres")),
        "ibis, duckdb": lambda table: _in_ibis(table, request.getfixturevalue("ibis_session")),
    }
    return ways[request.param]


def _in_parquet(table: pa.Table, path: Path) -> str:
    made = f"{path}{next(_NUMBERS)}.parquet"
    pq.write_table(table, made, row_group_size=500)
    return made


def _in_three_files(table: pa.Table, path: Path) -> str:
    """Rows that are dealt by turns: each part of them is read by a task of its own."""
    folder = Path(f"{path}{next(_NUMBERS)}")
    folder.mkdir()
    for i in range(3):
        pq.write_table(table.take(pa.array(range(i, len(table), 3), pa.int64())), folder / f"{i}.parquet")
    return str(folder)


def _in_a_file(table: pa.Table, path: Path) -> Source:
    file = f"{path}{next(_NUMBERS)}.duckdb"
    with duckdb.connect(file) as made:
        made.register("rows", table)
        made.execute("CREATE TABLE users AS FROM rows")
    return connect(file, table="users")


def _in_ibis(table: pa.Table, session: Any) -> Source:
    name = f"users{next(_NUMBERS)}"
    session.con.register("incoming", table)
    session.con.execute(f"CREATE TABLE {name} AS FROM incoming")
    session.con.unregister("incoming")
    return connect(session.table(name))


def _in_postgres(table: pa.Table, server: Server) -> Source:
    with server.session() as session:
        load(session, name := f'users "{next(_NUMBERS)}"; --', table)
    return connect(server.whole, table=name)


def _arrow_backed(kind: pa.DataType) -> Any:
    import pandas as pd

    return pd.ArrowDtype(kind)
