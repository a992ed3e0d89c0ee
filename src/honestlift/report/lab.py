"""The placebo lab in words: how often each method announces an effect where there is none."""

from __future__ import annotations

from collections.abc import Mapping

from rich.console import Group, RenderableType
from rich.text import Text

from honestlift.report import words
from honestlift.report.names import FADED, ROADS, VARIANTS
from honestlift.result import Table

BAR, NAME = 25, 38
"""Characters of a bar that stands for every launch, and of a method's name."""

HEADLINE = "user_ols"


def sentence(rates: Mapping[str, float], *, outcome: str, basis: str, redraws: int, adjusted: bool) -> str:
    """What the lab found, in launches out of a hundred; ``adjusted``: the headline has covariates or pairs, which the lab does not use."""
    where = "before the treatment" if basis == "pre_period" else "in control workspaces alone"
    text = (
        f"On your own data, with no effect at all ({words.clean(outcome)} {where}, {redraws:,} re-drawn assignments), t tests of "
    )
    text += f"users as if independent would have announced an effect in {words.of_hundred(rates['naive_ols'])} launches; "
    whose = "the headline's method, unadjusted," if adjusted else "the headline's method"
    return text + f"{whose} in {words.of_hundred(rates[HEADLINE], short=True)}."


def method_name(code: str, *, adjusted: bool) -> str:
    """A method of the lab: the road for what is not the headline's coefficient, else its variance or test."""
    road, _, variant = code.partition(":")
    if code == HEADLINE:
        return "CR2, unadjusted" if adjusted else "CR2 (the headline's)"
    return VARIANTS.get(variant) or ROADS.get(road, code)


def lab(table: Table, *, adjusted: bool) -> RenderableType:
    """A bar per method for a terminal, after what was found in words."""
    rows = [dict(zip(table.columns, row, strict=True)) for row in table.rows]
    first = rows[0]
    rates = {row["method"]: row["false_alarms"] for row in rows}
    told = sentence(rates, outcome=first["outcome"], basis=first["basis"], redraws=first["redraws"], adjusted=adjusted)
    parts: list[RenderableType] = [Text(" Placebo lab  ", style="bold").append(told, style="not bold")]
    for row in rows:
        share = row["false_alarms"]
        bar = "█" * max(round(BAR * share), 1 if share else 0)
        style = "dim" if row["method"] in FADED else "bold" if row["method"] == HEADLINE else ""
        line = f"   {method_name(row['method'], adjusted=adjusted)}".ljust(NAME) + words.of_hundred(share, short=True).rjust(13)
        parts.append(Text(f"{line}  {bar}".rstrip(), style=style))
    error = max(row["std_error"] for row in rows)
    foot = f"   in 100 launches; {words.level(first['level'])} promises {words.of_hundred(1 - first['level'], short=True)}"
    foot += f"; Monte Carlo error up to {words.number(100 * error, 1)}" if error else "; all assignments gone through"
    return Group(*parts, Text(foot, style="dim"))
