"""report: the page of a result, and the index of several, made from result.json alone."""

from __future__ import annotations

import json
import os
from pathlib import Path

import click

from honestlift.cli.help import command
from honestlift.cli.screen import err, require_apart, shown, write_all
from honestlift.errors import ReportError
from honestlift.report.html import report_html
from honestlift.report.index import index_html
from honestlift.report.paragraph import STYLES, Style, paragraph
from honestlift.result import Lift


@command(short_help="Make the page of a result, or an index of several.")
@click.argument("results", metavar="[RESULT]...", nargs=-1, type=click.Path(dir_okay=False, path_type=Path))
@click.option(
    "--out", "target", type=click.Path(dir_okay=False, path_type=Path), help="Where to [default: report.html beside RESULT]."
)
@click.option(
    "--index", "index", type=click.Path(dir_okay=False, path_type=Path), help="Also write a page that lists every RESULT given."
)
@click.option(
    "--paragraph", "style", type=click.Choice(STYLES), help="Print the answer as a paragraph to paste, and make no page."
)
@click.option("--quiet", "-q", is_flag=True, help="No message on stderr.")
def report(results: tuple[Path, ...], target: Path | None, index: Path | None, style: Style | None, quiet: bool) -> None:
    """Make the page of RESULT: one HTML file that opens from a mail attachment, in light and dark, on a phone and on paper.

    It is made from RESULT and nothing else: the same result gives the same bytes. Of several results each gets its page;
    --index lists them all, with verdict and primary effect, in the order in which they are given.

    \b
    Examples:
      honestlift report result.json
      honestlift report runs/2026-03/result.json --out notes.html
      honestlift report runs/*/result.json --index runs/index.html
      honestlift report result.json --paragraph slack
    """
    results = results or (Path("result.json"),)
    if style is not None:
        click.echo("\n\n".join(paragraph(read_result(result), style) for result in results))
        return
    if target is not None and len(results) > 1:
        raise click.UsageError(
            "--out names one page, but there are several results. Leave it out: each page goes beside its result."
        )
    pages = [target or page_path(result) for result in results]
    require_apart(pages, results)
    taken = {path.resolve() for path in (*results, *pages)}
    if index is not None and index.resolve() in taken:
        raise click.UsageError(f"{index} is a result or its page. Expected another file for --index, e.g. index.html.")
    lifts = [read_result(result) for result in results]
    texts = {page: report_html(lift) for page, lift in zip(pages, lifts, strict=True)}
    if index is not None:
        texts[index] = index_html([(lift, _from(index, page)) for lift, page in zip(lifts, pages, strict=True)])
    write_all(texts)
    if not quiet:
        where = f"The page is in {shown(pages[0])}" if len(pages) == 1 else f"{len(pages)} pages are made"
        err().print(where + (f", the index in {shown(index)}." if index else "."), markup=False, soft_wrap=True)


def _from(index: Path, page: Path) -> str:
    """The path of a page from where the index lies, with slashes."""
    return Path(os.path.relpath(page.resolve(), index.resolve().parent)).as_posix()


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
