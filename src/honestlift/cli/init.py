"""init: a commented plan drafted from the columns of a file."""

from __future__ import annotations

import os
from pathlib import Path

import click

from honestlift.cli.help import command
from honestlift.cli.screen import err, out, shown, write
from honestlift.errors import DataError
from honestlift.moments import scan
from honestlift.moments.sketch import sketch
from honestlift.plan import ColumnSketch, draft
from honestlift.source.connect import connect


@command(short_help="Draft a plan from the columns of a file.")
@click.argument("data")
@click.option("--out", "target", type=click.Path(dir_okay=False, path_type=Path), default="plan.yaml", show_default=True)
@click.option("--print", "to_stdout", is_flag=True, help="Print the plan instead of writing it.")
@click.option("--force", is_flag=True, help="Replace a plan that is there.")
def init(data: str, target: Path, to_stdout: bool, force: bool) -> None:
    """Draft a commented plan.yaml for DATA (a parquet or CSV path or glob). Every role is a guess to be read and corrected.

    \b
    Examples:
      honestlift init users.parquet
      honestlift init 'events/*.parquet' --out events.yaml
    """
    if target.exists() and not (force or to_stdout):
        raise click.UsageError(f"{shown(target)} is there already. Expected a new name. Use --out, or --force to replace it.")
    source = connect(data)
    if scan.empty(source):
        raise DataError.empty()
    columns = [
        ColumnSketch(name=name, kind=kind, distinct=distinct, rows=rows, values=tuple(v for v in values if v is not None))
        for name, kind, distinct, rows, values in sketch(source)
        if kind != "other"
    ]
    where = data if to_stdout or Path(data).is_absolute() else _beside(data, target)
    text = draft(columns, where)
    if to_stdout:
        click.echo(text, nl=False)
        return
    write(target, text)
    out().print(f"{shown(target)} is drafted from {len(columns)} columns. Every role in it is a guess.", markup=False)
    err().print(f"Read it, then: honestlift validate {shown(target)}", markup=False, soft_wrap=True)


def _beside(data: str, target: Path) -> str:
    """The data's path as the plan's folder sees it."""
    return os.path.relpath(data, target.resolve().parent)
