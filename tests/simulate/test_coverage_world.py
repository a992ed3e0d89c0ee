"""The published scenario as a process: its laws, and the coverage of two intervals that is known for it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import stats

from honestlift.design.assignment import arm_sizes
from honestlift.simulate import ClusterSums, coverage_world


def test_the_coverage_process_is_the_published_one() -> None:
    equal, unequal = coverage_world(50, 5, heterogeneity=0.3), coverage_world(sizes="lognormal")
    assert arm_sizes([50], equal.treated_share)[0] == 5
    sums = unequal.draw_sums(400, np.random.default_rng(2))
    size = sums.users.sum(axis=2)
    # Sizes max(20, 1000·LogN(−.35, .83)): log sizes N(log 1000 − .35, .83²) before the floor, which 1e-5 of them reach.
    assert np.log(size).mean() == pytest.approx(np.log(1000) - 0.35, abs=4 * 0.83 / 20_000**0.5)
    assert np.log(size).std() == pytest.approx(0.83, abs=4 * 0.83 / 40_000**0.5)
    # Opt-in counts Bin(n, .2685): four standard errors over 20 million users.
    assert sums.users[..., 1].sum() / size.sum() == pytest.approx(0.2685, abs=4 * 0.443 / size.sum() ** 0.5)
    means = (sums.total / np.maximum(sums.users, 1))[..., 0]
    # Closed controls: workspace effects of sd .3 and noise of .3/sqrt(n), n some 500, which adds 2e-4; 10,000 workspaces.
    assert means[~sums.treated].std() == pytest.approx(0.3, abs=4 * 0.3 / 20_000**0.5 + 0.001)
    assert means[~sums.treated].mean() == pytest.approx(0, abs=4 * 0.3 / 10_000**0.5)
    assert means[sums.treated].mean() == pytest.approx(0.8, abs=4 * 0.3 / 10_000**0.5)
    fixed = coverage_world(heterogeneity=0.3).draw_sums(100, np.random.default_rng(2))
    assert fixed.effect.std() == pytest.approx(0.3, abs=4 * 0.3 / 10_000**0.5)


def _covered(sums: ClusterSums) -> tuple[float, float]:
    """Share of worlds whose 95 % interval holds .80: rows as if independent (normal), and weighted workspace means (t, K − 2)."""
    on, size = sums.treated, sums.users.sum(axis=2)
    total, square = sums.total.sum(axis=2), sums.square.sum(axis=2)
    estimate, rest, spread, per_user = 0.0, 0.0, 0.0, 0.0
    for arm, sign in ((on, 1), (~on, -1)):
        n = (size * arm).sum(axis=1)
        mean = (total * arm).sum(axis=1) / n
        estimate = estimate + sign * mean
        rest = rest + (square * arm).sum(axis=1) - n * mean**2
        spread = spread + (arm * size * (total / size - mean[:, None]) ** 2).sum(axis=1)
        per_user = per_user + 1 / n
    clusters = on.shape[1]
    naive = np.sqrt(rest / (size.sum(axis=1) - 2) * per_user) * stats.norm.ppf(0.975)
    weighted = np.sqrt(spread / (clusters - 2) * per_user) * stats.t.ppf(0.975, clusters - 2)
    return tuple(float((np.abs(estimate - 0.80) < half).mean()) for half in (naive, weighted))  # pyright: ignore[reportReturnType]


@pytest.mark.parametrize(
    ("clusters", "treated", "sizes", "heterogeneity", "naive", "weighted"),
    # Coverage table of the methods note, 2,000 worlds each: columns "naive" and "WLS t(K−2)".
    [
        (50, 25, "equal", 0.0, 0.058, 0.902),
        (50, 25, "lognormal", 0.0, 0.050, 0.818),
        (20, 10, "equal", 0.0, 0.064, 0.933),
        (20, 10, "lognormal", 0.0, 0.045, 0.873),
        (10, 5, "equal", 0.0, 0.062, 0.942),
        (10, 5, "lognormal", 0.0, 0.046, 0.889),
        (6, 3, "equal", 0.0, 0.072, 0.945),
        (50, 5, "lognormal", 0.3, 0.048, 0.773),
    ],
)
def test_published_coverage(clusters: int, treated: int, sizes: Any, heterogeneity: float, naive: float, weighted: float) -> None:
    spec = coverage_world(clusters, treated, sizes=sizes, heterogeneity=heterogeneity)
    found = _covered(spec.draw_sums(2_000, np.random.default_rng(clusters)))
    # Both sides are shares of 2,000 worlds: four standard errors of their difference.
    for share, published in zip(found, (naive, weighted), strict=True):
        assert share == pytest.approx(published, abs=4 * (2 * published * (1 - published) / 2_000) ** 0.5)
