"""Connect to rows where they live: a path, a glob, a database table, a frame or a relation becomes a Source."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, Literal, cast

import duckdb
import narwhals as nw
import pyarrow as pa

from honestlift.errors import ColumnError, DesignError, SourceError
from honestlift.source.files import first_line, open_files

Kind = Literal["integer", "number", "boolean", "text", "time", "other"]

_DATABASE = (".duckdb", ".db", ".ddb")
_INTEGERS = {"TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT"}
_SIZE = "a size such as '4GB'"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Source:
    """A table in the engine that holds it. Nothing has been read yet.

    Attributes:
        relation: the rows, in DuckDB.
        connection: what keeps the relation alive; None when the user holds it.
        columns: the user's column names, by position.
        kinds: what each column holds.
        engine: name of the engine.

    Example:
        >>> hl.connect("users.parquet").kind("engagement_tier")
        'text'
    """

    relation: duckdb.DuckDBPyRelation
    connection: duckdb.DuckDBPyConnection | None
    columns: tuple[str, ...]
    kinds: tuple[Kind, ...]
    engine: str = "duckdb"

    def position(self, name: str, role: str) -> int:
        """Where a column stands.

        Raises:
            ColumnError: if there is no such column, or more than one; the role goes into the message.
        """
        count = self.columns.count(name)
        if count == 0:
            raise ColumnError.missing(name, role, self.columns)
        if count > 1:
            raise ColumnError.ambiguous(name)
        return self.columns.index(name)

    def kind(self, name: str) -> Kind:
        """What a column holds."""
        return self.kinds[self.columns.index(name)]

    def select(self, names: Sequence[str]) -> nw.LazyFrame[Any]:
        """The named columns as ``c0``, ``c1``, … in the order asked for, so that no user's name comes into any query."""
        return nw.from_native(self._project(names))

    def everything(self, count: int | None = None) -> nw.LazyFrame[Any]:
        """All columns as ``c0``, ``c1``, … by position; or the first ``count``, which may be more than have names."""
        return nw.from_native(self._every(count))

    def head(self, rows: int) -> Source:
        """The first rows, as the engine happens to give them: for a first look, never for a number."""
        return replace(self, relation=self.relation.limit(rows))

    def restricted(self, name: str, values: Sequence[str | int | float | bool]) -> Source:
        """The rows in which a column has one of these values."""
        column = duckdb.ColumnExpression(f"c{self.columns.index(name)}")
        return replace(self, relation=self._every().filter(column.isin(*(duckdb.ConstantExpression(v) for v in values))))

    def complete(self, names: Sequence[str]) -> Source:
        """The rows in which all of these columns have a value."""
        rows = self._every()
        for name in names:
            column = duckdb.ColumnExpression(f"c{self.columns.index(name)}")
            rows = rows.filter(column.isnotnull())
            if self.kind(name) == "number":
                rows = rows.filter(~duckdb.FunctionExpression("isnan", column.cast("DOUBLE")))
        return replace(self, relation=rows)

    def with_indicators(self, name: str, levels: Sequence[str], absent: str | None = None) -> Source:
        """The same rows with one more 0/1 column per level of a text column, called ``name = level``; and one for its ``absent`` values."""
        column = duckdb.ColumnExpression(f"c{self.columns.index(name)}")
        marks = [column == duckdb.ConstantExpression(level) for level in levels] + ([] if absent is None else [column.isnull()])
        one, zero = (
            duckdb.ConstantExpression(1),
            duckdb.ConstantExpression(0),
        )  # CASE: 0 where the value, and so the mark, is NULL
        made = [
            duckdb.CaseExpression(mark, one).otherwise(zero).cast("INTEGER").alias(f"c{len(self.columns) + i}")
            for i, mark in enumerate(marks)
        ]
        levels = [*levels, *([] if absent is None else [absent])]
        return replace(
            self,
            relation=self._every().select(duckdb.StarExpression(), *made),
            columns=(*self.columns, *(f"{name} = {level}" for level in levels)),
            kinds=(*self.kinds, *("integer" for _ in levels)),
        )

    def with_columns(self, made: Mapping[str, nw.Expr], kinds: Sequence[Kind]) -> Source:
        """The same rows with more columns, made of expressions over ``c0``, ``c1``, … by position."""
        start = len(self.columns)
        exprs = [expr.alias(f"c{start + i}") for i, expr in enumerate(made.values())]
        relation: Any = nw.to_native(self.everything().with_columns(*exprs))
        return replace(self, relation=relation, columns=(*self.columns, *made), kinds=(*self.kinds, *kinds))

    def one_in(self, name: str, modulus: int) -> Source:
        """The rows of about one in ``modulus`` values of a column, chosen by a hash: all rows of a value, or none."""
        column = duckdb.FunctionExpression("hash", duckdb.ColumnExpression("c0"))
        chosen = duckdb.FunctionExpression("mod", column, duckdb.ConstantExpression(modulus)) == duckdb.ConstantExpression(0)
        return replace(self, relation=self._project([name]).filter(chosen), columns=(name,), kinds=(self.kind(name),))

    def kept(self, rows: nw.LazyFrame[Any], columns: Sequence[str], kinds: Sequence[Kind], *, order: int = 0) -> Source:
        """Rows that were made from these, written once into a temporary table of their own connection, sorted by ``order`` columns.

        The copy streams into the engine's memory, may spill to disk, and goes when the Source does. It leaves no trace in the
        connection that the rows come from, which may be the user's, or read-only.

        Raises:
            SourceError: if the engine fails.
        """
        try:
            connection = _engine(*self._limits())  # before the reader: a query in between would cut its stream short in silence
            relation: Any = nw.to_native(rows)
            reader = relation.to_arrow_reader() if hasattr(relation, "to_arrow_reader") else relation.fetch_record_batch()
            connection.register("rows", reader)
            by = f" ORDER BY {', '.join(f'#{i + 1}' for i in range(order))}" if order else ""
            connection.execute(f"CREATE TEMP TABLE kept AS SELECT * FROM rows{by}")
            connection.unregister("rows")
        except (duckdb.Error, pa.ArrowException) as reason:
            raise SourceError.engine(first_line(reason)) from reason
        copy = connection.table("temp.kept")
        return Source(relation=copy, connection=connection, columns=tuple(columns), kinds=tuple(kinds), engine=self.engine)

    def sorted_copy(self, names: Sequence[str], keys: int) -> Source:
        """A copy of the named columns, sorted by the first ``keys`` of them, in a temporary table that goes when the copy does.

        Files and tables are sorted by the engine that reads them, on a cursor of its own; a frame or a user's relation, which another
        connection does not know, is streamed over (see ``kept``).
        """
        kinds: list[Kind] = [self.kind(n) for n in names]
        ordered = self._project(names).order(", ".join(f"c{i}" for i in range(keys)))
        if self.connection is not None:
            cursor = self.connection.cursor()
            try:
                cursor.execute(f"CREATE TEMP TABLE kept AS {ordered.sql_query()}")
            except duckdb.CatalogException:
                cursor.close()
            else:
                copy = cursor.table("temp.kept")
                return replace(self, relation=copy, connection=cursor, columns=tuple(names), kinds=tuple(kinds))
        return self.kept(self.select(names), names, kinds, order=keys)

    def _limits(self) -> tuple[int | None, str | None]:
        """Threads and memory that the engine may use."""
        if self.connection is None:
            return None, None
        found = self.connection.execute("SELECT current_setting('threads'), current_setting('memory_limit')").fetchall()
        return int(found[0][0]), str(found[0][1])

    def _project(self, names: Sequence[str]) -> duckdb.DuckDBPyRelation:
        return self.relation.project(", ".join(f"#{self.columns.index(n) + 1} AS c{i}" for i, n in enumerate(names)))

    def _every(self, count: int | None = None) -> duckdb.DuckDBPyRelation:
        return self.relation.project(", ".join(f"#{i + 1} AS c{i}" for i in range(count or len(self.columns))))


def connect(data: Any, *, table: str | None = None, threads: int | None = None, memory_limit: str | None = None) -> Source:
    """Make a Source of rows, wherever they live. The rows stay there.

    Args:
        data: a path or glob to parquet or CSV files, a folder of parquet files, a DuckDB database file (with ``table``), a DuckDB
            relation, or a pandas, Polars (eager or lazy), Arrow or Narwhals frame. A Source comes back as it is.
        table: name of the table, for a database file; ``schema.table`` where it is not in the main schema.
        threads: threads of the engine; all cores by default. The numbers do not depend on it.
        memory_limit: what the engine may use before it spills to disk, e.g. ``"4GB"``.

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
    if isinstance(data, duckdb.DuckDBPyRelation):
        return _source(data, None, tuple(data.columns))
    if isinstance(data, (str, bytes, os.PathLike)):
        path = os.fsdecode(cast("str | os.PathLike[str]", data))
        if table is not None or path.lower().endswith(_DATABASE):
            return _database(path, table, threads, memory_limit)
        connection = _engine(threads, memory_limit)
        relation, columns = open_files(path, connection)
        return _source(relation, connection, columns)
    return _frame(nw.to_native(data, pass_through=True), _engine(threads, memory_limit))


@cache
def _shared() -> duckdb.DuckDBPyConnection:
    """One engine per process for files and frames: to start one costs milliseconds, a cursor on it nothing."""
    return duckdb.connect()


def _engine(threads: int | None, memory_limit: str | None, database: str = ":memory:") -> duckdb.DuckDBPyConnection:
    """A connection of its own; on the shared engine unless there is a database file, or limits, which hold for a whole engine."""
    if (threads, memory_limit, database) == (None, None, ":memory:"):
        return _shared().cursor()
    connection = duckdb.connect(database, read_only=database != ":memory:")
    for name, value, expected in (("threads", threads, "a number of threads from 1 up"), ("memory_limit", memory_limit, _SIZE)):
        try:
            if value is not None:
                connection.execute(f"SET {name} = $1", [value])
        except duckdb.Error as reason:
            raise DesignError.out_of_range(name, value, expected) from reason
    return connection


def _database(path: str, table: str | None, threads: int | None, memory_limit: str | None) -> Source:
    if not os.path.exists(path):
        raise SourceError.not_found(path)
    try:
        connection = _engine(threads, memory_limit, path)
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
    return _source(relation, connection, tuple(relation.columns))


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
        return _source(connection.table("rows"), connection, tuple(columns))
    except (duckdb.Error, pa.ArrowException) as reason:
        raise SourceError.engine(first_line(reason)) from reason


def _own_names(columns: Sequence[str]) -> list[str]:
    return [f"c{i}" for i in range(len(columns))]


def _source(relation: duckdb.DuckDBPyRelation, connection: duckdb.DuckDBPyConnection | None, columns: tuple[str, ...]) -> Source:
    return Source(relation=relation, connection=connection, columns=columns, kinds=tuple(_kind(str(t)) for t in relation.types))


def _kind(sql_type: str) -> Kind:
    head, _, inside = sql_type.upper().partition("(")
    if sql_type.endswith("]"):
        return "other"
    if head in _INTEGERS or (head == "DECIMAL" and inside.replace(" ", "").endswith(",0)")):
        return "integer"
    if head in {"DOUBLE", "FLOAT", "DECIMAL", '"NULL"', "NULL"}:
        return "number"
    if head == "BOOLEAN":
        return "boolean"
    if head in {"VARCHAR", "ENUM", "UUID"}:
        return "text"
    return "time" if head.startswith(("DATE", "TIME")) else "other"
