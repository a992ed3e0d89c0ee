"""init: a commented plan drafted from the columns of a file."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

import click

from honestlift.cli.help import command
from honestlift.cli.screen import err, out, shown, write
from honestlift.errors import DataError
from honestlift.moments import scan
from honestlift.moments.sketch import sketch
from honestlift.plan import ColumnSketch, Given, draft
from honestlift.source.connect import connect


@command(short_help="Draft a plan from the columns of a file.")
@click.argument("data")
@click.option(
    "--out", "target", type=click.Path(dir_okay=False, path_type=Path), default="plan.yaml", show_default=True, help="Where to."
)
@click.option("--kind", type=click.Choice(["cluster", "opt_in", "waves"]), help="What was done [default: guessed, never waves].")
@click.option("--unit", help="Column that names the user.")
@click.option("--cluster", help="Column that names the workspace.")
@click.option("--treatment", help="Column that says who got the feature, or chose it; for waves, from which period.")
@click.option("--period", help="Column of the period of a row (kind: waves).")
@click.option("--metric", "metrics", multiple=True, help="Column of an outcome, the primary one first; may be repeated.")
@click.option("--covariate", "covariates", multiple=True, help="Column known before the feature; may be repeated.")
@click.option("--print", "to_stdout", is_flag=True, help="Print the plan instead of writing it.")
@click.option("--force", is_flag=True, help="Replace a plan that is there.")
def init(  # noqa: PLR0913, PLR0917  one argument per role
    data: str,
    target: Path,
    kind: Literal["cluster", "opt_in", "waves"] | None,
    unit: str | None,
    cluster: str | None,
    treatment: str | None,
    period: str | None,
    metrics: tuple[str, ...],
    covariates: tuple[str, ...],
    to_stdout: bool,
    force: bool,
) -> None:
    """Draft a commented plan.yaml for DATA (a parquet or CSV path or glob). Every role is a guess to be read and corrected.

    \b
    Examples:
      honestlift init users.parquet
      honestlift init 'events/*.parquet' --out events.yaml
      honestlift init users.parquet --kind opt_in --treatment opt_in_agent_mode --metric task_completed
      honestlift init users.parquet --kind waves --period signup_week --treatment treatment_week
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
    given = Given(
        kind=kind, unit=unit, cluster=cluster, treatment=treatment, metrics=metrics, covariates=covariates, period=period
    )
    for name, role in given.named():
        source.position(name, role)
    text = draft(columns, where, given)
    if to_stdout:
        click.echo(text, nl=False)
        return
    write(target, text)
    out().print(f"{shown(target)} is drafted from {len(columns)} columns. Every role in it is a guess.", markup=False)
    err().print(f"Read it, then: honestlift validate {shown(target)}", markup=False, soft_wrap=True)


def _beside(data: str, target: Path) -> str:
    """The data's path as the plan's folder sees it."""
    return os.path.relpath(data, target.resolve().parent)
