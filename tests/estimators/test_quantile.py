"""Quantiles by cluster: six rows by hand, the inverted tests at ties and at the ends, the linearized outcome."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from honestlift.estimators import itt
from honestlift.estimators.fit import least_squares
from honestlift.estimators.quantile import Curve, linearized
from honestlift.inference.sandwich import covariance, whiten
from honestlift.moments.cells import Outcome


def curve(clusters: list[list[float]]) -> Curve:
    values = np.unique(np.concatenate([np.array(c) for c in clusters]))
    up_to = np.array([[0.0, *(float((np.array(c) <= v).sum()) for v in values)] for c in clusters])
    return Curve.of(np.array([float(len(c)) for c in clusters]), up_to, values, values)


def test_six_rows_by_hand() -> None:
    found = curve([[1.0, 2.0, 3.0], [2.0, 4.0, 5.0]])
    assert found.share.tolist() == [0, 1 / 6, 3 / 6, 4 / 6, 5 / 6, 1]
    # up to 2: two of the first three, one of the others; residuals ±.5, two clusters of half the arm
    assert found.error[2] == pytest.approx(np.sqrt(2 * 0.5**2 / 0.5) / 6)
    assert found.at(2.0) == 2


def test_the_error_is_cr2_of_the_share() -> None:
    rng = np.random.default_rng(1)
    clusters = [list(rng.normal(size=n)) for n in (3, 9, 20, 4)]
    found, value = curve(clusters), clusters[2][0]
    counts = np.array([float((np.array(c) <= value).sum()) for c in clusters])
    n = found.size
    both = np.concatenate([n, [4.0, 6.0]])
    total = np.concatenate([counts, [1.0, 2.0]])
    arm = np.array([True] * 4 + [False] * 2)
    outcome = Outcome(
        cluster=np.arange(6), treated=arm, exposed=None, count=both, total=total, square=total, arm=arm, stratum=None, origin=0.0
    )
    v = covariance(whiten(least_squares(itt.user_moments(outcome))))
    assert found.error[found.at(value)] == pytest.approx(np.sqrt(np.array([1, 1]) @ v @ np.array([1, 1])), rel=1e-9)


@given(st.integers(0, 10_000), st.floats(0.2, 0.8), st.floats(0.0, 3.0))
@settings(max_examples=25, deadline=None)
def test_limits_are_the_values_that_no_test_rejects(seed: int, q: float, t: float) -> None:
    rng = np.random.default_rng(seed)
    found = curve([list(np.round(rng.normal(size=12), 1)) for _ in range(8)])
    low, high = found.limits(q, t)
    kept = [
        v
        for j, v in enumerate(found.high)
        if found.share[j + 1] + t * found.error[j + 1] >= q and found.share[j] - t * found.error[j] <= q
    ]
    assert low <= min(kept)
    assert high >= max(kept)
    wider = found.limits(q, t + 0.5)
    assert wider[0] <= low
    assert wider[1] >= high


def test_an_extreme_value_is_an_end_only_if_it_is_a_point_mass() -> None:
    rng = np.random.default_rng(4)
    smooth = curve([list(rng.normal(size=10)) for _ in range(6)])
    assert smooth.limits(0.02, 2.0)[0] == -np.inf
    assert smooth.limits(0.98, 2.0)[1] == np.inf
    zeros = curve([[0.0] * 7 + list(1 + rng.random(3)) for _ in range(6)])
    assert zeros.limits(0.5, 2.0) == (0.0, 0.0)


def test_the_means_of_the_linearized_outcome_are_the_quantiles() -> None:
    rng = np.random.default_rng(2)
    arms = tuple(curve([list(rng.normal(shift, size=15)) for _ in range(5)]) for shift in (0.0, 1.0))
    at = tuple(float(c.high[np.argmax(c.share[1:] >= 0.5)]) for c in arms)
    arm = np.repeat([False, True], 5)
    n = np.full(10, 15.0)
    outcome = Outcome(
        cluster=np.arange(10), treated=arm, exposed=None, count=n, total=n, square=n, arm=arm, stratum=None, origin=0.0
    )
    made = linearized(outcome, (arms[0], arms[1]), (at[0], at[1]), (2.0, 3.0))
    fit = least_squares(itt.user_moments(made))
    assert fit.theta[1] == pytest.approx(at[1] - at[0])
    assert fit.theta[0] + made.origin == pytest.approx(at[0])
    error = np.hypot(2.0 * arms[0].error[arms[0].at(at[0])], 3.0 * arms[1].error[arms[1].at(at[1])])
    assert np.sqrt(covariance(whiten(fit))[1, 1]) == pytest.approx(error)
    inside = [np.array([a.up_to[:, a.at(v)] for a, v in zip(arms, at, strict=True)]).ravel()][0]
    by_user = sum(
        k * (r - 1) ** 2 * s**2 + (15 - k) * (r * s) ** 2 for k, r, s in [(inside[0], arms[0].share[arms[0].at(at[0])], 2.0)]
    )
    assert made.square[0] == pytest.approx(by_user)


def test_resampled_quantiles_are_those_of_the_drawn_clusters() -> None:
    rng = np.random.default_rng(3)
    clusters = [list(rng.normal(size=7)) for _ in range(5)]
    weights = np.array([[1.0, 0, 2, 0, 1], [0.0] * 5])
    drawn = np.concatenate([clusters[0], clusters[2], clusters[2], clusters[4]])
    found = curve(clusters).quantiles(0.3, weights)
    assert found[0] == np.quantile(drawn, 0.3, method="inverted_cdf")
    assert np.isnan(found[1])
