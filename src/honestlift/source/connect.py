"""Connect to rows where they live: a path, a glob, a database table, a frame or a relation becomes a Source."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any, cast

import duckdb
import narwhals as nw
import pyarrow as pa

from honestlift.errors import DesignError, SourceError
from honestlift.source.address import is_address
from honestlift.source.duck import duck_source
from honestlift.source.engine import Limits, engine
from honestlift.source.failure import first_line
from honestlift.source.files import open_files
from honestlift.source.sessions import database_table
from honestlift.source.spark import is_spark, spark_session, spark_source, spark_table
from honestlift.source.table import Kind, Source
from honestlift.source.warehouse import ibis_source, is_ibis

__all__ = ["Kind", "Source", "connect"]

_DATABASE = (".duckdb", ".db", ".ddb")


def connect(
    data: Any,
    *,
    table: str | None = None,
    threads: int | None = None,
    memory_limit: str | None = None,
    spill: str | os.PathLike[str] | None = None,
    spill_limit: str | None = None,
) -> Source:
    """Make a Source of rows, wherever they live. The rows stay there.

    Args:
        data: a path or glob to parquet or CSV files, a list of these, a folder of parquet files (with columns by folders such as
            ``day=2026-01-01``, see ``docs/how-to/read-data.md``), a DuckDB database file (with ``table``), a DuckDB
            relation, a pandas, Polars (eager or lazy), Arrow or Narwhals frame, a PySpark DataFrame, a Spark session (with
            ``table``), an Ibis table, or the address of a database, ``"postgres://user@host/database"`` (with ``table``). A Source
            comes back as it is. ``${NAME}`` in an address is a variable of the environment; put the password there. A mapping names a
            table as in a plan: ``{"spark": "lake.users"}``, ``{"ibis": address, "table": name}``.
        table: name of the table, for a database or a Spark session; ``schema.table`` where it is not in the main schema.
        threads: threads of the engine; all cores by default. The numbers do not depend on it.
        memory_limit: what the engine may use before it spills to disk, e.g. ``"4GB"``.
        spill: folder to spill into, in one of the engine's own that goes with the process; that of the system by default.
        spill_limit: what may be spilled, e.g. ``"100GB"``; nine tenths of the free space by default.

    Raises:
        SourceError: if there is nothing at the path, or it cannot be read.
        DesignError: if the engine does not take the limits.

    Example:
        >>> users = hl.connect("users.parquet", threads=2)
        >>> len(users.columns), users.engine
        (19, 'duckdb')
    """
    if isinstance(data, Source):
        return data
    if isinstance(data, Mapping):
        data, table = _named(cast("Mapping[str, Any]", data))
    limits = Limits(
        threads=threads, memory=memory_limit, spill=None if spill is None else os.fspath(spill), spill_limit=spill_limit
    )
    if isinstance(data, duckdb.DuckDBPyRelation):
        return duck_source(data, None, tuple(data.columns))
    if isinstance(data, (str, bytes, os.PathLike)):
        return _at(os.fsdecode(cast("str | os.PathLike[str]", data)), table, limits)
    if isinstance(data, (list, tuple)) and data and all(isinstance(one, (str, os.PathLike)) for one in cast("list[Any]", data)):
        return _files([os.fsdecode(one) for one in cast("list[str]", data)], limits)
    native = nw.to_native(data, pass_through=True)
    if is_spark(native):
        return _unlimited(spark_source(native) if table is None else spark_table(native, table), limits)
    return _unlimited(ibis_source(native), limits) if is_ibis(native) else _frame(native, engine(limits))


def _at(path: str, table: str | None, limits: Limits) -> Source:
    """A database, or files."""
    if table is not None or is_address(path) or path.lower().endswith(_DATABASE):
        return _database(path, table, limits)
    return _files(path, limits)


def _files(path: str | Sequence[str], limits: Limits) -> Source:
    connection = engine(limits)
    relation, columns, files = open_files(path, connection)
    return duck_source(relation, connection, columns, files)


def _named(place: Mapping[str, Any]) -> tuple[Any, Any]:
    """What a mapping names, and the table in it."""
    match place:
        case {"spark": str(table), **others} if not others:
            return spark_session(), table
        case {"ibis": str(whole), "table": str(table), **others} if not others:
            return whole, table
        case {"database": str(whole), "table": str(table), **others} if not others:
            return whole, table
        case _:
            raise SourceError.unsupported(f"mapping with the keys {', '.join(map(str, place)) or 'none'}")


def _unlimited(source: Source, limits: Limits) -> Source:
    """A Source in an engine that has limits of its own."""
    for name, value in (("threads", limits.threads), ("memory_limit", limits.memory), ("spill", limits.spill)):
        if value is not None:
            raise DesignError.out_of_range(name, value, f"none: the rows stay in {source.engine}, which has limits of its own")
    return source


def _database(path: str, table: str | None, limits: Limits) -> Source:
    if is_address(path) or (path.startswith("${") and path.endswith("}")):
        return _unlimited(database_table(path, table), limits)
    if not os.path.exists(path):
        raise SourceError.not_found(path)
    try:
        connection = engine(limits, path)
        query = "SELECT table_schema, table_name FROM information_schema.tables WHERE table_catalog = current_database()"
        found = [(str(schema), str(name)) for schema, name in connection.execute(query).fetchall()]
        known = {name if schema == "main" else f"{schema}.{name}": (schema, name) for schema, name in found}
        if table is None:
            raise SourceError.which_table(path, list(known))
        if table not in known:
            raise SourceError.no_table(table, list(known))
        relation = connection.sql("FROM " + ".".join('"' + part.replace('"', '""') + '"' for part in known[table]))
    except duckdb.Error as reason:
        raise SourceError.database(path, first_line(reason)) from reason
    return duck_source(relation, connection, tuple(relation.columns))


def _frame(data: Any, connection: duckdb.DuckDBPyConnection) -> Source:
    """Register a frame under names of our own, given by position, since the engine confuses names that differ only by case."""
    package = type(data).__module__.split(".")[0]
    if package == "pyarrow" and hasattr(data, "read_all"):
        data = data.read_all()
    if package == "pandas" and hasattr(data, "columns"):
        columns = [str(c) for c in data.columns]
        data = data.copy(deep=False)
        data.columns = _own_names(columns)
    elif package == "polars" and hasattr(data, "collect_schema"):
        columns = [str(c) for c in data.collect_schema().names()]
        data = data.rename(dict(zip(columns, _own_names(columns), strict=True)))
    elif package == "pyarrow" and hasattr(data, "rename_columns"):
        columns = [str(c) for c in data.schema.names]
        data = data.rename_columns(_own_names(columns))
        data = data if isinstance(data, pa.Table) else pa.Table.from_batches([data])
    elif package == "pyarrow" and hasattr(data, "schema"):
        columns = [str(c) for c in data.schema.names]
    else:
        raise SourceError.unsupported(f"{type(data).__module__}.{type(data).__qualname__}")
    try:
        connection.register("rows", data)
        return duck_source(connection.table("rows"), connection, tuple(columns))
    except (duckdb.Error, pa.ArrowException) as reason:
        raise SourceError.engine(first_line(reason)) from reason


def _own_names(columns: Sequence[str]) -> list[str]:
    return [f"c{i}" for i in range(len(columns))]
