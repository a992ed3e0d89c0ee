"""From the estimates and checks of an opt-in study to its verdict; the word observational is always in sight."""

from __future__ import annotations

from collections.abc import Sequence

from honestlift.analysis.ledger import broken
from honestlift.analysis.opt_in.estimates import OptInAnswer
from honestlift.analysis.opt_in.fits import Trimmed
from honestlift.analysis.opt_in.sensitivity import Sensitivity
from honestlift.analysis.verdict import guardrail_state, violations, why_broken
from honestlift.design.metric import Mean
from honestlift.design.opt_in import OptInStudy
from honestlift.diagnostics.choice import multiple
from honestlift.report import words
from honestlift.report.names import as_share
from honestlift.result import Assumption, Check, Estimate, Verdict, VerdictLevel

WHOM = {
    "ATE": "on everyone, had all of them opted in",
    "ATT": "on the people who chose it",
    "ATC": "on the people who did not choose it, had they",
    "ATO": "on the people who could have gone either way",
    "ATM": "on the people who have a match in the other group",
}


def judge_opt_in(
    answers: Sequence[OptInAnswer],
    checks: Sequence[Check],
    rests_on: Sequence[Assumption],
    found: Sequence[Sensitivity],
    study: OptInStudy,
    bounds: Trimmed | None,
) -> Verdict:
    """The verdict on the primary metric, with what the guardrails say; of trimmed users it says that it speaks of them only.

    A violated assumption on which the headline rests makes it not trustworthy, and is the first reason.
    """
    primary, sensitivity = next((a, s) for a, s in zip(answers, found, strict=True) if a.metric is study.primary)
    headline = next(e for e in primary.estimates if e.headline)
    failed = broken(rests_on, headline.estimand)
    level = "not trustworthy" if failed else _level(headline, primary.metric, checks)
    said = {a.statement for a in failed}
    doubts = [c.statement for c in checks if c.level != "ok" and c.code != "fragile" and _concerns(c, headline)]
    doubts = [text for text in doubts if text not in said]
    because = [
        *violations(failed),
        *_selection(primary, headline),
        *_unmeasured(sensitivity),
        *_gate(checks, headline),
        *_guardrails(answers, study),
    ]
    return Verdict(
        level=level,
        headline=_headline(headline, primary.metric, level, bounds, failed),
        because=tuple(dict.fromkeys([*because, *doubts])),
        would_change_it=tuple(_would_change(level, checks, headline)),
    )


def _concerns(check: Check, headline: Estimate) -> bool:
    return check.touches(headline.metric, headline.estimand)


def _level(headline: Estimate, metric: Mean, checks: Sequence[Check]) -> VerdictLevel:
    touching = [c for c in checks if _concerns(c, headline)]
    low, high = headline.conf_low, headline.conf_high
    if any(c.level == "stop" for c in touching) or low is None or high is None:
        return "not trustworthy"
    good, bad = (low > 0, high < 0) if metric.better == "higher" else (high < 0, low > 0)
    if bad:
        return "harmful"
    if not good:
        return "inconclusive"
    return "likely, with caveats" if any(c.level == "caution" for c in touching) else "supported"


def _headline(e: Estimate, metric: Mean, level: VerdictLevel, bounds: Trimmed | None, failed: Sequence[Assumption]) -> str:
    places = words.places_of(e.conf_low, e.conf_high)
    name, whom = words.clean(metric.label), WHOM[e.estimand]
    if bounds is not None:
        whom += f" (only users with a propensity from {words.percent(bounds.low)} to {words.percent(bounds.high)})"
    effect = (
        f"{words.signed(e.estimate, places)} ({words.level(e.level)} interval {words.interval(e.conf_low, e.conf_high, places)}"
    )
    effect += f"; {words.percent(as_share(e).estimate, sign=True)} of the mean without it)"
    if level == "not trustworthy":
        return f"Not trustworthy, and observational. {name}: {effect} {whom}, but {why_broken(failed)}."
    if level == "inconclusive":
        less, more = (e.conf_low, e.conf_high) if metric.better == "higher" else (e.conf_high, e.conf_low)
        return (
            f"We cannot tell (observational). {name}: {effect} {whom}. The data rule out a change worse than "
            f"{words.signed(less, places)} and better than {words.signed(more, places)}."
        )
    start = {"harmful": "Harmful", "supported": "Supported", "likely, with caveats": "Likely, with caveats"}[level]
    return f"{start}, observational. Effect of opting in {whom}: {name} {effect}."


def _selection(answer: OptInAnswer, headline: Estimate) -> list[str]:
    """How much of the naive difference is who they are."""
    naive = answer.find("naive", headline.estimand)
    if naive is None or naive.estimate is None or headline.estimate is None:
        return []
    gone = naive.estimate - headline.estimate
    scale, unit, places = 1.0, "", words.places_of(headline.conf_low, headline.conf_high)
    if headline.scale == "risk difference":
        scale, unit, places = 100.0, " points", max(0, places - 2)
    text = f"Users who opted in differ from the others by {words.signed(scale * naive.estimate, places)}{unit} as they are; "
    text += f"{words.signed(scale * gone, places)} of these are who they are (selection), "
    text += f"{words.signed(scale * headline.estimate, places)} "
    return [text + "what is left after weighing covariates known before the choice."]


def _unmeasured(s: Sensitivity) -> list[str]:
    name = words.clean(s.name)
    if s.times is None:
        text = f"No unmeasured cause of the kind of {name}, however strong, would erase the effect"
    else:
        text = f"An unmeasured cause {multiple(s.times)} times as strong as {name}, the strongest measured covariate, "
        text += "would erase the effect"
    text += f" (robustness value {words.percent(s.robustness)}"
    text += f"; E-value {words.number(s.e_value, 2)})" if s.e_value is not None else ")"
    return [text + ". Nobody randomized who opted in."]


def _gate(checks: Sequence[Check], headline: Estimate) -> list[str]:
    """What the data refuse to answer, each estimand once, with the reason that was found first."""
    made: dict[tuple[str, ...], str] = {}
    for c in checks:
        if c.level == "stop" and c.concerns and headline.estimand not in c.concerns:
            made.setdefault(c.concerns, f"Refused: {c.statement}")
    return list(made.values())


def _guardrails(answers: Sequence[OptInAnswer], study: OptInStudy) -> list[str]:
    made: list[str] = []
    for answer in answers:
        if study.role(answer.metric) != "guardrail":
            continue
        e = next(e for e in answer.estimates if e.headline)
        shown = f"{words.percent(as_share(e).conf_low, sign=True)} to {words.percent(as_share(e).conf_high, sign=True)}"
        made.append(
            f"Guardrail {words.clean(answer.metric.label)} {guardrail_state(e, answer.metric)}: {shown} of the mean without it, "
            f"margin {words.percent(answer.metric.margin or 0.0)}."
        )
    return made


def _would_change(level: VerdictLevel, checks: Sequence[Check], headline: Estimate) -> list[str]:
    made = [c.remedy for c in checks if c.level != "ok" and c.remedy and _concerns(c, headline)]
    if level in ("supported", "likely, with caveats"):
        made.append("Randomize the offer of the feature to part of the users: only that settles what was not measured.")
    return list(dict.fromkeys(made))
