"""Tables of one engine brought to where they can be joined: files and tables by a query, frames by a copy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import duckdb
import narwhals as nw

from honestlift.errors import ReachError, TablesError
from honestlift.source.duck import DuckSource, streamed
from honestlift.source.engine import beside
from honestlift.source.table import Source
from honestlift.source.warehouse import IbisSource


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


def _brought(source: DuckSource, connection: duckdb.DuckDBPyConnection) -> duckdb.DuckDBPyRelation:
    relation: Any = nw.to_native(source.everything())
    if source.connection is not None:
        try:
            return connection.sql(relation.sql_query())
        except duckdb.Error:  # a frame, or a table, that this connection does not know
            pass
    return streamed(source.everything(), connection)
