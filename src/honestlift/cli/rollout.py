"""rollout: a roll-out that a feature flag made by hashing workspaces, read as the design that it is."""

from __future__ import annotations

from pathlib import Path

import click

from honestlift.analysis.roster import read_roster
from honestlift.cli.assign import weights_of
from honestlift.cli.help import command
from honestlift.cli.screen import err, out, require_apart, shown, write
from honestlift.design.assignment import HashedFlag, read_rollout
from honestlift.report import words
from honestlift.source.connect import connect


@command(short_help="Read a roll-out by a hashing flag as a design.")
@click.argument("data")
@click.option("--cluster", "-c", required=True, help="Column that names the workspace, as the flag hashes it.")
@click.option("--key", required=True, help="Key of the experiment on the platform.")
@click.option("--seed", help="Its seed, where it has one of its own [default: the key].")
@click.option("--hash-version", type=click.IntRange(1, 2), default=2, show_default=True, help="As the platform has it.")
@click.option("--coverage", type=float, default=1.0, show_default=True, help="Share of everybody in the experiment.")
@click.option(
    "--weight",
    "weights",
    multiple=True,
    help="NAME=WEIGHT, once for each variation, in their order [default: control=0.5, treated=0.5].",
)
@click.option("--namespace", type=(str, float, float), help="NAME START END of the part of a namespace.")
@click.option(
    "--out",
    "target",
    type=click.Path(dir_okay=False, path_type=Path),
    default="assignment.json",
    show_default=True,
    help="Where to.",
)
@click.option("--force", is_flag=True, help="Replace a record that is there.")
def rollout(  # noqa: PLR0913, PLR0917  one for each option
    data: str,
    cluster: str,
    key: str,
    seed: str | None,
    hash_version: int,
    coverage: float,
    weights: tuple[str, ...],
    namespace: tuple[str, float, float] | None,
    target: Path,
    force: bool,
) -> None:
    """Compute again which workspaces of DATA a flag treats, as GrowthBook's SDKs hash them, and write the record.

    Hashing is a coin for each workspace. `run` checks that the data follow the flag, and tests by that rule.

    \b
    Examples:
      honestlift rollout users.parquet -c workspace_id --key ai-notes
      honestlift rollout users.parquet -c workspace_id --key ai-notes --weight control=0.8 --weight treated=0.2 --coverage 0.5
    """
    if target.exists() and not force:
        raise click.UsageError(f"{shown(target)} is there already. Use --out, or --force.")
    require_apart([target], [Path(data)])
    shares = weights_of(weights, "--weight") if weights else {"control": 0.5, "treated": 0.5}
    flag = HashedFlag(key=key, weights=shares, seed=seed, hash_version=hash_version, coverage=coverage, namespace=namespace)
    roster = read_roster(connect(data), cluster, (), ())
    record = read_rollout(roster.names, flag)
    write(target, record.to_json())
    arms = list(record.assigned.values())
    text = ", ".join(f"{arms.count(arm):,} {words.clean(arm)}" for arm in flag.weights)
    left = len(roster.names) - len(arms)
    text += f", {left:,} not in the experiment" if left else ""
    out().print(f"{words.count(len(roster.names), 'workspace')}: {text}; a coin for each workspace, by hash.", markup=False)
    err().print(f"The record is in {shown(target)}. Name it in the plan: design.assignment.", markup=False, soft_wrap=True)
