"""A Proposal as a terminal shows it: what to do, what it could see, what would help, the units compared, the checks."""

from __future__ import annotations

import io
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.panel import Panel
from rich.text import Text

from honestlift.proposal import Power, Proposal
from honestlift.report import words
from honestlift.report.names import ESTIMANDS
from honestlift.report.proposal.names import LEVELS, METHODS, check_name, design_name
from honestlift.result import Table

COLOURS = {"pass": "green", "warn": "yellow", "fail": "red", "plain": "blue"}
MARKS = {"ok": ("✓", "green"), "caution": ("!", "yellow"), "stop": ("✗", "red")}


def as_text(proposal: Proposal, width: int = 116) -> str:
    """The whole proposal as plain text, without colour."""
    paper = io.StringIO()
    console = Console(file=paper, width=width, color_system=None, highlight=False, legacy_windows=False, force_jupyter=False)
    console.print(renderable(proposal))
    return "\n".join(line.rstrip() for line in paper.getvalue().splitlines())


def renderable(proposal: Proposal) -> RenderableType:
    """The whole proposal for a rich console."""
    parts: list[RenderableType] = [_head(proposal), _rows(proposal)]
    if "levers" in proposal.tables:
        parts.append(_table("What would help", *_levers(proposal)))
    if "designs" in proposal.tables:
        parts.append(_table("Which unit", *_designs(proposal)))
    return Group(*parts, _checks(proposal), _foot(proposal))


def records(table: Table) -> list[dict[str, Any]]:
    """The rows of a table by the names of its columns."""
    return [dict(zip(table.columns, row, strict=True)) for row in table.rows]


def effect(value: float | None) -> str:
    """An effect to three digits that count; ``none`` where no effect could be seen."""
    if value is None:
        return "–"
    return words.number(value, words.decimals(abs(value) / 10) if value else 2)


def needed(row: Power) -> str:
    """Workspaces, or users, that the effect needs."""
    count = row.clusters_needed if row.users_needed is None else row.users_needed
    return "–" if count is None else f"{count:,}"


def power(row: Power) -> str:
    """Announced in so many of a hundred studies."""
    return "–" if row.power is None else words.of_hundred(row.power, short=True)


def row_name(proposal: Proposal, row: Power) -> str:
    """The estimand, and the method where there are several."""
    name = ESTIMANDS.get(row.estimand, row.estimand)
    if proposal.kind == "opt_in":
        return name.partition(" (")[0]
    return f"{name}, {METHODS[row.method]}"


def _head(proposal: Proposal) -> RenderableType:
    made = proposal.recommendation
    sign, word, tone = LEVELS[made.level]
    body = Text(f"{sign} {word}. {made.headline}", style="bold")
    for reason in made.because:
        body.append("\n• " + reason, style="not bold")
    for change in made.would_change_it:
        body.append("\n→ " + change, style="not bold dim")
    title = Text(f" {words.clean(proposal.name)} ", style="bold")
    return Panel(body, title=title, title_align="left", border_style=COLOURS[tone], padding=(1, 2))


def _rows(proposal: Proposal) -> RenderableType:
    heads = ("", "effect", "std. error", "MDE", "power", "needed")
    rows = [
        (
            f"{'◆' if row.headline else ' '} {row_name(proposal, row).removeprefix('Effect on ').removeprefix('Effect ')}",
            effect(row.effect),
            effect(row.std_error),
            effect(row.mde),
            power(row),
            needed(row),
        )
        for row in proposal.rows
    ]
    target = words.of_hundred(proposal.inputs["target"])
    return _table(
        f"What it could see (MDE: the smallest effect seen in {target})", heads, rows, [row.headline for row in proposal.rows]
    )


def _levers(proposal: Proposal) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    rows = [
        (
            ("(in) " if r["done"] else "") + r["name"],
            effect(r["mde"]),
            words.percent(r["change"], sign=True),
            "–" if r["worth_clusters"] is None else f"{r['worth_clusters']:,}",
        )
        for r in records(proposal.tables["levers"])
    ]
    return ("", "MDE", "change", "worth workspaces"), rows


def _designs(proposal: Proposal) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    rows = [
        (
            ("◆ " if r["recommended"] else "  ") + design_name(r["design"], r["clusters"]),
            words.percent(r["leakage"]),
            words.percent(r["exposed"]),
            words.percent(r["bias"], sign=True),
            effect(r["mde"]),
            effect(r["mde_launch"]),
        )
        for r in records(proposal.tables["designs"])
    ]
    return ("", "leaks", "exposed", "bias", "MDE", "MDE of launching"), rows


def _table(title: str, heads: tuple[str, ...], rows: list[tuple[str, ...]], bold: list[bool] | None = None) -> RenderableType:
    widths = [max(len(row[i]) for row in (heads, *rows)) for i in range(len(heads))]
    lines: list[RenderableType] = [Text(f" {title}", style="bold")]
    for number, row in enumerate((heads, *rows)):
        text = f"   {row[0].ljust(widths[0])}" + "".join(
            f"  {cell.rjust(width)}" for cell, width in zip(row[1:], widths[1:], strict=True)
        )
        style = "dim" if number == 0 else "bold" if bold and bold[number - 1] else ""
        lines.append(Text(text.rstrip(), style=style, no_wrap=True, overflow="ellipsis"))
    return Padding(Group(*lines), (1, 0, 0, 0))


def _checks(proposal: Proposal) -> RenderableType:
    parts: list[RenderableType] = []
    for check in proposal.checks:
        mark, colour = MARKS[check.level]
        line = Text(f" {mark} {check_name(check.code)}  ", style=f"bold {colour}")
        line.append(check.statement, style="not bold default")
        if check.remedy:
            line.append(f" → {check.remedy}", style="not bold dim")
        parts.append(line)
    return Padding(Group(*parts), (1, 0, 0, 0))


def _foot(proposal: Proposal) -> RenderableType:
    made = proposal.inputs
    text = f"{made['users']:,.0f} users"
    if proposal.kind == "cluster":
        text += f" in {made['clusters']:,} workspaces, {made['treated']:,} of them treated; from {words.clean(made['source'])}"
        text += f" · {proposal.provenance['draws']:,} simulated studies, seed {proposal.provenance['seed']}"
    return Padding(Text(f"{text} · honestlift {proposal.honestlift_version}", style="dim"), (1, 0, 0, 1))
