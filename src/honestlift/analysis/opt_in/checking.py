"""The checks of an opt-in study, and the gate: which estimands the data support."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from honestlift.analysis.checking import ORDER
from honestlift.analysis.opt_in.estimates import OptInAnswer
from honestlift.analysis.opt_in.fits import Fits, fit_all
from honestlift.analysis.opt_in.reading import OptInReading
from honestlift.analysis.opt_in.sensitivity import Sensitivity
from honestlift.analysis.opt_in.streamed import streamed_basis
from honestlift.design.opt_in import OptInStudy
from honestlift.diagnostics import assignment, balance, choice, covariates
from honestlift.diagnostics.overlap import ArmOverlap, Reach, effective_sizes, overlap_checks
from honestlift.diagnostics.stored import stored_checks
from honestlift.estimators.doubly_robust import augmented
from honestlift.estimators.propensity import Propensity, auc
from honestlift.estimators.stack import solve
from honestlift.estimators.tilt import ESTIMANDS, Estimand
from honestlift.inference.influence import clustered_covariance, covariance, effect_covariance
from honestlift.inference.interval import t_interval
from honestlift.moments.patterns import Patterns
from honestlift.result import Check

Floats = NDArray[np.float64]


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


def gate(users: Patterns, propensity: Propensity, study: OptInStudy, reach: Reach | None = None) -> Gate:
    """Which estimands the data support.

    Args:
        users: everybody, after trimming.
        propensity: fitted to them.
        study: names the estimands.
        reach: range of the propensity in each arm, where the users are a sample.
    """
    every: dict[Estimand, tuple[ArmOverlap, ArmOverlap]] = {e: effective_sizes(users, propensity.e, e, reach) for e in ESTIMANDS}
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
    controls: Sequence[balance.Contrast],
    study: OptInStudy,
) -> tuple[Check, ...]:
    """All checks that the study's columns allow, worst first, else in the order of the walk."""
    made = choice_checks(reading, users, propensity, overlap, study)
    for answer, sensitivity in zip(answers, sensitivities, strict=True):
        made += _of_metric(reading, answer, sensitivity)
    made += [balance.negative_control(controls)] if controls else []
    return tuple(sorted(made, key=lambda c: ORDER[c.level]))


def choice_checks(
    reading: OptInReading, users: Patterns, propensity: Propensity, overlap: Sequence[Check], study: OptInStudy
) -> list[Check]:
    """What can be said of the choice itself, without an outcome; ``overlap`` are the checks of the gate."""
    made = [choice.separation(propensity, auc(propensity.e, users.count), len(users.names))]
    made += [choice.unit_rows(reading.rows, reading.entrance.one_in)] if reading.entrance.one_in else []
    made += [*stored_checks(reading.stored, pictured=True), *overlap]
    made += [choice.covariate_timing(reading.entrance.timings)] if reading.entrance.timings else []
    made += [choice.sampled(reading.rows, reading.stream.sample.treated.size)] if reading.stream else []
    made += [choice.few_clusters(reading.cluster_rows.size)] if reading.clustered else []
    made += [choice.kink(propensity.e, users.count.sum(axis=1))] if "ATM" in study.design.estimands else []
    return made


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
    everyone, there = reading.arms, reading.outcome_arms[answer.metric.column]
    gone = [a - b for a, b in zip(everyone, there, strict=True)]
    shares = (gone[0] / everyone[0], gone[1] / everyone[1])
    variance = sum(s * (1 - s) / n for s, n in zip(shares, everyone, strict=True))
    p = t_interval(shares[1] - shares[0], math.sqrt(variance), math.inf, 0.95).p_value if variance > 0 else None
    return assignment.missing_outcome(answer.metric.label, shares, p, int(sum(gone)))


def negative_controls(reading: OptInReading, study: OptInStudy, estimand: Estimand) -> list[balance.Contrast]:
    """Outcomes that the feature cannot move, through the same pipeline as the headline."""
    made: list[balance.Contrast] = []
    for name in study.negative_controls:
        if reading.stream is not None:
            basis = streamed_basis(reading.stream, name, only=estimand)[0]
            point = basis.points["aipw", estimand]
            v = point.covariance if point.variant is None else point.variant
            made.append(_contrast(name, point.effect, v, basis.df, study))
            continue
        patterns = reading.outcomes[name]
        fits = fit_all(patterns if reading.clustered else patterns.collapsed(), study)
        made.append(_of_fits(name, fits, study, estimand))
    return made


def _of_fits(name: str, fits: Fits, study: OptInStudy, estimand: Estimand) -> balance.Contrast:
    patterns = fits.patterns
    means = solve(augmented(patterns, fits.propensity, fits.outcomes, estimand), patterns)
    if patterns.group is None:
        v, df = covariance(means, patterns), math.inf
    else:
        v, df = clustered_covariance(means, patterns, patterns.group, patterns.groups), patterns.groups - 1.0
    return _contrast(name, means.effect, effect_covariance(v), df, study)


def _contrast(name: str, effect: float, v: Floats, df: float, study: OptInStudy) -> balance.Contrast:
    interval = t_interval(effect, math.sqrt(max(float(v[1, 1]), 0.0)), df, study.level)
    return balance.Contrast(name=name, effect=effect, low=interval.low, high=interval.high, p_value=interval.p_value)
