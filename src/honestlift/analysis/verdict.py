"""From estimates and checks to a verdict, by the rules of the contract; the sentences are made in report/words.py's numbers."""

from __future__ import annotations

from collections.abc import Sequence

from honestlift.analysis.estimates import Answer
from honestlift.analysis.ledger import broken
from honestlift.design.metric import Metric
from honestlift.design.study import Study
from honestlift.report import words
from honestlift.report.names import as_share, is_adjusted, whole
from honestlift.result import Assumption, Check, Estimate, Verdict, VerdictLevel


def headline_of(answers: Sequence[Answer], study: Study) -> Estimate:
    """The headline of the primary metric."""
    primary = next(a for a in answers if a.metric is study.primary)
    return next(e for e in primary.estimates if e.headline)


def judge(
    answers: Sequence[Answer],
    checks: Sequence[Check],
    rests_on: Sequence[Assumption],
    study: Study,
    corrected: Sequence[str] = (),
) -> Verdict:
    """The verdict on the primary metric, with what is left of several metrics when ``corrected``, and what the guardrails say.

    A violated assumption on which the headline rests makes it not trustworthy, and is the first reason.
    """
    primary = next(a for a in answers if a.metric is study.primary)
    headline = headline_of(answers, study)
    failed = broken(rests_on, headline.estimand)
    level = "not trustworthy" if failed else level_of(headline, primary.metric, checks)
    return Verdict(
        level=level,
        headline=headline_text(headline, primary.metric, level, failed),
        because=(
            *violations(failed),
            *_naive(primary, headline),
            *_precision(primary, checks),
            *_spillover(primary, headline),
            *corrected,
            *_guardrails(answers, study),
            *doubts(checks, headline, failed),
        ),
        would_change_it=tuple(would_change(headline, level, checks)),
    )


def level_of(headline: Estimate, metric: Metric, checks: Sequence[Check]) -> VerdictLevel:
    """The verdict on a headline that rests on nothing which is violated."""
    touching = [c for c in checks if c.touches(headline.metric, headline.estimand)]
    low, high = headline.conf_low, headline.conf_high
    if any(c.level == "stop" for c in touching) or low is None or high is None:
        return "not trustworthy"
    good, bad = (low > 0, high < 0) if metric.better == "higher" else (high < 0, low > 0)
    if bad:
        return "harmful"
    if not good:
        return "inconclusive"
    doubted = any(c.level == "caution" for c in touching) or any(c.level == "stop" for c in checks)
    return "likely, with caveats" if doubted else "supported"


def headline_text(e: Estimate, metric: Metric, level: VerdictLevel, failed: Sequence[Assumption]) -> str:
    """The headline sentence."""
    places = words.places_of(e.conf_low, e.conf_high)
    name = words.clean(metric.label)
    effect = (
        f"{words.signed(e.estimate, places)} ({words.level(e.level)} interval {words.interval(e.conf_low, e.conf_high, places)}"
    )
    bounded = e.relative.conf_low is not None  # else the control mean may be zero, and a share of it anything
    effect += f"; {words.percent(as_share(e).estimate, sign=True)} of the control {whole(e)})" if bounded else ")"
    if level == "not trustworthy":
        return f"Not trustworthy. {name} differs by {effect} {_whose(e)}, but {why_broken(failed)}."
    if level == "inconclusive":
        less, more = (e.conf_low, e.conf_high) if metric.better == "higher" else (e.conf_high, e.conf_low)
        return (
            f"We cannot tell. {name}: {effect}. The data rule out a change worse than {words.signed(less, places)} "
            f"and better than {words.signed(more, places)}."
        )
    start = {"harmful": "Harmful.", "supported": "Supported.", "likely, with caveats": "Likely, with caveats."}[level]
    per_user = " per user" if e.scale == "difference" and ":" not in e.estimand else ""
    return f"{start} {name}: {effect}{per_user} {_whose(e)}."


def _whose(e: Estimate) -> str:
    """Of what a difference is the effect."""
    kind, _, at = e.estimand.partition(":")
    if kind == "overall":
        high, _, low = at.partition("-")
        return f"with {words.percent(float(high))} of a workspace's users treated, against {words.percent(float(low))}"
    return "with everyone on, against everyone off" if kind == "gate" else "in treated workspaces"


def _naive(answer: Answer, headline: Estimate) -> list[str]:
    naive, own = answer.find("naive_ols", "itt_user"), answer.find("user_ols", "itt_user")
    alike = answer.find("user_ols:unadjusted", "itt_user") or own or headline
    if naive is None or not naive.std_error or not alike.std_error:
        return []
    ratio = alike.std_error / naive.std_error
    places = words.places_of(naive.conf_low, naive.conf_high)
    text = f"A test of users as if independent says {words.signed(naive.estimate, places)} "
    text += f"({words.interval(naive.conf_low, naive.conf_high, places)})"
    if ratio <= 1.1:
        return [text + ", much the same: users of one workspace hardly resemble each other."]
    worth = answer.outcome.rows / ratio**2
    text += f"; its standard error is {words.times(ratio)} times too small, because users of one workspace resemble each other: "
    return [text + f"{answer.outcome.rows:,} users carry the information of {words.count(worth, 'independent one')}."]


def _precision(primary: Answer, checks: Sequence[Check]) -> list[str]:
    """What caps and covariates did to the primary metric; a cap that is doubted is told among the doubts."""
    told = ["adjustment"] if primary.adjustment.form != "none" else []
    mine = [c for c in checks if c.metric == primary.metric.label]
    capped = [c.statement for c in mine if c.code == "winsorized" and c.level == "ok"]
    return capped + [c.statement for c in mine if c.code in told]


def _spillover(answer: Answer, headline: Estimate) -> list[str]:
    """What the treatment does to users and to those whom it reaches from elsewhere: by the design, or as it comes."""
    found = [answer.find("exposure_strata_ols", e) for e in ("direct", "spillover")]
    direct, spillover = found if all(found) else (answer.find("two_exposure_ols", e) for e in ("direct", "spillover"))
    made: list[str] = []
    if direct is not None and spillover is not None:
        places = places_for(spillover)
        text = f"Against unexposed controls: {words.signed(direct.estimate, places_for(direct))}; exposed against unexposed controls: "
        text += f"{words.signed(spillover.estimate, places)}"
        if direct.method == "exposure_strata_ols":
            ends = words.interval(spillover.conf_low, spillover.conf_high, places)
            told = ", adjusted as the effect is" if is_adjusted(spillover) else ""
            made.append(f"{text} ({ends}), among users to whom the design gave the same chance of exposure{told}.")
        elif direct.identified == "randomized":
            made.append(text + ". The plan vouches that the design moves the exposure.")
        elif answer.find("linear_in_fraction", "gate") is None:
            made.append(text + ". Both are associations: nobody randomized who is exposed.")
    plain = answer.find("user_ols", "itt_user")
    if headline.estimand == "gate" and plain is not None:
        places = places_for(plain)
        made.append(
            f"Treated minus control workspaces is {words.signed(plain.estimate, places)}, which leaves out what reaches control workspaces."
        )
    return made


def places_for(e: Estimate) -> int:
    """Decimals that suit an estimate's interval."""
    return words.places_of(e.conf_low, e.conf_high)


def _guardrails(answers: Sequence[Answer], study: Study) -> list[str]:
    guards = [a for a in answers if study.role(a.metric) == "guardrail"]
    return [guardrail_text(next(e for e in a.estimates if e.headline), a.metric) for a in guards]


def guardrail_text(e: Estimate, metric: Metric) -> str:
    """What a guardrail says, in a sentence."""
    state, margin = guardrail_state(e, metric), words.percent(metric.margin or 0.0)
    shown = f"{words.percent(as_share(e).conf_low, sign=True)} to {words.percent(as_share(e).conf_high, sign=True)}"
    return f"Guardrail {words.clean(metric.label)} {state}: {shown} of the control mean, margin {margin}."


def guardrail_state(e: Estimate, metric: Metric) -> str:
    """``holds``, ``is breached`` (the interval lies beyond the margin on the bad side) or ``is unsettled``."""
    low, high = as_share(e).conf_low, as_share(e).conf_high
    if low is None or high is None:
        return "is unsettled"
    if metric.better == "lower":
        low, high = -high, -low
    margin = -(metric.margin or 0.0)
    return "is breached" if high < margin else "holds" if low >= margin else "is unsettled"


def why_broken(failed: Sequence[Assumption]) -> str:
    """What breaks the comparison, for the end of a sentence."""
    named = [a.assumption[0].lower() + a.assumption[1:] for a in failed]
    return f"that rests on what does not hold: {words.listing(named)}" if named else "a check says that the comparison is broken"


def violations(failed: Sequence[Assumption]) -> list[str]:
    """Each violated assumption with what refutes it."""
    return [f"It rests on this, which does not hold: {a.assumption[0].lower()}{a.assumption[1:]}. {a.statement}" for a in failed]


def doubts(checks: Sequence[Check], headline: Estimate, failed: Sequence[Assumption]) -> list[str]:
    """What the checks that did not pass say of the headline, but what a violated assumption has said."""
    said = {a.statement for a in failed}
    found = [c for c in checks if c.level != "ok" and c.touches(headline.metric, headline.estimand)]
    return [c.statement for c in found if c.statement not in said]


def would_change(headline: Estimate, level: VerdictLevel, checks: Sequence[Check]) -> list[str]:
    """What would change the verdict: remedies, and the workspaces that would settle it."""
    made = [c.remedy for c in checks if c.level != "ok" and c.remedy]
    low, high, effect = headline.conf_low, headline.conf_high, headline.estimate
    if level == "inconclusive" and low is not None and high is not None and effect and headline.n_clusters:
        needed = headline.n_clusters * ((high - low) / (2 * effect)) ** 2 - headline.n_clusters
        if needed < 20 * headline.n_clusters:
            made.insert(0, f"About {words.count(max(needed, 1), 'more workspace')} would settle an effect of this size.")
        else:
            made.insert(0, "No reachable number of workspaces settles an effect this close to zero.")
    return list(dict.fromkeys(made))
