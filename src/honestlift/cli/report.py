"""report: the page of a result, made from result.json alone."""

from __future__ import annotations

import json
from pathlib import Path

import click

from honestlift.cli.help import command
from honestlift.cli.screen import err, shown, write
from honestlift.errors import ReportError
from honestlift.report.html import report_html
from honestlift.report.paragraph import STYLES, Style, paragraph
from honestlift.result import Lift


@command(short_help="Make the page of a result.")
@click.argument("result", type=click.Path(dir_okay=False, path_type=Path), default="result.json")
@click.option(
    "--out", "target", type=click.Path(dir_okay=False, path_type=Path), help="Where to [default: report.html beside RESULT]."
)
@click.option(
    "--paragraph", "style", type=click.Choice(STYLES), help="Print the answer as a paragraph to paste, and make no page."
)
@click.option("--quiet", "-q", is_flag=True, help="No message on stderr.")
def report(result: Path, target: Path | None, style: Style | None, quiet: bool) -> None:
    """Make the page of RESULT: one HTML file that opens from a mail attachment, in light and dark, on a phone and on paper.

    It is made from RESULT and nothing else: the same result gives the same bytes.

    \b
    Examples:
      honestlift report result.json
      honestlift report runs/2026-03/result.json --out notes.html
      honestlift report result.json --paragraph slack
    """
    lift = read_result(result)
    if style is not None:
        click.echo(paragraph(lift, style))
        return
    page = report_html(lift)
    target = target or page_path(result)
    write(target, page)
    if not quiet:
        err().print(f"The page is in {shown(target)}.", markup=False, soft_wrap=True)


def page_path(result: Path) -> Path:
    """Where the page of a result goes: report.html beside result.json, else the result's own name with .html."""
    if result.name == "result.json":
        return result.with_name("report.html")
    return result.with_suffix(".html") if result.suffix != ".html" else result.with_name(result.name + ".html")


def read_result(path: Path) -> Lift:
    """The Lift in a file.

    Raises:
        ReportError: if there is no file, or it holds no result that this version knows.
    """
    try:
        return Lift.from_dict(json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError as reason:
        raise ReportError.not_found(str(path)) from reason
    except OSError as reason:
        raise ReportError.unreadable(str(path), reason.strerror or str(reason)) from reason
    except ValueError as reason:
        raise ReportError.unreadable(str(path), str(reason).rstrip(".").split(". ")[0]) from reason
    except (AttributeError, KeyError, TypeError) as reason:
        raise ReportError.unreadable(str(path), "its keys are not those of a result") from reason
