"""Every estimate of a metric of a roll-out: what a comparison as it comes says, what the regression says, and the headline."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from honestlift.analysis.sheet import Sheet, beside
from honestlift.analysis.waves.reading import Sums
from honestlift.analysis.waves.timeline import Point, Timeline, timeline
from honestlift.design.metric import Mean
from honestlift.design.waves import WavesStudy
from honestlift.errors import WavesError
from honestlift.estimators.two_way import two_way
from honestlift.estimators.waves import Panel, supported
from honestlift.inference.interval import relative, t_interval
from honestlift.result import Estimate, Relative

ESTIMAND = "att_rollout"
NO_SHARE = Relative(estimate=None, conf_low=None, conf_high=None)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Answer:
    """What is known of a metric.

    Attributes:
        metric: what was asked.
        estimates: its rows, the naive one first.
        panel: its sums.
        time: its effects over time.
    """

    metric: Mean
    estimates: tuple[Estimate, ...]
    panel: Panel
    time: Timeline

    @property
    def headline(self) -> Estimate:
        """The number to quote."""
        return next(e for e in self.estimates if e.headline)


def estimate_waves(metric: Mean, sums: Sums, study: WavesStudy, users: int) -> Answer:
    """All estimates of a metric.

    Raises:
        WavesError: if no wave has clusters to be compared with.
    """
    panel, d = sums.outcomes[metric.column], study.design
    on = supported(panel, d.base)
    if not len(on.cells):
        raise WavesError.nobody_to_compare(d.start)
    time = timeline(panel, on, study.level)
    clusters = int((panel.count.sum(axis=1) > 0).sum())
    sheet = Sheet(
        metric=metric.label,
        level=study.level,
        units=users,
        clusters=clusters,
        identified="randomized" if d.randomized else "observational",
    )
    headline = _headline(time, sums.origin[metric.column], sheet, d.base)
    other = _other_base(panel, headline, study)
    return Answer(
        metric=metric,
        estimates=(_naive(metric.column, sums, sheet), *_regression(panel, sheet, clusters), headline, *other),
        panel=panel,
        time=time,
    )


def _headline(time: Timeline, origin: float, sheet: Sheet, base: str) -> Estimate:
    i = time.overall.interval
    share = relative(time.overall.estimate, time.without + origin, time.covariance, i.df, sheet.level)
    said = {"all": "all periods before the start", "last": "the last period before the start"}[base]
    adjustment = f"differences in {said}" if time.on.based else "none"
    return sheet.row("callaway_santanna", ESTIMAND, time.overall.estimate, i, share, adjustment=adjustment, headline=True)


def _other_base(panel: Panel, headline: Estimate, study: WavesStudy) -> list[Estimate]:
    """The same from the other periods before the start: where trends are parallel the two agree."""
    base = "last" if study.design.base == "all" else "all"
    on = supported(panel, base)
    if not on.based or not any(len(s) > 1 for s in supported(panel, "all").base):
        return []
    found: Point = timeline(panel, on, study.level).overall
    row = beside(headline, f"callaway_santanna:base_{base}", found.estimate, found.interval, NO_SHARE)
    said = {"all": "all periods before the start", "last": "the last period before the start"}[base]
    return [replace(row, adjustment=f"differences in {said}")]


def _naive(column: str, sums: Sums, sheet: Sheet) -> Estimate:
    """Rows with the feature minus rows without, as if independent and alike."""
    panel = sums.outcomes[column]
    on = panel.treated
    n = [float(panel.count[~on].sum()), float(panel.count[on].sum())]
    total = [float(panel.total[~on].sum()), float(panel.total[on].sum())]
    if min(n) < 2:
        nothing = t_interval(math.nan, math.nan, math.nan, sheet.level)
        return sheet.row("naive_ols", ESTIMAND, math.nan, nothing, NO_SHARE)
    mean = [t / k for t, k in zip(total, n, strict=True)]
    df = sum(n) - 2
    within = sum(max(s - t * t / k, 0.0) for s, t, k in zip(sums.squares[column], total, n, strict=True)) / df
    before, both = within / n[0], within * (1 / n[0] + 1 / n[1])
    interval = t_interval(mean[1] - mean[0], math.sqrt(both), df, sheet.level)
    known = np.array([[before, -before], [-before, both]])
    share = relative(mean[1] - mean[0], mean[0] + sums.origin[column], known, df, sheet.level)
    return sheet.row("naive_ols", ESTIMAND, mean[1] - mean[0], interval, share)


def _regression(panel: Panel, sheet: Sheet, clusters: int) -> list[Estimate]:
    """Least squares with workspace and period effects, where it has a coefficient."""
    effect, error = two_way(panel)
    if math.isnan(effect):
        return []
    interval = t_interval(effect, error, clusters - 1.0, sheet.level)
    return [sheet.row("two_way_fe", ESTIMAND, effect, interval, NO_SHARE, adjustment="workspace and period effects")]
