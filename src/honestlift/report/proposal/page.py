"""The page of a proposal: the look of the study pages, made from design.json alone, to be attached to what asks for the study."""

from __future__ import annotations

import base64
import os
from pathlib import Path

from honestlift.proposal import Proposal
from honestlift.report import words
from honestlift.report.files import write_files
from honestlift.report.html import Picture, fill
from honestlift.report.names import LEVELS as CHECK_LEVELS
from honestlift.report.page import Fact, Section
from honestlift.report.proposal.captions import caption, twin
from honestlift.report.proposal.figures import figure_bytes, figures_of
from honestlift.report.proposal.method import assumptions, method, rule
from honestlift.report.proposal.names import LEVELS, check_name
from honestlift.report.proposal.terminal import effect, needed, power, row_name


def design_html(proposal: Proposal) -> str:
    """The page of a proposal as text; the same proposal gives the same text with the same versions of matplotlib and Jinja."""
    made = sections(proposal)
    return fill(
        "proposal.html.jinja",
        [proposal.name, proposal.question, str(proposal.inputs.get("metric", ""))],
        title=f"{words.clean(proposal.name)}: {LEVELS[proposal.recommendation.level][1]}",
        version=proposal.honestlift_version,
        proposal=proposal,
        badge=LEVELS[proposal.recommendation.level],
        subtitle=subtitle(proposal),
        facts=facts(proposal),
        sections=made,
        figures={name: _picture(proposal, name) for section in made for name in section.figures},
        rows=rows(proposal),
        checks=[(check_name(c.code), CHECK_LEVELS[c.level], c) for c in proposal.checks],
        assumptions=assumptions(proposal),
        rule=rule(proposal),
        method=method(proposal),
        share_head="",
    )


def write_design(proposal: Proposal, path: str | os.PathLike[str]) -> None:
    """Write the page of a proposal: a whole file or none.

    Args:
        proposal: from ``power``.
        path: where to; the folder is made, an old page is replaced.

    Raises:
        ReportError: if the path cannot be written to.

    Example:
        >>> proposal = hl.power(hl.Variation.of(clusters=50, mean_size=100, icc=0.1, sd=1.0), effect=0.3)
        >>> hl.write_design(proposal, "proposal/design.html")
    """
    write_files({Path(path): design_html(proposal).encode()})


def sections(proposal: Proposal) -> list[Section]:
    """The sections whose numbers the proposal holds, in their order."""
    found = figures_of(proposal)

    def there(*names: str) -> tuple[str, ...]:
        return tuple(name for name in names if name in found)

    lead = (
        "How often a study like this one would announce an effect that is there, and the smallest effect that it would "
        "mostly announce."
    )
    made = [
        Section(
            id="power",
            link="What it could see",
            title="What the study could see",
            lead=lead,
            figures=there("power_curve"),
            part="power",
        )
    ]
    if "designs" in found:
        text = (
            "What leaks out of each unit, what that hides of the effect of launching, and what the unit costs in "
            "precision, if spillover is "
        )
        text += f"{words.number(proposal.inputs['ratio'], 2)} times the direct effect."
        made.append(
            Section(
                id="unit", link="Which unit", title="Which unit to randomize", lead=text, figures=("designs",), part="pictures"
            )
        )
    more = there("mde_by_clusters", "mde_by_adoption", "levers")
    text = "The smallest effect seen, under each change that can be made before the study."
    made.append(Section(id="help", link="What would help", title="What would help", lead=text, figures=more, part="pictures"))
    made.append(Section(id="checks", link="Checks", title="Checks before the data", part="proposal_checks"))
    made.append(
        Section(id="assignment", link="Assignment", title="Rule of assignment, and what is assumed", part="proposal_rule")
    )
    return [*made, Section(id="method", link="Method", title="Method", part="proposal_method")]


def subtitle(proposal: Proposal) -> list[str]:
    """What would be studied, on how many."""
    made, users = proposal.inputs, words.count(proposal.inputs["users"], "user")
    if proposal.kind == "opt_in":
        return ["A proposal", "users choose: observational", users, f"{words.percent(made['adoption'])} opt in"]
    arms = f"{words.count(made['treated'], 'workspace')} treated, {made['clusters'] - made['treated']:,} control"
    return ["A proposal", "whole workspaces randomized", users, arms, f"from {words.clean(made['source'])}"]


def facts(proposal: Proposal) -> list[Fact]:
    """The smallest effect, the power, and what is needed."""
    row, target = proposal.answer(), words.of_hundred(proposal.inputs["target"])
    mean = proposal.inputs.get("mean")
    text = f"{words.percent((row.mde or 0) / abs(mean))} of the mean" if mean else f"seen in {target} studies"
    made = [Fact(name="Smallest effect seen", value=effect(row.mde), text=text, tone="honest")]
    if row.power is not None:
        made.append(
            Fact(
                name=f"Power for {effect(row.effect)}", value=words.of_hundred(row.power), text=f"wanted: {target}", tone="honest"
            )
        )
        unit = "users" if proposal.kind == "opt_in" else "workspaces"
        made.append(Fact(name=f"{unit.capitalize()} needed", value=needed(row), text=f"for {target}", tone="honest"))
    if proposal.kind == "cluster":
        icc = words.number(proposal.inputs["icc"], 3)
        text = f"design effect {words.times(proposal.inputs['design_effect'])}"
        made.append(Fact(name="Intraclass correlation", value=icc, text=text, tone="naive"))
    return made


def rows(proposal: Proposal) -> list[tuple[str, ...]]:
    """What the study could see, a row per estimand and method; the answers first."""
    ordered = sorted(proposal.rows, key=lambda row: not row.headline)
    return [
        (
            ("◆ " if row.headline else "") + row_name(proposal, row),
            effect(row.effect),
            effect(row.std_error),
            effect(row.mde),
            power(row),
            needed(row),
        )
        for row in ordered
    ]


def _picture(proposal: Proposal, name: str) -> Picture:
    def data(dark: bool, narrow: bool) -> str:
        svg = figure_bytes(proposal, name, dark=dark, narrow=narrow)
        return "data:image/svg+xml;base64," + base64.b64encode(svg).decode()

    return Picture(
        light=data(False, False),
        dark=data(True, False),
        light_narrow=data(False, True),
        dark_narrow=data(True, True),
        words=caption(proposal, name),
        twin=twin(proposal, name),
    )
