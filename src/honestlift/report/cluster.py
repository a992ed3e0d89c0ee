"""The page of a cluster study as values: what each section says, in its order, before any HTML."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from honestlift.report import words
from honestlift.report.asked import ALIKE, asked, naive_ratio, primary
from honestlift.report.names import CHECKS, ESTIMANDS, GROUPS, VERDICTS, check_name, estimand, whole
from honestlift.report.results import FULL, blocks, bounded, guardrails, variants
from honestlift.result import Check, Estimate, Lift

FEWEST = 10
"""Users below which a count is not shown."""

MONTHS = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """A number at the head of the page: what it is, the number, and what it means."""

    name: str
    value: str
    text: str
    tone: str


def headline(lift: Lift) -> Estimate:
    """The headline estimate of the primary metric."""
    return next(e for e in lift.estimates if e.headline and e.metric == primary(lift))


def subtitle(lift: Lift) -> list[str]:
    """What was studied, on how many, and when."""
    data = lift.data
    treated = f"{words.count(data['n_treated_clusters'], 'workspace')} treated, "
    treated += f"{data['n_clusters'] - data['n_treated_clusters']:,} control"
    made = ["Whole workspaces randomized", words.count(data["n_units"], "user"), treated]
    day = _day(lift.provenance.get("started"))
    return [*made, f"analysed {day}"] if day else made


def _day(started: object) -> str:
    try:
        day = datetime.fromisoformat(str(started))
    except ValueError:
        return ""
    return f"{day.day} {MONTHS[day.month - 1]} {day.year}"


def sentence(lift: Lift) -> str:
    """The headline without the verdict's own words, which stand beside it."""
    said = VERDICTS[lift.verdict.level][1]
    return lift.verdict.headline.removeprefix(f"{said}. ")


def facts(lift: Lift) -> list[Fact]:
    """The effect, its interval and the naive number."""
    e = headline(lift)
    places = words.places_of(e.conf_low, e.conf_high)
    share = f"{words.percent(e.relative.estimate, sign=True)} of the control {whole(e)}" if bounded(e) else "in the metric's unit"
    made = [Fact(name=estimand(e), value=words.signed(e.estimate, places), text=share, tone="honest")]
    if e.conf_low is not None and e.conf_high is not None:
        ruled = "what lies outside is ruled out" if lift.verdict.level != "not trustworthy" else "only if the checks are cleared"
        ends = words.interval(e.conf_low, e.conf_high, places)
        made.append(Fact(name=f"{words.level(e.level)} interval", value=ends, text=ruled, tone="honest"))
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
    low, middle, high = (_told(size[key]) for key in ("min", "median", "max"))
    return f"Workspaces have from {low} to {high} users, the middle one {middle}."


def _told(users: float) -> str:
    return f"{users:,.0f}" if users >= FEWEST else f"fewer than {FEWEST}"


def exposure(lift: Lift) -> list[tuple[str, str, str]]:
    """Users by arm and exposure, and their share of the arm; empty where there is no exposure."""
    counts = {str(k): int(v) for k, v in lift.population.get("exposure_counts", {}).items()}
    if not {"exposed control", "pure control"} <= counts.keys():
        return []
    control = counts["exposed control"] + counts["pure control"]
    made: list[tuple[str, str, str]] = []
    for group in ("exposed control", "pure control"):
        few = min(counts["exposed control"], counts["pure control"]) < FEWEST
        share = "–" if few else words.percent(counts[group] / control if control else None)
        made.append((GROUPS[group], _told(counts[group]), f"{share} of control users"))
    treated = counts.get("treated")
    return [("Treated", _told(treated), "all reached by their own treatment"), *made] if treated is not None else made


def dropped(lift: Lift) -> list[str]:
    """Rows that were left out, and why."""
    return [f"{words.clean(why)}: {n:,}" for why, n in lift.data.get("dropped", {}).items()]


def check_title(check: Check) -> str:
    """A check's name, with the metric that it speaks of."""
    name = check_name(check.code)
    return f"{name}: {words.clean(check.metric)}" if check.metric else name


def concerns(check: Check) -> str:
    """The estimands that a check speaks of, in words; empty when it speaks of all."""
    return words.listing([ESTIMANDS.get(c, c).lower() for c in check.concerns], 9)


def tally(lift: Lift) -> str:
    """``1 stop, 2 cautions, 7 passed``."""
    n = {level: sum(c.level == level for c in lift.checks) for level in ("stop", "caution", "ok")}
    parts = [words.count(n["stop"], "stop")] if n["stop"] else []
    parts += [words.count(n["caution"], "caution")] if n["caution"] else []
    return ", ".join([*parts, f"{n['ok']:,} passed" if n["ok"] else "none passed"])


def passed_names(lift: Lift) -> str:
    """The checks that passed, each name once."""
    return ", ".join(dict.fromkeys(check_name(c.code) for c in lift.checks if c.level == "ok"))


def known(code: str) -> str:
    """A check's name for the ledger."""
    return CHECKS.get(code, check_name(code))


def contents(lift: Lift) -> dict[str, Any]:
    """Everything that the template shows, but the figures."""
    return {
        "lift": lift,
        "subtitle": subtitle(lift),
        "badge": VERDICTS[lift.verdict.level],
        "sentence": sentence(lift),
        "facts": facts(lift),
        "blocks": blocks(lift),
        "guardrails": guardrails(lift),
        "full": FULL,
        "variants": [variants(lift, metric) for metric in asked(lift)],
        "resemblance": resemblance(lift),
        "sizes": sizes(lift),
        "exposure": exposure(lift),
        "dropped": dropped(lift),
        "tally": tally(lift),
        "passed_names": passed_names(lift),
    }
