"""The page of an opt-in study as values: its sections in their order, and what only it says."""

from __future__ import annotations

import math
from typing import Any

from honestlift.report import page, words
from honestlift.report.asked import asked, primary, records
from honestlift.report.figures import figures_of
from honestlift.report.figures.overlap import trimmed
from honestlift.report.gate import is_trimmed, naive_of, refused, share_of_selection
from honestlift.report.names import ESTIMANDS, ROADS, WHOM
from honestlift.report.page import Fact, Section, headline, told
from honestlift.report.results import estimands
from honestlift.report.unmeasured import controls, doubts, doubts_of_others
from honestlift.result import Lift

MOST_DRIVERS = 10
"""Drivers in sight; the others are folded."""


def sections(lift: Lift) -> list[Section]:
    """The sections whose numbers the result holds, in their order."""
    there = figures_of(lift)

    def shown(*names: str) -> tuple[str, ...]:
        return tuple(name for name in names if name in there)

    lead = "Users who opted in minus users who did not: first as they are, then made alike in what was known before the choice. "
    lead += "Observational: nobody was randomized."
    made = [
        Section(id="results", link="Results", title="Results: from the raw difference to the honest one", lead=lead),
        *page.guardrails_section(lift),
        page.checks_section(lift),
    ]
    if drivers(lift) or shown("categories"):
        made.append(Section(id="choice", link="Who opts in", title="Who opts in", figures=shown("categories")))
    if shown("overlap"):
        title = "Overlap: is there somebody to compare with?"
        made.append(Section(id="overlap", link="Overlap", title=title, lead=trimming(lift), figures=shown("overlap")))
    if shown("balance"):
        title = "Balance: are the groups alike after weighting?"
        made.append(Section(id="balance", link="Balance", title=title, figures=shown("balance"), part="pictures"))
    if doubts(lift):
        title, link = "What we did not measure", "What we did not measure"
        made.append(Section(id="unmeasured", link=link, title=title, figures=shown("contours")))
    if shown("weights"):
        title = "Weights, and the effect on other people"
        made.append(Section(id="weights", link="Weights", title=title, figures=shown("weights")))
    return [*made, *page.foot()]


def contents(lift: Lift) -> dict[str, Any]:
    """Everything that the templates show of an opt-in study, but the figures."""
    rows = drivers(lift)
    return page.contents(lift) | {
        "subtitle": subtitle(lift),
        "observational": True,
        "facts": facts(lift),
        "share_head": "Relative",
        "drivers": rows[:MOST_DRIVERS],
        "more_drivers": rows[MOST_DRIVERS:],
        "doubts": doubts(lift),
        "doubts_of_others": doubts_of_others(lift),
        "controls": controls(lift),
        "estimands": estimands(lift, asked(lift)[0]),
        "refusals": refusals(lift),
        "method_name": ROADS.get(headline(lift).method, headline(lift).method),
        "with_and_without": with_and_without(lift),
        "matching": matching(lift),
        "letters": "y is the outcome, T is 1 for users who opted in, x their covariates, e(x) the propensity, w a weight; "
        "m₀ and m₁ are the mean outcomes given x, G is the number of workspaces.",
    }


def subtitle(lift: Lift) -> list[str]:
    """What was studied, on how many, and when."""
    data = lift.data
    nested = f" in {words.count(data['n_clusters'], 'workspace')}" if data.get("n_clusters") else ""
    share = words.percent(data["n_treated_units"] / data["n_units"])
    opted = f"{told(data['n_treated_units'])} opted in ({share})"
    return ["Users chose by themselves", f"{words.count(data['n_units'], 'user')}{nested}", opted, *page.analysed(lift)]


def facts(lift: Lift) -> list[Fact]:
    """The effect with its estimand, its interval, and what selection took from the raw difference."""
    e = headline(lift)
    kept = ", among users kept" if is_trimmed(lift) else ""
    made = page.effect_facts(lift, f"Effect on {WHOM.get(e.estimand, e.estimand)}{kept}")
    naive, gone = naive_of(lift, e), share_of_selection(lift, e)
    if naive is not None and gone is not None:
        places = words.places_of(naive.conf_low, naive.conf_high)
        text = gone.text[0].lower() + gone.text[1:]
        made.append(Fact(name="Raw difference", value=words.signed(naive.estimate, places), text=text, tone="naive"))
    return made


def refusals(lift: Lift) -> list[tuple[str, str]]:
    """The study's estimands that the data refuse, each with the reason."""
    return [(ESTIMANDS.get(e, e), why) for e, why in refused(lift).items()]


def drivers(lift: Lift) -> list[tuple[str, str, str, str]]:
    """What goes with opting in, the strongest per standard deviation first: column, odds ratio, interval, per deviation."""
    level = headline(lift).level
    z = _normal_quantile(level)
    rows = [r for r in records(lift, "drivers") if r["odds_ratio_per_sd"] is not None]
    rows.sort(key=lambda r: (-abs(math.log(max(r["odds_ratio_per_sd"], 1e-300))), r["column"]))
    made: list[tuple[str, str, str, str]] = []
    for r in rows:
        b: float | None = r["coefficient"]
        error: float | None = r["std_error"]
        ends = "–"
        if b is not None and error is not None:
            ends = f"{_odds(_exp(b - z * error))} to {_odds(_exp(b + z * error))}"
        made.append((words.clean(r["column"]), _odds(r["odds_ratio"]), ends, _odds(r["odds_ratio_per_sd"])))
    return made


def _normal_quantile(level: float) -> float:
    from statistics import NormalDist

    return NormalDist().inv_cdf((1 + level) / 2)


def _exp(value: float) -> float:
    return math.exp(min(max(value, -700.0), 700.0))


def _odds(ratio: float | None) -> str:
    """A ratio with two digits, from 0.00031 to 1,900."""
    if ratio is None or not ratio > 0:
        return "–"
    return words.times(ratio) if ratio >= 10 else words.number(ratio, max(2, 1 - math.floor(math.log10(ratio))))


def trimming(lift: Lift) -> str:
    """Who was left out for having no counterpart, and that this changes the question."""
    kept = trimmed(lift)
    if kept is not None:
        low, high, share = kept
        who = f"Users with a propensity from {words.percent(low)} to {words.percent(high)} were kept, {words.percent(share)} of all. "
        return who + "That changes the question: the effect speaks of these users only."
    row = next((r for r in records(lift, "trimming") if r["population"] == "Crump's cutoff"), None)
    if row is None:
        return ""
    if not row["low"]:
        return "Nobody was trimmed, and Crump's cutoff would trim nobody."
    ends = f"from {words.percent(row['low'])} to {words.percent(row['high'])}"
    return f"Nobody was trimmed. Crump's cutoff would keep propensities {ends}, {words.percent(row['share'])} of the users."


def with_and_without(lift: Lift) -> list[tuple[str, str, str]]:
    """The primary effect on all users and on those kept; empty where nobody was trimmed."""
    if trimmed(lift) is None:
        return []
    made: list[tuple[str, str, str]] = []
    for r in records(lift, "trimming"):
        if r["metric"] == primary(lift):
            places = words.places_of(r["conf_low"], r["conf_high"])
            who = "All users" if r["population"] == "all users" else "Users kept"
            ends = words.interval(r["conf_low"], r["conf_high"], places)
            made.append((who, words.signed(r["estimate"], places), ends))
    return made


def matching(lift: Lift) -> list[str]:
    """Who found a match, and how."""
    made: list[str] = []
    for r in records(lift, "matching"):
        if r["metric"] == primary(lift):
            gone = r["unmatched"]
            left = "all found a match" if not gone else f"{told(gone)} found none and are left out"
            made.append(f"{ESTIMANDS.get(r['estimand'], r['estimand'])}: {words.clean(r['how'])}; {left}.")
    return made
