"""Marks that are wrong at known rates: by hand, collapse, laws, recovery of the truth, coverage."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from honestlift.estimators.exposure.published import two_exposure_moments
from honestlift.estimators.fit import least_squares
from honestlift.estimators.misclassified import corrected_moments, exposed_share, is_possible, marked_share
from honestlift.inference.interval import t_interval
from honestlift.inference.sandwich import covariance, satterthwaite, whiten
from honestlift.moments.cells import Outcome


def outcome(
    cluster: NDArray[np.int64], treated: NDArray[np.bool_], marked: NDArray[np.bool_], y: NDArray[np.float64], origin: float = 0.0
) -> Outcome:
    """The sums of rows by workspace, arm and mark."""
    groups = int(cluster.max()) + 1
    arm = np.zeros(groups, dtype=np.bool_)
    arm[cluster] = treated
    key = cluster * 2 + (marked & ~treated)
    cells = np.unique(key)
    sums = [np.bincount(key, v, 2 * groups)[cells] for v in (np.ones(y.size), y - origin, (y - origin) ** 2)]
    where = cells // 2
    exposed = (cells % 2 == 1) & ~arm[where]
    return Outcome(
        cluster=where, treated=arm[where], exposed=exposed, count=sums[0], total=sums[1], square=sums[2], arm=arm, stratum=None,
        origin=origin,
    )  # fmt: skip


def world(seed: int, groups: int = 40, size: int = 60, p: float = 0.1, q: float = 0.25) -> tuple[Outcome, Outcome]:
    """The sums by true exposure and by marks that are wrong at rates p and q; direct .8, spillover .4."""
    rng = np.random.default_rng(seed)
    cluster = np.repeat(np.arange(groups), size)
    treated = (rng.permutation(groups) < groups // 2)[cluster]
    true = ~treated & (rng.random(cluster.size) < 0.4)
    marked = np.where(true, rng.random(cluster.size) >= q, rng.random(cluster.size) < p)
    y = 5 + rng.normal(0, 0.2, groups)[cluster] + 0.8 * treated + 0.4 * true + rng.normal(0, 1, cluster.size)
    return outcome(cluster, treated, true, y, 5.0), outcome(cluster, treated, marked, y, 5.0)


def test_by_hand():
    """Six users: two treated at 9; of the controls two are marked, at 4 and 6, two are not, at 2 and 4; one in four marks is false.

    m₁ = (2 − .25·4)/.75 = 4/3 with sum (10 − .25·16)/.75 = 8, so that μ₁ = 6; no exposure is missed, so that μ₀ = (16 − 8)/(8/3) = 3.
    """
    rows = np.array([0, 0, 1, 1, 1, 1])
    made = outcome(rows, rows == 0, np.array([0, 0, 1, 1, 0, 0], dtype=bool), np.array([9.0, 9, 4, 6, 2, 4]))
    assert (marked_share(made), exposed_share(made, 0.25, 0.0)) == (0.5, pytest.approx(1 / 3))
    fit = least_squares(corrected_moments(made, 0.25, 0.0))
    np.testing.assert_allclose(fit.theta, [3.0, 6.0, 3.0], rtol=1e-13)


def test_marks_that_are_right_give_the_contrasts_of_the_marks():
    made = world(0)[1]
    plain, same = least_squares(two_exposure_moments(made)), least_squares(corrected_moments(made, 0.0, 0.0))
    np.testing.assert_allclose(same.theta, plain.theta, rtol=1e-12)
    np.testing.assert_allclose(covariance(same), covariance(plain), rtol=1e-10)
    assert satterthwaite(whiten(same), plain.contrast("direct")) == pytest.approx(
        satterthwaite(whiten(plain), plain.contrast("direct"))
    )


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 50), st.floats(0, 0.2), st.floats(0, 0.3), st.floats(-5, 5))
def test_laws(seed: int, p: float, q: float, shift: float):
    """The exposed mean hangs on false marks alone, the unexposed on missed ones; a constant on every outcome moves no contrast."""
    made = world(seed, groups=8, size=40)[1]
    theta = least_squares(corrected_moments(made, p, q)).theta
    false_only = least_squares(corrected_moments(made, p, 0.0)).theta
    missed_only = least_squares(corrected_moments(made, 0.0, q)).theta
    np.testing.assert_allclose(theta[0] + theta[2], false_only[0] + false_only[2], rtol=1e-9)
    np.testing.assert_allclose(theta[:2], missed_only[:2], rtol=1e-9)
    moved = Outcome(
        cluster=made.cluster, treated=made.treated, exposed=made.exposed, count=made.count, arm=made.arm, stratum=None, origin=0.0,
        total=made.total + shift * made.count, square=made.square + 2 * shift * made.total + shift**2 * made.count,
    )  # fmt: skip
    np.testing.assert_allclose(least_squares(corrected_moments(moved, p, q)).theta[1:], theta[1:], rtol=1e-8, atol=1e-9)


def test_exact_when_the_marks_are_wrong_exactly_at_the_rates():
    """Every workspace has its false and missed marks in full: the corrected sums are those of the truth."""
    p, q = 0.25, 0.5
    cluster = np.repeat([0, 1, 2, 3], 16)
    treated, true = cluster < 2, (np.arange(64) % 16) >= 8
    flip = np.array([True] * 2 + [False] * 6 + [False] * 4 + [True] * 4)  # 2 of 8 unexposed marked, 4 of 8 exposed marked
    marked = np.tile(flip, 4)
    y = np.where(treated, 9.0, np.where(true, 3.0, 1.0)) + cluster
    theta = least_squares(corrected_moments(outcome(cluster, treated, marked, y), p, q)).theta
    truth = least_squares(two_exposure_moments(outcome(cluster, treated, true & ~treated, y))).theta
    np.testing.assert_allclose(theta, truth, rtol=1e-12)


def test_impossible_rates():
    made = world(1)[1]
    assert not is_possible(made, marked_share(made), 0.0)
    assert not is_possible(made, 0.0, 1 - marked_share(made))
    assert not is_possible(made, 0.5, 0.5)
    with pytest.raises(ValueError, match="cannot come about"):
        corrected_moments(made, 0.9, 0.0)
    assert is_possible(made, 0.1, 0.2)


def covered(worlds: int) -> NDArray[np.float64]:
    """Share of worlds whose interval holds the truth, and mean error: direct and spillover, corrected and as marked."""
    hits = np.zeros((worlds, 4))
    off = np.zeros((worlds, 4))
    for i in range(worlds):
        made = world(1000 + i)[1]
        for j, moments in enumerate((corrected_moments(made, 0.1, 0.25), two_exposure_moments(made))):
            white = whiten(least_squares(moments))
            for k, (name, truth) in enumerate((("direct", 0.8), ("spillover", 0.4))):
                pick = white.fit.contrast(name)
                error = float(pick @ covariance(white) @ pick) ** 0.5
                effect = float(pick @ white.fit.theta)
                found = t_interval(effect, error, satterthwaite(white, pick), 0.95)
                hits[i, 2 * j + k] = found.low <= truth <= found.high
                off[i, 2 * j + k] = effect - truth
    return np.stack([hits.mean(axis=0), off.mean(axis=0)])


def test_corrected_estimates_are_unbiased_and_their_intervals_cover():
    (direct, spill, _, marked), off = covered(150)
    assert 0.90 <= direct <= 0.99
    assert 0.90 <= spill <= 0.99
    assert marked < 0.7
    assert abs(off[1]) < 0.02
    assert off[3] < -0.1
