"""Rows in PostgreSQL, or in another warehouse that Ibis speaks to: they stay there; what comes back are sums."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib import import_module
from typing import Any, Literal, Self
from uuid import uuid4
from weakref import finalize

import narwhals as nw

from honestlift.errors import ReachError, SourceError
from honestlift.source.failure import first_line, is_failure
from honestlift.source.repairs import cast, fetched, repaired
from honestlift.source.table import PRIME, Kind, Source

_HEXADECIMAL = "0123456789abcdef"

_MADE_OF = """
WITH RECURSIVE made AS (
  SELECT typtype, typbasetype, typtypmod FROM pg_catalog.pg_type WHERE oid = CAST(%(name)s AS regtype)
  UNION ALL
  SELECT t.typtype, t.typbasetype, t.typtypmod FROM pg_catalog.pg_type t JOIN made m ON t.oid = m.typbasetype
)
SELECT CASE WHEN e.typtype = 'e' THEN 'text' ELSE format_type(d.typbasetype, d.typtypmod) END
FROM made e LEFT JOIN made d ON d.typtype = 'd' AND d.typbasetype IN (SELECT oid FROM pg_catalog.pg_type WHERE typtype = 'b')
WHERE e.typtype = 'e' OR d.typbasetype IS NOT NULL
LIMIT 1
"""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class IbisSource(Source):
    """A table that Ibis knows.

    Attributes:
        rows: an Ibis table with the columns ``c0``, ``c1``, ….
        copy: name of the temporary table that they were written to.
    """

    rows: Any
    copy: str | None = None

    def everything(self, count: int | None = None) -> nw.LazyFrame[Any]:
        """All columns as ``c0``, ``c1``, … by position; or the first ``count``, which may be more than have names."""
        return nw.from_native(self.rows.select(*[f"c{i}" for i in range(count or len(self.columns))]))

    def made(self, rows: nw.LazyFrame[Any], columns: Sequence[str], kinds: Sequence[Kind]) -> Self:
        """Rows that were made from these, their columns by position."""
        return replace(self, rows=_by_position(nw.to_native(rows)), columns=tuple(columns), kinds=tuple(kinds))

    def kept(self, rows: nw.LazyFrame[Any], columns: Sequence[str], kinds: Sequence[Kind]) -> Source:
        """Rows that were made from these, in a temporary table of the same session, which goes when nothing asks for it any more.

        Raises:
            SourceError: if the engine fails, or its user may not write temporary tables.
        """
        return self.written(rows, columns, kinds)

    def beside(self, names: Sequence[str], other: Source, others: Sequence[str]) -> tuple[Source, Source]:
        """Columns of two tables of one session, which can be joined as they are.

        Raises:
            SourceError: if the other is in another engine or session.
        """
        if not isinstance(other, IbisSource) or other.rows.get_backend() is not self.rows.get_backend():
            raise ReachError.two_sessions(self.engine, other.engine)
        pairs: list[tuple[IbisSource, Sequence[str]]] = [(self, names), (other, others)]
        mine, its = [s.made(s.select(columns), columns, [s.kind(n) for n in columns]) for s, columns in pairs]
        return mine, its

    def written(self, rows: nw.LazyFrame[Any], columns: Sequence[str], kinds: Sequence[Kind]) -> Self:
        """The same, where it can still be joined with what it was made from."""
        return self._written(_by_position(nw.to_native(rows)), columns, kinds)

    def released(self) -> None:
        """Drop the temporary table that these rows were written to, if any; the Source is of no use after it."""
        if self.copy is not None:
            _forget(self.rows.get_backend(), self.copy)

    def sorted_copy(self, names: Sequence[str], keys: int) -> Source:  # noqa: ARG002
        """The named columns: the rows are too far away for a copy to be cheap, and the engine adds up by hash."""
        return self.made(self.select(names), names, [self.kind(n) for n in names])

    def one_in(self, name: str, modulus: int, others: Sequence[str] = ()) -> Self:
        """The rows of about one in ``modulus`` values of a column, by a hash, all of a value or none: that column and some others."""
        names = (name, *others)
        kinds: list[Kind] = [self.kind(n) for n in names]
        one = self.made(self.select(names), names, kinds)
        at = one.rows["c0"]
        chosen = _of_integer(at) if one.kinds[0] == "integer" else _of_text(at, 7)
        return replace(one, rows=one.rows.filter(chosen % modulus == 0))

    def with_unit_type(self, unit: str, kind: Literal["integer", "text"]) -> Self:
        """The same rows with the ids as whole numbers of up to 38 digits, or as text."""
        place = self.columns.index(unit)
        made = cast(self.rows[f"c{place}"], "decimal(38, 0)" if kind == "integer" else "string")
        kinds: tuple[Kind, ...] = (*self.kinds[:place], kind, *self.kinds[place + 1 :])
        return replace(self, rows=self._with(place, made), kinds=kinds)

    def with_buckets(self, unit: str, buckets: int, name: str) -> Self:
        """The same rows with one more column: the bucket of each unit; see ``buckets.py``."""
        at = self.rows[f"c{self.columns.index(unit)}"]
        made = (_of_integer(at) if self.kind(unit) == "integer" else _of_text(at, 3)) % buckets
        rows = self._with(len(self.columns), cast(made, "int32"))
        return replace(self, rows=rows, columns=(*self.columns, name), kinds=(*self.kinds, "integer"))

    def _with(self, place: int, made: Any) -> Any:
        """The rows with a column replaced, or one more at the end."""
        kept = [made.name(f"c{i}") if i == place else self.rows[f"c{i}"] for i in range(max(len(self.columns), place + 1))]
        return self.rows.select(*kept)

    def _written(self, rows: Any, columns: Sequence[str], kinds: Sequence[Kind]) -> Self:
        copy = self._copied(repaired(rows, self.engine))
        whole = copy.select(*[_bytewise(copy[i]).name(f"c{i}") for i in range(len(copy.columns))])
        return replace(self, rows=whole, columns=tuple(columns), kinds=tuple(kinds), copy=copy.op().name)

    def _copied(self, rows: Any) -> Any:
        """A temporary table of this session."""
        backend, name = self.rows.get_backend(), f"honestlift_{uuid4().hex}"
        try:
            copy = backend.create_table(name, obj=rows, temp=True)
        except Exception as reason:
            if not is_failure(reason):
                raise
            raise ReachError.no_copy(self.engine, first_line(reason)) from reason
        finalize(copy.op(), _forget, backend, name)
        return copy


def is_ibis(data: Any) -> bool:
    """Whether this is an Ibis table."""
    return type(data).__module__.startswith("ibis.expr.types")


def ibis_source(data: Any) -> IbisSource:
    """An Ibis table as a Source.

    Raises:
        SourceError: if Ibis cannot tell its columns, or knows no engine that holds them.
    """
    try:
        engine = str(data.get_backend().name)
        columns = _typed(data, [data[i] for i in range(len(data.columns))])
        kinds: tuple[Kind, ...] = tuple(_kind(c.type()) for c in columns)
        rows = data.select(*[_at_the_door(c, k).name(f"c{i}") for i, (c, k) in enumerate(zip(columns, kinds, strict=True))])
        return IbisSource(rows=rows, columns=tuple(data.columns), kinds=kinds, engine=engine)
    except Exception as reason:
        if not is_failure(reason):
            raise
        raise SourceError.engine(first_line(reason)) from reason


def _typed(data: Any, columns: list[Any]) -> list[Any]:
    """The columns, those of PostgreSQL's types that Ibis does not know as what these are made of: enumerations, and domains."""
    backend = data.get_backend()
    unknown = [i for i, c in enumerate(columns) if c.type().is_unknown()] if backend.name == "postgres" else []
    if not unknown:
        return columns
    first = fetched(
        nw.from_native(data.select(*[cast(_type_of()(columns[i]), "string").name(f"c{i}") for i in unknown]).limit(1))
    )
    for i, names in zip(unknown, first.columns, strict=True):
        for name in names.to_pylist():
            held = backend.con.execute(_MADE_OF, {"name": name}).fetchone()
            if held is not None:
                columns[i] = cast(columns[i], str(backend.compiler.type_mapper.from_string(held[0])))
    return columns


def _at_the_door(column: Any, kind: Kind) -> Any:
    """Text as plain text: an enumeration would compare by its order, ``citext`` without case, and JSON not at all. Money as numbers."""
    held = column.type()
    if kind in ("text", "other"):
        return _bytewise(cast(column, "string"))
    return cast(column, str(held)) if held.is_decimal() and held.precision is not None else column


def _bytewise(column: Any) -> Any:
    """A text that is compared byte by byte, as in every other engine, and not by the collation of its column or of the database.

    Ibis cannot say ``COLLATE``; a type of the SQL standard's own schema, which PostgreSQL orders by bytes, comes to the same.
    """
    if not column.type().is_string() or column.get_backend().name != "postgres":
        return column
    return cast(_character_data()(column), "string")


def _kind(held: Any) -> Kind:
    if held.is_integer() or (held.is_decimal() and held.scale == 0):
        return "integer"
    if held.is_decimal() or held.is_floating():
        return "number"
    if held.is_boolean():
        return "boolean"
    if held.is_string() or held.is_uuid():
        return "text"
    return "time" if held.is_date() or held.is_timestamp() or held.is_time() else "other"


def _by_position(rows: Any) -> Any:
    return rows.select(*[rows[i].name(f"c{i}") for i in range(len(rows.columns))])


def _of_integer(at: Any) -> Any:
    """x⁵ mod the prime, of the shifted number, in 64-bit arithmetic."""
    x = (cast(at % PRIME, "int64") + (PRIME + 12345)) % PRIME
    square = (x * x) % PRIME
    return ((square * square) % PRIME * x) % PRIME


def _of_text(at: Any, digits: int) -> Any:
    """The number that the first hexadecimal digits of the md5 of a text make; no engine needs to read hexadecimal for it."""
    ibis = import_module("ibis")
    places = _md5()(cast(at, "string"))
    return sum(
        (ibis.literal(_HEXADECIMAL).find(places.substr(i, 1)) * 16 ** (digits - 1 - i) for i in range(1, digits)),
        start=ibis.literal(_HEXADECIMAL).find(places.substr(0, 1)) * 16 ** (digits - 1),
    )


@cache
def _md5() -> Any:
    """The engine's own md5, as Ibis calls such a function."""
    return import_module("ibis").udf.scalar.builtin(_no_body, name="md5", signature=((str,), str))


@cache
def _character_data() -> Any:
    """The cast to that type, written as a call."""
    made = import_module("ibis").udf.scalar.builtin
    return made(_no_body, name="character_data", database="information_schema", signature=((str,), str))


@cache
def _type_of() -> Any:
    """PostgreSQL's word for the type of a value."""
    types = import_module("ibis.expr.datatypes")
    return import_module("ibis").udf.scalar.builtin(_no_body, name="pg_typeof", signature=((types.unknown,), str))


def _no_body(value: Any) -> Any:
    """What Ibis takes for the signature of an engine's function."""


def _forget(backend: Any, name: str) -> None:
    """Drop a temporary table, unless its session is gone or in use, when it goes with the session."""
    try:
        lock = getattr(backend.con, "lock", None)
        if lock is None or not lock.locked():
            backend.drop_table(name, force=True)
    except Exception as reason:
        if not is_failure(reason):
            raise
