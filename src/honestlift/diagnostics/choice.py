"""Checks of an opt-in study that are neither overlap nor balance: convergence, agreement, fragility, copies of the outcome."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from honestlift.diagnostics.sensitivity import Benchmark
from honestlift.estimators.propensity import Propensity
from honestlift.estimators.tilt import KINK, Estimand
from honestlift.moments.patterns import Patterns
from honestlift.moments.timing import Timing
from honestlift.report import words
from honestlift.result import Check, Level

Floats = NDArray[np.float64]

COPY = 0.999
"""Share of the outcome's variance that a covariate may explain by itself before it counts as a copy."""


FEEBLE = 0.01
"""Share of who opts in that the strongest covariate must explain before what it stands for says anything."""


def separation(propensity: Propensity, discrimination: float, columns: int) -> Check:
    """Did the model of the choice settle, and how well does it tell the choosers apart?"""
    level: Level = "ok" if propensity.status == "converged" else "stop"
    said = {
        "converged": f"settled after {propensity.steps} steps",
        "separated": "has no maximum: some users are certain to opt in, or not to",
        "not converged": f"did not settle in {propensity.steps} steps",
    }[propensity.status]
    text = f"The logit of opting in on {words.count(columns, 'column')} of covariates {said}; it ranks a user who opted in "
    text += f"above another {words.percent(discrimination)} of the time (AUC {words.number(discrimination, 3)})."
    remedy = (
        "" if level == "ok" else "Find the covariate that follows from the choice and leave it out, or merge rare categories."
    )
    evidence = {"steps": propensity.steps, "auc": discrimination, "columns": columns}
    return Check(code="separation", level=level, statement=text, remedy=remedy, evidence=evidence)


def unit_rows(users: int, sampled_one_in: int) -> Check:
    """Passed when it is reached: a user on several rows stops the run."""
    how = "" if sampled_one_in == 1 else f" (looked at one user in {sampled_one_in}: a repeated user is seen with that chance)"
    return Check(
        code="unit_in_clusters",
        level="ok",
        statement=f"Each of the {words.count(users, 'user')} stands on one row{how}.",
        remedy="",
        evidence={"users": users, "sampled_one_in": sampled_one_in},
    )


def sampled(users: int, looked_at: int) -> Check:
    """Passed when it is reached: estimates rest on all users, what shows whether to believe them on a sample."""
    text = f"The {words.count(users, 'user')} stay in their engine, and every estimate and interval rests on all of them. "
    text += f"Balance, overlap and what drives the choice are shown on {words.count(looked_at, 'user')}, drawn by a hash of their ids."
    evidence = {"users": users, "looked_at": looked_at}
    return Check(code="sampled_diagnostics", level="ok", statement=text, remedy="", evidence=evidence)


def few_clusters(clusters: int) -> Check:
    """Are there enough workspaces for an interval that lets users of one workspace resemble each other?"""
    level: Level = "stop" if clusters < 5 else "caution" if clusters < 10 else "ok"
    text = f"Users are nested in {words.count(clusters, 'workspace')}; the interval uses {clusters - 1} degrees of freedom."
    remedy = "" if level == "ok" else "Add workspaces: so few do not show how much workspaces differ by themselves."
    return Check(code="few_clusters", level=level, statement=text, remedy=remedy, evidence={"clusters": clusters})


def methods_disagree(metric: str, estimand: Estimand, doubly: float, weighted: float, error: float) -> Check:
    """Do augmented and plain weighting agree within one standard error?"""
    gap = abs(doubly - weighted)
    level: Level = "caution" if gap > error else "ok"
    places = words.decimals(error)
    text = f"{estimand}: weighting says {words.signed(weighted, places)}, "
    text += f"weighting with outcome models {words.signed(doubly, places)}; "
    text += f"they differ by {words.times(gap / error) if error > 0 else '0'} standard errors."
    remedy = "" if level == "ok" else "One of the two models is wrong. Add squares and interactions of the covariates to both."
    evidence = {"aipw": doubly, "ipw": weighted, "std_error": error}
    return Check(
        code="methods_disagree",
        level=level,
        statement=text,
        remedy=remedy,
        evidence=evidence,
        concerns=(estimand,),
        metric=metric,
    )


def fragile(metric: str, worst: Benchmark, times: float | None, interval_times: float | None, robustness: float) -> Check:
    """Would a cause as strong as the strongest measured covariate move the interval over zero, and is that a yardstick at all?

    Args:
        metric: the metric.
        worst: the estimate after a cause once as strong as the strongest covariate.
        times: how many times as strong a cause must be to erase the estimate; None if none does.
        interval_times: the same for the interval.
        robustness: robustness value of the estimate.
    """
    over = worst.low is None or worst.high is None or worst.low <= 0 <= worst.high
    flipped = interval_times is not None and interval_times < 1
    settled = interval_times == 0  # the interval contains zero as it is: there is no claim that a cause could erase
    feeble = worst.r2_treatment is not None and worst.r2_treatment < FEEBLE
    level: Level = "caution" if (over or flipped or feeble) and not settled else "ok"
    name = words.clean(worst.name)
    if settled:
        text = f"The interval contains zero as it is; a cause {multiple(times or 0)} times as strong as {name} would bring the "
        text += "estimate there."
    elif times is None:
        text = f"No unmeasured cause of the kind of {name}, however strong, would erase the effect."
    else:
        text = f"An unmeasured cause {multiple(times)} times as strong as {name}, the strongest measured covariate, "
        text += "would erase the effect"
        text += (
            f"; {multiple(interval_times)} times as strong, and the interval contains zero."
            if interval_times is not None
            else "."
        )
    text += f" Robustness value {words.percent(robustness)}."
    if feeble and not settled:
        text += f" But {name} explains only {words.percent(worst.r2_treatment)} of who opts in: a feeble yardstick."
    remedy = (
        ""
        if level == "ok"
        else "Ask who else differs so much between the groups, measure it, or randomize the offer of the feature."
    )
    evidence = {"times": times, "interval_times": interval_times, "robustness_value": robustness, "adjusted": worst.adjusted}
    evidence |= {"r2_treatment": worst.r2_treatment}
    return Check(code="fragile", level=level, statement=text, remedy=remedy, evidence=evidence, metric=metric)


def multiple(times: float) -> str:
    """A multiple with two digits below one: 0.43, 1.8, 19."""
    return words.number(times, 2) if times < 1 else words.times(times)


def outcome_in_covariates(metric: str, patterns: Patterns) -> Check:
    """Is a covariate the outcome itself, or a copy of it?"""
    weight, total = patterns.count.sum(axis=1), patterns.total.sum(axis=1)
    squares = float(patterns.square.sum()) - float(total.sum()) ** 2 / patterns.rows
    shares = {name: _explained(patterns, c, weight, total, squares) for c, name in _wholes(patterns)}
    worst = max(shares, key=lambda c: shares[c])
    level: Level = "stop" if shares[worst] > COPY else "ok"
    text = f"{words.clean(worst)} explains {words.percent(shares[worst])} of {words.clean(metric)}"
    text += (
        ": it is the outcome, or a copy of it."
        if level == "stop"
        else ", the most of any covariate; none is a copy of the outcome."
    )
    remedy = "" if level == "ok" else "Leave it out: adjusting for the outcome removes the effect."
    evidence = {"share": shares[worst]}
    return Check(code="outcome_in_covariates", level=level, statement=text, remedy=remedy, evidence=evidence, metric=metric)


def _wholes(patterns: Patterns) -> list[tuple[list[int], str]]:
    return [
        ([j for j, c in enumerate(patterns.covariates) if c == covariate], covariate)
        for covariate in dict.fromkeys(patterns.covariates)
    ]


def _explained(patterns: Patterns, columns: Sequence[int], weight: Floats, total: Floats, squares: float) -> float:
    """R² of the outcome on the columns of one covariate alone."""
    n = patterns.rows
    x = patterns.x[:, list(columns)]
    centred = x - np.einsum("p,pj->j", weight, x) / n
    a = np.einsum("pi,p,pj->ij", centred, weight, centred)
    b = np.einsum("pi,p->i", centred, total)
    beta: Floats = np.asarray(np.linalg.lstsq(a, b, rcond=None)[0], dtype=np.float64)
    return float(np.sum(b * beta)) / squares if squares > 0 else 0.0


def covariate_timing(timings: Sequence[Timing]) -> Check:
    """Was every covariate whose time is known measured before the opt-in? One after it may be moved by the feature itself."""
    late = sorted((t for t in timings if t.late), key=lambda t: -t.late)
    unknown = max(t.unknown for t in timings)
    users = words.count(timings[0].users, "user")
    if late:
        told = [f"{words.clean(t.covariate)} was measured after the opt-in for {t.late:,}" for t in late]
        text = f"{words.listing(told, 5)} of the {users} who opted in."
    else:
        names = words.listing([words.clean(t.covariate) for t in timings], 5)
        text = f"{names} {'was' if len(timings) == 1 else 'were'} measured before the opt-in, or at it, for all whose times are known."
    text += f" {words.count(unknown, 'user')} who opted in without a time to compare." if unknown else ""
    level: Level = "stop" if late else "ok"
    remedy = "" if level == "ok" else "Use its value before the opt-in, or leave it out: it may be an effect of the feature."
    evidence = {"late": max(t.late for t in timings), "users": timings[0].users, "unknown": unknown}
    return Check(code="covariate_timing", level=level, statement=text, remedy=remedy, evidence=evidence)


def kink(e: Floats, count: Floats) -> Check:
    """Matching weights have a kink at one half: is there more than 1 % of the users on it?"""
    share = float(count[np.abs(e - 0.5) < KINK].sum() / count.sum())
    level: Level = "caution" if share > 0.01 else "ok"
    text = f"ATM: {words.percent(share)} of users have a propensity of one half, where the weights have a kink."
    remedy = "" if level == "ok" else "Use the ATO, which has none: the standard error of the ATM is not valid here."
    return Check(code="kink", level=level, statement=text, remedy=remedy, evidence={"share": share}, concerns=("ATM",))
