"""Rows in DuckDB: files, databases, relations, and frames that are registered without a copy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import count
from typing import Any, Literal, Self

import duckdb
import narwhals as nw
import pyarrow as pa

from honestlift.errors import ReachError
from honestlift.source.blocks import reader_of
from honestlift.source.engine import another, beside
from honestlift.source.failure import stopped
from honestlift.source.files import stamp
from honestlift.source.table import PRIME, Kind, Source

_INTEGERS = {"TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT"}
_NUMBERS = count()
"""Tables that are written side by side need names of their own."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DuckSource(Source):
    """A table in DuckDB.

    Attributes:
        relation: the rows.
        connection: what keeps the relation alive; None when the user holds it.
        files: where the rows are read from, at every scan anew.
    """

    relation: duckdb.DuckDBPyRelation
    connection: duckdb.DuckDBPyConnection | None
    files: tuple[str, ...] = ()
    engine: str = "duckdb"

    def stamp(self) -> tuple[object, ...]:
        """What would tell that the rows have changed."""
        return stamp(self.files)

    def select(self, names: Sequence[str]) -> nw.LazyFrame[Any]:
        """The named columns as ``c0``, ``c1``, … in the order asked for, so that no user's name comes into any query."""
        return nw.from_native(self._project(names))

    def everything(self, count: int | None = None) -> nw.LazyFrame[Any]:
        """All columns as ``c0``, ``c1``, … by position; or the first ``count``, which may be more than have names."""
        return nw.from_native(self._every(count))

    def head(self, rows: int) -> Self:
        """The first rows, as the engine happens to give them: for a first look, never for a number."""
        return replace(self, relation=self.relation.limit(rows))

    def restricted(self, name: str, values: Sequence[str | int | float | bool]) -> Self:
        """The rows in which a column has one of these values."""
        column = duckdb.ColumnExpression(f"c{self.columns.index(name)}")
        return replace(self, relation=self._every().filter(column.isin(*(duckdb.ConstantExpression(v) for v in values))))

    def complete(self, names: Sequence[str]) -> Self:
        """The rows in which all of these columns have a value."""
        rows = self._every()
        for name in names:
            column = duckdb.ColumnExpression(f"c{self.columns.index(name)}")
            rows = rows.filter(column.isnotnull())
            if self.kind(name) == "number":
                rows = rows.filter(~duckdb.FunctionExpression("isnan", column.cast("DOUBLE")))
        return replace(self, relation=rows)

    def with_indicators(self, name: str, levels: Sequence[str], absent: str | None = None) -> Self:
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

    def one_in(self, name: str, modulus: int, others: Sequence[str] = ()) -> Self:
        """The rows of about one in ``modulus`` values of a column, by a hash, all of a value or none: that column and some others."""
        column = duckdb.FunctionExpression("hash", duckdb.ColumnExpression("c0"))
        chosen = duckdb.FunctionExpression("mod", column, duckdb.ConstantExpression(modulus)) == duckdb.ConstantExpression(0)
        names = (name, *others)
        return replace(self, relation=self._project(names).filter(chosen), columns=names, kinds=tuple(map(self.kind, names)))

    def made(self, rows: nw.LazyFrame[Any], columns: Sequence[str], kinds: Sequence[Kind]) -> Self:
        """Rows that were made from these, their columns by position."""
        return replace(self, relation=nw.to_native(rows), columns=tuple(columns), kinds=tuple(kinds))

    def kept(self, rows: nw.LazyFrame[Any], columns: Sequence[str], kinds: Sequence[Kind]) -> Source:
        """Rows that were made from these, written once into a temporary table of their own connection.

        The copy streams into the engine's memory, may spill to disk, and goes when the Source does. It leaves no trace in the
        connection that the rows come from, which may be the user's, or read-only.

        Raises:
            SourceError: if the engine fails.
        """
        return self._copied(rows, columns, kinds, 0)

    def beside(self, names: Sequence[str], other: Source, others: Sequence[str]) -> tuple[Source, Source]:
        """Columns of two tables, streamed into one connection of their own, where they can be joined.

        Raises:
            SourceError: if the other is in another engine, or an engine fails.
        """
        if not isinstance(other, DuckSource):
            raise ReachError.two_engines(self.engine, other.engine)
        connection = beside(self.connection)
        made = [streamed(source.select(columns), connection) for source, columns in ((self, names), (other, others))]
        mine = replace(self, relation=made[0], connection=connection, columns=tuple(names), kinds=tuple(map(self.kind, names)))
        kinds = tuple(map(other.kind, others))
        return mine, replace(other, relation=made[1], connection=connection, columns=tuple(others), kinds=kinds)

    def written(self, rows: nw.LazyFrame[Any], columns: Sequence[str], kinds: Sequence[Kind]) -> Self:
        """Rows that were made from one that ``beside`` gave, in a temporary table of the same connection."""
        if self.connection is None:
            raise ValueError("The rows are not this library's to write. Expected a Source that `beside` gave.")
        relation, name = nw.to_native(rows), f"t{next(_NUMBERS)}"
        try:
            self.connection.execute(f"CREATE TEMP TABLE {name} AS {relation.sql_query()}")
        except duckdb.Error as reason:
            raise stopped(reason) from reason
        return replace(self, relation=self.connection.table(f"temp.{name}"), columns=tuple(columns), kinds=tuple(kinds))

    def released(self) -> None:
        """Give back the room of what ``written`` wrote, by dropping the table; the Source is of no use after it."""
        if self.connection is not None:
            self.connection.execute(f"DROP TABLE IF EXISTS temp.{self.relation.alias}")

    def sorted_copy(self, names: Sequence[str], keys: int) -> Source:
        """A copy of the named columns, sorted by the first ``keys`` of them, in a temporary table that goes when the copy does.

        Files and tables are sorted by the engine that reads them, on a cursor of its own; a frame or a user's relation, which another
        connection does not know, is streamed over (see ``kept``).
        """
        kinds: list[Kind] = [self.kind(n) for n in names]
        ordered = self._project(names).order(", ".join(f"c{i}" for i in range(keys)))
        if self.connection is not None:
            cursor = another(self.connection)
            try:
                cursor.execute(f"CREATE TEMP TABLE kept AS {ordered.sql_query()}")
            except duckdb.CatalogException:
                cursor.close()
            except duckdb.Error as reason:
                raise stopped(reason) from reason
            else:
                copy = cursor.table("temp.kept")
                return replace(self, relation=copy, connection=cursor, columns=tuple(names), kinds=tuple(kinds))
        return self._copied(self.select(names), names, kinds, keys)

    def with_unit_type(self, unit: str, kind: Literal["integer", "text"]) -> Self:
        """The same rows with the ids as whole numbers of up to 38 digits, or as text."""
        place = self.columns.index(unit)
        cast = f"CAST(#{place + 1} AS {'HUGEINT' if kind == 'integer' else 'VARCHAR'})"
        columns = [f"{cast if i == place else f'#{i + 1}'} AS c{i}" for i in range(len(self.columns))]
        kinds = (*self.kinds[:place], kind, *self.kinds[place + 1 :])
        return replace(self, relation=self.relation.project(", ".join(columns)), kinds=kinds)

    def with_buckets(self, unit: str, buckets: int, name: str) -> Self:
        """The same rows with one more column: the bucket of each unit; see ``buckets.py``."""
        every, at, made = self._every(), f"c{self.columns.index(unit)}", f"c{len(self.columns)}"
        if self.kind(unit) == "integer":
            shifted = every.project(f"*, (CAST({at} % {PRIME} AS BIGINT) + {PRIME} + 12345) % {PRIME} AS x")
            fourth = shifted.project(f"* EXCLUDE (x), x, ((x * x) % {PRIME}) * ((x * x) % {PRIME}) % {PRIME} AS x4")
            relation = fourth.project(f"* EXCLUDE (x, x4), CAST((x4 * x % {PRIME}) % {buckets} AS INTEGER) AS {made}")
        else:
            digits = f"CAST('0x' || substr(md5(CAST({at} AS VARCHAR)), 1, 3) AS INTEGER)"
            relation = every.project(f"*, {digits} % {buckets} AS {made}")
        return replace(self, relation=relation, columns=(*self.columns, name), kinds=(*self.kinds, "integer"))

    def _copied(self, rows: nw.LazyFrame[Any], columns: Sequence[str], kinds: Sequence[Kind], order: int) -> Source:
        """A temporary table, sorted by ``order`` columns."""
        try:
            connection = beside(self.connection)  # before the reader: a query in between would cut its stream short in silence
            connection.register("rows", reader_of(rows))
            by = f" ORDER BY {', '.join(f'#{i + 1}' for i in range(order))}" if order else ""
            connection.execute(f"CREATE TEMP TABLE kept AS SELECT * FROM rows{by}")
            connection.unregister("rows")
        except (duckdb.Error, pa.ArrowException) as reason:
            raise stopped(reason) from reason
        copy = connection.table("temp.kept")
        return DuckSource(relation=copy, connection=connection, columns=tuple(columns), kinds=tuple(kinds), engine=self.engine)

    def _project(self, names: Sequence[str]) -> duckdb.DuckDBPyRelation:
        return self.relation.project(", ".join(f"#{self.columns.index(n) + 1} AS c{i}" for i, n in enumerate(names)))

    def _every(self, count: int | None = None) -> duckdb.DuckDBPyRelation:
        return self.relation.project(", ".join(f"#{i + 1} AS c{i}" for i in range(count or len(self.columns))))


def streamed(rows: nw.LazyFrame[Any], connection: duckdb.DuckDBPyConnection) -> duckdb.DuckDBPyRelation:
    """A temporary table of a connection from rows of another, or of a user's, which it does not know."""
    name = f"t{next(_NUMBERS)}"
    try:
        connection.register("incoming", reader_of(rows))
        connection.execute(f"CREATE TEMP TABLE {name} AS SELECT * FROM incoming")
        connection.unregister("incoming")
    except (duckdb.Error, pa.ArrowException) as reason:
        raise stopped(reason) from reason
    return connection.table(f"temp.{name}")


def duck_source(
    relation: duckdb.DuckDBPyRelation,
    connection: duckdb.DuckDBPyConnection | None,
    columns: tuple[str, ...],
    files: tuple[str, ...] = (),
) -> DuckSource:
    """A relation as a Source."""
    kinds: tuple[Kind, ...] = tuple(_kind(str(t)) for t in relation.types)
    return DuckSource(relation=relation, connection=connection, columns=columns, kinds=kinds, files=files)


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
