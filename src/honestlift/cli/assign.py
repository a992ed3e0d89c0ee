"""assign: randomize whole clusters by one of six rules, and keep the record from which anyone can draw the assignment again."""

from __future__ import annotations

import io
import secrets
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, get_args

import click
import pyarrow as pa
from pyarrow.csv import write_csv
from pyarrow.parquet import write_table  # pyright: ignore[reportUnknownVariableType]

from honestlift.analysis.roster import SIZE, Alikeness, Roster, alikeness, read_roster, users_of
from honestlift.cli.help import command
from honestlift.cli.screen import err, out, require_apart, shown, write_all
from honestlift.design.assignment import Assignment, Rule, redraws, treated_users
from honestlift.design.assignment import assign as draw
from honestlift.design.assignment.rule import ON_COVARIATES, Kind, Late
from honestlift.report import words
from honestlift.source.connect import Source, connect

TOLD = {
    "complete": "complete randomization",
    "stratified": "stratified randomization",
    "bernoulli": "a coin for each workspace",
    "matched_pairs": "one of each matched pair",
    "rerandomized": "rerandomization",
    "saturation": "a saturation for each workspace",
}

UNALIKE, UNLUCKY = 0.25, 1.5
"""Standardized difference beyond which the arms are called unalike, if it is also so many times what chance gives; judgements."""


@command(short_help="Randomize whole workspaces, and keep the record.")
@click.argument("data")
@click.option("--cluster", "-c", required=True, help="Column that names the workspace.")
@click.option("--rule", type=click.Choice(get_args(Kind)), help="How [default: complete; with --strata stratified].")
@click.option("--strata", "-s", multiple=True, help="Column within whose values to randomize; may be repeated.")
@click.option("--on", multiple=True, help="Column whose workspace means are balanced or matched on, and shown; may be repeated.")
@click.option("--size/--no-size", default=True, show_default=True, help="Balance or match on the users of a workspace too.")
@click.option("--share", type=float, default=0.5, show_default=True, help="Share of the workspaces that is treated.")
@click.option(
    "--arm", "arms", multiple=True, help="NAME=WEIGHT, once for each of several arms; the first or `control` is control."
)
@click.option(
    "--accept", type=float, default=0.05, show_default=True, help="Share of the draws that a rerandomized rule accepts."
)
@click.option("--saturation", "saturations", type=float, multiple=True, help="Share of users treated; once for each saturation.")
@click.option(
    "--late", type=click.Choice(get_args(Late)), default="refuse", show_default=True, help="Workspaces that join later."
)
@click.option("--unit", "-u", help="Column that names the user; with --users.")
@click.option(
    "--users",
    "roll",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write every user with workspace and arm here; .csv for CSV.",
)
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
def assign(  # noqa: PLR0913, PLR0917  one for each option
    data: str,
    cluster: str,
    rule: Kind | None,
    strata: tuple[str, ...],
    on: tuple[str, ...],
    size: bool,
    share: float,
    arms: tuple[str, ...],
    accept: float,
    saturations: tuple[float, ...],
    late: Late,
    unit: str | None,
    roll: Path | None,
    seed: int | None,
    target: Path,
    force: bool,
) -> None:
    """Draw the arms of the workspaces of DATA and write the record of the draw.

    The record holds the rule, the seed and every workspace's arm. `run` checks that the data follow it, and tests by the same rule.

    \b
    complete       a fixed number of workspaces in each arm; stratified: within each value of --strata
    bernoulli      an own coin for each workspace, as a feature flag tosses it
    matched_pairs  workspaces alike in size and --on form pairs; one of each pair is treated
    rerandomized   drawn again until the arms are alike in size and --on
    saturation     workspaces to --saturation shares, then that share of their users to the treatment (--unit, --users)

    \b
    Examples:
      honestlift assign users.parquet -c workspace_id --seed 7
      honestlift assign users.parquet -c workspace_id -s plan_tier --share 0.3
      honestlift assign users.parquet -c workspace_id --rule rerandomized --on minutes_before --accept 0.01
      honestlift assign users.parquet -c workspace_id --arm control=2 --arm short=1 --arm long=1
      honestlift assign users.parquet -c workspace_id --rule saturation --saturation 0 --saturation 0.5 --unit user_id --users arms.csv
    """
    kind: Kind = rule or ("saturation" if saturations else "stratified" if strata else "complete")
    _possible(target, force, kind, unit, roll, Path(data))
    source = connect(data)
    roster = read_roster(source, cluster, strata, on)
    sized = (
        size and SIZE not in on and (not on or roster.size.min() < roster.size.max())
    )  # nothing to match on where all are equal
    wanted = ((SIZE,) if sized else ()) + on if kind in ON_COVARIATES else ()
    made = Rule(
        kind=kind,
        share=share,
        arms=weights_of(arms) if arms else None,
        covariates=wanted,
        acceptance=accept,
        saturations=saturations,
        late=late,
    )
    fresh = secrets.randbelow(2**32) if seed is None else seed
    record = draw(roster.names, made, seed=fresh, strata=roster.strata, covariates=roster.known(wanted) if wanted else None)
    files: dict[Path, str | bytes] = {target: record.to_json()}
    if roll is not None and unit is not None:
        files[roll] = _users(record, source, unit, cluster, csv=roll.suffix == ".csv")
    write_all(files)
    _show(record, roster)
    err().print(f"The record is in {shown(target)}. Name it in the plan: design.assignment.", markup=False, soft_wrap=True)
    if roll is not None:
        err().print(f"Every user's arm is in {shown(roll)}.", markup=False, soft_wrap=True)


def _possible(target: Path, force: bool, kind: Kind, unit: str | None, roll: Path | None, data: Path) -> None:
    """Refuse what cannot be done before anything is read."""
    for path in (target, roll):
        if path is not None and path.exists() and not force:
            raise click.UsageError(
                f"{shown(path)} is there already: a second draw is a second experiment. Use --out, or --force."
            )
    if (unit is None) != (roll is None):
        raise click.UsageError("--unit and --users go together: the users of which column, and where to write their arms.")
    if kind == "saturation" and roll is None:
        raise click.UsageError("A saturation rule draws users too. Expected --unit and --users, to write down who is treated.")
    require_apart([target, *([roll] if roll else [])], [data])


def weights_of(arms: Sequence[str], option: str = "--arm") -> dict[str, float]:
    """``NAME=WEIGHT`` as a mapping."""
    made: dict[str, float] = {}
    for text in arms:
        name, sign, weight = text.rpartition("=")
        try:
            made[name.strip()] = float(weight)
        except ValueError:
            sign = ""
        if not sign or not name.strip():
            raise click.UsageError(
                f"{option} is {words.clean(text)!r}. Expected a name and a weight, for example {option} control=2."
            )
    if len(made) < len(arms):
        raise click.UsageError(f"Two of the {option} have the same name. Expected one for each arm.")
    return made


def _users(record: Assignment, source: Source, unit: str, cluster: str, *, csv: bool) -> bytes:
    """Every user with cluster and arm, and under a saturation rule with the cluster's saturation, as a file's bytes."""
    users, clusters = users_of(source, unit, cluster)
    columns: dict[str, list[Any]] = {unit: users, cluster: clusters}
    share, place = (next(n for n in (name, f"{name}_drawn", f"_{name}") if n not in columns) for name in ("saturation", "arm"))
    if record.rule.kind == "saturation":
        members: dict[str, list[int]] = {}
        for i, name in enumerate(clusters):
            members.setdefault(name, []).append(i)
        on = [False] * len(users)
        chosen = treated_users(record, {name: [str(users[i]) for i in at] for name, at in members.items()})
        for name, at in members.items():
            for i, treated in zip(at, chosen[name], strict=True):
                on[i] = treated
        columns |= {share: [float(record.assigned[name]) for name in clusters]}
        columns |= {place: ["treated" if treated else "control" for treated in on]}
    else:
        columns |= {place: [record.assigned[name] for name in clusters]}
    buffer = io.BytesIO()
    table = pa.table(columns)
    if csv:
        write_csv(table, buffer)
    else:
        write_table(table, buffer)
    return buffer.getvalue()


def _show(record: Assignment, roster: Roster) -> None:
    """The arms, how alike they came out, and what a test of this draw can show."""
    arms = list(record.assigned.values())
    sizes: Mapping[str, int] = {name: arms.count(name) for name in record.rule.shares}
    first, *others = sizes
    unit = " at" if record.rule.kind == "saturation" else ""
    text = f"{words.count(sizes[first], 'workspace')}{unit} {first}, " + ", ".join(
        f"{sizes[name]:,}{unit} {name}" for name in others
    )
    out().print(f"{words.clean(text)}; {TOLD[record.rule.kind]}, seed {record.seed}.", markup=False)
    rows = alikeness(record, roster)
    control = record.rule.names[0]
    heading = words.clean(rows[0].arm) if len(others) == 1 else "arm"
    out().print(
        f"\n{'mean of workspaces':<28}{heading[:12]:>12}{words.clean(control)[:12]:>12}{'difference':>13}  by chance",
        markup=False,
    )
    for row in rows:
        name = words.clean(row.covariate) + ("" if len(others) < 2 else f", {words.clean(row.arm)}")
        line = f"{name[:27]:<28}{words.number(row.mean, 2):>12}{words.number(row.control, 2):>12}"
        out().print(f"{line}{words.signed(row.smd, 2) + ' SD':>13}  ±{words.number(row.chance, 2)} SD", markup=False)
    _warn(record, max(rows, key=lambda row: abs(row.smd)))


def _warn(record: Assignment, far: Alikeness) -> None:
    """Say of an unlucky draw what not to do about it, and of one with too few workspaces what no test can do."""
    if abs(far.smd) > max(UNALIKE, UNLUCKY * far.chance) and record.rule.kind not in ON_COVARIATES:
        text = f"The arms differ by {words.signed(far.smd, 2)} standard deviations in {words.clean(far.covariate)}. Drawing again until "
        text += "they look alike breaks the tests; --rule rerandomized does it by a rule that the tests know; matched_pairs avoids it."
        err().print(text, markup=False, soft_wrap=True)
    smallest = redraws(record).smallest_p(9_999)
    if smallest > 0.05:
        text = f"With so few workspaces the smallest p-value of an exact test is {smallest:.2g}: it can never reject at .05. "
        err().print(f"{text}Add workspaces.", markup=False, soft_wrap=True)
