"""sql: one query that makes the sums of a study in a warehouse that honestlift cannot reach."""

from __future__ import annotations

import glob
import os
from pathlib import Path
from typing import Literal

import click

from honestlift.analysis.query import moments_query
from honestlift.analysis.requirements import check_columns
from honestlift.cli.help import command
from honestlift.cli.run import PLAN, open_data
from honestlift.cli.screen import err, out, require_apart, require_writable, shown, write
from honestlift.design.asked import AnyStudy
from honestlift.design.study import Study
from honestlift.errors import HonestliftError
from honestlift.plan import DataPath, Place, files_of, read_plan
from honestlift.source.connect import Kind

DIALECTS = ("duckdb", "spark", "postgres", "bigquery", "snowflake")


@command(short_help="Print a query that makes the sums of a study.")
@PLAN
@click.option("--dialect", type=click.Choice(DIALECTS), default="duckdb", show_default=True, help="SQL of which engine.")
@click.option("--table", help="The table in the warehouse, e.g. analytics.users [default: the plan's, as far as it names one]")
@click.option("--dbt", help="A model of a dbt project, or with a dot one of its sources, instead of --table.")
@click.option("--text", multiple=True, help="Column that holds text, where the plan's data cannot be looked at.")
@click.option("--boolean", multiple=True, help="Column that holds true and false, likewise.")
@click.option("--exact-names", is_flag=True, help="Snowflake: look for plain lower-case names as they are, not in capitals.")
@click.option("--out", "target", type=click.Path(dir_okay=False, path_type=Path), help="Write the query here [default: stdout]")
def sql(
    plan: Path,
    dialect: str,
    table: str | None,
    dbt: str | None,
    text: tuple[str, ...],
    boolean: tuple[str, ...],
    exact_names: bool,
    target: Path | None,
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
        require_apart([target], [plan, *files_of(read.data)])
    name, source = _table(read.data, dialect, table, dbt)
    kinds = _kinds(read.data, read.study, text, boolean)
    query = moments_query(read.study, name, dialect=dialect, kinds=kinds, exact_names=exact_names, source=source)
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


def _kinds(data: Place, study: AnyStudy, text: tuple[str, ...], boolean: tuple[str, ...]) -> dict[str, Kind]:
    """What the columns hold: as the plan's data say where they can be looked at, and as the options say."""
    named: dict[str, Kind] = {**dict.fromkeys(text, "text"), **dict.fromkeys(boolean, "boolean")}
    if not isinstance(study, Study):
        return named
    try:
        source = open_data(data)
    except HonestliftError:
        lines = "The plan's data were not looked at. Name text columns by --text and true/false ones by --boolean; others are numbers."
        err().print(lines, markup=False, soft_wrap=True)
        return named
    check_columns(source, study)
    return dict(zip(source.columns, source.kinds, strict=True)) | named
