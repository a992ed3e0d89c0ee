"""The fits that all estimates of an opt-in study rest on: who is kept, the propensity, the outcome models, the stacks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from honestlift.design.opt_in import OptInStudy
from honestlift.diagnostics.overlap import crump_cutoff
from honestlift.diagnostics.sensitivity import Regression
from honestlift.errors import DataError, DesignError
from honestlift.estimators.design import standardize
from honestlift.estimators.doubly_robust import augmented, balanced, regression
from honestlift.estimators.entropy import balancing_fits
from honestlift.estimators.outcome import OutcomeModel, fit_outcome
from honestlift.estimators.propensity import Propensity, determining, expit, fit_like_scikit_learn, fit_propensity
from honestlift.estimators.stack import Stack, predict
from honestlift.estimators.tilt import Estimand
from honestlift.estimators.weighting import naive, weighted
from honestlift.moments.patterns import Patterns

Floats = NDArray[np.float64]
Key = tuple[str, Estimand]
BALANCED: tuple[Estimand, ...] = ("ATE", "ATT", "ATC")
"""Estimands whose population entropy balancing and matching define."""


def propensity_of(patterns: Patterns, study: OptInStudy) -> Propensity:
    """The propensity that the study asks for.

    Raises:
        DataError: if the covariates determine who opted in; they are named.
        DesignError: if a covariate is collinear with others.
    """
    certain = determining(patterns)
    if certain:
        raise DataError.determines_treatment(study.design.arm, certain)
    if study.propensity.penalty == "l2":
        return fit_like_scikit_learn(patterns, ridge=study.propensity.C)
    made = fit_propensity(patterns)
    if made.status == "separated":
        away = np.abs(made.beta[1:]) > 5
        names = [name for name, far in zip(patterns.names, away, strict=True) if far] or list(patterns.names)
        raise DataError.determines_treatment(study.design.arm, names)
    return made


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Trimmed:
    """Who is left after trimming: another question.

    Attributes:
        low, high: least and greatest propensity kept.
        kept: users kept.
        share: their share of all.
        coefficients: (k + 1,) of the logit of everybody, on the covariate columns as they came.
    """

    low: float
    high: float
    kept: float
    share: float
    coefficients: Floats


def trimming(users: Patterns, propensity: Propensity, study: OptInStudy) -> Trimmed | None:
    """The propensities that the study keeps; None if it keeps all.

    Raises:
        DataError: if an arm is left empty.
    """
    if study.trim is None:
        return None
    if study.trim == "crump":
        alpha = crump_cutoff(propensity.e, users.count.sum(axis=1))
        low, high = alpha, 1 - alpha
    else:
        low, high = study.trim
    part = users.kept((propensity.e >= low) & (propensity.e <= high))
    if min(part.arms, default=0) == 0:
        raise DataError.no_users_left(f"Trimming to propensities from {low:.3g} to {high:.3g}")
    return Trimmed(low=low, high=high, kept=part.rows, share=part.rows / users.rows, coefficients=propensity.coefficients)


def within_bounds(x: Floats, bounds: Trimmed) -> NDArray[np.bool_]:
    """Which covariate rows (n, k) have a propensity within the bounds."""
    e = expit(bounds.coefficients[0] + predict(x, bounds.coefficients[1:]))
    return (e >= bounds.low) & (e <= bounds.high)


def trim(patterns: Patterns, bounds: Trimmed | None) -> Patterns:
    """The patterns within the bounds."""
    return patterns if bounds is None else patterns.kept(within_bounds(patterns.x, bounds)).recoded()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Fits:
    """Patterns of one metric with what is fitted to them.

    Attributes:
        patterns: the users with the outcome, after trimming.
        propensity: fitted to them.
        outcomes: linear models of the control and of the treated arm.
    """

    patterns: Patterns
    propensity: Propensity
    outcomes: tuple[OutcomeModel, OutcomeModel]

    def stacks(self, estimands: Sequence[Estimand]) -> Iterator[tuple[Key, Stack]]:
        """Every estimator of every estimand, one at a time, for each is as large as the patterns.

        Entropy balancing comes only where weights exist that balance.
        """
        patterns, propensity = self.patterns, self.propensity
        for estimand in estimands:
            yield ("naive", estimand), naive(patterns)
            yield ("regression", estimand), regression(patterns, propensity, self.outcomes, estimand)
            yield ("ipw", estimand), weighted(patterns, propensity, estimand)
            yield ("aipw", estimand), augmented(patterns, propensity, self.outcomes, estimand)
            if estimand in BALANCED:
                try:
                    stack = balanced(patterns, balancing_fits(patterns, estimand), estimand)
                except DesignError:
                    continue  # the target is out of reach of an arm: the overlap check says so
                yield ("entropy", estimand), stack


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Point:
    """One estimator's answer without the arrays behind it: covariances are of (mean under control, effect)."""

    effect: float
    control_mean: float
    covariance: Floats
    variant: Floats | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Basis:
    """What all rows of one metric's estimates are made of.

    Attributes:
        fits: propensity and outcome models, with the patterns that diagnostics look at: all users, or a weighted sample of them.
        points: every estimator's answer.
        df: degrees of freedom of their intervals.
        users: users with the outcome, after trimming.
        clusters: clusters; 0 without.
        binary: whether the outcome is 0/1.
        regression: least squares of the outcome on the choice and the covariates.
    """

    fits: Fits
    points: Mapping[Key, Point]
    df: float
    users: int
    clusters: int
    binary: bool
    regression: Regression


def fit_all(patterns: Patterns, study: OptInStudy, bounds: Trimmed | None = None) -> Fits:
    """Trim, fit the propensity (again) and the outcome models.

    Args:
        patterns: the users with one outcome.
        study: what is asked.
        bounds: propensities to keep, by the fit to everybody.
    """
    patterns = trim(patterns, bounds)
    propensity = propensity_of(patterns, study)
    design = propensity.design or standardize(patterns)
    outcomes = (fit_outcome(patterns, 0, design=design), fit_outcome(patterns, 1, design=design))
    return Fits(patterns=patterns, propensity=propensity, outcomes=outcomes)
