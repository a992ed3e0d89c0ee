"""Sums per cluster and period to effects with their intervals: overall, over time, and before the start."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from honestlift.estimators.waves import Panel, Support, effects
from honestlift.inference.grouped_jackknife import grouped_covariance, grouped_jackknife
from honestlift.inference.interval import t_interval
from honestlift.result import Interval

COLUMNS = ("estimate", "std_error", "df", "p_value", "conf_low", "conf_high", "treated_rows")
"""What the tables say of an effect."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """An estimate, its interval, and the treated rows behind it (0 for a slope)."""

    estimate: float
    interval: Interval
    rows: int = 0

    def row(self) -> tuple[float | int, ...]:
        """As the tables have it."""
        i = self.interval
        return (self.estimate, i.std_error, i.df, i.p_value, i.low, i.high, self.rows)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Timeline:
    """The effects of a roll-out on one outcome.

    Attributes:
        on: what is compared.
        overall: mean effect over the treated rows that have a comparison.
        without: mean outcome of these rows, less the effect, about the origin of the outcome.
        covariance: (2, 2) of that mean and the effect.
        cells: effects by wave and period, in the order of ``on.cells``.
        waves: effects by wave, in the order of ``on.waves``.
        since: effects by periods since the start, in the order of ``on.since``.
        change: their slope; NaN for one of them.
        gaps: differences before the start, in the order of ``on.until``.
        drift: their slope; NaN without two such periods in a wave.
    """

    on: Support
    overall: Point
    without: float
    covariance: NDArray[np.float64]
    cells: tuple[Point, ...]
    waves: tuple[Point, ...]
    since: tuple[Point, ...]
    change: Point
    gaps: tuple[Point, ...]
    drift: Point


def timeline(panel: Panel, on: Support, level: float) -> Timeline:
    """The effects with intervals by the jackknife of clusters within waves, t with Satterthwaite's degrees of freedom.

    Args:
        panel: the sums.
        on: what is compared, of this panel.
        level: nominal coverage.
    """
    found = effects(panel, on)
    lag = on.cells[:, 1] - on.cells[:, 0]
    rows = [int(on.users[lag == e].sum()) for e in on.since]
    of_wave = [int(on.users[on.cells[:, 0] == g].sum()) for g in on.waves]
    both = np.concatenate([found.treated - found.overall, found.overall], axis=1)
    return Timeline(
        on=on,
        overall=_points(found.overall, panel, level, [int(on.users.sum())])[0],
        without=float(both[0, 0]),
        covariance=grouped_covariance(both[1:], panel.start),
        cells=_points(found.cells, panel, level, on.users.astype(np.int64).tolist()),
        waves=_points(found.waves, panel, level, of_wave),
        since=_points(found.since, panel, level, rows),
        change=_points(found.change, panel, level, [0])[0],
        gaps=_points(found.gaps, panel, level, _rows_before(panel, on)),
        drift=_points(found.drift, panel, level, [0])[0],
    )


def _points(values: NDArray[np.float64], panel: Panel, level: float, rows: list[int]) -> tuple[Point, ...]:
    """Estimates (the first row) with intervals from what they are without each cluster (the others)."""
    errors, df = grouped_jackknife(values[1:], panel.start)
    least = 1e-13 * np.abs(panel.total).sum() / max(float(panel.count.sum()), 1.0)
    told: list[Point] = []
    for estimate, error, free, n in zip(values[0], errors, df, rows, strict=True):
        kept = [0.0 if abs(v) <= least else float(v) for v in (estimate, error)]  # no more than rounding
        told.append(Point(estimate=kept[0], interval=t_interval(kept[0], kept[1], float(free), level), rows=n))
    return tuple(told)


def _rows_before(panel: Panel, on: Support) -> list[int]:
    whole = {g: panel.count[panel.start == g].sum(axis=0) for g in on.before}
    return [int(sum(whole[g][g + e] for g, s in on.before.items() if g + e in s)) for e in on.until.tolist()]
