"""The page of a cluster study as values: its sections in their order, and what only it says."""

from __future__ import annotations

from typing import Any

from honestlift.report import page, words
from honestlift.report.asked import ALIKE, naive_ratio, primary
from honestlift.report.figures import figures_of
from honestlift.report.names import estimand
from honestlift.report.page import Fact, Section, headline, told
from honestlift.report.reach import reach_sections, stated
from honestlift.report.saturation import LEAD, is_two_stage, saturation_sections, saturation_table
from honestlift.report.saturation import subtitle as at_saturations
from honestlift.report.segments import found as told_segments
from honestlift.report.spillover import exposure
from honestlift.report.spillover import lead as leakage
from honestlift.result import Lift

ARMS = (
    "Users of treated workspaces minus users of control workspaces: first what a test of users says, then what the workspaces say, which "
    "were randomized."
)
"""What the results of a study of two arms are."""


def sections(lift: Lift) -> list[Section]:
    """The sections whose numbers the result holds, in their order."""
    found, reached = figures_of(lift), exposure(lift)
    made = [
        Section(
            id="results",
            link="Results",
            title="Results: naive beside honest",
            lead=LEAD if is_two_stage(lift) else ARMS,
        ),
        *page.guardrails_section(lift),
        page.checks_section(lift),
    ]
    if "monitoring" in found:
        title = "Looks at the running study"
        lead = "Whoever looks repeatedly and stops when zero is left out needs the interval for every look."
        made.append(Section(id="looks", link="Looks", title=title, lead=lead, figures=("monitoring",), part="pictures"))
    if reached or "density" in found:
        title = "Spillover: whom the treatment of others reached" if reached else "Outcome by arm"
        shown = tuple(name for name in ("dose", "contamination", "density") if name in found)
        made.append(
            Section(id="spillover", link="Spillover" if reached else title, title=title, lead=leakage(lift), figures=shown)
        )
    made += [*_over_time(found), *saturation_sections(lift), *reach_sections(lift)]
    if "caterpillar" in found:
        lead = " ".join(filter(None, (resemblance(lift), sizes(lift))))
        title = "Workspace by workspace"
        made.append(
            Section(id="workspaces", link="Workspaces", title=title, lead=lead, figures=("caterpillar",), part="pictures")
        )
    shown = tuple(name for name in ("forest",) if name in found)
    made.append(Section(id="roads", link="Other roads", title="Other roads to the number", figures=shown))
    made += _segments(lift, found)
    if "placebo" in found:
        title = "Placebo: how often each method cries wolf"
        lead = "The arms were re-drawn where the feature can have done nothing, and every re-draw was analysed as if it were a launch."
        made.append(Section(id="placebo", link="Placebo", title=title, lead=lead, figures=("placebo",), part="pictures"))
    return [*made, *page.foot()]


def _over_time(found: list[str]) -> list[Section]:
    """The effect by period, where the design names one."""
    if "over_time" not in found:
        return []
    lead = "The arms compared in each period. The headline is of all periods together."
    return [Section(id="over-time", link="Over time", title="Over time", lead=lead, figures=("over_time",), part="pictures")]


def _segments(lift: Lift, found: list[str]) -> list[Section]:
    """Effects within segments, where any were asked for; in a sentence where none can be drawn."""
    if "segments" not in lift.tables:
        return []
    lead = "Effects per user within levels that were named beforehand. They were not what the study was sized for: read them as questions "
    lead += "for the next one, never as the answer of this one."
    title = "Segments: exploratory"
    if "segments" not in found:
        return [Section(id="segments", link="Segments", title=title, lead=f"{lead} {told_segments(lift)}", part="pictures")]
    return [Section(id="segments", link="Segments", title=title, lead=lead, figures=("segments",), part="pictures")]


def contents(lift: Lift) -> dict[str, Any]:
    """Everything that the templates show of a cluster study, but the figures."""
    return page.contents(lift) | {
        "subtitle": subtitle(lift),
        "observational": False,
        "facts": facts(lift),
        "exposure": exposure(lift),
        "stated": stated(lift) | ({"saturations": saturation_table(lift)} if is_two_stage(lift) else {}),
        "share_head": "Of control",
        "letters": "T is 1 in treated workspaces, i counts users, g workspaces; G or K is the number of workspaces, n that of users, "
        "k that of coefficients.",
    }


def subtitle(lift: Lift) -> list[str]:
    """What was studied, on how many, and when."""
    data = lift.data
    if is_two_stage(lift):
        return ["Workspaces randomized to shares of treated users", words.count(data["n_units"], "user"), *at_saturations(lift)]
    treated = f"{words.count(data['n_treated_clusters'], 'workspace')} treated, "
    treated += f"{data['n_clusters'] - data['n_treated_clusters']:,} control"
    arms = lift.population.get("named_arms")
    of = [f"{words.clean(headline(lift).contrast)}, of {len(arms)} arms"] if arms else []
    return [
        f"Whole workspaces randomized{drawn_by(lift)}",
        *of,
        words.count(data["n_units"], "user"),
        treated,
        *page.analysed(lift),
    ]


def drawn_by(lift: Lift) -> str:
    """How the arms were drawn, where the result knows of a record that says more than that they were."""
    rule = lift.population.get("assignment", {})
    kind = rule.get("rule")
    if kind == "rerandomized":
        return f" until alike in {words.clean(words.listing([str(name) for name in rule.get('covariates', ())]))}"
    return {"stratified": " within strata", "bernoulli": " by a coin each", "matched_pairs": " in matched pairs"}.get(kind, "")


def facts(lift: Lift) -> list[Fact]:
    """The effect, its interval and the naive number."""
    e = headline(lift)
    made = page.effect_facts(lift, estimand(e))
    naive = next((o for o in lift.estimates if o.metric == e.metric and o.method == "naive_ols"), None)
    ratio = naive_ratio(lift, e.metric)
    if naive is not None and ratio is not None:
        places = words.places_of(naive.conf_low, naive.conf_high)
        text = f"standard error {words.times(ratio)} times too small" if ratio > ALIKE else "about as wide"
        text = f"standard error {words.times(1 / ratio)} times too large" if ratio < 1 / ALIKE else text
        ends = words.interval(naive.conf_low, naive.conf_high, places)
        made.append(Fact(name="Naive test of users", value=ends, text=text, tone="naive"))
    return made


def resemblance(lift: Lift) -> str:
    """What the likeness of colleagues costs: design effect and equivalent number of users."""
    ratio, users = naive_ratio(lift, primary(lift)), headline(lift).n_units
    if ratio is None:
        return ""
    if ratio < 1 / ALIKE:
        return "Workspaces, compared as the design made them alike, tell more than as many independent users would."
    if ratio <= ALIKE:
        return "Users of one workspace hardly resemble each other: the users count almost as if they were independent."
    worth = words.count(users / ratio**2, "independent one")
    return f"{users:,} users carry the information of {worth}: the design effect is {words.times(ratio**2)}."


def sizes(lift: Lift) -> str:
    """How large the workspaces are; sizes under ten are not told."""
    size = lift.population.get("cluster_size")
    if not size:
        return ""
    low, middle, high = (told(size[key]) for key in ("min", "median", "max"))
    return f"Workspaces have from {low} to {high} users, the middle one {middle}."
