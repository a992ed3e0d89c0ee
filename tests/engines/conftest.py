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
    """A cluster of a master and two executors in processes of their own, on loopback; gone after the tests."""
    from pyspark import sql

    os.environ |= {"SPARK_LOCAL_IP": "127.0.0.1", "SPARK_WORKER_DIR": str(tmp_path_factory.mktemp("spark"))}
    options = {
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.host": "127.0.0.1",
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.executor.memory": "1g",
        "spark.sql.shuffle.partitions": "3",
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


@pytest.fixture(
    params=[
        *("arrow", "parquet", "database", "polars, lazy", "pandas"),
        *(pytest.param(name, marks=pytest.mark.engine) for name in ("spark", "postgres")),
    ]
)
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Opened:
    """What puts a table into an engine and gives it back as a Source."""
    name: str = request.param

    def opened(table: pa.Table) -> Source:
        path = str(tmp_path / f"rows{next(_NUMBERS)}.parquet")
        match name:
            case "arrow":
                return connect(table)
            case "polars, lazy":
                return connect(pl.from_arrow(table).lazy())
            case "pandas":
                return connect(table.to_pandas(types_mapper=_arrow_backed))
            case "database":
                return _in_a_file(table, path.replace("parquet", "duckdb"))
            case "postgres":
                return _in_postgres(table, request.getfixturevalue("postgres"))
        pq.write_table(table, path, row_group_size=500)
        return connect(path if name == "parquet" else request.getfixturevalue("spark").read.parquet(path).repartition(3))

    return opened


def _in_a_file(table: pa.Table, path: str) -> Source:
    with duckdb.connect(path) as made:
        made.register("rows", table)
        made.execute("CREATE TABLE users AS FROM rows")
    return connect(path, table="users")


def _in_postgres(table: pa.Table, server: Server) -> Source:
    with server.session() as session:
        load(session, name := f'users "{next(_NUMBERS)}"; --', table)
    return connect(server.whole, table=name)


def _arrow_backed(kind: pa.DataType) -> Any:
    import pandas as pd

    return pd.ArrowDtype(kind)
