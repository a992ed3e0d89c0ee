"""What only the page of a two-stage study says: its lead, its head, outcomes by saturation."""

from __future__ import annotations

from honestlift.report import words
from honestlift.report.asked import primary, records
from honestlift.report.page import Section
from honestlift.result import Lift

LEAD = (
    "Workspaces were drawn to shares of treated users, and that share of their users to the feature. What a user's own treatment does, and "
    "what that of colleagues does, are both randomized; every workspace counts once."
)
"""What the results of such a study are."""


def is_two_stage(lift: Lift) -> bool:
    """Whether workspaces were drawn to saturations."""
    return "saturations" in lift.tables


def subtitle(lift: Lift) -> list[str]:
    """Workspaces by the share of their users that is treated."""
    by = lift.population.get("saturations", {})
    return [f"{words.count(n, 'workspace')} at {share} treated" for share, n in by.items()]


def saturation_sections(lift: Lift) -> list[Section]:
    """Outcomes by saturation."""
    if not is_two_stage(lift):
        return []
    lead = (
        "Means over workspaces, each once. Down a column the share of treated colleagues changes, along a row the own arm does."
    )
    return [Section(id="saturations", link="By saturation", title="Outcome by saturation", lead=lead, part="stated")]


def saturation_table(lift: Lift) -> tuple[str, tuple[str, ...], list[tuple[str, ...]]]:
    """Caption, heads and rows of the primary metric."""
    found = [r for r in records(lift, "saturations") if r["metric"] == primary(lift)]
    means = [r[key] for r in found for key in ("mean_control", "mean_treated", "mean") if r[key] is not None]
    places = words.decimals((max(means) - min(means)) / 20) if means else 2
    rows = [
        (
            words.percent(r["saturation"]),
            f"{r['workspaces']:,}",
            "–" if r["users"] is None else f"{r['users']:,}",
            *(words.number(r[key], places) for key in ("mean_control", "mean_treated", "mean")),
        )
        for r in found
    ]
    return "Outcome by saturation", ("Treated", "Workspaces", "Users", "Control users", "Treated users", "All users"), rows
