"""Every estimate of one metric: the naive, the published and the honest, each with its interval."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from honestlift.design.metric import Mean
from honestlift.design.study import Study
from honestlift.errors import DataError, DesignError
from honestlift.estimators import exposure, itt
from honestlift.estimators.fit import least_squares, true_value
from honestlift.inference.bootstrap import Replicates, pairs_bootstrap
from honestlift.inference.interval import percentile_interval, relative, t_interval
from honestlift.inference.sandwich import Kind, Whitened, covariance, satterthwaite, whiten
from honestlift.moments.cells import Outcome
from honestlift.moments.cluster import ClusterMoments
from honestlift.result import Estimate, Identified, Interval, Relative

if TYPE_CHECKING:
    from honestlift.analysis.alternatives import Alternative

ROUNDING = 1e-11
"""Share of an outcome's spread below which an effect, an error or a mean is what rounding left over, and is taken to be zero."""


SPREADS = (1e-70, 1e70)
"""Spreads of an outcome whose fourth powers, which the resampling tests compare, are doubles with all their digits."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Answer:
    """All that was estimated for one metric.

    Attributes:
        metric: the metric.
        outcome: its sums.
        estimates: every estimate, the headline among them.
        headline_fit: the fit behind the headline, whitened.
        fits: the fit behind each cluster method, whitened, the headline's among them.
        others: tests beside them, where workspaces are few; see ``alternatives``.
        dropped_draws: bootstrap draws without both arms (and exposures), which were left out.
    """

    metric: Mean
    outcome: Outcome
    estimates: tuple[Estimate, ...]
    headline_fit: Whitened
    fits: Mapping[str, Whitened]
    dropped_draws: int
    others: tuple[Alternative, ...] = ()

    def find(self, method: str, estimand: str) -> Estimate | None:
        """The estimate by this method of this estimand, if there is one."""
        return next((e for e in self.estimates if (e.method, e.estimand) == (method, estimand)), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sheet:
    """What all estimates of a metric have in common."""

    metric: str
    level: float
    units: int
    clusters: int
    smallest: float

    def row(
        self,
        method: str,
        estimand: str,
        estimate: float,
        interval: Interval,
        share: Relative,
        *,
        identified: Identified = "randomized",
        adjustment: str = "none",
        headline: bool = False,
    ) -> Estimate:
        return Estimate(
            metric=self.metric,
            estimand=estimand,
            method=method,
            estimate=_finite(estimate),
            std_error=_finite(interval.std_error),
            df=_finite(interval.df),
            p_value=_finite(interval.p_value),
            conf_low=_finite(interval.low),
            conf_high=_finite(interval.high),
            level=self.level,
            scale="difference",
            relative=share,
            adjustment=adjustment,
            identified=identified,
            n_units=self.units,
            n_clusters=self.clusters,
            headline=headline,
        )


def _finite(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def _settled(value: float, smallest: float) -> float:
    """The value, or zero where it is no more than rounding."""
    return value if not abs(value) <= smallest else 0.0


def smallest_difference(outcome: Outcome) -> float:
    """What differences of an outcome's means must exceed to be more than rounding."""
    return ROUNDING * math.sqrt(float(outcome.square.sum() / outcome.count.sum()))


def estimate_metric(metric: Mean, outcome: Outcome, study: Study) -> Answer:
    """Estimate one metric in every way that the study calls for.

    Raises:
        DataError: if the outcome varies by so little or so much that fourth powers of it do not fit a double.
        DesignError: if no stratum has clusters of both arms.
    """
    spread = smallest_difference(outcome) / ROUNDING
    if not SPREADS[0] <= spread <= SPREADS[1]:
        raise DataError.extreme_spread(metric.column, spread, *SPREADS)
    sheet = _Sheet(
        metric=metric.label,
        level=study.level,
        units=outcome.rows,
        clusters=outcome.clusters,
        smallest=smallest_difference(outcome),
    )
    strata = bool(study.design.strata)
    if strata and not itt.contrasts(outcome):
        raise DesignError.strata_without_contrast(study.design.strata)
    adjustment = ("strata, interacted" if itt.interacts(outcome) else "strata, additive") if strata else "none"
    plain = itt.user_moments(outcome)
    users, workspaces = itt.user_moments(outcome, strata=strata), itt.cluster_mean_moments(outcome, strata=strata)
    fits = {"user_ols": whiten(least_squares(users)), "cluster_means": whiten(least_squares(workspaces))}
    rows = [_naive(plain, sheet), _weighted_means(outcome, sheet)]
    rows += [_linear(fits["user_ols"], "itt", "user_ols", "itt_user", "CR2", sheet, adjustment=adjustment, headline=True)]
    rows += [_linear(fits["cluster_means"], "itt", "cluster_means", "itt_cluster", "CR2", sheet, adjustment=adjustment)]
    tables: list[ClusterMoments] = [plain, users, workspaces]
    if _contrasts_exposure(outcome):
        exposed = exposure.two_exposure_moments(outcome)
        rows += _two_exposure(exposed, outcome, study, sheet)
        tables.append(exposed)
    draws = _bootstrap(tables, study)
    rows += _bootstrap_rows(draws, rows, study, sheet, outcome.origin)
    return Answer(
        metric=metric,
        outcome=outcome,
        estimates=tuple(rows),
        headline_fit=fits["user_ols"],
        fits=fits,
        dropped_draws=max((d.dropped for d in draws), default=0),
    )


def contrast(outcome: Outcome, level: float) -> tuple[float, Interval]:
    """The ITT per user of any outcome with the headline's inference, for the checks."""
    white = whiten(least_squares(itt.user_moments(outcome)))
    pick, smallest = white.fit.contrast("itt"), smallest_difference(outcome)
    error = _settled(math.sqrt(float(pick @ covariance(white, "CR2") @ pick)), smallest)
    effect = _settled(float(pick @ white.fit.theta), smallest)
    return effect, t_interval(effect, error, satterthwaite(white, pick), level)


def _contrasts_exposure(outcome: Outcome) -> bool:
    """Whether there are exposed and unexposed controls."""
    if outcome.exposed is None:
        return False
    control = ~outcome.treated
    return bool(outcome.exposed.any() and (control & ~outcome.exposed).any())


def _linear(  # noqa: PLR0913  the coordinates of one cell of the table
    white: Whitened,
    name: str,
    method: str,
    estimand: str,
    kind: Kind,
    sheet: _Sheet,
    *,
    df: float | None = None,
    identified: Identified = "randomized",
    adjustment: str = "none",
    headline: bool = False,
) -> Estimate:
    """One coefficient of a fit with the covariance of a kind; df by Satterthwaite for CR2, G − 1 otherwise, unless given."""
    fit = white.fit
    pick, mean = fit.contrast(name), np.eye(len(fit.names))[0]
    effect, control = (_settled(v, sheet.smallest) for v in (float(pick @ fit.theta), true_value(fit, mean)))
    both = np.stack([mean, pick])
    v = both @ covariance(white, kind) @ both.T
    free = df if df is not None else satterthwaite(white, pick) if kind == "CR2" else fit.clusters - 1.0
    error = _settled(math.sqrt(max(float(v[1, 1]), 0.0)), sheet.smallest)
    interval = t_interval(effect, error, free, sheet.level)
    share = relative(effect, control, v, free, sheet.level)
    return sheet.row(method, estimand, effect, interval, share, identified=identified, adjustment=adjustment, headline=headline)


def _naive(users: ClusterMoments, sheet: _Sheet) -> Estimate:
    white = whiten(least_squares(users))
    return _linear(white, "itt", "naive_ols", "itt_user", "iid", sheet, df=white.fit.rows - 2)


def _weighted_means(outcome: Outcome, sheet: _Sheet) -> Estimate:
    means = itt.weighted_cluster_means(outcome)
    effect, control, error = (
        _settled(v, sheet.smallest) for v in (means.effect, means.control_mean, math.sqrt(float(means.covariance[1, 1])))
    )
    interval = t_interval(effect, error, means.df, sheet.level)
    share = relative(effect, control, means.covariance, means.df, sheet.level)
    return sheet.row("cluster_wls", "itt_user", effect, interval, share)


def _two_exposure(exposed: ClusterMoments, outcome: Outcome, study: Study, sheet: _Sheet) -> list[Estimate]:
    """Direct and spillover with CR2, as published (CR1S, normal), and the published sum that is called a full roll-out."""
    vouched = study.design.exposure is not None and study.design.exposure.randomized
    identified: Identified = "randomized" if vouched else "association"
    white = whiten(least_squares(exposed))
    rows: list[Estimate] = []
    for name in ("direct", "spillover"):
        rows.append(_linear(white, name, "two_exposure_ols", name, "CR2", sheet, identified=identified))
        rows.append(_linear(white, name, "two_exposure_ols:cr1", name, "CR1S", sheet, df=math.inf, identified=identified))
    direct, spillover = (float(white.fit.contrast(n) @ white.fit.theta) for n in ("direct", "spillover"))
    total = direct + exposure.exposed_share(outcome) * spillover
    nothing = Interval(std_error=math.nan, df=math.nan, p_value=math.nan, low=math.nan, high=math.nan, level=sheet.level)
    control = _settled(true_value(white.fit, np.eye(3)[0]), sheet.smallest)
    share = Relative(estimate=total / control if control else None, conf_low=None, conf_high=None)
    rows.append(sheet.row("published_rollout", "gate", total, nothing, share, identified="association"))
    return rows


def _bootstrap(tables: Sequence[ClusterMoments], study: Study) -> tuple[Replicates, ...]:
    """All tables on the same resamples of the same clusters; every metric starts from the study's seed."""
    if not study.bootstrap:
        return ()
    return pairs_bootstrap(tables, study.bootstrap, np.random.default_rng(study.seed))


def _bootstrap_rows(
    draws: Sequence[Replicates], rows: Sequence[Estimate], study: Study, sheet: _Sheet, origin: float
) -> list[Estimate]:
    """A percentile interval beside each estimate that has replicates."""
    if not draws:
        return []
    wanted = [("cluster_wls", "itt_user", 0, 1), ("user_ols", "itt_user", 1, 1), ("cluster_means", "itt_cluster", 2, 1)]
    if len(draws) > 3:
        wanted += [("two_exposure_ols", "direct", 3, 1), ("two_exposure_ols", "spillover", 3, 2)]
    made: list[Estimate] = []
    for method, estimand, table, column in wanted:
        base = next(e for e in rows if (e.method, e.estimand) == (method, estimand))
        theta: NDArray[np.float64] = draws[table].theta
        effect = base.estimate if base.estimate is not None else math.nan
        interval = percentile_interval(theta[:, column], study.level, effect)
        share = _relative_percentiles(theta[:, column], theta[:, 0] + origin, base.relative.estimate, study.level)
        made.append(
            sheet.row(
                f"{method}:bootstrap",
                estimand,
                effect,
                interval,
                share,
                identified=base.identified,
                adjustment=base.adjustment,
            )
        )
    return made


def _relative_percentiles(effect: NDArray[np.float64], mean: NDArray[np.float64], ratio: float | None, level: float) -> Relative:
    """Percentiles of effect over control mean; no ends where the control mean changes its sign among the replicates."""
    if ratio is None or not effect.size or mean.min() <= 0 <= mean.max():
        return Relative(estimate=ratio, conf_low=None, conf_high=None)
    interval = percentile_interval(effect / mean, level, ratio)
    return Relative(estimate=ratio, conf_low=_finite(interval.low), conf_high=_finite(interval.high))
