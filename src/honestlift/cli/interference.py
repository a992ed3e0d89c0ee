"""interference: two results of one feature, by workspaces and by users, held against each other."""

from __future__ import annotations

from pathlib import Path

import click
from rich.text import Text

from honestlift.analysis.interference import compare_randomizations
from honestlift.cli.help import command
from honestlift.cli.report import read_result
from honestlift.cli.screen import as_json, echo_json, out
from honestlift.plain import plain
from honestlift.report.names import LEVELS

FILE = click.Path(dir_okay=False, path_type=Path)


@command(short_help="Compare randomized workspaces with randomized users.")
@click.argument("by_cluster", type=FILE)
@click.argument("by_user", type=FILE)
@click.option("--metric", help="The metric, by its name in both results.  [default: the primary one of the first]")
@click.option("--json", "as_text", is_flag=True, help="Print the check as JSON on stdout.")
def interference(by_cluster: Path, by_user: Path, metric: str | None, as_text: bool) -> None:
    """Is there interference? The effect in BY_CLUSTER, where workspaces were randomized, against that in BY_USER, where users were.

    Both are results of `run`, on different users; the plan of the second names the user as its own cluster.

    \b
    Examples:
      honestlift interference workspaces/result.json users/result.json
      honestlift interference workspaces/result.json users/result.json --metric "Session minutes" --json
    """
    found = compare_randomizations(read_result(by_cluster), read_result(by_user), metric)
    if as_text:
        echo_json(as_json(plain(found)))
        return
    mark, _, _ = LEVELS[found.level]
    line = Text.assemble((f" {mark} {found.code}  ", "bold"), found.statement)
    out().print(line.append(f" → {found.remedy}", style="dim") if found.remedy else line, soft_wrap=True)
