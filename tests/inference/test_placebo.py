"""The placebo lab: every re-draw against the estimators and tests of the house on the same arms, and what is known beforehand."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from honestlift.estimators.fit import least_squares, solve_normal
from honestlift.estimators.itt import user_moments, weighted_cluster_means
from honestlift.inference.bootstrap import replicate
from honestlift.inference.interval import percentile_interval, t_interval
from honestlift.inference.placebo import METHODS, WITHIN, Trial, _rejections, placebo_lab
from honestlift.inference.sandwich import Kind, covariance, satterthwaite, whiten
from honestlift.moments.cells import Outcome

SIX = np.zeros(6, dtype=np.int64)


def trial(seed: int, strata: NDArray[np.int64], *, adjusted: bool = False, spread: float = 1.0, most: int = 12) -> Trial:
    rng = np.random.default_rng(seed)
    n = rng.integers(3, most, strata.size).astype(np.float64)
    total = n * (spread * rng.normal(size=n.size) + strata) + rng.normal(size=n.size) * n**0.5
    half = np.bincount(strata) // 2
    return Trial(n=n, total=total, square=total**2 / n + n, strata=strata, treated=half, adjusted=adjusted)


def outcome(t: Trial, arm: NDArray[np.bool_]) -> Outcome:
    return Outcome(
        cluster=np.arange(arm.size),
        treated=arm,
        exposed=None,
        count=t.n,
        total=t.total,
        square=t.square,
        arm=arm,
        stratum=t.strata,
        origin=0.0,
    )


def by_the_house(t: Trial, arm: NDArray[np.bool_], weights: NDArray[np.float64], signs: NDArray[np.float64]) -> list[bool]:
    """What each method of the house decides at 5 % on one assignment, the wild bootstrap from its definition."""
    o = outcome(t, arm)
    plain, moments = whiten(least_squares(user_moments(o))), user_moments(o, strata=t.adjusted)
    white = whiten(least_squares(moments))

    def p(w: object, kind: Kind, df: float) -> float:
        pick = w.fit.contrast("itt")
        return t_interval(float(pick @ w.fit.theta), float(pick @ covariance(w, kind) @ pick) ** 0.5, df, 0.95).p_value

    means = weighted_cluster_means(o)
    pick, fit = white.fit.contrast("itt"), white.fit
    draws = replicate(moments, weights).theta[:, 1]
    ends = percentile_interval(draws, 0.95, float(pick @ fit.theta))
    bread = solve_normal(fit.root, pick)
    restricted = fit.theta - bread * (pick @ fit.theta) / (pick @ bread)
    score = moments.b - np.einsum("gij,j->gi", moments.A, restricted)
    stars = []
    for v in signs:
        shift = np.linalg.solve(moments.A.sum(axis=0), (v[:, None] * score).sum(axis=0))
        own = (v[:, None] * score - np.einsum("gij,j->gi", moments.A, shift)) @ bread
        stars.append((pick @ shift) ** 2 / (own**2).sum())
    actual = (pick @ fit.theta) ** 2 / ((fit.scores @ bread) ** 2).sum()
    return [
        p(plain, "iid", plain.fit.rows - 2) < 0.05,
        t_interval(means.effect, means.covariance[1, 1] ** 0.5, means.df, 0.95).p_value < 0.05,
        p(white, "CR1S", np.inf) < 0.05,
        p(white, "CR2", satterthwaite(white, pick)) < 0.05,
        p(white, "CV3", fit.clusters - 1) < 0.05,
        ends.low > 0 or ends.high < 0,
        (1 + np.count_nonzero(np.array(stars) >= actual * (1 - 1e-9))) / (WITHIN + 1) <= 0.05,
    ]


@pytest.mark.parametrize(("strata", "adjusted"), [(np.zeros(14, np.int64), False), (np.repeat([0, 1], [8, 6]), True)])
def test_every_redraw_equals_the_methods_of_the_house(strata: NDArray[np.int64], adjusted: bool):
    t = trial(4, strata, adjusted=adjusted)
    rng = np.random.default_rng(1)
    arms = np.array([np.isin(np.arange(14), [*rng.permutation(8)[:4], *(8 + rng.permutation(6)[:3])]) for _ in range(40)])
    weights = rng.multinomial(14, np.full(14, 1 / 14), WITHIN).astype(float)
    signs = 2.0 * rng.integers(0, 2, (WITHIN, 14)) - 1
    found, against = _rejections(t, arms, weights, signs, 0.95)
    expected = np.array([by_the_house(t, arm, weights, signs) for arm in arms]).T
    np.testing.assert_array_equal(found, expected)
    assert expected.any(axis=1).all(), "each method rejects somewhere, so that the comparison can fail"
    assert not expected.all(axis=1).any()
    white = whiten(least_squares(user_moments(outcome(t, arms[0]))))
    assert against[0] == pytest.approx(white.fit.theta[1] ** 2 / covariance(white, "CR2")[1, 1], rel=1e-10)


def test_all_assignments_are_gone_through_when_they_are_few():
    found = {f.method: f for f in placebo_lab(trial(0, SIX), np.random.default_rng(0))[0]}
    assert tuple(found) == METHODS
    assert placebo_lab(trial(0, SIX), np.random.default_rng(0))[1] == 20
    assert all(f.std_error == 0 and (f.rate * 20) == pytest.approx(round(f.rate * 20)) for f in found.values())  # C(6, 3) = 20
    assert found["user_ols:randomization"].rate == 0  # smallest p 2/20
    assert found["user_ols:randomization"].rate <= found["naive_ols"].rate


def test_the_randomization_test_is_exact_and_naive_tests_cry_wolf():
    strata = np.zeros(24, dtype=np.int64)
    found = {f.method: f for f in placebo_lab(trial(1, strata, spread=3.0, most=60), np.random.default_rng(0))[0]}
    assert found["user_ols:randomization"].rate == 0.05
    assert found["naive_ols"].rate > 0.5
    # 2,000 re-draws: four standard errors of .05 are .02
    assert found["user_ols"].rate == pytest.approx(0.05, abs=0.02)
    assert found["user_ols:wild"].rate == pytest.approx(0.05, abs=0.025)
    assert found["user_ols"].std_error == pytest.approx((found["user_ols"].rate * (1 - found["user_ols"].rate) / 2000) ** 0.5)


def test_an_outcome_without_spread_alarms_nobody():
    t = trial(0, SIX)
    flat = Trial(n=t.n, total=0 * t.n, square=0 * t.n, strata=t.strata, treated=t.treated)
    rates = {f.method: f.rate for f in placebo_lab(flat, np.random.default_rng(0))[0]}
    assert set(rates.values()) == {0.0}


def test_a_lone_treated_workspace_has_no_standard_error():
    """One of nine treated: its residual is zero, its cell has no variance; the degrees of freedom are what the others give."""
    t = trial(2, np.zeros(9, dtype=np.int64))
    one = Trial(n=t.n, total=t.total, square=t.square, strata=t.strata, treated=np.array([1]))
    for found in placebo_lab(one, np.random.default_rng(0))[0]:
        assert 0 <= found.rate <= 1


def test_the_same_seed_gives_the_same_rates_and_the_unit_changes_none():
    t = trial(5, np.zeros(20, dtype=np.int64))
    scaled = Trial(n=t.n, total=8 * t.total, square=64 * t.square, strata=t.strata, treated=t.treated)
    one, two = (placebo_lab(x, np.random.default_rng(9), draws=300) for x in (t, scaled))
    assert one == two
    assert one != placebo_lab(t, np.random.default_rng(10), draws=300)
