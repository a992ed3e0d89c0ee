"""power: what a study could see, before it has data."""

from __future__ import annotations

import click

from honestlift.cli.help import command
from honestlift.cli.planning import Options, planning, proposal_of
from honestlift.cli.screen import echo_json, out, stages
from honestlift.report.proposal.terminal import renderable


@command(short_help="What a study could see, before it has data.")
@planning
@click.option("--json", "as_text", is_flag=True, help="Print the proposal as JSON on stdout.")
@click.option("--quiet", "-q", is_flag=True, help="No progress on stderr.")
def power(options: Options, as_text: bool, quiet: bool) -> None:
    """Say what a study could see: the smallest effect, the power, the workspaces needed, what would help, which unit to randomize.

    DATA is a table from before the study, one row per user, or a plan; without it the numbers are given as options. The closed form
    stands beside a simulation of the study's own test, which is the answer where workspaces are few or unequal.

    \b
    Examples:
      honestlift power --clusters 50 --size 1000 --icc 0.05 --sd 1 --effect 0.1
      honestlift power before.parquet -c workspace_id -m minutes --covariate minutes_before --relative 0.02
      honestlift power before.parquet -c workspace_id -m minutes -u user_id --edges messages.parquet --ratio 0.3
      honestlift power --users 50000 --adoption 0.05 --strength 1.2 --sd 1 --effect 0.04
    """
    with stages(quiet) as step:
        found = proposal_of(options, step, None, "")
    if as_text:
        echo_json(found.to_json())
    else:
        out().print(renderable(found))
