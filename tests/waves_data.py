"""A small roll-out in waves with a known effect, its study, and the effects by their definition."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.random import Generator

import honestlift as hl

COLUMNS: dict[str, Any] = {"cluster": "ws", "period": "week", "start": "start"}


def rollout(
    rng: Generator,
    *,
    clusters: int = 30,
    weeks: int = 8,
    effect: float = 1.0,
    growth: float = 0.0,
    drift: float = 0.0,
    early: float = 0.0,
) -> pd.DataFrame:
    """Three waves, the last never, of unequal level; a common season; rows are users who are seen once.

    The effect grows by so much a week; the first two waves drift from the third by so much a week; ``early`` comes a week too soon.
    """
    start = np.where(np.arange(clusters) % 3 == 2, -1, 3 + 2 * (np.arange(clusters) % 3))
    season, level = rng.normal(0, 1, weeks), rng.normal(0, 1, clusters) + start / 2
    rows: list[dict[str, Any]] = []
    for k in range(clusters):
        for t in range(weeks):
            n = int(rng.integers(2, 6))
            on = start[k] >= 0 and t >= start[k]
            mean = level[k] + season[t] + rng.normal(0, 0.3) + on * (effect + growth * (t - start[k]))
            mean += (start[k] >= 0) * (drift * t + early * (t == start[k] - 1))
            rows += [{"ws": k, "week": t, "start": None if start[k] < 0 else start[k], "y": y} for y in rng.normal(mean, 1, n)]
    return pd.DataFrame(rows).astype({"start": "Int64"}).assign(user=lambda d: np.arange(len(d)))


def study(*metrics: hl.Mean, controls: tuple[str, ...] = (), **design: Any) -> hl.WavesStudy:
    """Its study."""
    made = hl.WavesDesign(unit="user", **{**COLUMNS, **design})
    return hl.WavesStudy(design=made, metrics=metrics or (hl.Mean("y"),), negative_controls=controls)


def by_loop(rows: pd.DataFrame, base: str = "all") -> dict[tuple[int, int], float]:
    """ATT(g, t) by its definition."""
    start = rows.start.fillna(99)
    found: dict[tuple[int, int], float] = {}
    for g in sorted(start[start < 99].unique()):
        for t in range(int(g), int(rows.week.max()) + 1):
            late = start > t

            def gap(week: int, g: int = g, late: pd.Series = late) -> float:
                now = rows.week == week
                return rows.y[now & (start == g)].mean() - rows.y[now & late].mean()

            weeks = list(range(int(g))) if base == "all" else [int(g) - 1]
            share = [((rows.week == s) & (start == g)).sum() for s in weeks]
            found[int(g), t] = gap(t) - np.average([gap(s) for s in weeks], weights=share)
    return found
