"""simulate: a data set whose truth is known, and the truth beside it."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import click
import pyarrow as pa
from pyarrow.csv import write_csv
from pyarrow.parquet import write_table  # pyright: ignore[reportUnknownVariableType]

from honestlift.cli.help import command
from honestlift.cli.screen import as_json, err, out, shown, write
from honestlift.design.assignment import Assignment
from honestlift.errors import AssignmentError
from honestlift.simulate import (
    ClusterWorld,
    World,
    collaboration,
    collaboration_graph,
    hidden_cause,
    low_adoption,
    no_overlap,
    published,
)

WORLDS = ("collaboration", "graph", "published", "cluster", "low-adoption", "no-overlap", "hidden-cause")
USERS = {"low-adoption": 200_000, "no-overlap": 20_000}
"""Users of a world by default, where they are not 50,000."""


@command(short_help="Make a data set whose truth is known.")
@click.argument("world", type=click.Choice(WORLDS), metavar="WORLD")
@click.option(
    "--out",
    "target",
    type=click.Path(dir_okay=False, path_type=Path),
    default="users.parquet",
    show_default=True,
    help="Where to; .csv for CSV.",
)
@click.option("--users", type=click.IntRange(min=100), help="How many [default: 50000; low-adoption 200000, no-overlap 20000].")
@click.option(
    "--clusters", type=click.IntRange(min=4), default=50, show_default=True, help="Workspaces (worlds: cluster, graph)."
)
@click.option("--effect", type=float, default=0.8, show_default=True, help="True effect (world: cluster).")
@click.option("--icc", type=float, default=0.1, show_default=True, help="Intraclass correlation (world: cluster).")
@click.option("--size-cv", type=float, default=0.0, show_default=True, help="Variation of workspace sizes (world: cluster).")
@click.option("--times", type=float, default=2.0, show_default=True, help="Strength of the cause (world: hidden-cause).")
@click.option(
    "--before-r2", type=float, default=0.0, show_default=True, help="What minutes_before knows of workspaces (world: cluster)."
)
@click.option(
    "--assignment",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Record whose arms are followed (worlds: cluster, graph).",
)
@click.option("--seed", type=click.IntRange(min=0), default=42, show_default=True, help="Start of the generator.")
def simulate(  # noqa: PLR0913  each is one number of a world
    *,
    world: str,
    target: Path,
    users: int | None,
    clusters: int,
    effect: float,
    icc: float,
    size_cv: float,
    times: float,
    before_r2: float,
    assignment: Path | None,
    seed: int,
) -> None:
    """Make a data set (parquet, or CSV by its name) with a known effect.

    \b
    collaboration   the published collaboration scenario: 50 workspaces, direct +0.80, spillover +0.20
    graph           the same with a collaboration graph, written beside it (users-edges.parquet)
    published       the published data of 50,000 users who choose agent mode themselves, +0.08
    cluster         a cluster experiment of your own make
    low-adoption    1 % of users opt in, +0.04: what clipped weights get wrong
    no-overlap      half of the users can never opt in: no effect on everyone can be had
    hidden-cause    no effect, and an unmeasured cause some times as strong as what was measured

    \b
    Examples:
      honestlift simulate collaboration --out users.parquet
      honestlift simulate cluster --clusters 20 --users 10000 --icc 0.05 --size-cv 1
      honestlift simulate cluster --clusters 20 --users 10000 --assignment assignment.json
    """
    if assignment is not None and world not in ("cluster", "graph"):
        raise click.UsageError("--assignment is for the worlds 'cluster' and 'graph'; the others have arms of their own.")
    size = users or USERS.get(world, 50_000)
    choosers = {"low-adoption": low_adoption, "no-overlap": no_overlap}
    if world in choosers:
        made = choosers[world](size).draw(seed)
    elif world == "hidden-cause":
        made = hidden_cause(size, times).draw(seed)
    else:
        shape = {"clusters": clusters, "effect": effect, "icc": icc, "size_cv": size_cv, "covariate_r2": before_r2}
        made = _world(world, size, shape, None if assignment is None else _record(assignment), seed)
    _put(made.table, target)
    if made.edges is not None:
        beside = target.with_name(f"{target.stem}-edges{target.suffix}")
        _put(made.edges, beside)
        err().print(f"{made.edges.num_rows:,} ties: {shown(beside)}", markup=False)
    write(target.with_suffix(".truth.json"), as_json(dict(made.truth)))
    table: pa.Table = made.table
    out().print(f"{table.num_rows:,} users, {table.num_columns} columns: {shown(target)}", markup=False)
    err().print(f"The truth is in {shown(target.with_suffix('.truth.json'))}.", markup=False, soft_wrap=True)


def _put(table: pa.Table, target: Path) -> None:
    """Write a table as parquet, or as CSV by its name."""
    buffer = io.BytesIO()
    if target.suffix == ".csv":
        write_csv(table, buffer)
    else:
        write_table(table, buffer)
    write(target, buffer.getvalue())


def _world(world: str, users: int, shape: dict[str, Any], assignment: Assignment | None, seed: int) -> World:
    if world == "collaboration":
        return collaboration(users, seed)
    if world == "graph":
        return collaboration_graph(users, seed, workspaces=shape["clusters"], assignment=assignment)
    if world == "published":
        return published(users, seed)
    sizes = "lognormal" if shape["size_cv"] > 0 else "equal"
    return ClusterWorld(mean_size=users // shape["clusters"], sizes=sizes, **shape).draw(seed, assignment)


def _record(path: Path) -> Assignment:
    """The record in a file.

    Raises:
        AssignmentError: if it is not there, or is none.
    """
    try:
        return Assignment.from_json(path.read_text(encoding="utf-8"), str(path))
    except (OSError, UnicodeDecodeError) as reason:
        raise AssignmentError.malformed(str(path), str(reason)) from reason
