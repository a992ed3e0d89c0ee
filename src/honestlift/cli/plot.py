"""plot: the figures of a result as files."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import click

from honestlift.cli.help import command
from honestlift.cli.report import read_result
from honestlift.cli.screen import err, out, shown, stages, write_all
from honestlift.errors import ReportError
from honestlift.report import words
from honestlift.report.figures import figure_bytes, figures_of
from honestlift.result import Lift


@command(short_help="Draw the figures of a result.")
@click.argument("result", type=click.Path(dir_okay=False, path_type=Path), default="result.json")
@click.option("--figure", "-f", "names", multiple=True, help="Only this one; may be repeated [default: all that the result has].")
@click.option(
    "--out", "folder", type=click.Path(file_okay=False, path_type=Path), default="figures", show_default=True, help="Folder."
)
@click.option("--format", "kind", type=click.Choice(["svg", "png"]), default="svg", show_default=True, help="Of the files.")
@click.option("--dark", is_flag=True, help="In the dark colours.")
@click.option("--narrow", is_flag=True, help="For a phone or a column of text.")
@click.option("--dpi", type=click.IntRange(50, 1200), default=200, show_default=True, help="Pixels per inch of a PNG.")
@click.option("--quiet", "-q", is_flag=True, help="No progress on stderr.")
def plot(
    result: Path,
    names: tuple[str, ...],
    folder: Path,
    kind: Literal["svg", "png"],
    dark: bool,
    narrow: bool,
    dpi: int,
    quiet: bool,
) -> None:
    """Draw every figure of RESULT, or those that are named, into a folder: the same as on its page, from the same numbers.

    \b
    Examples:
      honestlift plot result.json
      honestlift plot result.json -f forest --format png --dark --out slides
    """
    lift = read_result(result)
    wanted = _wanted(lift, names)
    with stages(quiet) as step:
        made: dict[Path, str | bytes] = {}
        for name in wanted:
            step(f"Drawing {name}")
            picture = figure_bytes(lift, name, kind, dark=dark, narrow=narrow, dpi=dpi)
            made[folder / f"{name}{'-dark' if dark else ''}{'-narrow' if narrow else ''}.{kind}"] = picture
    write_all(made)
    for path in made:
        out().print(shown(path), markup=False, soft_wrap=True)
    if not quiet and not made:
        err().print("The result holds the numbers of no figure.")


def _wanted(lift: Lift, names: tuple[str, ...]) -> list[str]:
    """The figures that are asked for, in the order of the page.

    Raises:
        ReportError: if there is no such figure, or the result does not hold its numbers.
    """
    there = figures_of(lift)
    for name in names:
        if name not in there:
            raise ReportError.no_figure(words.clean(name), there)
    return [name for name in there if name in names or not names]
