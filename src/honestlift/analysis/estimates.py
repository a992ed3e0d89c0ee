"""Every estimate of one metric: the naive, the published and the honest, each with its interval."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from honestlift.analysis.sheet import Sheet, finite, linear_row, settled
from honestlift.design.metric import Mean, Metric, Quantile, Ratio
from honestlift.design.study import Study
from honestlift.errors import DataError, DesignError
from honestlift.estimators import itt
from honestlift.estimators.adjusted import Adjustment, Covariate
from honestlift.estimators.exposure import published
from honestlift.estimators.fit import least_squares, true_value
from honestlift.inference.bootstrap import Replicates, pairs_bootstrap
from honestlift.inference.interval import percentile_interval, relative, t_interval
from honestlift.inference.sandwich import Whitened, covariance, satterthwaite, whiten
from honestlift.moments.cells import Outcome
from honestlift.moments.cluster import ClusterMoments
from honestlift.result import Estimate, Identified, Interval, Relative

if TYPE_CHECKING:
    from honestlift.analysis.alternatives import Alternative
    from honestlift.analysis.quantiles import Quantiles

ROUNDING = 1e-11
"""Share of an outcome's spread below which an effect, an error or a mean is what rounding left over, and is taken to be zero."""


SCALES: dict[type[Metric], str] = {Mean: "difference", Ratio: "difference of ratios", Quantile: "difference of quantiles"}
"""The scale of an effect: only that on a mean is one per user."""

SPREADS = (1e-70, 1e70)
"""Spreads of an outcome whose fourth powers, which the resampling tests compare, are doubles with all their digits."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Answer:
    """All that was estimated for one metric.

    Attributes:
        metric: the metric.
        outcome: its sums.
        workspaces: the sums whose cluster means the effect per workspace is of; None for a ratio that a cluster lacks, and a quantile.
        estimates: every estimate, the headline among them.
        headline_fit: the fit behind the headline, whitened.
        unadjusted_fit: the same without covariates.
        fits: the fit behind each cluster method, whitened, the headline's among them.
        adjustment: the covariates that it was adjusted for, and those that it was not.
        others: tests beside them, where workspaces are few; see ``alternatives``.
        quantiles: of a quantile metric, what its linearized outcome rests on.
        dropped_draws: bootstrap draws without both arms (and exposures), which were left out.
    """

    metric: Metric
    outcome: Outcome
    workspaces: Outcome | None
    estimates: tuple[Estimate, ...]
    headline_fit: Whitened
    unadjusted_fit: Whitened
    fits: Mapping[str, Whitened]
    adjustment: Adjustment
    dropped_draws: int
    others: tuple[Alternative, ...] = ()
    quantiles: Quantiles | None = None

    def find(self, method: str, estimand: str) -> Estimate | None:
        """The estimate by this method of this estimand, if there is one."""
        return next((e for e in self.estimates if (e.method, e.estimand) == (method, estimand)), None)


def smallest_difference(outcome: Outcome) -> float:
    """What differences of an outcome's means must exceed to be more than rounding."""
    return ROUNDING * math.sqrt(float(outcome.square.sum() / outcome.count.sum()))


def estimate_metric(
    metric: Metric, outcome: Outcome, study: Study, covariates: Sequence[Covariate] = (), ratios: Outcome | None = None
) -> Answer:
    """Estimate one metric in every way that the study calls for.

    Args:
        metric: the metric.
        outcome: its sums.
        study: the question.
        covariates: what is known of the outcome's clusters before the treatment, in the order in which they are to be used.
        ratios: for a ratio, the outcome whose cluster means are the clusters' ratios, where they all have one.

    Raises:
        DataError: if the outcome varies by so little or so much that fourth powers of it do not fit a double.
        DesignError: if no stratum has clusters of both arms.
    """
    smallest = smallest_difference(outcome)
    if not SPREADS[0] <= smallest / ROUNDING <= SPREADS[1]:
        raise DataError.extreme_spread(metric.columns[0], smallest / ROUNDING, *SPREADS)
    mean = isinstance(metric, Mean)
    sheet = Sheet(
        metric=metric.label,
        level=study.level,
        units=outcome.rows,
        clusters=outcome.clusters,
        smallest=smallest,
        scale=SCALES[type(metric)],
    )
    strata = outcome.stratum is not None
    if strata and not itt.contrasts(outcome):
        raise DesignError.strata_without_contrast(study.design.strata)
    adjustment = itt.choose_covariates(outcome, covariates, study.adjustment, strata=strata)
    plain = itt.user_moments(outcome)
    record = study.design.assignment
    within = "pairs" if record is not None and record.rule.kind == "matched_pairs" else "strata"
    honest = _honest(outcome, outcome if mean else ratios, adjustment, sheet, within=within if strata else None)
    rows = [_naive(plain, sheet), _weighted_means(outcome, sheet), *honest.rows]
    tables = [plain, *honest.tables]
    if mean and contrasts_exposure(outcome):
        exposed = published.two_exposure_moments(outcome)
        rows += _two_exposure(exposed, outcome, study, sheet)
        tables.append(exposed)
    draws = _bootstrap(tables, study) if mean else ()  # a resample has ratios and quantiles of its own
    rows += _bootstrap_rows(draws, rows, study, sheet, outcome.origin)
    return Answer(
        metric=metric,
        outcome=outcome,
        workspaces=outcome if mean else ratios,
        estimates=tuple(rows),
        headline_fit=honest.fits["user_ols"],
        unadjusted_fit=honest.unadjusted,
        fits=honest.fits,
        adjustment=adjustment,
        dropped_draws=max((d.dropped for d in draws), default=0),
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Honest:
    """The effect per user and per workspace: rows, the sums behind them, the fit of each, and that per user without covariates."""

    rows: list[Estimate]
    tables: list[ClusterMoments]
    fits: dict[str, Whitened]
    unadjusted: Whitened


def _honest(outcome: Outcome, workspaces: Outcome | None, adjustment: Adjustment, sheet: Sheet, *, within: str | None) -> _Honest:
    """With the covariates, and beside it without them; the strata or pairs are the design's, and are in both."""
    strata = within is not None
    design = f"{within}, {'interacted' if itt.interacts(outcome) else 'additive'}" if strata else "none"
    makers = {("user_ols", "itt_user"): partial(itt.user_moments, outcome)}
    makers |= {("cluster_means", "itt_cluster"): partial(itt.cluster_mean_moments, workspaces)} if workspaces else {}
    before = {codes: make(strata=strata) for codes, make in makers.items()}
    after, how = before, design
    if adjustment.form != "none":
        after = {codes: make(strata=strata, adjustment=adjustment) for codes, make in makers.items()}
        how = f"{design}; covariates, {adjustment.form}" if strata else f"covariates, {adjustment.form}"
    rows: list[Estimate] = []
    fits: dict[str, Whitened] = {}
    unadjusted = whiten(least_squares(before["user_ols", "itt_user"]))
    for method, estimand in makers:
        per_user = estimand == "itt_user"
        bare = white = unadjusted if per_user else whiten(least_squares(before[method, estimand]))
        if adjustment.form != "none":
            rows.append(linear_row(bare, "itt", f"{method}:unadjusted", estimand, "CR2", sheet, adjustment=design))
            white = whiten(least_squares(after[method, estimand]))
        rows.append(linear_row(white, "itt", method, estimand, "CR2", sheet, adjustment=how, headline=per_user))
        fits[method] = white
    return _Honest(rows=rows, tables=list(after.values()), fits=fits, unadjusted=unadjusted)


def contrast(outcome: Outcome, level: float) -> tuple[float, Interval]:
    """The ITT per user of any outcome with the headline's inference, for the checks."""
    white = whiten(least_squares(itt.user_moments(outcome)))
    pick, smallest = white.fit.contrast("itt"), smallest_difference(outcome)
    error = settled(math.sqrt(float(pick @ covariance(white, "CR2") @ pick)), smallest)
    effect = settled(float(pick @ white.fit.theta), smallest)
    return effect, t_interval(effect, error, satterthwaite(white, pick), level)


def contrasts_exposure(outcome: Outcome) -> bool:
    """Whether there are exposed and unexposed controls."""
    if outcome.exposed is None:
        return False
    control = ~outcome.treated
    return bool(outcome.exposed.any() and (control & ~outcome.exposed).any())


def _naive(users: ClusterMoments, sheet: Sheet) -> Estimate:
    fit = least_squares(users)
    return linear_row(fit, "itt", "naive_ols", "itt_user", "iid", sheet, df=fit.rows - 2)


def _weighted_means(outcome: Outcome, sheet: Sheet) -> Estimate:
    means = itt.weighted_cluster_means(outcome)
    effect, control, error = (
        settled(v, sheet.smallest) for v in (means.effect, means.control_mean, math.sqrt(float(means.covariance[1, 1])))
    )
    interval = t_interval(effect, error, means.df, sheet.level)
    share = relative(effect, control, means.covariance, means.df, sheet.level)
    return sheet.row("cluster_wls", "itt_user", effect, interval, share)


def _two_exposure(exposed: ClusterMoments, outcome: Outcome, study: Study, sheet: Sheet) -> list[Estimate]:
    """Direct and spillover with CR2, as published (CR1S, normal), and the published sum that is called a full roll-out."""
    vouched = study.design.exposure is not None and study.design.exposure.randomized
    identified: Identified = "randomized" if vouched else "association"
    white = whiten(least_squares(exposed))
    rows: list[Estimate] = []
    for name in ("direct", "spillover"):
        rows.append(linear_row(white, name, "two_exposure_ols", name, "CR2", sheet, identified=identified))
        rows.append(linear_row(white, name, "two_exposure_ols:cr1", name, "CR1S", sheet, df=math.inf, identified=identified))
    direct, spillover = (float(white.fit.contrast(n) @ white.fit.theta) for n in ("direct", "spillover"))
    total = direct + published.exposed_share(outcome) * spillover
    nothing = Interval(std_error=math.nan, df=math.nan, p_value=math.nan, low=math.nan, high=math.nan, level=sheet.level)
    control = settled(true_value(white.fit, np.eye(3)[0]), sheet.smallest)
    share = Relative(estimate=total / control if control else None, conf_low=None, conf_high=None)
    rows.append(sheet.row("published_rollout", "gate", total, nothing, share, identified="association"))
    return rows


def _bootstrap(tables: Sequence[ClusterMoments], study: Study) -> tuple[Replicates, ...]:
    """All tables on the same resamples of the same clusters; every metric starts from the study's seed."""
    if not study.bootstrap:
        return ()
    return pairs_bootstrap(tables, study.bootstrap, np.random.default_rng(study.seed))


def _bootstrap_rows(
    draws: Sequence[Replicates], rows: Sequence[Estimate], study: Study, sheet: Sheet, origin: float
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
    return Relative(estimate=ratio, conf_low=finite(interval.low), conf_high=finite(interval.high))
