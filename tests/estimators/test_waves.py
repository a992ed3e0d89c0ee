"""Effects by wave and period without each cluster: the matrix products against a loop that starts from the sums anew."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from honestlift.estimators.two_way import two_way
from honestlift.estimators.waves import Panel, Support, effects, line, supported

FIELDS = ("cells", "overall", "treated", "waves", "since", "change", "gaps", "drift")


def panel(seed: int, *, clusters: int = 26, periods: int = 9, holes: float = 0.1) -> Panel:
    """Clusters of unequal sizes with gaps, four waves and some that never start."""
    rng = np.random.default_rng(seed)
    start = np.sort(rng.choice([2, 4, 5, 7, periods], clusters))
    count = rng.integers(1, 12, (clusters, periods)) * (rng.random((clusters, periods)) >= holes)
    mean = rng.normal(0, 1, (clusters, 1)) + rng.normal(0, 1, periods) + rng.normal(0, 1, (clusters, periods))
    return Panel(count=count.astype(float), total=count * mean, start=start.astype(np.int64))


def by_definition(p: Panel, on: Support) -> dict[str, Any]:
    """Every estimate of a panel from its rows, one by one."""

    def mean(of: np.ndarray, t: int) -> float:
        return float(p.total[of, t].sum() / p.count[of, t].sum())

    def gap(g: int, t: int, s: int) -> float:
        return mean(p.start == g, s) - mean(p.start > t, s)

    size = {(g, s): float(p.count[p.start == g, s].sum()) for g in p.waves for s in range(p.periods)}
    cells = []
    for (g, t), base in zip(on.cells.tolist(), on.base, strict=True):
        before = np.average([gap(g, t, s) for s in base], weights=[size[g, int(s)] for s in base]) if base.size else 0.0
        cells.append(gap(g, t, t) - before)
    cells, lag = np.array(cells), on.cells[:, 1] - on.cells[:, 0]
    since = [np.average(cells[lag == e], weights=on.users[lag == e]) for e in on.since]
    slope = np.polyfit(on.since, since, 1, w=np.sqrt([on.users[lag == e].sum() for e in on.since]))[0]
    drifts, told, weights = [], {}, []
    for g, periods in on.before.items():
        gaps, n = np.array([gap(g, g, s) for s in periods]), np.array([size[g, int(s)] for s in periods])
        drifts.append(np.polyfit(periods, gaps, 1, w=np.sqrt(n))[0])
        for s, value in zip(periods, gaps - (gaps[-1] if on.last else np.average(gaps, weights=n)), strict=True):
            told.setdefault(int(s) - g, []).append((g, int(s), value))
        weights.append(g)
    return {
        "cells": cells,
        "overall": np.average(cells, weights=on.users),
        "treated": np.average([mean(p.start == g, t) for g, t in on.cells.tolist()], weights=on.users),
        "waves": [np.average(cells[on.cells[:, 0] == g], weights=on.users[on.cells[:, 0] == g]) for g in on.waves],
        "since": since,
        "change": slope,
        "told": told,
        "drifts": drifts,
    }


@pytest.mark.parametrize("base", ["all", "last"])
@pytest.mark.parametrize("seed", range(3))
def test_without_each_cluster_by_a_loop(base: Any, seed: int):
    p = panel(seed)
    on = supported(p, base)
    found = effects(p, on)
    size = {(g, s): float(p.count[p.start == g, s].sum()) for g in p.waves for s in range(p.periods)}
    weight = np.array([sum(size[g, int(s)] for s in periods) for g, periods in on.before.items()])
    for k in range(-1, p.start.size):  # −1 is none
        kept = np.arange(p.start.size) != k
        due = by_definition(Panel(count=p.count[kept], total=p.total[kept], start=p.start[kept]), on)
        for name in ("cells", "overall", "treated", "waves", "since", "change"):
            assert getattr(found, name)[1 + k] == pytest.approx(np.atleast_1d(due[name]), rel=1e-9, abs=1e-12), (k, name)
        assert found.drift[1 + k, 0] == pytest.approx(np.average(due["drifts"], weights=weight), rel=1e-9)
    due = by_definition(p, on)
    gaps = [np.average([v for *_, v in due["told"][e]], weights=[size[g, s] for g, s, _ in due["told"][e]]) for e in on.until]
    assert found.gaps[0] == pytest.approx(np.array(gaps), abs=1e-12)


def test_five_thousand_clusters_and_sixty_periods_take_seconds():
    import time

    rng = np.random.default_rng(0)
    count = rng.integers(1, 20, (5_000, 60)).astype(float)
    p = Panel(count=count, total=count * rng.normal(0, 1, count.shape), start=rng.integers(5, 61, 5_000))
    began = time.perf_counter()
    found = effects(p, supported(p, "all"))
    assert found.cells.shape == (5_001, len(supported(p, "all").cells))
    assert time.perf_counter() - began < 60  # about 0.7 s on two free cores; a loop over clusters takes an hour


def test_nobody_treated_is_ever_a_control_and_two_clusters_are_the_least():
    p = panel(1, holes=0.0)
    on = supported(p, "all")
    assert {(g, t) for g, t in on.cells.tolist()} == {(g, t) for g in p.waves for t in range(g, p.periods)}
    wide = p.total + 1e6 * (np.arange(p.periods) >= p.start[:, None])  # were a treated cluster a control, it would show
    assert effects(Panel(count=p.count, total=wide, start=p.start), on).cells[0].min() > 1e5 / 12
    one = Panel(count=p.count, total=p.total, start=np.where(np.arange(26) == 0, 3, 9))
    assert not len(supported(one, "all").cells)


def test_the_reach_is_what_a_drift_of_one_per_period_does():
    p = panel(2, holes=0.0)
    for base in ("all", "last"):
        on = supported(p, base)  # type: ignore[arg-type]
        never = p.start == p.periods
        only = Panel(count=p.count, total=p.total, start=np.where(never, p.periods, 4))
        on = supported(only, base)  # type: ignore[arg-type]
        ramp = np.where(only.start == 4, 1.0, 0.0)[:, None] * np.arange(p.periods)
        moved = effects(Panel(count=p.count, total=p.total + p.count * ramp, start=only.start), on)
        assert moved.overall[0, 0] - effects(only, on).overall[0, 0] == pytest.approx(on.reach, rel=1e-9)
        assert moved.drift[0, 0] - effects(only, on).drift[0, 0] == pytest.approx(1.0)


def test_a_line_through_one_point_has_no_slope():
    assert np.isnan(line(np.array([3]), np.array([2.0]))).all()
    x, w, y = np.arange(5), np.array([1.0, 2, 3, 4, 5]), np.array([0.0, 1, 4, 9, 16])
    assert line(x, w) @ y == pytest.approx(np.polyfit(x, y, 1, w=np.sqrt(w))[0])


def test_the_two_way_regression_by_other_software():
    import pandas as pd
    import statsmodels.formula.api as smf

    p = panel(3)
    k, t = np.nonzero(p.count)
    cells = pd.DataFrame({"k": k, "t": t, "n": p.count[k, t], "y": p.total[k, t] / p.count[k, t]})
    cells["on"] = (cells.t >= p.start[cells.k]).astype(float)
    effect, error = two_way(p)
    fit = smf.wls("y ~ on + C(k) + C(t)", data=cells, weights=cells.n).fit()
    assert effect == pytest.approx(fit.params["on"], rel=1e-9)
    rows = cells.loc[cells.index.repeat(cells.n.astype(int))]
    clustered = smf.ols("y ~ on + C(k) + C(t)", data=rows).fit(cov_type="cluster", cov_kwds={"groups": rows.k})
    n, g, coefficients = len(rows), rows.k.nunique(), len(clustered.params)
    without = clustered.bse["on"] / np.sqrt((n - 1) / (n - coefficients))  # statsmodels counts coefficients too
    assert error == pytest.approx(without, rel=1e-9)
    assert g == 26
    assert np.isnan(two_way(Panel(count=p.count, total=p.total, start=np.full(26, p.periods)))).all()
