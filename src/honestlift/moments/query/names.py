"""Where a user's names and values enter a query: as quoted identifiers and escaped literals, in its first step and nowhere else."""

from __future__ import annotations

import re
from importlib import import_module
from typing import Any, Literal, get_args

from honestlift.source.connect import Kind

exp: Any = import_module("sqlglot.expressions")
_glot: Any = import_module("sqlglot")

Dialect = Literal["duckdb", "spark", "postgres", "bigquery", "snowflake"]

DIALECTS: tuple[str, ...] = get_args(Dialect)
EXECUTED = ("duckdb", "spark", "postgres")
"""The dialects whose queries the tests execute; those of the others are parsed."""

DBT = re.compile(r"[A-Za-z0-9_]+(\.[A-Za-z0-9_]+)?")
"""Names that a dbt project gives its models and sources."""

JINJA = ("{{", "{%", "{#")
"""What dbt would run."""

_LARGEST = "1.7976931348623157E308"
_PLAIN = re.compile(r"[a-z_][a-z0-9_]*")


def ours(sql: str) -> Any:
    """A piece of the query that has names of ours alone; no division in it is one of whole numbers, or by zero."""
    made = _glot.parse_one(sql, read="duckdb")
    for division in made.find_all(exp.Div):
        division.set("safe", False)
        division.set("typed", True)
    return made


def written(piece: Any, dialect: str) -> str:
    """A piece of the query as text."""
    text: str = piece.sql(dialect=dialect, unsupported_level=_glot.ErrorLevel.RAISE)
    return text


def identifier(name: str, dialect: str, exact: bool) -> Any:
    """A user's name, quoted. Snowflake keeps names that were made without quotes in capitals, so that a plain one is looked for there."""
    folded = dialect == "snowflake" and not exact and _PLAIN.fullmatch(name)
    return exp.to_identifier(name.upper() if folded else name, quoted=True)


def column(name: str, dialect: str, exact: bool) -> Any:
    """A column of the user's table."""
    return exp.Column(this=identifier(name, dialect, exact))


def literal(text: str) -> Any:
    """A text, escaped."""
    return exp.Literal.string(text)


def double(value: Any, kind: Kind | None) -> Any:
    """A measure as a double; a boolean as 1 and 0."""
    if kind == "boolean":
        value = exp.case().when(value, exp.Literal.number(1)).when(exp.Not(this=value.copy()), exp.Literal.number(0))
    return exp.cast(value, "double")


def text(value: Any) -> Any:
    """A value as text."""
    return exp.cast(value, "varchar")


def finite(name: str, dialect: str) -> str:
    """Whether a double of ours is finite. DuckDB is asked by its function, for it answers comparisons from statistics without NaN."""
    if dialect == "duckdb":
        return f"ISFINITE({name})"
    return f"({name} >= -{_LARGEST} AND {name} <= {_LARGEST})"


def infinite(name: str, dialect: str, where: str = "") -> str:
    """1 where a double of ours is infinite, else 0: not finite, but its inverse is zero, which that of NaN is not."""
    there = f"{where} AND " if where else ""
    return f"CASE WHEN {there}NOT {finite(name, dialect)} THEN CASE WHEN 1 / {name} = 0 THEN 1 ELSE 0 END ELSE 0 END"


def table(name: str, dialect: str, exact: bool) -> Any:
    """A table by its name, which dots part catalog, schema and table, but within double quotes they are part of a name."""
    parts = [quoted.replace('""', '"') if quoted else plain for quoted, plain in re.findall(r'"((?:[^"]|"")*)"|([^."]+)', name)]
    made = [identifier(part, dialect, exact) for part in parts]
    if len(made) > 3:
        return exp.Table(this=exp.Dot.build(made[2:]), db=made[1], catalog=made[0])
    return exp.Table(**dict(zip(("this", "db", "catalog"), reversed(made), strict=False)))


def place(name: str, source: str, dialect: str, exact: bool) -> Any:
    """Where the rows are: a ``table``, a ``parquet`` file, or what ``dbt`` calls it."""
    if source == "table":
        return table(name, dialect, exact)
    return dbt(name) if source == "dbt" else parquet(name)


def dbt(name: str) -> Any:
    """A model of a dbt project, or with a dot one of its sources, as dbt's own expression."""
    parts = name.split(".")
    call = f"ref('{name}')" if len(parts) == 1 else f"source('{parts[0]}', '{parts[-1]}')"
    return exp.Table(this=exp.Var(this=f"{{{{ {call} }}}}"))


def parquet(path: str) -> Any:
    """A parquet file, or a glob, that DuckDB reads itself."""
    return exp.Anonymous(this="read_parquet", expressions=[literal(path)])
