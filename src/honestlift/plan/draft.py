"""A first plan.yaml from the columns of a table, with a comment at every guess that says why and what to check."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from honestlift.plan.draft_waves import guess_times, times_lines
from honestlift.plan.guess import ColumnSketch, Given, Roles, guess_roles
from honestlift.plan.vocabulary import LOSSES
from honestlift.plan.write import scalar

_FILL_IN = "# FILL IN: no column suggests itself."
_MOST_NAMED = 20


def draft(columns: Sequence[ColumnSketch], data: str, given: Given | None = None) -> str:
    """A commented plan for a table that nobody has described yet.

    Args:
        columns: what is known of each column, in the order of the table.
        data: where the rows are, as it shall stand in the plan.
        given: roles that the user names; the others are guessed.

    Returns:
        The text of a plan file. Where a role could not be guessed its key is empty, and ``read_plan`` names its line.
    """
    roles = guess_roles(columns, given)
    if given is not None and given.kind == "waves":
        return "\n".join(_in_waves(roles, data, guess_times(columns, given))) + "\n"
    nested = given is not None and given.cluster is not None
    lines = _opt_in(roles, data, nested=nested) if roles.kind == "opt_in" else _randomized(roles, data)
    return "\n".join(lines) + "\n"


def _randomized(roles: Roles, data: str) -> list[str]:
    return [
        "# Drafted from the names, types and counts of the columns: every role below is a guess. Read each line, and",
        "# correct it by what was done in the experiment. Then run `honestlift validate`.",
        "name: Untitled study",
        f"data: {scalar(data)}",
        *_unit(roles),
        "design:",
        "  kind: cluster  # whole clusters were randomized",
        *_cluster(roles),
        *_treatment(roles),
        "  # assignment: assignment.json  # the record of `honestlift assign`, if there is one",
        "  # strata: []  # columns within whose values the clusters were randomized",
        *_exposure(roles),
        *_uptake(roles),
        *_metrics(roles),
        "# negative_controls: []  # outcomes that the feature cannot move",
        *_covariates(roles),
        "level: 0.95",
        "seed: 7  # any whole number; the same seed gives the same numbers",
        "bootstrap: 500",
        *_unused(roles),
    ]


def _in_waves(roles: Roles, data: str, times: tuple[ColumnSketch | None, ColumnSketch | None]) -> list[str]:
    period, start = times
    metrics = tuple(c for c in roles.metrics if c not in times)
    roles = replace(roles, metrics=metrics)
    return [
        "# Drafted from the names, types and counts of the columns: every role below is a guess. Read each line, and",
        "# correct it by what happened. Then run `honestlift validate`.",
        "name: Untitled study",
        f"data: {scalar(data)}",
        *(line for line in _unit(roles) if not line.startswith("rows:")),
        "design:",
        "  kind: waves  # whole clusters got the feature one wave after the other",
        *_cluster(roles, "got the feature as a whole"),
        *times_lines(period, start),
        *_metrics(roles, "in every period"),
        "# negative_controls: []  # outcomes that the feature cannot move",
        "level: 0.95",
    ]


def _opt_in(roles: Roles, data: str, *, nested: bool) -> list[str]:
    unit = [line for line in _unit(roles) if not line.startswith("rows:")]
    cluster = scalar(roles.cluster.name) if roles.cluster else "…"
    return [
        "# Drafted from the names, types and counts of the columns: every role below is a guess. Read each line, and",
        "# correct it by what happened. If a coin decided who got the feature, use `honestlift init --kind cluster`.",
        "name: Untitled study",
        f"data: {scalar(data)}",
        *unit,
        "design:",
        "  kind: opt_in  # users chose the feature by themselves",
        *_choice(roles),
        f"  {'' if nested else '# '}cluster: {cluster}  # the workspaces of the users, if the outcomes of colleagues depend on each other",
        "  estimands: [ATE, ATT, ATO]  # on everyone, on those who chose it, on those who could go either way",
        *_metrics(roles),
        "# negative_controls: []  # outcomes that the feature cannot move",
        *_before_choice(roles),
        "level: 0.95",
        "seed: 7  # any whole number; the same seed gives the same numbers",
        "bootstrap: 500",
        *_unused(roles),
    ]


def _choice(roles: Roles) -> list[str]:
    column = roles.treatment
    if column is None:
        return [f"  {_FILL_IN} Name the column that is 1 for users who chose the feature.", "  treatment:"]
    if column.binary:
        return [
            "  # Two values and a name that speaks of a choice. Check that 1 (or true) marks users who chose the feature.",
            f"  treatment: {scalar(column.name)}",
        ]
    return _treatment(roles)


def _before_choice(roles: Roles) -> list[str]:
    why = [
        "# Everything rests on these: what makes people choose and moves the outcome. Each must have been known before the",
        "# choice; a column that the feature itself can move biases the answer. What is not here is taken not to matter.",
        "covariates:",
    ]
    if not roles.covariates:
        return [*why, f"  {_FILL_IN} Name what was known of each user before the choice.", "  -"]
    return [*why, *(f"  - {scalar(c.name)}" for c in roles.covariates)]


def _counted(column: ColumnSketch) -> str:
    return f"{column.distinct:,} different values on {column.rows:,} rows"


def _named(columns: Sequence[ColumnSketch]) -> str:
    shown = ", ".join(scalar(c.name) for c in columns[:_MOST_NAMED])
    return shown + (f" and {len(columns) - _MOST_NAMED} more" if len(columns) > _MOST_NAMED else "")


def _unit(roles: Roles) -> list[str]:
    unit = roles.unit
    if unit is None:
        return [f"{_FILL_IN} Name the column that identifies the user.", "unit:", "rows: units  # events: several rows per user"]
    # A count of different values may be approximate; an event table has many rows per user.
    events = unit.distinct < 0.9 * unit.rows
    reason = "several rows per user, which are summed per user first" if events else "one row per user"
    return [
        f"# A column that names a user: {_counted(unit)}. Check that it does.",
        f"unit: {scalar(unit.name)}",
        f"rows: {'events' if events else 'units'}  # {reason}",
    ]


def _cluster(roles: Roles, became: str = "were randomized") -> list[str]:
    if roles.cluster is None:
        return [f"  {_FILL_IN} Name the column of the workspaces, teams or other groups that {became}.", "  cluster:"]
    others = f" It could also be {_named(roles.other_clusters)}." if roles.other_clusters else ""
    return [
        f"  # A column that names a group of users: {_counted(roles.cluster)}. Check that these groups {became}.{others}",
        f"  cluster: {scalar(roles.cluster.name)}",
    ]


def _treatment(roles: Roles) -> list[str]:
    column = roles.treatment
    if column is None:
        return [f"  {_FILL_IN} Name the column that is 1 in treated clusters and 0 in control clusters.", "  treatment:"]
    if column.binary:
        return [
            "  # Two values and the name of a treatment. Check that 1 (or true) is the arm that got the feature.",
            f"  treatment: {scalar(column.name)}",
        ]
    seen = f" It holds {', '.join(scalar(v) for v in column.values[:6])}." if column.values else ""
    lines = [f"  # The name of a treatment with {column.distinct} values.{seen} Check which of them are the two arms."]
    if roles.arms is None:
        lines.append(f"  {_FILL_IN.replace('column', 'value')} Write the value of each arm.")
    treated, control = ("", "") if roles.arms is None else (f" {scalar(roles.arms[0])}", f" {scalar(roles.arms[1])}")
    column_line = f"    column: {scalar(column.name)}"
    return [*lines, "  treatment:", column_line, f"    treated:{treated}", f"    control:{control}"]


def _exposure(roles: Roles) -> list[str]:
    if roles.exposure is None:
        return ["  # exposure: {column: …}  # a 0/1 column of users whom the treatment of others reached, if there is one"]
    return [
        "  # Two values and the name of an exposure. Check that 1 marks users whom the treatment of others reached. Set",
        "  # randomized to true only if drawing the assignment again would change the mark of a user in the same arm.",
        "  exposure:",
        f"    column: {scalar(roles.exposure.name)}",
        "    randomized: false",
    ]


def _uptake(roles: Roles) -> list[str]:
    if roles.uptake is None:
        return ["  # uptake: …  # a 0/1 column of logged use of the feature, if there is one"]
    return [
        "  # Two values and a name that speaks of use. Check that it is logged use of this feature, in both arms.",
        f"  uptake: {scalar(roles.uptake.name)}",
    ]


def _metrics(roles: Roles, when: str = "after the treatment began") -> list[str]:
    if not roles.metrics:
        return ["metrics:", f"  {_FILL_IN} Name the column of the outcome.", "  - column:"]
    first, *others = roles.metrics
    lines = [
        "metrics:",
        f"  # A number with the name of an outcome. Check that it was measured {when}, and which",
        "  # direction is good news. More metrics are more chances to be misled: add those that were chosen beforehand.",
        f"  - column: {scalar(first.name)}",
        f"    better: {_better(first)}",
        "    role: primary",
    ]
    return lines + [
        f"  # - {{column: {scalar(c.name)}, better: {_better(c)}}}  # also has the name of an outcome" for c in others
    ]


def _better(column: ColumnSketch) -> str:
    return "lower" if LOSSES & set(column.words) else "higher"


def _covariates(roles: Roles) -> list[str]:
    if not roles.covariates:
        return ["# covariates: []  # columns known before the treatment; their balance between the arms is checked"]
    return [
        "# Columns whose names say that they were measured before. Check that they were, for every user. One that is the",
        "# same measure as a metric may also be named as its `pre`.",
        "covariates:",
        *(f"  - {scalar(c.name)}" for c in roles.covariates),
    ]


def _unused(roles: Roles) -> list[str]:
    if not roles.unused:
        return []
    return [f"# Without a role: {_named(roles.unused)}. Those known before the treatment may be covariates."]
