"""Doubly robust estimates with flexible learners, beside those of the logit and least squares."""

from __future__ import annotations

import math

from honestlift.analysis.opt_in.fits import Trimmed, trim
from honestlift.analysis.sheet import Sheet
from honestlift.design.opt_in import OptInStudy
from honestlift.estimators.cross_fit import cross_fit, folds_of
from honestlift.estimators.doubly_robust import augmented
from honestlift.estimators.stack import solve
from honestlift.inference.influence import clustered_covariance, covariance, effect_covariance
from honestlift.inference.interval import relative, t_interval
from honestlift.moments.patterns import Patterns
from honestlift.result import Estimate


def flexible_rows(
    everyone: Patterns, study: OptInStudy, bounds: Trimmed | None, clustered: bool, df: float, sheet: Sheet
) -> list[Estimate]:
    """One row ``aipw:cross_fitted`` per estimand.

    Args:
        everyone: the users with the outcome, in groups (clusters, or buckets of hashed ids) that become folds.
        study: has learners.
        bounds: propensities that are kept, by the logit of everybody.
        clustered: whether the groups are clusters.
        df: degrees of freedom of the intervals.
        sheet: of the metric.
    """
    assert study.learners is not None
    patterns = trim(everyone, bounds)
    assert patterns.group is not None
    fold = folds_of(patterns.group, study.learners.folds)
    propensity, outcomes = cross_fit(patterns, fold, study.learners.folds, study.learners.classifier, study.learners.regressor)
    made: list[Estimate] = []
    for estimand in study.design.estimands:
        means = solve(augmented(patterns, propensity, outcomes, estimand), patterns)
        if clustered:
            v = effect_covariance(clustered_covariance(means, patterns, patterns.group, patterns.groups))
        else:
            v = effect_covariance(covariance(means, patterns))
        interval = t_interval(means.effect, math.sqrt(max(float(v[1, 1]), 0.0)), df, sheet.level)
        share = relative(means.effect, means.control_mean, v, df, sheet.level)
        learners = f"{type(study.learners.classifier).__name__} and {type(study.learners.regressor).__name__}"
        how = f"{learners}, {study.learners.folds} folds"
        made.append(sheet.row("aipw:cross_fitted", estimand, means.effect, interval, share, adjustment=how))
    return made
