"""simulate: a data set whose truth is known, and the truth beside it."""

from __future__ import annotations

import io
from pathlib import Path

import click
import pyarrow as pa
from pyarrow.csv import write_csv
from pyarrow.parquet import write_table  # pyright: ignore[reportUnknownVariableType]

from honestlift.cli.help import command
from honestlift.cli.screen import as_json, err, out, shown, write
from honestlift.simulate import (
    ClusterWorld,
    World,
    collaboration,
    hidden_cause,
    low_adoption,
    no_overlap,
    published,
)

WORLDS = ("collaboration", "published", "cluster", "low-adoption", "no-overlap", "hidden-cause")
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
@click.option("--clusters", type=click.IntRange(min=4), default=50, show_default=True, help="Workspaces (world: cluster).")
@click.option("--effect", type=float, default=0.8, show_default=True, help="True effect (world: cluster).")
@click.option("--icc", type=float, default=0.1, show_default=True, help="Intraclass correlation (world: cluster).")
@click.option("--size-cv", type=float, default=0.0, show_default=True, help="Variation of workspace sizes (world: cluster).")
@click.option("--times", type=float, default=2.0, show_default=True, help="Strength of the cause (world: hidden-cause).")
@click.option("--seed", type=click.IntRange(min=0), default=42, show_default=True, help="Start of the generator.")
def simulate(
    world: str, target: Path, users: int | None, clusters: int, effect: float, icc: float, size_cv: float, times: float, seed: int
) -> None:
    """Make a data set (parquet, or CSV by its name) with a known effect.

    \b
    collaboration   the published collaboration scenario: 50 workspaces, direct +0.80, spillover +0.20
    published       the published data of 50,000 users who choose agent mode themselves, +0.08
    cluster         a cluster experiment of your own make
    low-adoption    1 % of users opt in, +0.04: what clipped weights get wrong
    no-overlap      half of the users can never opt in: no effect on everyone can be had
    hidden-cause    no effect, and an unmeasured cause some times as strong as what was measured

    \b
    Examples:
      honestlift simulate collaboration --out users.parquet
      honestlift simulate cluster --clusters 20 --users 10000 --icc 0.05 --size-cv 1
    """
    size = users or USERS.get(world, 50_000)
    choosers = {"low-adoption": low_adoption, "no-overlap": no_overlap}
    if world in choosers:
        made = choosers[world](size).draw(seed)
    elif world == "hidden-cause":
        made = hidden_cause(size, times).draw(seed)
    else:
        made = _world(world, size, clusters, effect, icc, size_cv, seed)
    buffer = io.BytesIO()
    if target.suffix == ".csv":
        write_csv(made.table, buffer)
    else:
        write_table(made.table, buffer)
    write(target, buffer.getvalue())
    write(target.with_suffix(".truth.json"), as_json(dict(made.truth)))
    table: pa.Table = made.table
    out().print(f"{table.num_rows:,} users, {table.num_columns} columns: {shown(target)}", markup=False)
    err().print(f"The truth is in {shown(target.with_suffix('.truth.json'))}.", markup=False, soft_wrap=True)


def _world(world: str, users: int, clusters: int, effect: float, icc: float, size_cv: float, seed: int) -> World:
    if world == "collaboration":
        return collaboration(users, seed)
    if world == "published":
        return published(users, seed)
    sizes = "lognormal" if size_cv > 0 else "equal"
    shape = ClusterWorld(clusters=clusters, mean_size=users // clusters, sizes=sizes, size_cv=size_cv, icc=icc, effect=effect)
    return shape.draw(seed)
