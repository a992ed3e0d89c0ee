"""One figure of a result into a file, as PNG or SVG."""

from __future__ import annotations

import os
from pathlib import Path

from honestlift.errors import ReportError
from honestlift.report.figures import figure_bytes
from honestlift.report.files import write_files
from honestlift.result import Lift

KINDS = ("svg", "png")


def plot(
    lift: Lift, name: str, path: str | os.PathLike[str], *, dark: bool = False, narrow: bool = False, dpi: float = 200
) -> None:
    """Draw a figure of a result into a file: the same as on its page, from the same numbers.

    Args:
        lift: the result.
        name: which figure, e.g. ``forest``; the message of the error lists those that the result has.
        path: where to; its ending says whether it becomes SVG or PNG. The folder is made, an old file is replaced.
        dark: in the dark colours.
        narrow: for a phone.
        dpi: pixels per inch of a PNG.

    Raises:
        ReportError: if the ending is another one, or the file cannot be written.
        LookupError: if the result does not hold the figure's numbers.

    Example:
        >>> hl.plot(lift, "forest", "figures/forest.png")
    """
    target = Path(path)
    kind = target.suffix.lower().removeprefix(".")
    if kind not in KINDS:
        raise ReportError.no_picture(str(target), KINDS)
    write_files({target: figure_bytes(lift, name, "png" if kind == "png" else "svg", dark=dark, narrow=narrow, dpi=dpi)})
