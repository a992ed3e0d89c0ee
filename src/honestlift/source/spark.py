"""Rows in Spark: a PySpark DataFrame stays in its cluster; what comes back are sums."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from importlib import import_module
from typing import Any, Literal, Self
from weakref import finalize

import narwhals as nw

from honestlift.errors import ReachError, SourceError
from honestlift.source.failure import first_line, is_failure
from honestlift.source.table import PRIME, Kind, Source

_KINDS: dict[str, Kind] = {
    **dict.fromkeys(("tinyint", "smallint", "int", "bigint"), "integer"),
    **dict.fromkeys(("float", "double", "decimal", "void"), "number"),
    **dict.fromkeys(("string", "char", "varchar"), "text"),
    **dict.fromkeys(("date", "timestamp", "timestamp_ntz"), "time"),
    "boolean": "boolean",
}


class Persisted:
    """Rows that the cluster holds until the last Source of them goes."""

    def __init__(self, rows: Any) -> None:
        self.rows = _by_position(_by_stages(rows)).persist()
        finalize(self, _forget, self.rows)


def _forget(rows: Any) -> None:
    try:
        rows.unpersist()
    except Exception as reason:  # the session may have ended before
        if not is_failure(reason):
            raise


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SparkSource(Source):
    """A table in Spark.

    Attributes:
        rows: a PySpark DataFrame with the columns ``c0``, ``c1``, ….
        persisted: what keeps a copy alive.
    """

    rows: Any
    persisted: Persisted | None = field(default=None)
    engine: str = "spark"

    def everything(self, count: int | None = None) -> nw.LazyFrame[Any]:
        """All columns as ``c0``, ``c1``, … by position; or the first ``count``, which may be more than have names."""
        return nw.from_native(self.rows.select(*[f"c{i}" for i in range(count or len(self.columns))]))

    def made(self, rows: nw.LazyFrame[Any], columns: Sequence[str], kinds: Sequence[Kind]) -> Self:
        """Rows that were made from these, their columns by position."""
        return replace(self, rows=_by_position(nw.to_native(rows)), columns=tuple(columns), kinds=tuple(kinds))

    def kept(self, rows: nw.LazyFrame[Any], columns: Sequence[str], kinds: Sequence[Kind]) -> Source:
        """Rows that were made from these, held by the cluster; it makes again what a lost executor held."""
        held = Persisted(nw.to_native(rows))
        return replace(self, rows=held.rows, persisted=held, columns=tuple(columns), kinds=tuple(kinds))

    def beside(self, names: Sequence[str], other: Source, others: Sequence[str]) -> tuple[Source, Source]:
        """Columns of two tables of the cluster, held by it.

        Raises:
            SourceError: if the other is not in Spark.
        """
        if not isinstance(other, SparkSource):
            raise ReachError.two_engines(self.engine, other.engine)
        pairs: list[tuple[SparkSource, Sequence[str]]] = [(self, names), (other, others)]
        mine, its = [s.kept(s.select(columns), columns, [s.kind(n) for n in columns]) for s, columns in pairs]
        return mine, its

    def written(self, rows: nw.LazyFrame[Any], columns: Sequence[str], kinds: Sequence[Kind]) -> Self:
        """Rows that were made from one that ``beside`` gave, held by the cluster."""
        held = Persisted(nw.to_native(rows))
        return replace(self, rows=held.rows, persisted=held, columns=tuple(columns), kinds=tuple(kinds))

    def released(self) -> None:
        """Give back the room of what ``written`` wrote; the cluster makes it again if it is still asked for."""
        if self.persisted is not None:
            _forget(self.persisted.rows)

    def sorted_copy(self, names: Sequence[str], keys: int) -> Source:  # noqa: ARG002
        """The named columns: Spark adds up by hash within a partition, which sorted rows do not speed up."""
        return self.made(self.select(names), names, [self.kind(n) for n in names])

    def one_in(self, name: str, modulus: int, others: Sequence[str] = ()) -> Self:
        """The rows of about one in ``modulus`` values of a column, by a hash, all of a value or none: that column and some others."""
        functions = import_module("pyspark.sql.functions")
        names = (name, *others)
        chosen = nw.to_native(self.select(names)).where(functions.pmod(functions.xxhash64("c0"), functions.lit(modulus)) == 0)
        return replace(self, rows=chosen, columns=names, kinds=tuple(map(self.kind, names)))

    def with_unit_type(self, unit: str, kind: Literal["integer", "text"]) -> Self:
        """The same rows with the ids as whole numbers of up to 38 digits, or as text."""
        place = self.columns.index(unit)
        functions = import_module("pyspark.sql.functions")
        made = functions.col(f"c{place}").cast("decimal(38,0)" if kind == "integer" else "string")
        kinds: tuple[Kind, ...] = (*self.kinds[:place], kind, *self.kinds[place + 1 :])
        return replace(self, rows=self.rows.withColumn(f"c{place}", made), kinds=kinds)

    def with_buckets(self, unit: str, buckets: int, name: str) -> Self:
        """The same rows with one more column: the bucket of each unit; see ``buckets.py``."""
        functions = import_module("pyspark.sql.functions")
        made, at = f"c{len(self.columns)}", functions.col(f"c{self.columns.index(unit)}")
        if self.kind(unit) == "integer":
            rows = self.rows.withColumn("x", ((at % PRIME).cast("bigint") + PRIME + 12345) % PRIME)
            rows = rows.withColumn("x4", functions.expr(f"((x * x) % {PRIME}) * ((x * x) % {PRIME}) % {PRIME}"))
            rows = rows.withColumn(made, functions.expr(f"CAST((x4 * x % {PRIME}) % {buckets} AS INT)")).drop("x", "x4")
        else:
            digits = functions.substring(functions.md5(at.cast("string").cast("binary")), 1, 3)
            rows = self.rows.withColumn(made, (functions.conv(digits, 16, 10).cast("int") % buckets).cast("int"))
        return replace(self, rows=rows, columns=(*self.columns, name), kinds=(*self.kinds, "integer"))


def is_spark(data: Any) -> bool:
    """Whether this is a PySpark DataFrame, of a cluster or of Spark Connect."""
    return type(data).__module__.startswith("pyspark.sql.")


def spark_source(data: Any) -> SparkSource:
    """A PySpark DataFrame as a Source.

    Raises:
        SourceError: if Spark cannot tell its columns.
    """
    try:
        types = [str(f.dataType.simpleString()) for f in data.schema.fields]
        return SparkSource(rows=_by_position(data), columns=tuple(data.columns), kinds=tuple(_kind(t) for t in types))
    except Exception as reason:
        if not is_failure(reason):
            raise
        raise SourceError.engine(first_line(reason)) from reason


def spark_session() -> Any:
    """The session that runs, or else one by Spark's own configuration: ``SPARK_CONF_DIR``, ``SPARK_REMOTE``, ``PYSPARK_SUBMIT_ARGS``.

    Raises:
        SourceError: if PySpark is not installed, or no session starts.
    """
    try:
        return import_module("pyspark.sql").SparkSession.builder.appName("honestlift").getOrCreate()
    except ImportError as reason:
        raise ReachError.no_extra("spark", reason.name or "pyspark") from None
    except Exception as reason:
        if not is_failure(reason):
            raise
        raise SourceError.engine(first_line(reason)) from reason


def spark_table(session: Any, table: str) -> SparkSource:
    """A table that a Spark session knows, by a name such as ``catalog.schema.table``; the name is never part of a query.

    Raises:
        SourceError: if there is no such table.
    """
    try:
        return spark_source(session.table(table))
    except Exception as reason:
        if not is_failure(reason):
            raise
        raise SourceError.engine(first_line(reason)) from reason


def _by_stages(rows: Any) -> Any:
    """The same rows, made by the stages that their plan comes to, so that what is asked of them does not carry that plan along.

    The plan of joined tables is longer than the question, and every scan would analyse, send and keep the text of it. What an
    executor loses is made again as before: it is only the description that is cut, not the lineage, as a checkpoint would. Where
    Spark offers no such thing (Spark Connect, a cluster that hides its JVM) the plan stays.
    """
    try:
        session, plan = rows.sparkSession, rows._jdf
        made = session._jsparkSession.internalCreateDataFrame(plan.queryExecution().toRdd(), plan.schema(), False)
        return type(rows)(made, session)
    except Exception as reason:  # a query that fails will say so when it is asked for
        if not is_failure(reason):
            raise
        return rows


def _by_position(rows: Any) -> Any:
    return rows.toDF(*[f"c{i}" for i in range(len(rows.columns))])


def _kind(name: str) -> Kind:
    head = re.split(r"[(<]", name, maxsplit=1)[0]
    return "integer" if head == "decimal" and name.endswith(",0)") else _KINDS.get(head, "other")
