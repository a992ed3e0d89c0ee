"""check: everything that can be known before an outcome is read."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import click
from rich.text import Text

from honestlift.analysis.check import Checked, check_design
from honestlift.cli.help import command
from honestlift.cli.limits import limited
from honestlift.cli.run import open_rows
from honestlift.cli.screen import as_json, echo_json, out, stages
from honestlift.plan import read_plan
from honestlift.report import words
from honestlift.report.names import LEVELS, check_name
from honestlift.report.terminal import MARKS, users
from honestlift.result import Check

DRIVERS = 3


@command(short_help="Check a study without reading an outcome.")
@click.argument("plan", type=click.Path(dir_okay=False, path_type=Path), default="plan.yaml")
@click.option("--json", "as_text", is_flag=True, help="Print the checks and their tables as JSON on stdout.")
@limited
@click.option("--quiet", "-q", is_flag=True, help="No progress on stderr.")
def check(plan: Path, as_text: bool, limits: dict[str, Any], quiet: bool) -> None:
    """Check what can be checked of PLAN before an outcome is read: assignment, clusters, exposure, balance; or who opts in and overlap.

    No scan names the column of a metric or a negative control; they need not be there yet. Bad news is no error: the exit code is 0
    whatever is found, and 2 only if it cannot be found out.

    \b
    Examples:
      honestlift check plan.yaml
      honestlift check plan.yaml --json | jq '.checks[] | select(.level != "ok")'
    """
    read = read_plan(plan)
    with stages(quiet) as step:
        found = check_design(open_rows(read, **limits), read.study, step)
    if as_text:
        echo_json(as_json(found.to_dict()))
        return
    screen = out()
    screen.print(Text.assemble((words.clean(found.name), "bold"), f"  {users(found.kind, found.data)}"))
    for one in found.checks:
        screen.print(_line(one))
    for text in _choice(found):
        screen.print(text, markup=False)
    screen.print(_tally(found), style="bold")
    screen.print(f"Not read: {words.listing([words.clean(name) for name in found.not_read], 8)}.", style="dim", markup=False)


def _line(check: Check) -> Text:
    mark, colour = MARKS[check.level]
    line = Text.assemble((f" {mark} {check_name(check.code)}  ", f"bold {colour}"), check.statement)
    return line.append(f" → {check.remedy}", style="dim") if check.remedy and check.level != "ok" else line


def _choice(found: Checked) -> list[str]:
    """Who opts in most, and whom the data can speak of."""
    if found.kind != "opt_in":
        return []
    drivers = [row for row in found.tables["drivers"].rows if row[4] is not None]
    drivers = sorted(drivers, key=lambda row: -abs(_log(row[4])))[:DRIVERS]
    told = [f"{words.clean(row[0])} ({words.number(row[4], 2)})" for row in drivers]
    supported = words.listing(list(found.supported), 5) or "none of the estimands that the plan names"
    return [f"Odds of opting in, per standard deviation: {words.listing(told, DRIVERS)}.", f"The data support: {supported}."]


def _log(ratio: float) -> float:
    return math.log(ratio) if ratio > 0 else 0.0


def _tally(found: Checked) -> str:
    counts = [(level, sum(c.level == level for c in found.checks)) for level in ("stop", "caution", "ok")]
    return ", ".join(f"{n:,} {LEVELS[level][1]}" for level, n in counts) + "."
