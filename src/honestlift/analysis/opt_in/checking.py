"""The checks of an opt-in study, and the gate: which estimands the data support."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from honestlift.analysis.checking import ORDER
from honestlift.analysis.opt_in.estimates import OptInAnswer
from honestlift.analysis.opt_in.fits import Fits, fit_all
from honestlift.analysis.opt_in.reading import OptInReading
from honestlift.analysis.opt_in.sensitivity import Sensitivity
from honestlift.design.opt_in import OptInStudy
from honestlift.diagnostics import assignment, balance, choice, covariates
from honestlift.diagnostics.overlap import ArmOverlap, effective_sizes, overlap_checks
from honestlift.estimators.doubly_robust import augmented
from honestlift.estimators.propensity import Propensity, auc
from honestlift.estimators.stack import solve
from honestlift.estimators.tilt import ESTIMANDS, Estimand
from honestlift.inference.influence import clustered_covariance, covariance, effect_covariance
from honestlift.inference.interval import t_interval
from honestlift.moments.patterns import Patterns
from honestlift.result import Check


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Gate:
    """What the data support.

    Attributes:
        checks: overlap, largest weight and balance of the study's estimands.
        headline: the first of them that the data support; the first of all if none.
        balances: of every covariate column, by estimand.
    """

    checks: tuple[Check, ...]
    headline: Estimand
    balances: Mapping[Estimand, list[covariates.Balance]]


def gate(users: Patterns, propensity: Propensity, study: OptInStudy) -> Gate:
    """Which estimands the data support.

    Args:
        users: everybody, after trimming.
        propensity: fitted to them.
        study: names the estimands.
    """
    every: dict[Estimand, tuple[ArmOverlap, ArmOverlap]] = {e: effective_sizes(users, propensity.e, e) for e in ESTIMANDS}
    asked = [e for e in ESTIMANDS if e in study.design.estimands]
    found = covariates.balances(users, propensity.e, ESTIMANDS)
    balanced = {e: covariates.weighted_smd(rows, e) for e, rows in found.items()}
    unbalanced = [e for e, check in balanced.items() if check.level == "stop"]
    checks = [c for c in overlap_checks(every, unbalanced) if c.concerns[0] in asked] + [balanced[e] for e in asked]
    stopped = {c.concerns[0] for c in checks if c.level == "stop"}
    supported: list[Estimand] = [e for e in study.design.estimands if e not in stopped]
    first: Estimand = supported[0] if supported else study.design.estimands[0]
    return Gate(checks=tuple(checks), headline=first, balances=found)


def check_opt_in(
    reading: OptInReading,
    users: Patterns,
    propensity: Propensity,
    answers: Sequence[OptInAnswer],
    sensitivities: Sequence[Sensitivity],
    overlap: Sequence[Check],
    study: OptInStudy,
) -> tuple[Check, ...]:
    """All checks that the study's columns allow, worst first, else in the order of the walk."""
    made = [choice.separation(propensity, auc(propensity.e, users.count), len(users.names))]
    made += [choice.unit_rows(int(reading.users.rows), reading.one_in), *overlap]
    made += [choice.covariate_timing(reading.timings)] if reading.timings else []
    made += [choice.few_clusters(reading.grouped.groups)] if reading.clustered else []
    made += [choice.kink(propensity.e, users.count.sum(axis=1))] if "ATM" in study.design.estimands else []
    for answer, sensitivity in zip(answers, sensitivities, strict=True):
        made += _of_metric(reading, answer, sensitivity)
    made += _negative_controls(reading, study, answers[0].headline)
    return tuple(sorted(made, key=lambda c: ORDER[c.level]))


def _of_metric(reading: OptInReading, answer: OptInAnswer, s: Sensitivity) -> list[Check]:
    made: list[Check] = []
    doubly, weighted = answer.find("aipw", answer.headline), answer.find("ipw", answer.headline)
    label = answer.metric.label
    if doubly and weighted and doubly.estimate is not None and weighted.estimate is not None and doubly.std_error is not None:
        made.append(choice.methods_disagree(label, answer.headline, doubly.estimate, weighted.estimate, doubly.std_error))
    made.append(choice.outcome_in_covariates(label, answer.fits.patterns))
    made.append(_missing(reading, answer))
    made.append(choice.fragile(label, s.worst, s.times, s.interval_times, s.robustness))
    return made


def _missing(reading: OptInReading, answer: OptInAnswer) -> Check:
    """Is the outcome missing more often among those who opted in? A z test of two shares, users independent."""
    everyone, there = reading.users.arms, reading.outcomes[answer.metric.column].arms
    gone = [a - b for a, b in zip(everyone, there, strict=True)]
    shares = (gone[0] / everyone[0], gone[1] / everyone[1])
    variance = sum(s * (1 - s) / n for s, n in zip(shares, everyone, strict=True))
    p = t_interval(shares[1] - shares[0], math.sqrt(variance), math.inf, 0.95).p_value if variance > 0 else None
    return assignment.missing_outcome(answer.metric.label, shares, p, int(sum(gone)))


def _negative_controls(reading: OptInReading, study: OptInStudy, estimand: Estimand) -> list[Check]:
    """Outcomes that the feature cannot move, through the same pipeline as the headline."""
    made: list[balance.Contrast] = []
    for name in study.negative_controls:
        patterns = reading.outcomes[name]
        fits = fit_all(patterns if reading.clustered else patterns.collapsed(), study)
        made.append(_contrast(name, fits, study, estimand))
    return [balance.negative_control(made)] if made else []


def _contrast(name: str, fits: Fits, study: OptInStudy, estimand: Estimand) -> balance.Contrast:
    patterns = fits.patterns
    means = solve(augmented(patterns, fits.propensity, fits.outcomes, estimand), patterns)
    if patterns.group is None:
        v, df = covariance(means, patterns), math.inf
    else:
        v, df = clustered_covariance(means, patterns, patterns.group, patterns.groups), patterns.groups - 1.0
    error = math.sqrt(max(float(effect_covariance(v)[1, 1]), 0.0))
    interval = t_interval(means.effect, error, df, study.level)
    return balance.Contrast(name=name, effect=means.effect, low=interval.low, high=interval.high, p_value=interval.p_value)
