"""The figures of a proposal, each drawn from one of its tables: power, MDE, what would help, the units on their frontier."""

# pyright: reportUnknownMemberType=false

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Literal

from honestlift.proposal import Proposal
from honestlift.report import words
from honestlift.report.axis import step_places
from honestlift.report.figures.canvas import Look, draw, look, number_line, sheet, short
from honestlift.report.proposal.terminal import effect, records

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

DASHES: tuple[Any, ...] = ("solid", (0, (5, 2)), (0, (1.5, 1.5)))
"""One line style per estimand, for those who do not see colours."""


def figures_of(proposal: Proposal) -> list[str]:
    """The figures whose numbers the proposal holds."""
    return [name for name in FIGURES if name in proposal.tables]


def figure_bytes(
    proposal: Proposal,
    name: str,
    kind: Literal["svg", "png"] = "svg",
    *,
    dark: bool = False,
    narrow: bool = False,
    dpi: float = 200,
) -> bytes:
    """One figure as SVG or PNG; the same proposal gives the same bytes.

    Raises:
        LookupError: if the proposal does not hold the figure's numbers; the message lists what there is.
    """
    if name not in figures_of(proposal):
        raise LookupError(f"The proposal has no numbers for a figure {name!r}. Expected one of {figures_of(proposal)}.")
    return draw(lambda paper: FIGURES[name](proposal, paper), look(dark=dark, narrow=narrow), kind, dpi)


def _paper(paper: Look, height: float, *, left: float | None = None) -> tuple[Figure, Axes]:
    figure = sheet(paper, height)
    at = left if left is not None else 0.15 if paper.narrow else 0.08
    axes = figure.add_axes((at, 0.52 / height, 0.96 - at, (height - 0.52 - 0.3) / height))
    return figure, axes


def _lines(proposal: Proposal, name: str) -> list[tuple[str, list[float], bool]]:
    """Each curve of a table: its name, its values, and whether it is the answer."""
    table = records(proposal.tables[name])
    if proposal.kind == "opt_in":
        estimands = list(proposal.tables[name].columns[1:])
        return [(e, [row[e] for row in table], e == "ATT") for e in estimands]
    answer = proposal.answer().method
    second = "simulated" if name == "power_curve" else "mde"
    lines = [
        ("closed form", [row["formula"] for row in table], answer == "formula"),
        ("simulated test", [row[second] for row in table], answer == "simulated"),
    ]
    return lines[:1] if lines[0][1] == lines[1][1] else lines


def power_curve(proposal: Proposal, paper: Look) -> Figure:
    """Power against the effect: the target a line across, the effect that is asked for a mark."""
    figure, axes = _paper(paper, 2.9 if paper.narrow else 3.2)
    at = [row["effect"] for row in records(proposal.tables["power_curve"])]
    target, asked = proposal.inputs["target"], proposal.inputs["effect"]
    for number, (name, values, answer) in enumerate(_lines(proposal, "power_curve")):
        colour = paper.honest if answer else paper.naive
        axes.plot(
            at,
            values,
            color=colour,
            linestyle=DASHES[0 if answer else 1 + number % 2],
            linewidth=2.0 if answer else 1.4,
            label=name,
        )
    axes.axhline(target, color=paper.ink, linewidth=1.0, linestyle=(0, (4, 2)))
    if asked is not None:
        reached = proposal.answer().power or 0.0
        axes.plot([abs(asked)], [reached], "D", color=paper.honest, markersize=7)
        late = abs(asked) > 0.7 * max(at)
        axes.annotate(
            words.of_hundred(reached),
            (abs(asked), reached),
            xytext=(-9, -13) if late else (9, -4),
            textcoords="offset points",
            ha="right" if late else "left",
            fontsize=9,
            color=paper.honest,
            fontweight="bold",
        )
    axes.set_ylim(0, 1.02)
    axes.set_xlim(0, max(at))
    axes.set_yticks([0, 0.2, 0.4, 0.6, 0.8, 1.0], ["0", "20", "40", "60", "80", "100"])
    axes.tick_params(axis="y", length=0, labelsize=9)
    axes.grid(axis="y", color=paper.grid, linewidth=0.7)
    number_line(axes, paper, _round_marks(max(at), 3 if paper.narrow else 5), _label(proposal))
    axes.set_title(
        f"Seen in … of 100 studies; wanted {words.of_hundred(target, short=True)}", fontsize=9, color=paper.faint, loc="left"
    )
    axes.legend(frameon=False, fontsize=8.5, loc="lower right", labelcolor=paper.ink)
    return figure


def _round_marks(top: float, most: int) -> list[tuple[float, str]]:
    """Round numbers from zero up to an end."""
    power = 10.0 ** math.floor(math.log10(top / most))
    step = next(m * power for m in (1, 2, 5, 10) if top / (m * power) <= most)
    return [(i * step, words.number(i * step, step_places(step))) for i in range(math.floor(top / step + 1e-9) + 1)]


def _label(proposal: Proposal) -> str:
    metric = proposal.inputs.get("metric")
    return f"True effect on {short(metric, 28)}" if metric and metric != "outcome" else "True effect"


def mde_by_clusters(proposal: Proposal, paper: Look) -> Figure:
    """The smallest effect seen against the number of workspaces, on a logarithmic line; this study a diamond."""
    rows = records(proposal.tables["mde_by_clusters"])
    return _falling(proposal, paper, [r["clusters"] for r in rows], proposal.inputs["clusters"], "mde_by_clusters", "Workspaces")


def mde_by_adoption(proposal: Proposal, paper: Look) -> Figure:
    """The smallest effect seen against the share that opts in."""
    rows = records(proposal.tables["mde_by_adoption"])
    label = "Users who opt in, % of all"
    return _falling(
        proposal, paper, [100 * r["adoption"] for r in rows], 100 * proposal.inputs["adoption"], "mde_by_adoption", label
    )


def _falling(proposal: Proposal, paper: Look, at: Sequence[float], here: float, name: str, label: str) -> Figure:
    figure, axes = _paper(paper, 2.9 if paper.narrow else 3.2)
    top = 0.0
    for number, (line, values, answer) in enumerate(_lines(proposal, name)):
        colour = paper.honest if answer else paper.naive
        width, style = (2.0, DASHES[0]) if answer else (1.4, DASHES[1 + number % 2])
        axes.plot(at, values, color=colour, linestyle=style, linewidth=width, label=line)
        top = max(top, values[list(at).index(here)] if here in at else max(values))
    asked, mde = proposal.inputs["effect"], proposal.answer().mde
    if asked is not None:
        axes.axhline(abs(asked), color=paper.ink, linewidth=1.0, linestyle=(0, (4, 2)))
        axes.text(max(at), abs(asked), f"asked: {effect(abs(asked))} ", fontsize=8.5, color=paper.faint, va="bottom", ha="right")
    if mde is not None:
        axes.plot([here], [mde], "D", color=paper.honest, markersize=7)
        axes.annotate(
            effect(mde), (here, mde), xytext=(8, 6), textcoords="offset points", fontsize=9, color=paper.honest, fontweight="bold"
        )
    axes.set_xscale("log")
    axes.minorticks_off()
    axes.set_ylim(0, 2.4 * max(top, abs(asked or 0.0)))
    marks = [at[0], here, at[-1]] if len(at) > 2 else list(at)
    number_line(axes, paper, [(m, f"{m:,.10g}") for m in dict.fromkeys(marks)], label)
    axes.tick_params(axis="y", length=0, labelsize=9)
    axes.grid(axis="y", color=paper.grid, linewidth=0.7)
    target = words.of_hundred(proposal.inputs["target"])
    axes.set_title(f"Smallest effect seen in {target} studies", fontsize=9, color=paper.faint, loc="left")
    if len(axes.get_lines()) > 2:
        axes.legend(frameon=False, fontsize=8.5, loc="upper right", labelcolor=paper.ink)
    return figure


def levers(proposal: Proposal, paper: Look) -> Figure:
    """A dot per change on one line of MDEs; this study's own a line down."""
    rows, base = records(proposal.tables["levers"]), proposal.answer().mde or 0.0
    height = 0.85 + 0.3 * len(rows)
    figure, axes = _paper(paper, height, left=0.45 if paper.narrow else 0.31)
    top = 1.12 * max([base, *(min(r["mde"], 2 * base) for r in rows), abs(proposal.inputs["effect"] or 0.0)])
    axes.axvline(base, color=paper.ink, linewidth=1.1, linestyle=(0, (4, 2)))
    for y, r in enumerate(rows):
        colour = paper.naive if r["done"] or not r["measured"] else paper.honest
        face = colour if r["measured"] and not r["done"] else paper.paper
        at = min(r["mde"], top)
        axes.hlines(y, min(base, at), max(base, at), color=colour, linewidth=1.1, alpha=0.65)
        axes.plot([at], [y], "o", markersize=6, color=colour, markerfacecolor=face)
        axes.annotate(
            effect(r["mde"]), (at, y), xytext=(0, 5), textcoords="offset points", fontsize=8.5, color=colour, ha="center"
        )
    most = 30
    axes.set_yticks(range(len(rows)), [short(r["name"], most) for r in rows], fontsize=7 if paper.narrow else 9)
    axes.tick_params(axis="y", length=0, labelcolor=paper.ink)
    axes.set_ylim(len(rows) - 0.4, -0.8)
    axes.set_xlim(0, top)
    number_line(
        axes,
        paper,
        [(0, "0"), (base, effect(base))],
        "Smallest effect seen" if paper.narrow else "Smallest effect seen; the dashed line is the study as it is",
    )
    return figure


def designs(proposal: Proposal, paper: Look) -> Figure:
    """Each unit by its bias and its MDE; those that nothing beats joined by a line, the recommended a diamond."""
    rows = records(proposal.tables["designs"])
    figure, axes = _paper(paper, 3.3 if paper.narrow else 3.8, left=0.16 if paper.narrow else 0.09)
    edge = sorted((abs(r["bias"]), r["std_error"]) for r in rows if r["frontier"])
    axes.plot([100 * b for b, _ in edge], [s for _, s in edge], color=paper.honest, linewidth=1.1, alpha=0.7)
    for r in rows:
        own = r["design"] == "workspace"
        colour = paper.honest if r["recommended"] else paper.ink if own else paper.naive
        marker = "D" if r["recommended"] else "s" if own else "o"
        face = colour if r["frontier"] or r["recommended"] else paper.paper
        x, y = 100 * abs(r["bias"]), r["std_error"]
        axes.plot([x], [y], marker, color=colour, markerfacecolor=face, markersize=8 if r["recommended"] else 6)
        if not (r["frontier"] or r["recommended"] or own):
            continue
        axes.annotate(
            _short_design(r["design"], r["clusters"]),
            (x, y),
            xytext=(6, 5) if own and not r["frontier"] else (-7, -4),
            textcoords="offset points",
            ha="left" if own and not r["frontier"] else "right",
            va="bottom" if own and not r["frontier"] else "top",
            fontsize=7.5 if paper.narrow else 8.5,
            color=colour,
            fontweight="bold" if r["recommended"] else "normal",
        )
    axes.set_xlim(0, 112 * max(abs(r["bias"]) for r in rows) + 6)
    axes.set_ylim(0, 1.18 * max(r["std_error"] for r in rows))
    axes.tick_params(length=0, labelsize=9)
    axes.grid(color=paper.grid, linewidth=0.7)
    axes.set_xlabel("Of the effect of launching not shown, %", fontsize=9, color=paper.faint, labelpad=6)
    axes.set_title("Standard error of the difference between arms", fontsize=9, color=paper.faint, loc="left")
    return figure


def _short_design(design: str, clusters: int) -> str:
    kind, _, detail = design.partition(":")
    named = {"user": "users", "workspace": "workspaces", "merged": "merged"}
    return f"{named[kind]}, {clusters:,}" if kind in named else f"communities ({detail}), {clusters:,}"


FIGURES: dict[str, Callable[[Proposal, Look], Figure]] = {
    "power_curve": power_curve,
    "mde_by_clusters": mde_by_clusters,
    "mde_by_adoption": mde_by_adoption,
    "levers": levers,
    "designs": designs,
}
