"""Several contrasts at once: against the rows, collapse to the t test, laws, and the size of the test."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.stats import f as f_distribution

from honestlift.estimators.fit import least_squares
from honestlift.inference.sandwich import covariance, satterthwaite, whiten
from honestlift.inference.wald import htz
from honestlift.moments.cluster import ClusterMoments


def study(
    seed: int, clusters: int = 12, levels: int = 3
) -> tuple[ClusterMoments, NDArray[np.float64], NDArray[np.float64], NDArray[np.int64]]:
    """Moments, and the rows X, y, cluster behind them: level dummies and level × arm."""
    rng = np.random.default_rng(seed)
    cluster = np.repeat(np.arange(clusters), rng.integers(4, 12, clusters))
    level, arm = rng.integers(0, levels, cluster.size), rng.permutation(np.arange(clusters) % 2)[cluster]
    own = (level[:, None] == np.arange(levels)).astype(float)
    x = np.concatenate([own, own * arm[:, None]], axis=1)
    y = rng.normal(size=cluster.size) + rng.normal(0, 0.5, clusters)[cluster]
    parts = [(x[cluster == g], y[cluster == g]) for g in range(clusters)]
    moments = ClusterMoments(
        names=tuple(f"x{j}" for j in range(2 * levels)),
        A=np.array([a.T @ a for a, _ in parts]),
        b=np.array([a.T @ b for a, b in parts]),
        c=np.array([b @ b for _, b in parts]),
        n=np.array([float(b.size) for _, b in parts]),
    )
    return moments, x, y, cluster


def contrasts(levels: int = 3) -> NDArray[np.float64]:
    """Effects of the levels but the first, less that of the first."""
    return np.concatenate([np.zeros((levels - 1, levels)), -np.ones((levels - 1, 1)), np.eye(levels - 1)], axis=1)


def by_rows(
    x: NDArray[np.float64], y: NDArray[np.float64], cluster: NDArray[np.int64], c: NDArray[np.float64]
) -> tuple[float, float]:
    """F and the df of its denominator from the rows: the quadratic forms' matrices written out (Pustejovsky & Tipton 2018)."""
    bread = np.linalg.inv(x.T @ x)
    left = np.eye(y.size) - x @ bread @ x.T
    forms = []
    v = np.zeros((c.shape[0], c.shape[0]))
    for g in np.unique(cluster):
        own = cluster == g
        values, vectors = np.linalg.eigh(left[np.ix_(own, own)])
        adjust = (vectors * np.where(values > 1e-9, np.abs(values) ** -0.5, 0)) @ vectors.T
        weights = left[:, own] @ adjust @ x[own] @ bread @ c.T
        forms.append(weights)
        u = weights.T @ y
        v += np.outer(u, u)
    omega = sum(w.T @ w for w in forms)
    lengths, vectors = np.linalg.eigh(omega)
    root = vectors / np.sqrt(lengths) @ vectors.T
    q, total = c.shape[0], 0.0
    for s in range(q):
        for t in range(q):
            form = sum(np.outer(w @ root[:, s], w @ root[:, t]) for w in forms)
            form = (form + form.T) / 2
            total += 2 * np.trace(form @ form)
    eta = q * (q + 1) / total
    effects = c @ bread @ x.T @ y
    return (eta - q + 1) / (eta * q) * effects @ np.linalg.solve(v, effects), eta - q + 1


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_sums_give_what_the_rows_give(seed: int) -> None:
    moments, x, y, cluster = study(seed)
    found = htz(whiten(least_squares(moments)), contrasts())
    f, df = by_rows(x, y, cluster, contrasts())
    assert (found.f, found.df) == (pytest.approx(f, rel=1e-9), pytest.approx(df, rel=1e-9))
    assert found.p_value == pytest.approx(f_distribution.sf(f, 2, df), rel=1e-8)


def test_one_contrast_is_the_t_test() -> None:
    moments, *_ = study(4)
    white, pick = whiten(least_squares(moments)), contrasts()[:1]
    found = htz(white, pick)
    assert found.df == pytest.approx(satterthwaite(white, pick[0]))
    t2 = (pick[0] @ white.fit.theta) ** 2 / (pick[0] @ covariance(white) @ pick[0])
    assert found.f == pytest.approx(t2)


@given(st.integers(0, 10_000))
@settings(max_examples=15, deadline=None)
def test_it_does_not_depend_on_how_the_contrasts_are_written(seed: int) -> None:
    white = whiten(least_squares(study(seed)[0]))
    mixed = np.array([[1.0, 2.0], [0.5, -3.0]]) @ contrasts()
    one, other = htz(white, contrasts()), htz(white, mixed)
    assert other.f == pytest.approx(one.f, rel=1e-6)
    assert other.df == pytest.approx(one.df, rel=1e-6)


def test_too_few_clusters_give_no_answer() -> None:
    found = htz(whiten(least_squares(study(5, clusters=4, levels=4)[0])), contrasts(4))
    assert np.isnan(found.p_value)


def test_the_test_keeps_its_size() -> None:
    """400 worlds of 16 workspaces: Monte Carlo standard error .011."""
    p = [htz(whiten(least_squares(study(100 + i, clusters=16)[0])), contrasts()).p_value for i in range(400)]
    assert np.mean(np.array(p) < 0.05) < 0.083
    assert np.mean(np.array(p) < 0.5) == pytest.approx(0.5, abs=0.12)
