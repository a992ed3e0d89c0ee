"""A row of estimates, with what all rows of one metric have in common."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from honestlift.estimators.fit import Fit, true_value
from honestlift.inference.interval import relative, t_interval
from honestlift.inference.sandwich import Kind, Whitened, covariance, satterthwaite
from honestlift.result import Estimate, Identified, Interval, Relative


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """What all estimates of a metric have in common.

    Attributes:
        metric: its label.
        level: nominal coverage.
        units, clusters: users and workspaces; None where there are none.
        smallest: what a difference must exceed to be more than rounding.
        scale: what an effect is measured in.
        identified: what the effects rest on, unless a row says otherwise.
        suffix: what is said after the adjustment of every row.
    """

    metric: str
    level: float
    units: int
    clusters: int | None
    smallest: float = 0.0
    scale: str = "difference"
    identified: Identified = "randomized"
    suffix: str = ""

    def row(
        self,
        method: str,
        estimand: str,
        estimate: float,
        interval: Interval,
        share: Relative,
        *,
        identified: Identified | None = None,
        adjustment: str = "none",
        headline: bool = False,
    ) -> Estimate:
        """A row; what is not finite is None."""
        return Estimate(
            metric=self.metric,
            estimand=estimand,
            method=method,
            estimate=finite(estimate),
            std_error=finite(interval.std_error),
            df=finite(interval.df),
            p_value=finite(interval.p_value),
            conf_low=finite(interval.low),
            conf_high=finite(interval.high),
            level=self.level,
            scale=self.scale,
            relative=share,
            adjustment=adjustment + self.suffix,
            identified=identified or self.identified,
            n_units=self.units,
            n_clusters=self.clusters,
            headline=headline,
        )


def beside(base: Estimate, method: str, effect: float, interval: Interval, share: Relative) -> Estimate:
    """Another row about the same rows, adjusted in the same way: another variance, test or estimand; never the headline."""
    return replace(
        base,
        method=method,
        estimate=finite(effect),
        std_error=finite(interval.std_error),
        df=finite(interval.df),
        p_value=finite(interval.p_value),
        conf_low=finite(interval.low),
        conf_high=finite(interval.high),
        relative=share,
        headline=False,
    )


def finite(value: float) -> float | None:
    """The number, or None for NaN and infinities."""
    return float(value) if math.isfinite(value) else None


def settled(value: float, smallest: float) -> float:
    """The value, or zero where it is no more than rounding."""
    return value if not abs(value) <= smallest else 0.0


def linear_row(  # noqa: PLR0913  the coordinates of one cell of the table
    white: Fit | Whitened,
    name: str,
    method: str,
    estimand: str,
    kind: Kind,
    sheet: Sheet,
    *,
    df: float | None = None,
    identified: Identified | None = None,
    adjustment: str = "none",
    headline: bool = False,
) -> Estimate:
    """One coefficient of a fit with the covariance of a kind; df by Satterthwaite for CR2, G − 1 otherwise, unless given."""
    fit = white.fit if isinstance(white, Whitened) else white
    pick, mean = fit.contrast(name), np.eye(len(fit.names))[0]
    effect, control = (settled(v, sheet.smallest) for v in (float(pick @ fit.theta), true_value(fit, mean)))
    both = np.stack([mean, pick])
    v = both @ covariance(white, kind) @ both.T
    free = df if df is not None else satterthwaite(white, pick) if kind == "CR2" else fit.clusters - 1.0
    error = settled(math.sqrt(max(float(v[1, 1]), 0.0)), sheet.smallest)
    interval = t_interval(effect, error, free, sheet.level)
    share = relative(effect, control, v, free, sheet.level)
    return sheet.row(method, estimand, effect, interval, share, identified=identified, adjustment=adjustment, headline=headline)
