"""From the estimates and checks of a roll-out to its verdict."""

from __future__ import annotations

from collections.abc import Sequence

from honestlift.analysis.ledger import broken
from honestlift.analysis.verdict import doubts, guardrail_state, level_of, places_for, violations, why_broken
from honestlift.analysis.waves.estimates import Answer
from honestlift.design.metric import Mean
from honestlift.design.waves import WavesStudy
from honestlift.report import words
from honestlift.report.names import as_share
from honestlift.result import Assumption, Check, Estimate, Verdict, VerdictLevel

STARTS = {
    "harmful": "Harmful",
    "supported": "Supported",
    "likely, with caveats": "Likely, with caveats",
}

FOUND = ("trend_bound", "no_comparison")
"""Checks whose words belong to the reasons even where they pass."""


def judge_waves(
    answers: Sequence[Answer],
    checks: Sequence[Check],
    rests_on: Sequence[Assumption],
    study: WavesStudy,
    corrected: Sequence[str],
) -> Verdict:
    """The verdict on the primary metric, with what the guardrails say.

    A violated assumption on which the headline rests makes it not trustworthy, and is the first reason.
    """
    primary = next(a for a in answers if a.metric is study.primary)
    headline = primary.headline
    failed = broken(rests_on, headline.estimand)
    level = "not trustworthy" if failed else level_of(headline, primary.metric, checks)
    mine = [c for c in checks if c.touches(headline.metric, headline.estimand)]
    told = [c.statement for c in mine if c.level == "ok" and c.code in FOUND]
    because = [
        *violations(failed),
        *_naive(primary),
        *told,
        *corrected,
        *(_guardrail(a) for a in answers if study.role(a.metric) == "guardrail"),
        *doubts(checks, headline, failed),
    ]
    return Verdict(
        level=level,
        headline=_headline(headline, primary.metric, level, failed),
        because=tuple(because),
        would_change_it=tuple(_would_change(checks, study)),
    )


def _headline(e: Estimate, metric: Mean, level: VerdictLevel, failed: Sequence[Assumption]) -> str:
    places, name = places_for(e), words.clean(metric.label)
    seen = "" if e.identified == "randomized" else ", and observational"
    effect = (
        f"{words.signed(e.estimate, places)} ({words.level(e.level)} interval {words.interval(e.conf_low, e.conf_high, places)}"
    )
    bounded = e.relative.conf_low is not None  # else the mean may be zero, and a share of it anything
    effect += f"; {words.percent(as_share(e).estimate, sign=True)} of the mean without it)" if bounded else ")"
    where = "in workspaces that had the feature"
    if level == "not trustworthy":
        return f"Not trustworthy{seen}. {name} differs by {effect} {where}, but {why_broken(failed)}."
    if level == "inconclusive":
        less, more = (e.conf_low, e.conf_high) if metric.better == "higher" else (e.conf_high, e.conf_low)
        said = f"We cannot tell{' (observational)' if seen else ''}. {name}: {effect} {where}. "
        return (
            said
            + f"The data rule out a change worse than {words.signed(less, places)} and better than {words.signed(more, places)}."
        )
    return f"{STARTS[level]}{seen}. {name}: {effect} {where}."


def _naive(answer: Answer) -> list[str]:
    """What a comparison as it comes says, and the usual regression."""
    by = {e.method: e for e in answer.estimates}
    naive, two_way, places = by["naive_ols"], by.get("two_way_fe"), places_for(answer.headline)
    if naive.estimate is None:
        return []
    text = f"Rows with the feature differ from rows without it by {words.signed(naive.estimate, places)}, in which are the season and who "
    text += "came first"
    if two_way is not None:
        text += f"; the regression with workspace and period effects says {words.signed(two_way.estimate, places)}, and takes "
        text += "workspaces that have it already for controls"
    return [text + "."]


def _guardrail(answer: Answer) -> str:
    e, margin = answer.headline, words.percent(answer.metric.margin or 0.0)
    shown = f"{words.percent(as_share(e).conf_low, sign=True)} to {words.percent(as_share(e).conf_high, sign=True)}"
    state = f"Guardrail {words.clean(answer.metric.label)} {guardrail_state(e, answer.metric)}"
    return f"{state}: {shown} of the mean without it, margin {margin}."


def _would_change(checks: Sequence[Check], study: WavesStudy) -> list[str]:
    made = [c.remedy for c in checks if c.level != "ok" and c.remedy and c.metric in (None, study.primary.label)]
    if not study.design.randomized:
        made.append(
            "Draw by lot which workspaces come next, and keep the record: only that settles whether the waves would have moved alike."
        )
    return list(dict.fromkeys(made))
