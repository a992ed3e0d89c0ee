"""The words and tables of docs/explanation/coverage-opt-in.md, made from the numbers of opt_in_coverage.py."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from textwrap import wrap
from typing import Protocol

from honestlift.estimators.tilt import Estimand
from simulations.opt_in_intervals import DRAWS, LEVEL

LOW, HIGH, ENOUGH = 0.935, 0.965, 5_000
"""An interval outside these is in bold; from so many users on, it may not be a headline."""

HEADLINE = "aipw"
METHODS = ("naive", "regression", "ipw", "aipw", "entropy", "matching_nn")
VARIANTS = ("", ":cr1", ":bootstrap, one step", ":bootstrap, refitted")
ESTIMANDS: tuple[Estimand, ...] = ("ATE", "ATT", "ATC", "ATO", "ATM")


class Column(Protocol):
    """What a column of the tables is: see ``Setting``."""

    @property
    def users(self) -> int: ...  # noqa: D102
    @property
    def workspaces(self) -> int: ...  # noqa: D102
    @property
    def tail(self) -> str: ...  # noqa: D102


Covered = Mapping[tuple[str, Estimand], float]
Table = Mapping[Column, Covered]


def page(table: Table, worlds: int) -> str:
    """The page from the numbers, of so many worlds."""
    return "\n".join([*_opening(worlds), *_findings(table), *_tables(table), ""])


def name(where: int) -> str:
    """Where users are, in words."""
    return f"Users in {where} workspaces" if where else "Users on their own"


def outside(share: float) -> bool:
    """Whether a printed share lies outside the band."""
    return not LOW <= round(share, 3) <= HIGH


def _opening(worlds: int) -> list[str]:
    numbers = (
        f"Share of {worlds:,} simulated worlds in which a nominal {LEVEL:.0%} interval covers the truth of its own estimand; Monte Carlo "
        f"standard error {(LEVEL * (1 - LEVEL) / worlds) ** 0.5:.4f}. Bootstraps have {DRAWS} draws. Made by "
        "`python -m simulations.opt_in_coverage` in about half an hour on one core."
    )
    worlds_are = (
        "A fourth of the users opt in, by a logit of their activity (standard normal) and tier. Outcomes are 0/1, or heavy-tailed "
        "(log-normal noise, skewness 6). Effects go with activity and tier, so that every estimand has a truth of its own. Both models "
        "are right. With workspaces, each shifts its users' choices (0.3 on the logit's scale) and outcomes (0.04, or 0.25), which no "
        "covariate tells. Activity is rounded to halves, so that a world collapses to 39 patterns; for matching to hundredths, nearly "
        "one pattern per user."
    )
    title = "# Coverage of the intervals of an opt-in study"
    return [title, "", *wrap(numbers, 138), "", *wrap(worlds_are, 138), "", f"**Bold**: outside {LOW} to {HIGH}.", ""]


def _findings(table: Table) -> list[str]:
    """What to take from it, computed, so that it stays true."""
    lines = ["## What to take from it", ""]
    for where in dict.fromkeys(s.workspaces for s in table):
        large = _span(table, HEADLINE, [s for s in table if s.workspaces == where and s.users >= ENOUGH])
        small = _span(table, HEADLINE, [s for s in table if s.workspaces == where and s.users < ENOUGH])
        how = "the jackknife over workspaces with t(G − 1)" if where else "its analytic standard error"
        lines.append(
            f"- {name(where)}: the headline (`aipw` with {how}) covers {large} from {ENOUGH:,} users on, {small} at 2,000."
        )
    lines += [f"- Of the headline's own, outside the band from {ENOUGH:,} users on: {_own(table)}."]
    lines += [
        "- At 2,000 users and with less overlap than here a doubly robust interval may cover 93 % with both models right: its weights are",
        "  then few and large. The checks `overlap` and `max_weight_share` tell.",
        "- Percentile bootstraps cover too rarely in few workspaces, and `matching_nn` wherever users share workspaces: its standard error",
        "  takes them as independent. Heavy tails cost it something too.",
        "- `naive` pretends to each estimand and answers none.",
        "",
        f"Outside the band from {ENOUGH:,} users on, and never a headline:",
        "",
        "| interval | users | cells outside | from | to |",
        "|---|---|---|---|---|",
        *_outsiders(table),
        "",
    ]
    return lines


def _own(table: Table) -> str:
    """Where the headline itself lies outside the band, and which way."""
    made = [
        f"{e} of {s.users:,} users in {s.workspaces} workspaces, {s.tail}, {share:.3f} (too {'wide' if share > HIGH else 'narrow'})"
        if s.workspaces
        else f"{e} of {s.users:,} users, {s.tail}, {share:.3f} (too {'wide' if share > HIGH else 'narrow'})"
        for s in table
        if s.users >= ENOUGH
        for (m, e), share in table[s].items()
        if m == HEADLINE and outside(share)
    ]
    return "; ".join(made) or "none"


def _span(table: Table, method: str, settings: Sequence[Column]) -> str:
    found = [share for s in settings for (m, _), share in table[s].items() if m == method]
    return f"{min(found):.3f} to {max(found):.3f}" if found else "—"


def _outsiders(table: Table) -> Iterable[str]:
    for method in (m for m in _methods(table) if m != HEADLINE):
        for where in dict.fromkeys(s.workspaces for s in table):
            seen = [
                share
                for s in table
                if s.workspaces == where and s.users >= ENOUGH
                for (m, _), share in table[s].items()
                if m == method
            ]
            bad = [share for share in seen if outside(share)]
            if bad:
                users = name(where).removeprefix("Users ")
                yield f"| `{method}` | {users} | {len(bad)} of {len(seen)} | {min(bad):.3f} | {max(bad):.3f} |"


def _methods(table: Table) -> list[str]:
    there = {m for covered in table.values() for m, _ in covered}
    return [m + v for m in METHODS for v in VARIANTS if m + v in there]


def _tables(table: Table) -> Iterable[str]:
    for where in dict.fromkeys(s.workspaces for s in table):
        settings = [s for s in table if s.workspaces == where]
        yield f"## {name(where)}"
        yield ""
        yield "| interval | estimand | " + " | ".join(f"{s.tail}, {s.users:,}" for s in settings) + " |"
        yield "|---" * (len(settings) + 2) + "|"
        for method in _methods(table):
            for estimand in ESTIMANDS:
                if any((method, estimand) in table[s] for s in settings):
                    yield (
                        f"| `{method}` | {estimand} | "
                        + " | ".join(_cell(table[s].get((method, estimand))) for s in settings)
                        + " |"
                    )
        yield ""


def _cell(share: float | None) -> str:
    if share is None:
        return "—"
    return f"**{share:.3f}**" if outside(share) else f"{share:.3f}"
