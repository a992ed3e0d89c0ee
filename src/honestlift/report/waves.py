"""The page of a roll-out in waves as values: its sections in their order, and what only it says."""

from __future__ import annotations

from typing import Any

from honestlift.report import page, words
from honestlift.report.asked import primary, records
from honestlift.report.figures import figures_of
from honestlift.report.names import estimand
from honestlift.report.page import Fact, Section, headline
from honestlift.result import Lift

LEAD = (
    "Workspaces with the feature against those that had it later or never, less what set them apart before. First the difference as it "
    "comes, then the usual regression, then the number to quote."
)
"""What the results are."""


def sections(lift: Lift) -> list[Section]:
    """The sections whose numbers the result holds, in their order."""
    found = figures_of(lift)
    made = [
        Section(id="results", link="Results", title="Results: naive beside honest", lead=LEAD),
        *page.guardrails_section(lift),
        page.checks_section(lift),
    ]
    if "event_study" in found:
        title = "Over time: before the start, and since"
        lead = "Before the start the points should lie about zero: there they are what set the waves apart, without the feature."
        made.append(Section(id="over-time", link="Over time", title=title, lead=lead, figures=("event_study",), part="pictures"))
    if by_wave(lift)[2]:
        lead = "Each wave alone, over the periods in which others waited. Waves may differ because the feature did, or the workspaces."
        made.append(Section(id="waves", link="Wave by wave", title="Wave by wave", lead=lead, part="stated"))
    shown = tuple(name for name in ("forest",) if name in found)
    made.append(Section(id="roads", link="Other roads", title="Other roads to the number", figures=shown))
    return [*made, *page.foot()]


def contents(lift: Lift) -> dict[str, Any]:
    """Everything that the templates show of a roll-out, but the figures."""
    return page.contents(lift) | {
        "subtitle": subtitle(lift),
        "observational": headline(lift).identified == "observational",
        "facts": facts(lift),
        "stated": {"waves": by_wave(lift)},
        "share_head": "Relative",
        "letters": "g is a wave by the period in which it starts, t and s are periods, C the workspaces that start after t, Ȳ a mean over "
        "rows, K the number of workspaces.",
    }


def subtitle(lift: Lift) -> list[str]:
    """What was rolled out, to how many, and when."""
    data, waves = lift.data, lift.population.get("waves", {})
    order = "drawn by lot" if headline(lift).identified == "randomized" else "not drawn by lot"
    never = data["n_clusters"] - data["n_treated_clusters"]
    return [
        f"Rolled out in {words.count(len(waves), 'wave')}, {order}",
        words.count(data["n_units"], "user"),
        f"{words.count(data['n_clusters'], 'workspace')}"
        + (f", {never:,} never treated" if never else ", all treated in the end"),
        words.count(data["n_periods"], "period"),
        *page.analysed(lift),
    ]


def facts(lift: Lift) -> list[Fact]:
    """The effect, its interval and the naive number."""
    e = headline(lift)
    made = page.effect_facts(lift, estimand(e))
    naive = next((o for o in lift.estimates if o.metric == e.metric and o.method == "naive_ols"), None)
    if naive is not None and naive.estimate is not None:
        places = words.places_of(e.conf_low, e.conf_high)
        text = "the season and who came first are in it"
        made.append(Fact(name="With minus without", value=words.signed(naive.estimate, places), text=text, tone="naive"))
    return made


def by_wave(lift: Lift) -> tuple[str, tuple[str, ...], list[tuple[str, ...]]]:
    """Caption, heads and rows of the primary metric; no rows for one wave alone."""
    rows: list[tuple[str, ...]] = []
    for r in records(lift, "by_wave"):
        if r["metric"] == primary(lift):
            places = words.places_of(r["conf_low"], r["conf_high"])
            told = (words.signed(r["estimate"], places), words.interval(r["conf_low"], r["conf_high"], places))
            counts = (f"{r['workspaces']:,}", f"{r['periods']:,}", f"{r['treated_rows']:,}")
            rows.append((f"From {r['wave']}", *counts, *told))
    heads = ("Wave", "Workspaces", "Periods", "Treated rows", "Effect", "Interval")
    return "Effect by wave", heads, rows if len(rows) > 1 else []
