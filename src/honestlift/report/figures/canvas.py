"""The paper that figures are drawn on: colours, sizes, and SVG or PNG whose bytes depend on the numbers alone."""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

from __future__ import annotations

import io
import re
import threading
import warnings
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, cast

from honestlift.report import words

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FONTS = "system-ui,-apple-system,'Segoe UI',Roboto,'Helvetica Neue',Arial,'DejaVu Sans',sans-serif"
WIDE, NARROW = 8.2, 3.7
"""Inches: a figure on a page, and on a phone."""

SETTINGS: dict[str, Any] = {
    "svg.hashsalt": "honestlift",
    "svg.fonttype": "none",
    "text.parse_math": False,
    "font.family": "DejaVu Sans",
    "font.size": 9.0,
    "figure.dpi": 72,
    "axes.axisbelow": True,
    **{f"axes.spines.{side}": False for side in ("top", "right", "left")},
}

_drawing = threading.Lock()
"""Matplotlib's settings are global while a figure is drawn; one at a time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """Colours by role, and the width of the paper.

    Attributes:
        control, treated, naive, honest, fail: colours of the roles.
        ink, faint, grid, paper: text, secondary text, lines, background.
        narrow: drawn for a phone.
    """

    control: str
    treated: str
    naive: str
    honest: str
    fail: str
    ink: str
    faint: str
    grid: str
    paper: str
    narrow: bool = False

    @property
    def width(self) -> float:
        """Width in inches."""
        return NARROW if self.narrow else WIDE

    def arm(self, group: str) -> str:
        """Colour of a group: treated (or opted in), or one of the controls."""
        return self.treated if group in ("treated", "opted in") else self.control


def look(*, dark: bool = False, narrow: bool = False) -> Look:
    """The light or the dark colours; each is at least 4.5 : 1 on its paper."""
    if dark:
        colours = ("#56b4e9", "#f0935a", "#9aa4af", "#6cb6ff", "#ff8c94", "#e6edf3", "#9aa4af", "#30363d", "#161b22")
    else:
        colours = ("#0072b2", "#b8500b", "#6e7781", "#0b5cad", "#a40e26", "#1f2328", "#57606a", "#d8dee4", "#ffffff")
    roles = ("control", "treated", "naive", "honest", "fail", "ink", "faint", "grid", "paper")
    return Look(**dict(zip(roles, colours, strict=True)), narrow=narrow)


def draw(make: Callable[[Look], Figure], paper: Look, kind: Literal["svg", "png"] = "svg", dpi: float = 200) -> bytes:
    """A figure as bytes; the same numbers give the same bytes with one version of matplotlib.

    Args:
        make: draws on a look.
        paper: the look.
        kind: ``svg`` or ``png``.
        dpi: pixels per inch of a PNG.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.backends.backend_svg import FigureCanvasSVG

    out = io.BytesIO()
    with _settings(paper):
        figure = make(paper)
        if kind == "png":
            figure.set_dpi(dpi)
            FigureCanvasAgg(figure).print_png(out, metadata={"Software": None})
            return out.getvalue()
        FigureCanvasSVG(figure).print_svg(out, metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    return _slim(out.getvalue().decode()).encode()


@contextmanager
def _settings(paper: Look) -> Generator[None]:
    """Matplotlib as it comes, whatever the user's own settings, plus ours; put back afterwards."""
    import matplotlib as mpl

    coloured: dict[str, Any] = {
        "axes.edgecolor": paper.grid,
        "axes.facecolor": paper.paper,
        "figure.facecolor": paper.paper,
        "axes.labelcolor": paper.faint,
        "text.color": paper.ink,
        "xtick.color": paper.faint,
        "ytick.color": paper.faint,
    }
    with _drawing, mpl.rc_context(), warnings.catch_warnings():
        # Names may hold letters that the measuring font lacks; the reader's browser has them.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        warnings.filterwarnings("ignore", message="Matplotlib currently does not support .* natively")
        mpl.rcdefaults()
        mpl.rcParams.update(cast(Any, SETTINGS | coloured))
        yield


def _slim(svg: str) -> str:
    """SVG without prolog, comments, metadata and the blanks of its indentation, in the reader's own sans-serif font."""
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<!--.*?-->|<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = svg.replace("font-family: 'DejaVu Sans'", f"font-family: {FONTS}")
    svg = re.sub(r">\s+<", "><", svg)
    return re.sub(r"<[^>]*>", lambda tag: re.sub(r"(\d\.\d{2})\d+", r"\1", tag[0]).replace("\n", ""), svg).strip()


def sheet(paper: Look, height: float) -> Figure:
    """An empty figure of the look's width."""
    from matplotlib.figure import Figure

    return Figure(figsize=(paper.width, height), facecolor=paper.paper)


def number_line(axes: Axes, paper: Look, marks: list[tuple[float, str]], label: str) -> None:
    """Marks with their labels below, faint lines up from them, and what the numbers are."""
    axes.set_xticks([v for v, _ in marks], [text for _, text in marks])
    axes.tick_params(axis="x", length=0, labelsize=9)
    axes.grid(axis="x", color=paper.grid, linewidth=0.7)
    axes.set_xlabel(label, fontsize=9, color=paper.faint, labelpad=6)


def short(name: str, most: int = 48) -> str:
    """A user's name, clean and no longer than an axis bears."""
    text = words.clean(name)
    return text if len(text) <= most else text[: most - 1].rstrip() + "…"
