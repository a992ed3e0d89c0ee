"""Tables of one engine brought to where they can be joined: files and tables by a query, frames by a copy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import count
from typing import Any

import duckdb
import narwhals as nw
import pyarrow as pa

from honestlift.errors import ReachError, SourceError, TablesError
from honestlift.source.duck import DuckSource
from honestlift.source.engine import beside
from honestlift.source.failure import first_line
from honestlift.source.table import Kind, Source
from honestlift.source.warehouse import IbisSource

_NUMBERS = count()


def together(sources: Sequence[Source]) -> list[Source]:
    """The same tables, where they can be joined with each other.

    In DuckDB on one connection: what lies in files is read from there when it is asked for; a frame, a user's relation or a table
    of a database is streamed into a temporary table. In Spark, and in one session of a database, they can be joined already.

    Raises:
        TablesError: if they are in different engines.
        SourceError: if an engine fails.
    """
    first = sources[0]
    for other in sources[1:]:
        if type(other) is not type(first):
            raise TablesError.two_engines(first.engine, other.engine)
    if isinstance(first, IbisSource):
        sessions = {id(s.rows.get_backend()) for s in sources if isinstance(s, IbisSource)}
        if len(sessions) > 1:
            raise ReachError.two_sessions(first.engine, first.engine)
    if not isinstance(first, DuckSource):
        return list(sources)
    found = [s for s in sources if isinstance(s, DuckSource)]
    connection = beside(first.connection)
    return [replace(s, relation=_brought(s, connection), connection=connection) for s in found]


def written(source: Source, rows: nw.LazyFrame[Any], columns: Sequence[str], kinds: Sequence[Kind]) -> Source:
    """Rows that were made from tables that are ``together``, written once where they can still be joined.

    Raises:
        SourceError: if the engine fails.
    """
    if not isinstance(source, DuckSource) or source.connection is None:
        return source.kept(rows, columns, kinds)
    relation, name = nw.to_native(rows), f"honestlift_{next(_NUMBERS)}"
    try:
        source.connection.execute(f"CREATE TEMP TABLE {name} AS {relation.sql_query()}")
    except duckdb.Error as reason:
        raise SourceError.engine(first_line(reason)) from reason
    return replace(source, relation=source.connection.table(f"temp.{name}"), columns=tuple(columns), kinds=tuple(kinds))


def _brought(source: DuckSource, connection: duckdb.DuckDBPyConnection) -> duckdb.DuckDBPyRelation:
    relation: Any = nw.to_native(source.everything())
    if source.connection is not None:
        try:
            return connection.sql(relation.sql_query())
        except duckdb.Error:  # a frame, or a table, that this connection does not know
            pass
    name = f"honestlift_{next(_NUMBERS)}"
    try:
        reader = relation.to_arrow_reader() if hasattr(relation, "to_arrow_reader") else relation.fetch_record_batch()
        connection.register("incoming", reader)
        connection.execute(f"CREATE TEMP TABLE {name} AS SELECT * FROM incoming")
        connection.unregister("incoming")
    except (duckdb.Error, pa.ArrowException) as reason:
        raise SourceError.engine(first_line(reason)) from reason
    return connection.table(f"temp.{name}")
