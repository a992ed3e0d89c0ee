"""export: a recorded assignment in the forms that feature-flag and experiment platforms take."""

from __future__ import annotations

import io
from datetime import UTC, datetime
from pathlib import Path

import click
import pyarrow as pa
from pyarrow.csv import write_csv
from pyarrow.parquet import write_table  # pyright: ignore[reportUnknownVariableType]

from honestlift.analysis.roster import users_of
from honestlift.cli.help import command
from honestlift.cli.screen import as_json, err, require_apart, shown, write_all
from honestlift.design.assignment import Assignment
from honestlift.report import words
from honestlift.source.connect import connect

COLUMNS = ("unit", "experiment", "variation", "timestamp", "cluster")


@command(short_help="Give a recorded assignment to a flag platform.")
@click.argument("record", type=click.Path(dir_okay=False, path_type=Path), default="assignment.json")
@click.option("--experiment", "-e", required=True, help="Key of the experiment, or of the flag, on the platform.")
@click.option("--data", "-d", help="Table of the users, for --users.")
@click.option("--cluster", "-c", help="Column that names the workspace; on the platform the attribute that is targeted.")
@click.option("--unit", "-u", help="Column that names the user, for --users.")
@click.option("--at", type=click.DateTime(), help="When the experiment began, in UTC; for --users.")
@click.option(
    "--users",
    "roll",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write (unit, experiment, variation, timestamp, cluster) here; .csv for CSV.",
)
@click.option(
    "--targeting",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write each variation's list of workspaces here, as JSON.",
)
@click.option(
    "--growthbook",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write a feature here whose rules force each workspace's variation, as GrowthBook's JSON.",
)
@click.option("--force", is_flag=True, help="Replace files that are there.")
def export(  # noqa: PLR0913, PLR0917  one for each option
    record: Path,
    experiment: str,
    data: str | None,
    cluster: str | None,
    unit: str | None,
    at: datetime | None,
    roll: Path | None,
    targeting: Path | None,
    growthbook: Path | None,
    force: bool,
) -> None:
    """Write the assignment RECORD as a platform reads it: users with their variation, lists to target, or a feature.

    Users of workspaces that are not in the experiment are left out and counted.

    \b
    Examples:
      honestlift export assignment.json -e ai-notes -c workspace_id --targeting lists.json
      honestlift export assignment.json -e ai-notes -d users.parquet -c workspace_id -u user_id --at 2026-11-01 --users exposures.csv
    """
    wanted = [path for path in (roll, targeting, growthbook) if path is not None]
    if not wanted:
        raise click.UsageError("Nothing to write. Expected --users, --targeting or --growthbook.")
    for path in wanted:
        if path.exists() and not force:
            raise click.UsageError(f"{shown(path)} is there already. Name another file, or use --force.")
    if cluster is None or (roll is not None and (data is None or unit is None or at is None)):
        raise click.UsageError("--users needs --data, --unit, --cluster and --at; the others need --cluster.")
    require_apart(wanted, [record, *([Path(data)] if data else [])])
    made = read_record(record)
    if made.rule.kind == "saturation":
        raise click.UsageError(
            "A saturation rule treats users, not workspaces. Expected another record. Take what `assign --users` wrote."
        )
    files: dict[Path, str | bytes] = {}
    if targeting is not None:
        files[targeting] = as_json({"experiment": experiment, "attribute": cluster, "variations": _lists(made)})
    if growthbook is not None:
        files[growthbook] = as_json(_feature(made, experiment, cluster))
    if roll is not None and data is not None and unit is not None and at is not None:
        files[roll] = _users(made, (data, unit, cluster), experiment, at, csv=roll.suffix == ".csv")
    write_all(files)
    for path in files:
        err().print(f"Written: {shown(path)}.", markup=False, soft_wrap=True)


def read_record(path: Path) -> Assignment:
    """The record in a file.

    Raises:
        AssignmentError: if it is none.
    """
    try:
        return Assignment.from_json(path.read_text(encoding="utf-8"), str(path))
    except FileNotFoundError as reason:
        raise click.UsageError(f"There is no record at {shown(path)}. Expected what `assign` or `rollout` wrote.") from reason
    except UnicodeDecodeError as reason:
        raise click.UsageError(f"{shown(path)} is not text in UTF-8. Expected what `assign` or `rollout` wrote.") from reason


def _lists(record: Assignment) -> dict[str, list[str]]:
    """Each arm's clusters, in the order of the draw."""
    return {arm: [name for name, has in record.assigned.items() if has == arm] for arm in record.rule.names}


def _feature(record: Assignment, key: str, attribute: str) -> dict[str, object]:
    """A feature that is off but for the clusters of each arm; on and off where there are two arms, else the arm's name."""
    control, *others = record.rule.names
    plain = len(others) == 1
    lists = _lists(record)
    rules = [{"condition": {attribute: {"$in": lists[arm]}}, "force": True if plain else arm} for arm in others]
    return {key: {"defaultValue": False if plain else control, "rules": rules}}


def _users(record: Assignment, columns: tuple[str, str, str], experiment: str, at: datetime, *, csv: bool) -> bytes:
    """Every user of the experiment with variation and cluster, as a file's bytes; ordered by user."""
    data, unit, cluster = columns
    users, clusters = users_of(connect(data), unit, cluster)
    arms = [record.arm_of(name) for name in clusters]
    inside = [i for i, arm in enumerate(arms) if arm is not None]
    if len(inside) < len(users):
        text = f"{words.count(len(users) - len(inside), 'user')} are in workspaces that are not in the record, and are left out."
        err().print(text, markup=False, soft_wrap=True)
    moment = at.replace(tzinfo=UTC).isoformat().replace("+00:00", "Z")
    values = (
        [users[i] for i in inside],
        [experiment] * len(inside),
        [arms[i] for i in inside],
        [moment] * len(inside),
        [clusters[i] for i in inside],
    )
    table = pa.table(dict(zip(COLUMNS, values, strict=True)))
    buffer = io.BytesIO()
    if csv:
        write_csv(table, buffer)
    else:
        write_table(table, buffer)
    return buffer.getvalue()
