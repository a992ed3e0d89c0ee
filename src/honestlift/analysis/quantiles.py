"""Quantile metrics: exact quantiles of both arms in a constant number of scans, and their difference with clusters as units.

The scans: two or three for the quantiles (see ``ranks``); one for what each cluster has up to there, which says how far the distribution
function can be off; two or three for the values that far away; one for the clusters' histograms between these.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from honestlift.analysis.estimates import Answer, estimate_metric
from honestlift.analysis.reading import Reading
from honestlift.analysis.sheet import beside
from honestlift.design.metric import Quantile
from honestlift.design.study import Study
from honestlift.diagnostics import quantile as diagnosed
from honestlift.errors import QuantileError
from honestlift.estimators import itt
from honestlift.estimators.adjusted import Covariate
from honestlift.estimators.fit import least_squares
from honestlift.estimators.quantile import Curve, curves, linearized
from honestlift.inference.bootstrap import resample
from honestlift.inference.interval import percentile_interval, t_quantile
from honestlift.inference.quantile import difference, stepwise_difference
from honestlift.inference.sandwich import satterthwaite, whiten
from honestlift.moments.cells import Outcome
from honestlift.moments.ranks import Span, binned, joined, order_statistics, rank_of
from honestlift.moments.table import Label
from honestlift.result import Check, Estimate, Relative

WIDER = (1.6, 5.0)
"""The histograms reach so many times the interval's half-width, and at least so many standard errors of the distribution function."""

TRIES = 3
"""How often the histograms are made to reach twice as far where an end of an interval lies beyond them."""

FINEST, COARSEST, MOST = 256, 16, 8_000_000
"""Bins of a histogram, and clusters × bins that they are held to."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Quantiles:
    """The quantiles of both arms, (control, treated) each.

    Attributes:
        at: the quantiles.
        tied: share of the arm's users who have exactly this value.
        arms: the distribution functions around them.
        df: degrees of freedom of the difference.
        slopes: one over the densities, by the width of the arms' own intervals.
        lumpy: whether more users are tied than the interval of a distribution function is wide.
    """

    at: tuple[float, float]
    tied: tuple[float, float]
    arms: tuple[Curve, Curve]
    df: float
    slopes: tuple[float, float]
    lumpy: bool


def estimate_quantile(metric: Quantile, reading: Reading, study: Study, covariates: Sequence[Covariate]) -> Answer:
    """The difference of the arms' quantiles: the linearized outcome estimated as a mean is, and beside it inverted tests.

    Where ties make the quantile move in steps there is no density: the headline's interval is then that of the inverted tests.

    Raises:
        QuantileError: if an end of the interval lies beyond the data, or both quantiles sit on point masses that nothing moves.
    """
    outcome = reading.cells.outcome(metric.column)
    found = _quantiles(metric, reading, study, outcome)
    plain = linearized(outcome, found.arms, found.at, found.slopes)
    answer = estimate_metric(metric, plain, study, covariates)
    base = next(e for e in answer.estimates if e.headline)
    test = stepwise_difference if found.lumpy else difference
    inverted = test(found.arms, found.at, metric.q, found.df, study.level)
    _within_data(metric, [(inverted.low, inverted.high)] * 2)
    effect = found.at[1] - found.at[0]
    share = Relative(estimate=effect / found.at[0] if found.at[0] else None, conf_low=None, conf_high=None)
    bare = replace(base, adjustment="none")
    rows = [replace(e, estimate=effect) if e.adjustment == "none" else e for e in answer.estimates if e.method != "cluster_wls"]
    if found.lumpy:
        rows = [replace(beside(bare, "user_ols", effect, inverted, share), headline=True) if e.headline else e for e in rows]
        rows = [e for e in rows if e.headline or e.method == "naive_ols"]
    else:
        rows.append(beside(bare, "user_ols:inversion", effect, inverted, share))
    rows += _bootstrap(found, bare, share, metric.q, outcome, study)
    return replace(answer, estimates=tuple(rows), fits={} if found.lumpy else answer.fits, quantiles=found)


def quantile_check(metric: Quantile, found: Quantiles) -> Check:
    """The quantiles of both arms, and whether they move in steps."""
    return diagnosed.quantile(metric.label, metric.q, found.at, found.tied, lumpy=found.lumpy)


def _quantiles(metric: Quantile, reading: Reading, study: Study, outcome: Outcome) -> Quantiles:
    at = _exact(metric, reading, outcome)
    first = _curves(reading, metric.column, outcome, [(v, v) for v in sorted(set(at))], 1)
    white = whiten(least_squares(itt.user_moments(outcome)))
    df = satterthwaite(white, white.fit.contrast("itt"))
    t = t_quantile(df, study.level)
    errors = [max(c.error[c.at(v) - 1], c.error[c.at(v)]) for c, v in zip(first, at, strict=True)]
    reach, arms, ends = max(WIDER[0] * t, WIDER[1]), first, [(-math.inf, math.inf)] * 2
    for _ in range(TRIES):
        spans = _spans(metric, reading, outcome, at, [reach * e for e in errors])
        arms = _curves(reading, metric.column, outcome, spans, int(np.clip(MOST // outcome.clusters, COARSEST, FINEST)))
        ends = [curve.limits(metric.q, t) for curve in arms]
        if all(math.isfinite(end) for pair in ends for end in pair):
            break
        reach *= 2
    _within_data(metric, ends)
    widths = [max(high, v) - min(low, v) for (low, high), v in zip(ends, at, strict=True)]
    if not any(widths):
        raise QuantileError.fixed(metric.column, metric.q, *at)
    places = [curve.at(v) for curve, v in zip(arms, at, strict=True)]
    tied = [float(c.share[j] - c.share[j - 1]) for c, j in zip(arms, places, strict=True)]
    inside = [float(c.error[j]) for c, j in zip(arms, places, strict=True)]
    slopes = [w / (2 * t * e) if e > 0 else 0.0 for w, e in zip(widths, inside, strict=True)]
    lumpy = any(share > t * e for share, e in zip(tied, errors, strict=True)) or not any(slopes)
    return Quantiles(at=at, tied=(tied[0], tied[1]), arms=(arms[0], arms[1]), df=df, slopes=(slopes[0], slopes[1]), lumpy=lumpy)


def _within_data(metric: Quantile, ends: Sequence[Span]) -> None:
    """The interval of each arm, (control, treated), has both ends."""
    for name, pair in zip(("control", "treated"), ends, strict=True):
        if not all(math.isfinite(end) for end in pair):
            raise QuantileError.beyond(metric.column, metric.q, name)


def _arms(reading: Reading) -> tuple[Label, Label]:
    """The values of the treatment column, (control, treated)."""
    key, treated = reading.cells.moments.keys[reading.study.design.arm], reading.cells.treated
    return key.labels[int(key.codes[~treated][0])], key.labels[int(key.codes[treated][0])]


def _users(outcome: Outcome) -> tuple[int, int]:
    return int(outcome.count[~outcome.treated].sum()), int(outcome.count[outcome.treated].sum())


def _ranked(metric: Quantile, reading: Reading, wanted: list[tuple[Label, int]]) -> list[float]:
    seen = reading.profile.columns[metric.column]
    return order_statistics(reading.source, metric.column, wanted, (seen.low, seen.high), by=reading.study.design.arm)


def _exact(metric: Quantile, reading: Reading, outcome: Outcome) -> tuple[float, float]:
    wanted = [(arm, rank_of(metric.q, n)) for arm, n in zip(_arms(reading), _users(outcome), strict=True)]
    control, treated = _ranked(metric, reading, wanted)
    return control, treated


def _spans(metric: Quantile, reading: Reading, outcome: Outcome, at: tuple[float, float], reach: Sequence[float]) -> list[Span]:
    """From the value at the share q − reach of each arm to that at q + reach, cut at both quantiles."""
    wanted: list[tuple[Label, int]] = []
    for arm, n, away in zip(_arms(reading), _users(outcome), reach, strict=True):
        wanted += [(arm, max(1, math.ceil((metric.q - away) * n) - 1)), (arm, min(n, math.ceil((metric.q + away) * n) + 1))]
    ends = _ranked(metric, reading, wanted)
    made: list[Span] = []
    for low, high in joined([(ends[0], ends[1]), (ends[2], ends[3]), *((v, v) for v in at)]):
        for value in sorted(v for v in set(at) if low <= v <= high):
            made += [(low, math.nextafter(value, -math.inf))] if low < value else []
            made.append((value, value))
            low = math.nextafter(value, math.inf)  # noqa: PLW2901  what is left of the span
        made += [(low, high)] if low <= high else []
    return made


def _curves(reading: Reading, column: str, outcome: Outcome, spans: Sequence[Span], bins: int) -> tuple[Curve, Curve]:
    cells = reading.cells
    names = [name for name, kept in zip(cells.names, cells.kept(column), strict=True) if kept]
    seen = binned(reading.source, [reading.study.design.cluster], column, spans, bins)
    return curves(seen, outcome, {name: place for place, name in enumerate(names)})


def _bootstrap(found: Quantiles, base: Estimate, share: Relative, q: float, outcome: Outcome, study: Study) -> list[Estimate]:
    """Percentiles of the difference over resampled clusters, each quantile to a bin of the histograms."""
    if not study.bootstrap:
        return []
    control, treated = found.arms
    parts = [
        treated.quantiles(q, weights[:, outcome.arm]) - control.quantiles(q, weights[:, ~outcome.arm])
        for weights in resample(outcome.clusters, study.bootstrap, np.random.default_rng(study.seed))
    ]
    drawn = np.concatenate(parts)
    effect = found.at[1] - found.at[0]
    interval = percentile_interval(drawn[np.isfinite(drawn)], study.level, effect)
    return [beside(base, "user_ols:bootstrap", effect, interval, share)]
