"""A row of estimates, with what all rows of one metric have in common."""

from __future__ import annotations

import math
from dataclasses import dataclass

from honestlift.result import Estimate, Interval, Relative


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """What all estimates of a metric have in common."""

    metric: str
    level: float
    units: int
    clusters: int | None
    scale: str
    suffix: str

    def row(
        self, method: str, estimand: str, effect: float, interval: Interval, share: Relative, adjustment: str, headline: bool
    ) -> Estimate:
        return Estimate(
            metric=self.metric,
            estimand=estimand,
            method=method,
            estimate=finite(effect),
            std_error=finite(interval.std_error),
            df=finite(interval.df),
            p_value=finite(interval.p_value),
            conf_low=finite(interval.low),
            conf_high=finite(interval.high),
            level=self.level,
            scale=self.scale,
            relative=share,
            adjustment=adjustment + self.suffix,
            identified="observational",
            n_units=self.units,
            n_clusters=self.clusters,
            headline=headline,
        )


def coverage_note(method: str, clusters: int | None) -> str:
    """What a simulation says of a 95 % interval that covers too rarely where users are nested in workspaces; empty elsewhere.

    From docs/explanation/coverage-opt-in.md; such an interval is never a headline.

    Args:
        method: with its suffix.
        clusters: workspaces; None without.
    """
    if clusters is None:
        return ""
    few = clusters <= 20
    if method == "matching_nn":
        return f"; users taken as independent, covered {'81 to 96 % in 10' if few else '90 to 95 % in 50'} simulated workspaces"
    if method.endswith(":bootstrap"):
        return f"; covered {'88 to 97 % in 10' if few else '91 to 96 % in 50'} simulated workspaces"
    return ""


def finite(value: float) -> float | None:
    """The number, or None for NaN and infinities."""
    return float(value) if math.isfinite(value) else None
