"""Every estimate of one metric of an opt-in study: naive, regression, weighting, both together, balancing, matching."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from honestlift.analysis.opt_in.fits import BALANCED, Fits, Key, Trimmed, fit_all
from honestlift.analysis.opt_in.flexible import flexible_rows
from honestlift.analysis.opt_in.matching import MatchedAnswer, matching_answers, matching_bootstrap
from honestlift.analysis.opt_in.reading import OptInReading
from honestlift.analysis.opt_in.sheet import Sheet, finite
from honestlift.design.metric import Mean
from honestlift.design.opt_in import OptInStudy
from honestlift.diagnostics.overlap import effective_sizes
from honestlift.errors import DesignError
from honestlift.estimators.propensity import expit, newton
from honestlift.estimators.stack import Stack, cross, predict, project, solve, solve_square
from honestlift.estimators.tilt import Estimand, tilt
from honestlift.inference.influence import clustered_covariance, covariance, effect_covariance
from honestlift.inference.interval import percentile_interval, relative, t_interval
from honestlift.inference.replicate import bucket_bootstrap, group_sums, jackknife_covariance, refit_bootstrap
from honestlift.moments.patterns import Patterns
from honestlift.result import Estimate, Relative

Floats = NDArray[np.float64]

ONE_STEP_ROWS, ONE_STEP_ESS = 20_000, 2_000
"""Users, and effective users of either arm, above which a resample takes one Newton step instead of a whole fit."""

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
    """

    metric: Mean
    fits: Fits
    matched: tuple[MatchedAnswer, ...]
    estimates: tuple[Estimate, ...]
    headline: Estimand
    dropped_draws: int

    def find(self, method: str, estimand: str) -> Estimate | None:
        """The estimate by this method of this estimand, if there is one."""
        return next((e for e in self.estimates if (e.method, e.estimand) == (method, estimand)), None)

    @property
    def binary(self) -> bool:
        """Whether the outcome is 0/1."""
        return is_binary(self.fits.patterns)


def is_binary(patterns: Patterns) -> bool:
    """Whether every outcome is 0 or 1: then y² = y, in every pattern's sums."""
    n, o = patterns.count, patterns.origin
    y = patterns.total + o * n
    y2 = patterns.square + 2 * o * patterns.total + o**2 * n
    near = 1e-9 * np.maximum(1.0, n)
    return bool((np.abs(y - y2) <= near).all() and (y >= -near).all() and (y <= n + near).all())


def estimate_opt_in(
    metric: Mean, reading: OptInReading, study: OptInStudy, bounds: Trimmed | None, headline: Estimand
) -> OptInAnswer:
    """Estimate one metric in every way.

    Args:
        metric: which.
        reading: the patterns.
        study: what is asked.
        bounds: propensities that are kept.
        headline: the first of the study's estimands that the data support.
    """
    everyone = reading.outcomes[metric.column]
    clustered = reading.clustered
    fits = fit_all(everyone if clustered else everyone.collapsed(), study, bounds)
    patterns = fits.patterns
    points, df = _points(fits, study, clustered)
    sheet = Sheet(
        metric=metric.label,
        level=study.level,
        units=int(patterns.rows),
        clusters=patterns.groups if clustered else None,
        scale="risk difference" if is_binary(patterns) else "difference",
        suffix="" if bounds is None else f"; propensities from {bounds.low:.3g} to {bounds.high:.3g}",
    )
    flat = patterns.collapsed() if clustered else patterns
    matched = tuple(matching_answers(flat, fit_all(flat, study).propensity if clustered else fits.propensity, study))
    rows = [_row(key, p, p.covariance, df, sheet, key == ("aipw", headline)) for key, p in points.items()]
    rows += [
        _row((f"{m}:cr1", e), p, p.variant, df, sheet, headline=False) for (m, e), p in points.items() if p.variant is not None
    ]
    rows += [_matching_row(m, flat.origin, sheet) for m in matched]
    if study.learners is not None:
        rows += flexible_rows(everyone, study, bounds, clustered, df, sheet)
    resampled, dropped = _bootstrap(everyone, fits, study, bounds, sheet, rows, clustered)
    return OptInAnswer(
        metric=metric,
        fits=fits,
        matched=matched,
        estimates=_in_order([*rows, *resampled], study.design.estimands),
        headline=headline,
        dropped_draws=dropped,
    )


def _in_order(rows: Sequence[Estimate], estimands: Sequence[str]) -> tuple[Estimate, ...]:
    """By estimand, then as they were made."""
    return tuple(e for estimand in estimands for e in rows if e.estimand == estimand)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Point:
    """One estimator's answer without the arrays behind it: covariances are of (mean under control, effect)."""

    effect: float
    control_mean: float
    covariance: Floats
    variant: Floats | None = None


def _points(fits: Fits, study: OptInStudy, clustered: bool) -> tuple[dict[Key, _Point], float]:
    """Every estimator's answer with its default covariance, the CR1 variant of clusters, and the degrees of freedom."""
    patterns, estimands = fits.patterns, study.design.estimands
    made: dict[Key, _Point] = {}
    for key, stack in fits.stacks(estimands):
        means = solve(stack, patterns)
        if clustered and patterns.group is not None:
            cr1 = effect_covariance(clustered_covariance(means, patterns, patterns.group, patterns.groups))
            variant = None if key[0] == "naive" else cr1
            made[key] = _Point(effect=means.effect, control_mean=means.control_mean, covariance=cr1, variant=variant)
        else:
            v = effect_covariance(covariance(means, patterns))
            made[key] = _Point(effect=means.effect, control_mean=means.control_mean, covariance=v)
    if not clustered or patterns.group is None:
        return made, math.inf
    sums = group_sums((stack for _, stack in fits.stacks(estimands)), patterns, patterns.group, patterns.groups)
    for key, v in zip(made, jackknife_covariance(sums), strict=True):
        made[key] = replace(made[key], covariance=effect_covariance(v))
    return made, patterns.groups - 1.0


def _row(key: tuple[str, Estimand], point: _Point, v: Floats, df: float, sheet: Sheet, headline: bool) -> Estimate:
    method, estimand = key
    interval = t_interval(point.effect, math.sqrt(max(float(v[1, 1]), 0.0)), df, sheet.level)
    share = relative(point.effect, point.control_mean, v, df, sheet.level)
    return sheet.row(method, estimand, point.effect, interval, share, ADJUSTMENT[method.partition(":")[0]], headline)


def _matching_row(m: MatchedAnswer, origin: float, sheet: Sheet) -> Estimate:
    interval = t_interval(m.effect, m.std_error, math.inf, sheet.level)
    mean = m.control_mean + origin
    share = Relative(estimate=m.effect / mean if mean else None, conf_low=None, conf_high=None)
    return sheet.row("matching_nn", m.estimand, m.effect, interval, share, m.how, headline=False)


def _bootstrap(
    everyone: Patterns,
    fits: Fits,
    study: OptInStudy,
    bounds: Trimmed | None,
    sheet: Sheet,
    rows: Sequence[Estimate],
    clustered: bool,
) -> tuple[list[Estimate], int]:
    """A percentile interval beside each estimate, from resamples of clusters or of buckets of users."""
    grouped = fits if clustered or not study.bootstrap else fit_all(everyone, study, bounds)
    patterns = grouped.patterns
    if not study.bootstrap or patterns.group is None:
        return [], 0
    keys = list[Key]()

    def each() -> Iterator[Stack]:
        for key, stack in grouped.stacks(study.design.estimands):
            if key[0] != "naive":
                keys.append(key)
                yield stack

    sums = group_sums(each(), patterns, patterns.group, patterns.groups)
    draws = bucket_bootstrap(sums, study.bootstrap, np.random.default_rng(study.seed))
    effects = {key: draws[:, i, 1] - draws[:, i, 0] for i, key in enumerate(keys)}
    with np.errstate(divide="ignore", invalid="ignore"):  # a control mean of exactly zero has no ratio, and is left out below
        ratios = {key: effects[key] / (draws[:, i, 0] + patterns.origin) for i, key in enumerate(keys)}
    dropped = 0
    if not _one_step(grouped, study):
        refitted, dropped = _refit(grouped, study)
        effects |= refitted
        ratios = {key: r for key, r in ratios.items() if key not in refitted}
    if study.matching.bootstrap and study.matching.replacement and not study.matching.exact and study.matching.caliper is None:
        wanted: list[Estimand] = [e for e in BALANCED if e in study.design.estimands]
        again = matching_bootstrap(patterns, grouped.propensity, wanted, study, np.random.default_rng(study.seed))
        effects |= {("matching_nn", e): again[:, i] for i, e in enumerate(wanted)}
    made: list[Estimate] = []
    for key, values in effects.items():
        method, estimand = key
        base = next((r for r in rows if (r.method, r.estimand) == (method, estimand)), None)
        if base is None or base.estimate is None:
            continue
        finite = values[np.isfinite(values)]
        interval = percentile_interval(finite, study.level, base.estimate)
        ratio = ratios.get(key)
        how = base.adjustment.removesuffix(sheet.suffix)
        how += "; not valid for matching (Abadie & Imbens 2008)" if method == "matching_nn" else ""
        share = _ratio_interval(ratio, base, study.level)
        made.append(sheet.row(f"{method}:bootstrap", estimand, base.estimate, interval, share, how, headline=False))
    return made, dropped


def _ratio_interval(ratio: Floats | None, base: Estimate, level: float) -> Relative:
    if ratio is None or base.relative.estimate is None or not np.isfinite(ratio).all():
        return Relative(estimate=base.relative.estimate, conf_low=None, conf_high=None)
    ends = percentile_interval(ratio, level, base.relative.estimate)
    return Relative(estimate=base.relative.estimate, conf_low=finite(ends.low), conf_high=finite(ends.high))


def _one_step(fits: Fits, study: OptInStudy) -> bool:
    """Whether the sample is large enough for resamples of one Newton step."""
    if fits.patterns.rows <= ONE_STEP_ROWS:
        return False
    sizes = [a.effective for e in study.design.estimands for a in effective_sizes(fits.patterns, fits.propensity.e, e)]
    return min(sizes) > ONE_STEP_ESS


def _refit(fits: Fits, study: OptInStudy) -> tuple[dict[Key, Floats], int]:
    """Weighting and doubly robust estimates with the propensity fitted anew to every resample."""
    assert fits.propensity.design is not None
    matrix, estimands = fits.propensity.design.matrix, study.design.estimands

    def estimate(part: Patterns) -> Floats:
        beta, _, settled = newton(matrix, part.count, fits.propensity.penalty, fits.propensity.beta)
        if not settled:
            raise DesignError.no_maximum()
        return _point_estimates(part, expit(predict(matrix, beta)), matrix, estimands)

    made, dropped = refit_bootstrap(estimate, fits.patterns, study.bootstrap, np.random.default_rng(study.seed))
    keys: list[Key] = [(method, e) for e in estimands for method in ("ipw", "aipw")]
    return {key: made[:, i] for i, key in enumerate(keys)} if made.size else {}, dropped


def _point_estimates(part: Patterns, e: Floats, matrix: Floats, estimands: Sequence[Estimand]) -> Floats:
    """Weighting and doubly robust effects of every estimand, without their influence functions."""
    predicted = [
        predict(matrix, solve_square(cross(matrix, part.count[:, a]), project(matrix, part.total[:, a]))) for a in (0, 1)
    ]
    size, made = part.count.sum(axis=1), list[float]()
    own: dict[str, Floats] = {"ATT": part.count[:, 1], "ATC": part.count[:, 0]}
    for estimand in estimands:
        t = tilt(e, estimand)
        share = own[estimand] if estimand in own else t.h * size
        plain: list[float] = []
        both: list[float] = []
        for a, w in enumerate((t.w0, t.w1)):
            weight, total = part.count[:, a] * w, part.total[:, a] * w
            plain.append(float(total.sum() / weight.sum()))
            both.append(float((np.sum(share * predicted[a]) + np.sum(total - weight * predicted[a])) / share.sum()))
        made += [plain[1] - plain[0], both[1] - both[0]]
    return np.array(made)
