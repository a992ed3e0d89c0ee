"""Every estimate of one metric of an opt-in study: naive, regression, weighting, both together, balancing, matching."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from honestlift.analysis.opt_in.fits import Basis, Fits, Key, Point, Trimmed, fit_all
from honestlift.analysis.opt_in.flexible import flexible_rows
from honestlift.analysis.opt_in.matching import MatchedAnswer, matching_answers
from honestlift.analysis.opt_in.notes import coverage_note
from honestlift.analysis.opt_in.reading import OptInReading
from honestlift.analysis.opt_in.resamples import resampled_patterns, resampled_rows, resampled_sums
from honestlift.analysis.opt_in.streamed import streamed_basis
from honestlift.analysis.opt_in.streaming import Streaming
from honestlift.analysis.sheet import Sheet
from honestlift.design.metric import Mean
from honestlift.design.opt_in import OptInStudy
from honestlift.diagnostics.sensitivity import Regression, partial_linear
from honestlift.estimators.stack import solve
from honestlift.estimators.tilt import Estimand
from honestlift.inference.influence import clustered_covariance, covariance, effect_covariance
from honestlift.inference.interval import relative, t_interval
from honestlift.inference.replicate import group_sums, jackknife_covariance
from honestlift.moments.patterns import Patterns
from honestlift.result import Estimate, Relative

Floats = NDArray[np.float64]

ADJUSTMENT = {
    "naive": "none",
    "regression": "linear outcome models",
    "ipw": "propensity weights",
    "aipw": "propensity weights and linear outcome models",
    "entropy": "weights that balance the covariate means",
}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class OptInAnswer:
    """All that was estimated for one metric.

    Attributes:
        metric: the metric.
        fits: patterns (distinct covariate rows; with clusters where there are any), propensity, outcome models.
        matched: the matching estimates.
        estimates: every estimate, the headline among them.
        headline: its estimand.
        dropped_draws: bootstrap resamples without an estimate.
        binary: whether the outcome is 0/1.
        regression: least squares of the outcome on the choice and the covariates.
    """

    metric: Mean
    fits: Fits
    matched: tuple[MatchedAnswer, ...]
    estimates: tuple[Estimate, ...]
    headline: Estimand
    dropped_draws: int
    binary: bool
    regression: Regression

    def find(self, method: str, estimand: str) -> Estimate | None:
        """The estimate by this method of this estimand, if there is one."""
        return next((e for e in self.estimates if (e.method, e.estimand) == (method, estimand)), None)


def is_binary(patterns: Patterns) -> bool:
    """Whether every outcome is 0 or 1: then y² = y, in every pattern's sums."""
    n, o = patterns.count, patterns.origin
    y = patterns.total + o * n
    y2 = patterns.square + 2 * o * patterns.total + o**2 * n
    near = 1e-9 * np.maximum(1.0, n)
    return bool((np.abs(y - y2) <= near).all() and (y >= -near).all() and (y <= n + near).all())


def estimate_opt_in(
    metric: Mean,
    reading: OptInReading,
    study: OptInStudy,
    headline: Estimand,
    bounds: Trimmed | None = None,
    stream: Streaming | None = None,
) -> OptInAnswer:
    """Estimate one metric in every way.

    Args:
        metric: which.
        reading: the patterns.
        study: what is asked.
        headline: the first of the study's estimands that the data support.
        bounds: propensities that are kept.
        stream: the rows within the bounds in their engine, where there are too many patterns to hold.
    """
    if stream is None:
        basis, matched = _from_patterns(reading.outcomes[metric.column], reading.clustered, study, bounds)
        sums = None
    else:
        basis, sums, matched = streamed_basis(stream, metric.column)
    sheet = _sheet(metric, basis, study, bounds)
    rows = _rows(basis, matched, sheet, headline)
    if study.learners is not None:
        learned = reading.outcomes[metric.column] if stream is None else stream.even(metric.column)
        rows += flexible_rows(learned, study, None if stream else bounds, reading.clustered, basis.df, sheet)
    if stream is None:
        grouped = (
            basis.fits if reading.clustered or not study.bootstrap else fit_all(reading.outcomes[metric.column], study, bounds)
        )
        again = resampled_patterns(grouped, study)
    else:
        again = resampled_sums(basis, sums, study)
    return OptInAnswer(
        metric=metric,
        fits=basis.fits,
        matched=tuple(matched),
        estimates=_in_order([*rows, *resampled_rows(again, rows, sheet, study)], study.design.estimands),
        headline=headline,
        dropped_draws=again.dropped,
        binary=basis.binary,
        regression=basis.regression,
    )


def _sheet(metric: Mean, basis: Basis, study: OptInStudy, bounds: Trimmed | None) -> Sheet:
    return Sheet(
        metric=metric.label,
        level=study.level,
        units=basis.users,
        clusters=basis.clusters or None,
        identified="observational",
        scale="risk difference" if basis.binary else "difference",
        suffix="" if bounds is None else f"; propensities from {bounds.low:.3g} to {bounds.high:.3g}",
    )


def _rows(basis: Basis, matched: Sequence[MatchedAnswer], sheet: Sheet, headline: Estimand) -> list[Estimate]:
    """Every estimator with its default interval, the variants of clusters, matching."""
    rows = [_row(key, p, p.covariance, basis.df, sheet, key == ("aipw", headline)) for key, p in basis.points.items()]
    for (method, estimand), point in basis.points.items():
        if point.variant is not None:
            rows.append(_row((f"{method}:cr1", estimand), point, point.variant, basis.df, sheet, headline=False))
    return rows + [_matching_row(m, basis.fits.patterns.origin, sheet) for m in matched]


def _in_order(rows: Sequence[Estimate], estimands: Sequence[str]) -> tuple[Estimate, ...]:
    """By estimand, then as they were made."""
    return tuple(e for estimand in estimands for e in rows if e.estimand == estimand)


def _from_patterns(
    everyone: Patterns, clustered: bool, study: OptInStudy, bounds: Trimmed | None
) -> tuple[Basis, list[MatchedAnswer]]:
    """Estimates from patterns that are all in memory."""
    fits = fit_all(everyone if clustered else everyone.collapsed(), study, bounds)
    patterns = fits.patterns
    points, df = _points(fits, study, clustered)
    flat = patterns.collapsed() if clustered else patterns
    matched = matching_answers(flat, fit_all(flat, study).propensity if clustered else fits.propensity, study)
    basis = Basis(
        fits=fits,
        points=points,
        df=df,
        users=int(patterns.rows),
        clusters=patterns.groups if clustered else 0,
        binary=is_binary(patterns),
        regression=partial_linear(patterns),
    )
    return basis, matched


def _points(fits: Fits, study: OptInStudy, clustered: bool) -> tuple[dict[Key, Point], float]:
    """Every estimator's answer with its default covariance, the CR1 variant of clusters, and the degrees of freedom."""
    patterns, estimands = fits.patterns, study.design.estimands
    made: dict[Key, Point] = {}
    for key, stack in fits.stacks(estimands):
        means = solve(stack, patterns)
        if clustered and patterns.group is not None:
            cr1 = effect_covariance(clustered_covariance(means, patterns, patterns.group, patterns.groups))
            variant = None if key[0] == "naive" else cr1
            made[key] = Point(effect=means.effect, control_mean=means.control_mean, covariance=cr1, variant=variant)
        else:
            v = effect_covariance(covariance(means, patterns))
            made[key] = Point(effect=means.effect, control_mean=means.control_mean, covariance=v)
    if not clustered or patterns.group is None:
        return made, math.inf
    sums = group_sums((stack for _, stack in fits.stacks(estimands)), patterns, patterns.group, patterns.groups)
    for key, v in zip(made, jackknife_covariance(sums), strict=True):
        made[key] = replace(made[key], covariance=effect_covariance(v))
    return made, patterns.groups - 1.0


def _row(key: tuple[str, Estimand], point: Point, v: Floats, df: float, sheet: Sheet, headline: bool) -> Estimate:
    method, estimand = key
    interval = t_interval(point.effect, math.sqrt(max(float(v[1, 1]), 0.0)), df, sheet.level)
    share = relative(point.effect, point.control_mean, v, df, sheet.level)
    return sheet.row(
        method, estimand, point.effect, interval, share, adjustment=ADJUSTMENT[method.partition(":")[0]], headline=headline
    )


def _matching_row(m: MatchedAnswer, origin: float, sheet: Sheet) -> Estimate:
    interval = t_interval(m.effect, m.std_error, math.inf, sheet.level)
    mean = m.control_mean + origin
    share = Relative(estimate=m.effect / mean if mean else None, conf_low=None, conf_high=None)
    how = m.how + coverage_note("matching_nn", sheet.clusters)
    return sheet.row("matching_nn", m.estimand, m.effect, interval, share, adjustment=how)
