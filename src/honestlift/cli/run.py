"""validate, run and schema: a plan file is checked, answered, described."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import click

from honestlift.analysis.analyze import run as analyze
from honestlift.analysis.joining import columns_alone
from honestlift.analysis.monitoring import monitor
from honestlift.analysis.opt_in.requirements import check_opt_in_columns
from honestlift.analysis.provenance import with_lock
from honestlift.analysis.requirements import check_columns
from honestlift.analysis.waves.reading import check_waves_columns
from honestlift.cli.help import command
from honestlift.cli.limits import limited
from honestlift.cli.lock import locked_since
from honestlift.cli.moments import KEPT, STORED, files_of_sums, rows_or_sums
from honestlift.cli.report import page_path
from honestlift.cli.screen import as_json, echo_json, err, out, require_apart, require_writable, shown, stages, write_all
from honestlift.design.opt_in import OptInStudy
from honestlift.design.waves import WavesStudy
from honestlift.plan import DataPath, DataSpark, DataTable, DataWarehouse, Place, Plan, files_of, json_schema, read_plan
from honestlift.report import words
from honestlift.report.html import report_html
from honestlift.report.terminal import renderable
from honestlift.source.connect import Source, connect

PLAN = click.argument("plan", type=click.Path(dir_okay=False, path_type=Path), default="plan.yaml")


def open_data(data: Place, **limits: Any) -> Source:
    """The source that a plan names."""
    match data:
        case DataPath():
            return connect(data.path, **limits)
        case DataTable():
            return connect(data.database, table=data.table, **limits)
        case DataWarehouse():
            return connect({"ibis": data.address, "table": data.table}, **limits)
        case DataSpark():
            return connect({"spark": data.table}, **limits)


def open_rows(plan: Plan, **limits: Any) -> Source | dict[str, Source]:
    """The source of a plan's rows; or, where it joins tables, all of them by name."""
    users = open_data(plan.data, **limits)
    others = {name: open_data(place, **limits) for name, place in plan.tables.items()}
    return {"users": users, **others} if others else users


@command(short_help="Check a plan and its columns.")
@PLAN
def validate(plan: Path) -> None:
    """Check that PLAN follows the schema and that its data have the columns it names. Reads no value.

    \b
    Example:
      honestlift validate plan.yaml
    """
    read = read_plan(plan)
    source = columns_alone(open_rows(read), read.study)
    if isinstance(read.study, OptInStudy):
        check_opt_in_columns(source, read.study)
    elif isinstance(read.study, WavesStudy):
        check_waves_columns(source, read.study)
    else:
        check_columns(source, read.study)
    out().print(
        f"{shown(plan)} is valid: {words.count(len(read.study.metrics), 'metric')}, {len(source.columns)} columns in the data.",
        markup=False,
    )


@command(short_help="Answer the question of a plan.")
@PLAN
@click.option(
    "--out",
    "target",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Where to write the result, the page beside it; - for stdout [default: result.json beside PLAN].",
)
@click.option("--json", "as_text", is_flag=True, help="Print the result as JSON on stdout; a file is written only with --out.")
@limited
@click.option("--exact-duplicates", is_flag=True, help="Look for repeated users among all rows, above 5 million too.")
@click.option(
    "--looks",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Record this look at a running study in that file, and add an interval that holds at every look.",
)
@STORED
@KEPT
@click.option("--quiet", "-q", is_flag=True, help="No progress on stderr.")
def run(
    plan: Path,
    target: Path | None,
    as_text: bool,
    limits: dict[str, Any],
    exact_duplicates: bool,
    looks: Path | None,
    stored: tuple[str, ...],
    kept: Path | None,
    quiet: bool,
) -> None:
    """Answer the question of PLAN: the verdict, then the numbers with naive beside honest, the checks last.

    An unwelcome result is no error: the exit code is 0 whatever the effect is.

    \b
    Examples:
      honestlift run plan.yaml
      honestlift run plan.yaml --json | jq .verdict
      honestlift run plan.yaml --looks looks.json
      honestlift run plan.yaml --save-moments moments.parquet
      honestlift run plan.yaml --moments 'moments/*.parquet'
      honestlift run plan.yaml --memory-limit 4GB --spill /scratch
    """
    read = read_plan(plan)
    if str(target) == "-":
        target, as_text = None, True
    elif target is None and not as_text:
        target = plan.parent / "result.json"
    written = [path for path in (target, looks, kept) if path is not None]
    for path in written:
        require_writable(path)
    sums = files_of_sums(stored, kept)
    require_apart(
        [*written, *([page_path(target)] if target else [])],
        [plan, *(sums or [file for place in (read.data, *read.tables.values()) for file in files_of(place)])],
    )
    since, late = locked_since(plan, read.study.sha256())
    page = ""
    with stages(quiet) as step:
        study = read.study
        if exact_duplicates and not isinstance(study, WavesStudy):  # which counts all users anyway
            study = replace(study, exact_duplicates=True)
        rows = partial(open_rows, read, **limits)
        data, files = rows_or_sums(rows, study, stored, kept, step)
        lift = with_lock(analyze(data, study, step), since, late)
        lift = lift if looks is None else monitor(lift, looks)
        if target is not None:
            step("Making the page")
            page = report_html(lift)
    results = {} if target is None else {target: lift.to_json(), page_path(target): page}
    write_all({**results, **files})
    if as_text:
        echo_json(lift.to_json())
    else:
        out().print(renderable(lift))
    if target is not None and not quiet:
        where = f"The result is in {shown(target)}, the page in {shown(page_path(target))}."
        err().print(where, markup=False, soft_wrap=True)


@command(short_help="Print the JSON Schema of plan.yaml.")
def schema() -> None:
    """Print the JSON Schema of plan.yaml, for editors that check and complete it.

    \b
    Example:
      honestlift schema > plan.schema.json
    """
    echo_json(as_json(json_schema()))
