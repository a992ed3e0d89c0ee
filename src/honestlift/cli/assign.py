"""assign: randomize whole clusters, and keep the record from which anyone can draw the assignment again."""

from __future__ import annotations

import secrets
from pathlib import Path

import click

from honestlift.cli.help import command
from honestlift.cli.screen import err, out, shown, write
from honestlift.design.assignment import Assignment, Rule
from honestlift.design.assignment import assign as draw
from honestlift.errors import AssignmentError, DataError
from honestlift.moments import scan
from honestlift.report import words
from honestlift.source.connect import connect


@command(short_help="Randomize whole workspaces, and keep the record.")
@click.argument("data")
@click.option("--cluster", "-c", required=True, help="Column that names the workspace.")
@click.option("--strata", "-s", multiple=True, help="Column within whose values to randomize; may be repeated.")
@click.option("--share", type=float, default=0.5, show_default=True, help="Share of the workspaces that is treated.")
@click.option("--seed", type=click.IntRange(min=0), help="Start of the generator [default: a fresh one, recorded].")
@click.option(
    "--out",
    "target",
    type=click.Path(dir_okay=False, path_type=Path),
    default="assignment.json",
    show_default=True,
    help="Where to.",
)
@click.option("--force", is_flag=True, help="Replace a record that is there.")
def assign(data: str, cluster: str, strata: tuple[str, ...], share: float, seed: int | None, target: Path, force: bool) -> None:
    """Draw treated and control workspaces from DATA and write the record of the draw.

    The record holds the rule, the seed and every workspace's arm. `run` checks that the data follow it.

    \b
    Examples:
      honestlift assign users.parquet -c workspace_id --seed 7
      honestlift assign users.parquet -c workspace_id -s plan_tier --share 0.3
    """
    if target.exists() and not force:
        raise click.UsageError(f"{shown(target)} is there already: a second draw is a second experiment. Use --out, or --force.")
    clusters, levels = _roster(data, cluster, strata)
    rule = Rule(kind="stratified" if strata else "complete", share=share)
    record = draw(clusters, rule, seed=secrets.randbelow(2**32) if seed is None else seed, strata=levels)
    write(target, record.to_json())
    _show(record, target)


def _roster(data: str, cluster: str, strata: tuple[str, ...]) -> tuple[list[str], dict[str, str] | None]:
    """The clusters of a table, and the stratum of each."""
    source = connect(data)
    for name, role in [(cluster, "cluster"), *((s, "stratum") for s in strata)]:
        source.position(name, role)
    counts = scan.count_cells(source, [cluster, *strata])
    for name in (cluster, *strata):
        key = counts.keys[name]
        if None in key.labels:
            raise DataError.missing_values(
                name, "cluster or stratum", int(counts.rows[key.codes == key.labels.index(None)].sum())
            )
    names = [str(v) for v in counts.keys[cluster].values()]
    repeated = [name for name in dict.fromkeys(names) if names.count(name) > 1] if len(set(names)) < len(names) else []
    if repeated:
        raise AssignmentError.cluster_in_strata(len(repeated), repeated[0])
    if not strata:
        return names, None
    columns = [counts.keys[s].values() for s in strata]
    return names, {name: " / ".join(str(v) for v in level) for name, level in zip(names, zip(*columns, strict=True), strict=True)}


def _show(record: Assignment, target: Path) -> None:
    treated = sum(arm == "treated" for arm in record.assigned.values())
    text = f"{words.count(treated, 'workspace')} treated, {len(record.assigned) - treated:,} control; "
    text += f"{record.rule.kind} randomization, seed {record.seed}."
    out().print(text, markup=False)
    err().print(f"The record is in {shown(target)}. Name it in the plan: design.assignment.", markup=False, soft_wrap=True)
