"""What the page of every study says, whatever its kind: the head, the checks, the foot; values before any HTML."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from honestlift.report import words
from honestlift.report.asked import asked, primary, records
from honestlift.report.assumptions import assumptions, rests_on
from honestlift.report.gate import GATE
from honestlift.report.names import ESTIMANDS, LEVELS, VERDICTS, as_share, check_name, whole
from honestlift.report.results import FULL, blocks, bounded, guardrails, keys, variants
from honestlift.result import Check, Estimate, Lift

FEWEST = 10
"""Users below which a count is not shown."""

CORRECTED = ("p_value", "holm", "benjamini_hochberg")
"""Columns of the table of p-values."""

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
class Section:
    """A section of a page: a template in ``templates/parts/`` by its name, with the figures that it shows.

    Attributes:
        id: its anchor, and the name of its template unless ``part`` says another.
        link: what the list of sections calls it.
        title: its heading.
        lead: one sentence below the heading; empty for none.
        figures: names of the figures that it shows.
        part: name of its template; empty for that of ``id``.
    """

    id: str
    link: str
    title: str
    lead: str = ""
    figures: tuple[str, ...] = ()
    part: str = ""

    @property
    def template(self) -> str:
        """Path of its template."""
        return f"parts/{self.part or self.id}.html.jinja"


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


def day(moment: object) -> str:
    """``5 March 2026`` of an ISO date or time; empty where it is none."""
    try:
        found = datetime.fromisoformat(str(moment))
    except ValueError:
        return ""
    return f"{found.day} {MONTHS[found.month - 1]} {found.year}"


def analysed(lift: Lift) -> list[str]:
    """When the study was analysed, where that is known."""
    when = day(lift.provenance.get("started"))
    return [f"analysed {when}"] if when else []


def locked(lift: Lift) -> str:
    """Whether the plan was locked before outcomes were read, and when."""
    moment = lift.provenance.get("locked")
    if not moment:
        return "not locked: it could still be changed after outcomes were seen"
    return f"locked on {day(moment) or words.clean(moment)}, before outcomes were read"


def sentence(lift: Lift) -> str:
    """The headline without the verdict's own words, which stand beside it."""
    said = VERDICTS[lift.verdict.level][1]
    rest = lift.verdict.headline.removeprefix(said).removeprefix(", and observational").removeprefix(", observational")
    return rest.removeprefix(". ") if rest.startswith(". ") else lift.verdict.headline


def effect_facts(lift: Lift, name: str) -> list[Fact]:
    """The effect and its interval."""
    e = headline(lift)
    places = words.places_of(e.conf_low, e.conf_high)
    mean = f"the control {whole(e)}" if lift.kind == "cluster" else "the mean without it"
    share = f"{words.percent(as_share(e).estimate, sign=True)} of {mean}" if bounded(e) else "in the metric's unit"
    made = [Fact(name=name, value=words.signed(e.estimate, places), text=share, tone="honest")]
    if e.conf_low is not None and e.conf_high is not None:
        ruled = "what lies outside is ruled out" if lift.verdict.level != "not trustworthy" else "only if the checks are cleared"
        if e.identified == "observational" and lift.verdict.level != "not trustworthy":
            ruled = "if all that matters was measured" if lift.kind == "opt_in" else "if the waves would have moved alike"
        ends = words.interval(e.conf_low, e.conf_high, places)
        made.append(Fact(name=f"{words.level(e.level)} interval", value=ends, text=ruled, tone="honest"))
    return made


def told(users: float) -> str:
    """A count of users; one under ten is not told."""
    return f"{users:,.0f}" if users >= FEWEST else f"fewer than {FEWEST}"


def dropped(lift: Lift) -> list[str]:
    """Rows that were left out, and why."""
    return [f"{words.clean(why)}: {n:,}" for why, n in lift.data.get("dropped", {}).items()]


def check_title(check: Check) -> str:
    """A check's name, with the metric that it speaks of."""
    name = check_name(check.code)
    return f"{name}: {words.clean(check.metric)}" if check.metric else name


def concerns(check: Check) -> str:
    """The estimands that a check speaks of, in words; empty when it speaks of all."""
    named = [ESTIMANDS.get(c, c) for c in check.concerns]
    return words.listing([name[0].lower() + name[1:] for name in named], 9)


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """A check that did not pass, or all that refuse one estimand which is not the headline's.

    Attributes:
        title: what it is.
        badge: sign, word and colour.
        found: what was found, one sentence or several.
        remedy: what to do; empty for nothing.
        concerns: the estimands that it speaks of, in words; empty for all.
        codes: of the checks.
    """

    title: str
    badge: tuple[str, str, str]
    found: tuple[str, ...]
    remedy: str
    concerns: str
    codes: tuple[str, ...]


def cards(lift: Lift) -> list[Card]:
    """What did not pass, worst first; that another estimand is refused comes after all that touches the headline."""
    quoted = headline(lift).estimand
    open_checks = [c for c in lift.checks if c.level != "ok"]
    gates: dict[str, list[Check]] = {}
    made: list[Card] = []
    for c in open_checks:
        base, _, estimand = c.code.partition(":")
        if base in GATE and c.level == "stop" and estimand not in ("", quoted):
            gates.setdefault(estimand, []).append(c)
            continue
        made.append(
            Card(
                title=check_title(c),
                badge=LEVELS[c.level],
                found=(c.statement,),
                remedy=c.remedy,
                concerns=concerns(c),
                codes=(c.code,),
            )
        )
    return made + [_refusal(estimand, found) for estimand, found in gates.items()]


def _refusal(estimand: str, found: list[Check]) -> Card:
    return Card(
        title=ESTIMANDS.get(estimand, estimand),
        badge=("✗", "refused", "fail"),
        found=tuple(c.statement for c in found),
        remedy=found[0].remedy,
        concerns="",
        codes=tuple(c.code for c in found),
    )


def tally(lift: Lift) -> str:
    """``1 stop, 2 cautions, 7 passed``."""
    n = {level: sum(c.level == level for c in lift.checks) for level in ("stop", "caution", "ok")}
    parts = [words.count(n["stop"], "stop")] if n["stop"] else []
    parts += [words.count(n["caution"], "caution")] if n["caution"] else []
    return ", ".join([*parts, f"{n['ok']:,} passed" if n["ok"] else "none passed"])


def passed_names(lift: Lift) -> str:
    """The checks that passed, each name once, with the estimands it speaks of."""
    made: dict[str, dict[str, None]] = {}
    for check in lift.checks:
        if check.level == "ok":
            base, _, of = check.code.partition(":")
            made.setdefault(check_name(base), {})[of] = None
    return ", ".join(f"{name} ({', '.join(of)})" if "" not in of else name for name, of in made.items())


def corrected(lift: Lift) -> list[tuple[str, ...]]:
    """Metric, role and p-values of metrics that share a role: alone, by Holm, by Benjamini and Hochberg."""
    return [
        (r["metric"], r["role"], *(words.p_value(r[name]).removeprefix("p ").removeprefix("= ") for name in CORRECTED))
        for r in records(lift, "multiplicity")
    ]


def checks_section(lift: Lift) -> Section:
    """All checks, worst first, and the assumptions they speak of."""
    return Section(id="checks", link="Can we believe it?", title="Can we believe it?", lead=f"{tally(lift)}.")


def guardrails_section(lift: Lift) -> list[Section]:
    """The guardrails, where there are any."""
    if not any(m.role == "guardrail" for m in asked(lift)):
        return []
    lead = "As shares of the control mean. The solid red line is the margin: the loss that the plan still tolerates."
    return [Section(id="guardrails", link="Guardrails", title="Guardrails: what must not get worse", lead=lead)]


def foot() -> list[Section]:
    """How the numbers were made, and how to make them again."""
    return [
        Section(id="method", link="Method", title="Method"),
        Section(id="reproduce", link="Reproduce", title="Reproduce"),
    ]


def contents(lift: Lift) -> dict[str, Any]:
    """Everything that the shared templates show, but the figures."""
    return {
        "lift": lift,
        "badge": VERDICTS[lift.verdict.level],
        "sentence": sentence(lift),
        "blocks": blocks(lift),
        "keys": keys(lift),
        "corrected": corrected(lift),
        "guardrails": guardrails(lift),
        "full": FULL,
        "variants": [variants(lift, metric) for metric in asked(lift)],
        "dropped": dropped(lift),
        "passed_names": passed_names(lift),
        "locked": locked(lift),
        "cards": cards(lift),
        "assumptions": assumptions(lift),
        "rests_on": rests_on(lift),
        "check_title": check_title,
    }
