"""What a Source is, whatever engine holds its rows: columns by position, and a small set of operations, all but a few in Narwhals."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal, Self

import narwhals as nw

from honestlift.errors import ColumnError, SourceError

Kind = Literal["integer", "number", "boolean", "text", "time", "other"]

PRIME = 2**31 - 1
"""Whole numbers are hashed modulo this prime."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """What became of users before they were rows of a Source.

    Attributes:
        reason: why.
        users: how many.
        dropped: whether they are left out.
        arms: arm, how many of it, and of how many; empty where the arm is not known.
        p_value: of the difference between the arms' shares, tested by cluster; None where there is no such test.
    """

    reason: str
    users: int
    dropped: bool
    arms: tuple[tuple[str, int, int], ...] = ()
    p_value: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Source(ABC):
    """A table in the engine that holds it. Nothing has been read yet.

    Attributes:
        columns: the user's column names, by position.
        kinds: what each column holds.
        engine: name of the engine.
        notes: what became of users on the way here, where tables were joined.

    Example:
        >>> hl.connect("users.parquet").kind("engagement_tier")
        'text'
    """

    columns: tuple[str, ...]
    kinds: tuple[Kind, ...]
    engine: str
    notes: tuple[Note, ...] = ()

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
        return self.everything().select(*[nw.col(f"c{self.columns.index(n)}").alias(f"c{i}") for i, n in enumerate(names)])

    def stamp(self) -> tuple[object, ...]:
        """What would tell that the rows have changed since; nothing where the engine does not say."""
        return ()

    @abstractmethod
    def everything(self, count: int | None = None) -> nw.LazyFrame[Any]:
        """All columns as ``c0``, ``c1``, … by position; or the first ``count``, which may be more than have names."""

    @abstractmethod
    def made(self, rows: nw.LazyFrame[Any], columns: Sequence[str], kinds: Sequence[Kind]) -> Self:
        """Rows that were made from these, their columns by position, in the same engine."""

    @abstractmethod
    def kept(self, rows: nw.LazyFrame[Any], columns: Sequence[str], kinds: Sequence[Kind]) -> Source:
        """The same, written once into a copy that goes when the Source does.

        Raises:
            SourceError: if the engine fails.
        """

    @abstractmethod
    def beside(self, names: Sequence[str], other: Source, others: Sequence[str]) -> tuple[Source, Source]:
        """Columns of two tables, written once where they can be joined; they go when both Sources do.

        Raises:
            SourceError: if no engine holds both, or one fails.
        """

    @abstractmethod
    def written(self, rows: nw.LazyFrame[Any], columns: Sequence[str], kinds: Sequence[Kind]) -> Self:
        """Rows that were made from one that ``beside`` gave, written once where they can be joined with it.

        Raises:
            SourceError: if the engine fails.
        """

    @abstractmethod
    def released(self) -> None:
        """Give back the room of what ``written`` wrote; the Source is of no use after it."""

    @abstractmethod
    def sorted_copy(self, names: Sequence[str], keys: int) -> Source:
        """The named columns, sorted by the first ``keys`` of them where that makes many sums cheaper in this engine."""

    @abstractmethod
    def one_in(self, name: str, modulus: int, others: Sequence[str] = ()) -> Self:
        """The rows of about one in ``modulus`` values of a column, by a hash, all of a value or none: that column and some others."""

    @abstractmethod
    def with_unit_type(self, unit: str, kind: Literal["integer", "text"]) -> Self:
        """The same rows with the ids as whole numbers of up to 38 digits, or as text."""

    @abstractmethod
    def with_buckets(self, unit: str, buckets: int, name: str) -> Self:
        """The same rows with one more column: the bucket of each unit; see ``buckets.py``."""

    def head(self, rows: int) -> Self:
        """The first rows, as the engine happens to give them: for a first look, never for a number."""
        return self.made(self.everything().head(rows), self.columns, self.kinds)

    def restricted(self, name: str, values: Sequence[str | int | float | bool]) -> Self:
        """The rows in which a column has one of these values."""
        column = nw.col(f"c{self.columns.index(name)}")
        return self.made(self.everything().filter(column.is_in(list(values))), self.columns, self.kinds)

    def complete(self, names: Sequence[str]) -> Self:
        """The rows in which all of these columns have a value."""
        rows = self.everything()
        for name in names:
            column = nw.col(f"c{self.columns.index(name)}")
            rows = rows.filter(~column.is_null())
            if self.kind(name) == "number":
                rows = rows.filter(~column.cast(nw.Float64).is_nan())
        return self.made(rows, self.columns, self.kinds)

    def with_indicators(self, name: str, levels: Sequence[str], absent: str | None = None) -> Self:
        """The same rows with one more 0/1 column per level of a text column, called ``name = level``; and one for its ``absent`` values."""
        column = nw.col(f"c{self.columns.index(name)}")
        marks = [(column == level).fill_null(False) for level in levels] + ([] if absent is None else [column.is_null()])
        new = [mark.cast(nw.Int32).alias(f"c{len(self.columns) + i}") for i, mark in enumerate(marks)]
        titles = [f"{name} = {level}" for level in (*levels, *([] if absent is None else [absent]))]
        return self.made(
            self.everything().with_columns(*new), (*self.columns, *titles), (*self.kinds, *("integer" for _ in titles))
        )

    def with_columns(self, made: Mapping[str, nw.Expr], kinds: Sequence[Kind]) -> Self:
        """The same rows with more columns, made of expressions over ``c0``, ``c1``, … by position."""
        start = len(self.columns)
        exprs = [expr.alias(f"c{start + i}") for i, expr in enumerate(made.values())]
        return self.made(self.everything().with_columns(*exprs), (*self.columns, *made), (*self.kinds, *kinds))


@contextmanager
def unchanged(sources: Iterable[Source]) -> Generator[None]:
    """While these are read: scans of files that are written anew in between would each tell of other rows.

    Raises:
        SourceError: if a file is another one at the end than at the beginning.
    """
    read = list(sources)
    before = [source.stamp() for source in read]
    yield
    if [source.stamp() for source in read] != before:
        raise SourceError.changed()
