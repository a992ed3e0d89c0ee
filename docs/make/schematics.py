"""The two schematics of the explanations, drawn with the colours and the paper of the page's figures, in light and dark."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch, Polygon

from honestlift.report.figures.canvas import Look, draw, look, sheet

HERE = Path(__file__).parents[1] / "explanation" / "figures"
TALL = 3.3
"""Inches."""


def collaboration(paper: Look) -> Figure:
    """Who reads whose artifacts: notes written with the feature are read across the border of the arms."""
    figure = sheet(paper, TALL)
    axes = _canvas(figure, (0.0, 0.0, 1.0, 1.0), (0, 100), (0, 40))
    _workspace(axes, paper, 2, "Treated workspace", "assistant on", paper.treated)
    _workspace(axes, paper, 66, "Control workspace", "assistant off", paper.control)
    for y in (8, 16, 24):
        axes.plot(8, y, "o", color=paper.treated, markersize=12)
        _arrow(axes, (10, y), (20.5, y), paper.treated)
        _note(axes, paper, 23, y)
    for y, reads in ((24, True), (16, True), (8, False)):
        axes.plot(78, y, "s", color=paper.control, markersize=11)
        axes.text(81, y, "exposed: gains too" if reads else "pure control", color=paper.ink, fontsize=9, va="center")
    _arrow(axes, (26, 24), (76, 24), paper.treated, dashed=True)
    _arrow(axes, (26, 16), (76, 16), paper.treated, dashed=True)
    axes.text(50, 24.7, "reads", color=paper.ink, fontsize=9, ha="center")
    axes.text(50, 16.7, "reads", color=paper.ink, fontsize=9, ha="center")
    axes.text(8, 3.4, "writes", color=paper.faint, fontsize=9, ha="center")
    axes.text(23, 3.4, "notes", color=paper.faint, fontsize=9, ha="center")
    words = "Treated − control compares\nwith colleagues who have\npart of the gain already."
    axes.text(50, 8.0, words, color=paper.faint, fontsize=9, ha="center", va="center", linespacing=1.5)
    return figure


def overlap(paper: Look) -> Figure:
    """Overlap of the propensities: good, poor, none, and which question each can answer."""
    figure = sheet(paper, TALL)
    cases = (
        ("Good", (4.2, 5.0), (5.0, 3.6), "Each kind of user is in both groups.", "ATE, ATT, ATC, ATO"),
        ("Poor", (2.0, 9.0), (7.5, 3.0), "Only some users could have\ngone either way.", "the ATO; the ATE stops"),
        ("None", (3.0, 30.0), (30.0, 3.0), "Nobody is like anybody\nin the other group.", "no question at all"),
    )
    for i, (title, others, chosen, words, answer) in enumerate(cases):
        axes = _canvas(figure, (0.02 + i * 0.335, 0.36, 0.29, 0.5), (0, 1), (0, 1.16))
        x = np.linspace(0.001, 0.999, 400)
        left, right = (_bump(x, a, b) for a, b in (others, chosen))
        axes.fill_between(x, np.minimum(left, right), color=paper.faint, alpha=0.35, linewidth=0)
        axes.plot(x, left, color=paper.control, linewidth=2, linestyle=(0, (5, 2)))
        axes.plot(x, right, color=paper.treated, linewidth=2)
        axes.plot([0, 1], [0, 0], color=paper.faint, linewidth=1)
        near = x[right.argmax()] - x[left.argmax()] < 0.3
        for curve, name, colour, side in ((left, "did not", paper.control, "right"), (right, "opted in", paper.treated, "left")):
            place = float(np.clip(x[curve.argmax()], 0.1, 0.9))
            axes.text(place, 1.05, name, color=colour, fontsize=9, ha=side if near else "center")
        axes.text(0, -0.05, "0", color=paper.faint, fontsize=8, ha="center", va="top")
        axes.text(1, -0.05, "1", color=paper.faint, fontsize=8, ha="center", va="top")
        axes.text(0.5, -0.05, "propensity to opt in", color=paper.faint, fontsize=8, ha="center", va="top")
        axes.text(0.5, 1.32, title, color=paper.ink, fontsize=11, fontweight="bold", ha="center", clip_on=False)
        axes.text(0.5, -0.25, words, color=paper.ink, fontsize=9, ha="center", va="top", linespacing=1.4)
        axes.text(0.5, -0.6, f"Answers: {answer}", color=paper.honest, fontsize=9, ha="center", va="top", fontweight="bold")
    return figure


SCHEMATICS: dict[str, Callable[[Look], Figure]] = {"collaboration": collaboration, "overlap": overlap}


def svg(name: str, *, dark: bool) -> bytes:
    """A schematic as SVG."""
    return draw(SCHEMATICS[name], look(dark=dark), "svg")


def make() -> list[Path]:
    """Draw both in light and dark."""
    HERE.mkdir(exist_ok=True)
    made: list[Path] = []
    for name in SCHEMATICS:
        for dark in (False, True):
            made.append(HERE / f"{name}-{'dark' if dark else 'light'}.svg")
            made[-1].write_bytes(svg(name, dark=dark) + b"\n")
    return made


def _canvas(figure: Figure, box: tuple[float, float, float, float], x: tuple[float, float], y: tuple[float, float]) -> Axes:
    axes = figure.add_axes(box)
    axes.set(xlim=x, ylim=y)
    axes.axis("off")
    return axes


def _workspace(axes: Axes, paper: Look, x: float, title: str, state: str, colour: str) -> None:
    frame = FancyBboxPatch(
        (x, 2), 32, 29, boxstyle="round,pad=0,rounding_size=1.5", facecolor="none", edgecolor=colour, linewidth=1.5
    )
    axes.add_patch(frame)
    axes.text(x + 16, 36.5, title, color=paper.ink, fontsize=11, fontweight="bold", ha="center", va="center")
    axes.text(x + 16, 33.2, state, color=colour, fontsize=9, ha="center", va="center")


def _note(axes: Axes, paper: Look, x: float, y: float) -> None:
    """A sheet with a folded corner and three lines."""
    corner = [(x - 1.8, y - 2.6), (x + 1.8, y - 2.6), (x + 1.8, y + 1.4), (x + 0.7, y + 2.6), (x - 1.8, y + 2.6)]
    axes.add_patch(Polygon(corner, facecolor=paper.paper, edgecolor=paper.treated, linewidth=1.4))
    for dy in (-1.2, 0.0, 1.2):
        axes.plot([x - 1.0, x + (1.0 if dy < 1 else 0.2)], [y + dy, y + dy], color=paper.treated, linewidth=1)


def _arrow(axes: Axes, start: tuple[float, float], end: tuple[float, float], colour: str, *, dashed: bool = False) -> None:
    style = (0, (4, 3)) if dashed else "solid"
    axes.add_patch(FancyArrowPatch(start, end, arrowstyle="-|>", mutation_scale=10, color=colour, linewidth=1.4, linestyle=style))


def _bump(x: np.ndarray, a: float, b: float) -> np.ndarray:
    """A beta density, its top at one."""
    log = (a - 1) * np.log(x) + (b - 1) * np.log1p(-x)
    return np.exp(log - log.max())
