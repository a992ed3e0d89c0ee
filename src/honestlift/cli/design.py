"""design: the page of a study that has not run, to be attached to what asks for it."""

from __future__ import annotations

import json
from pathlib import Path

import click

from honestlift.cli.help import command
from honestlift.cli.planning import Options, planning, proposal_of
from honestlift.cli.screen import echo_json, err, out, require_apart, require_writable, shown, stages, write_all
from honestlift.errors import PlanningError
from honestlift.proposal import Proposal
from honestlift.report.proposal.page import design_html
from honestlift.report.proposal.terminal import renderable


@command(short_help="The page of a study that has not run: power, unit, assignment.")
@planning
@click.option("--name", help="Title [default: the plan's].")
@click.option("--question", default="", help="What is asked, in a sentence.")
@click.option(
    "--out",
    "target",
    type=click.Path(dir_okay=False, path_type=Path),
    default="design.json",
    show_default=True,
    help="Where to; the page goes beside it.",
)
@click.option("--from", "kept", type=click.Path(dir_okay=False, path_type=Path), help="Make the page anew from a design.json.")
@click.option("--json", "as_text", is_flag=True, help="Print the proposal as JSON on stdout.")
@click.option("--quiet", "-q", is_flag=True, help="No progress on stderr.")
def design(
    options: Options, name: str | None, question: str, target: Path, kept: Path | None, as_text: bool, quiet: bool
) -> None:
    """Write design.json and its page: question, unit, power, smallest effect, units compared, rule of assignment, what would change it.

    It takes what `power` takes. The page is one HTML file that opens from a mail attachment, in light and dark, on a phone and on paper.

    \b
    Examples:
      honestlift design before.parquet -c workspace_id -m minutes --relative 0.02 --name "AI meeting notes"
      honestlift design plan.yaml --effect 0.3 --edges messages.parquet --out proposal/design.json
      honestlift design --from proposal/design.json --out proposal/again.json
    """
    page = target.with_suffix(".html") if target.suffix != ".html" else target.with_name(target.name + ".html")
    read = [Path(p) for p in (options.data, options.edges) if p is not None] + ([kept] if kept else [])
    require_apart([target, page], read)
    require_writable(target)
    with stages(quiet) as step:
        found = read_proposal(kept) if kept is not None else proposal_of(options, step, name, question)
        step("Making the page")
        text = design_html(found)
    write_all({target: found.to_json(), page: text})
    if as_text:
        echo_json(found.to_json())
    else:
        out().print(renderable(found))
    if not quiet:
        err().print(f"The proposal is in {shown(target)}, its page in {shown(page)}.", markup=False, soft_wrap=True)


def read_proposal(path: Path) -> Proposal:
    """The Proposal in a file.

    Raises:
        PlanningError: if there is no file, or it holds no proposal that this version knows.
    """
    try:
        return Proposal.from_dict(json.loads(path.read_text(encoding="utf-8")))
    except OSError as reason:
        raise PlanningError.unreadable(str(path), reason.strerror or str(reason)) from reason
    except ValueError as reason:
        raise PlanningError.unreadable(str(path), str(reason).rstrip(".").split(". ")[0]) from reason
    except (AttributeError, KeyError, TypeError) as reason:
        raise PlanningError.unreadable(str(path), "its keys are not those of a proposal") from reason
