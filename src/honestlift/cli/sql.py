"""sql: one query that makes the sums of a study in a warehouse that honestlift cannot reach."""

from __future__ import annotations

import glob
import os
from pathlib import Path
from typing import Any, Literal

import click

from honestlift.analysis.joined_query import kinds_of
from honestlift.analysis.joining import columns_alone
from honestlift.analysis.query import moments_query
from honestlift.analysis.requirements import check_columns
from honestlift.cli.help import command
from honestlift.cli.run import PLAN, open_rows
from honestlift.cli.screen import err, out, require_apart, require_writable, shown, write
from honestlift.design.study import Study
from honestlift.errors import HonestliftError
from honestlift.plan import DataPath, Place, Plan, files_of, read_plan
from honestlift.source.connect import Kind

DIALECTS = ("duckdb", "spark", "postgres", "bigquery", "snowflake")


@command(short_help="Print a query that makes the sums of a study.")
@PLAN
@click.option("--dialect", type=click.Choice(DIALECTS), default="duckdb", show_default=True, help="SQL of which engine.")
@click.option("--table", help="The table in the warehouse, e.g. analytics.users [default: the plan's, as far as it names one]")
@click.option("--dbt", help="A model of a dbt project, or with a dot one of its sources, instead of --table.")
@click.option(
    "--join",
    "joins",
    multiple=True,
    metavar="NAME=TABLE",
    help="Where a table that is joined is, e.g. events=app.events; may be repeated",
)
@click.option(
    "--zoned/--no-zoned", default=None, help="Whether the times of events have a zone, where the plan's data cannot be looked at."
)
@click.option("--text", multiple=True, help="Column that holds text, where the plan's data cannot be looked at.")
@click.option("--boolean", multiple=True, help="Column that holds true and false, likewise.")
@click.option("--exact-names", is_flag=True, help="Snowflake: look for plain lower-case names as they are, not in capitals.")
@click.option("--out", "target", type=click.Path(dir_okay=False, path_type=Path), help="Write the query here [default: stdout]")
def sql(
    plan: Path,
    dialect: str,
    table: str | None,
    dbt: str | None,
    joins: tuple[str, ...],
    exact_names: bool,
    target: Path | None,
    **held: Any,
) -> None:
    """Print the query whose answer, saved as parquet or CSV, `run --moments` takes for the rows of PLAN.

    Nothing is executed. Queries for duckdb, spark and postgres are executed in the tests, those for bigquery and snowflake only parsed.

    \b
    Examples:
      honestlift sql plan.yaml --dialect snowflake --table app.users > sums.sql
      honestlift sql plan.yaml --dialect bigquery --dbt users --out models/study_sums.sql
    """
    read = read_plan(plan)
    if target is not None:
        require_writable(target)
        require_apart([target], [plan, *(file for place in (read.data, *read.tables.values()) for file in files_of(place))])
    name, source = _table(read.data, dialect, table, dbt)
    names = {"users": name, **_joined(read, source, joins)}
    kinds, zoned = _kinds(read, **held)
    query = moments_query(
        read.study,
        names if read.tables else name,
        dialect=dialect,
        kinds=kinds,
        exact_names=exact_names,
        source=source,
        zoned=zoned,
    )
    if target is None:
        out().out(query, end="", highlight=False)
    else:
        write(target, query)
        err().print(f"The query is in {shown(target)}.", markup=False, soft_wrap=True)


def _table(data: Place, dialect: str, table: str | None, dbt: str | None) -> tuple[str, Literal["table", "parquet", "dbt"]]:
    """The table, and what it is.

    Raises:
        click.UsageError: if it is named twice, or not at all.
    """
    if table is not None and dbt is not None:
        raise click.UsageError("--table names a table, --dbt a model or source of a project. Expected one of the two.")
    if dbt is not None:
        return dbt, "dbt"
    found = table if table is not None else getattr(data, "table", None)
    if found:
        return str(found), "table"
    path = _parquet_of(data) if dialect == "duckdb" and isinstance(data, DataPath) else None
    if path is not None:
        return path, "parquet"
    raise click.UsageError("The plan names no table of a warehouse. Expected --table analytics.users, or --dbt users.")


def _parquet_of(data: DataPath) -> str | None:
    """The parquet files of a plan as DuckDB finds them: a file, a glob, or those of a folder."""
    if not os.path.isdir(data.path):
        return data.path if data.path.lower().endswith((".parquet", ".pq")) else None
    folder = glob.escape(data.path)
    return os.path.join(folder, "*=*/**/*.parquet" if glob.glob(os.path.join(folder, "*=*/")) else "*.parquet")


def _joined(read: Plan, source: str, joins: tuple[str, ...]) -> dict[str, str]:
    """Where the tables are that the plan joins.

    Raises:
        click.UsageError: if one is not named, or is none of the plan's.
    """
    named: dict[str, str] = {}
    for told in joins:
        name, equals, table = told.partition("=")
        if not equals or name not in read.tables:
            known = ", ".join(read.tables) or "none: the plan joins no tables"
            raise click.UsageError(f"--join names {name!r}. Expected NAME=TABLE with one of: {known}.")
        named[name] = table
    for name, place in read.tables.items():
        found = getattr(place, "table", None) if source == "table" else None
        if source == "parquet" and isinstance(place, DataPath):
            found = _parquet_of(place)
        if name not in named and not found:
            raise click.UsageError(f"The plan joins {name!r}, whose table is not named. Expected --join {name}=analytics.{name}.")
        named.setdefault(name, str(found))
    return named


def _kinds(
    read: Plan, text: tuple[str, ...], boolean: tuple[str, ...], zoned: bool | None
) -> tuple[dict[str, Kind], bool | None]:
    """What the columns hold, as the plan's data say where they can be looked at, and as the options say; and whether times have a zone."""
    named: dict[str, Kind] = {**dict.fromkeys(text, "text"), **dict.fromkeys(boolean, "boolean")}
    if not isinstance(read.study, Study):
        return named, zoned
    try:
        data = open_rows(read)
    except HonestliftError:
        lines = "The plan's data were not looked at. Name text columns by --text and true/false ones by --boolean; others are numbers."
        err().print(lines, markup=False, soft_wrap=True)
        return named, zoned
    check_columns(columns_alone(data, read.study), read.study)
    found, known = kinds_of(data, read.study)
    return found | named, known if zoned is None else zoned
