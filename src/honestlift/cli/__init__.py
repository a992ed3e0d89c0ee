"""The command line: one file per command, one place for screens, errors and exit codes."""

from __future__ import annotations

import click

from honestlift.cli.assign import assign
from honestlift.cli.check import check
from honestlift.cli.completion import completion
from honestlift.cli.demo import demo
from honestlift.cli.design import design
from honestlift.cli.export import export
from honestlift.cli.gate import gate
from honestlift.cli.help import Commands
from honestlift.cli.init import init
from honestlift.cli.interference import interference
from honestlift.cli.lock import lock
from honestlift.cli.plot import plot
from honestlift.cli.power import power
from honestlift.cli.report import report
from honestlift.cli.rollout import rollout
from honestlift.cli.run import run, schema, validate
from honestlift.cli.screen import exit_with
from honestlift.cli.simulate import simulate
from honestlift.cli.sql import sql
from honestlift.version import __version__


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="honestlift")
def commands() -> None:
    """Honest effect estimates for AI features, where a plain A/B test lies.

    \b
    Examples:
      honestlift demo                      see it at work on made-up data whose truth is known
      honestlift power before.parquet -c workspace_id -m minutes --relative 0.02   what a study could see
      honestlift init users.parquet        draft a plan from the columns of a file
      honestlift check plan.yaml           what can be known before an outcome is read
      honestlift run plan.yaml             the verdict, the numbers, the checks
      honestlift gate result.json          an exit code for a pipeline
    """


for each in (
    demo,
    init,
    validate,
    check,
    lock,
    run,
    sql,
    report,
    plot,
    gate,
    interference,
    power,
    design,
    assign,
    rollout,
    export,
    simulate,
    schema,
    completion,
):
    commands.add_command(each)


def main() -> None:
    """The console script: runs a command and leaves with its exit code (0, 2, 70 or 130; of the gate also 1 and 3)."""
    exit_with(commands)
