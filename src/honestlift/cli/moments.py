"""--moments and --save-moments: sums in files instead of rows, and the sums of rows into a file."""

from __future__ import annotations

from collections.abc import Callable
from glob import glob
from pathlib import Path
from typing import Any

import click

from honestlift.analysis.stored import collect_moments
from honestlift.design.asked import AnyStudy
from honestlift.moments.merged import read_moments
from honestlift.moments.stored import StoredMoments
from honestlift.source.connect import Source

STORED = click.option(
    "--moments",
    "stored",
    multiple=True,
    help="Answer from the sums in this file instead of the rows; a glob, or the option again, adds those of other users.",
)
KEPT = click.option(
    "--save-moments",
    "kept",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Keep the sums in this parquet file.",
)


def files_of_sums(stored: tuple[str, ...], kept: Path | None) -> list[Path]:
    """The files that sums are read from.

    Raises:
        click.UsageError: if sums are to be read and kept in one go.
    """
    if stored and kept:
        raise click.UsageError("--moments reads sums, --save-moments keeps those of rows. Expected one of the two.")
    return [Path(found) for path in stored for found in (glob(path, recursive=True) or [path])]


def rows_or_sums(
    rows: Callable[[], Source | dict[str, Source]],
    study: AnyStudy,
    stored: tuple[str, ...],
    kept: Path | None,
    step: Callable[[str], None],
) -> tuple[Any, dict[Path, bytes]]:
    """What the study is answered from, and the file of sums to be written.

    Args:
        rows: opens the rows of the plan; not called where there are sums.
        study: the question.
        stored: files of sums to answer from.
        kept: file to keep the sums in.
        step: hears each stage as it begins.
    """
    if stored:
        step("Reading the sums")
        return read_moments(*stored), {}
    if kept is None:
        return rows(), {}
    sums: StoredMoments = collect_moments(rows(), study, step)
    return sums, {kept: sums.to_bytes()}
