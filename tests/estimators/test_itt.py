"""The ITT per user and per workspace: by hand, its weights, and strata that undo unequal shares."""

from dataclasses import replace

import numpy as np
import pytest

from honestlift.estimators.fit import least_squares, true_value
from honestlift.estimators.itt import (
    cluster_mean_moments,
    contrasts,
    interacts,
    stratum_columns,
    user_moments,
    weighted_cluster_means,
)
from honestlift.inference.sandwich import covariance, satterthwaite, whiten
from honestlift.moments.cells import Outcome


def outcome(
    n: list[float], means: list[float], arm: list[int], *, stratum: list[int] | None = None, origin: float = 0.0
) -> Outcome:
    """One cell per cluster, with a variance of 1 within clusters."""
    size, mean = np.array(n, dtype=np.float64), np.array(means, dtype=np.float64) - origin
    treated = np.array(arm, dtype=np.bool_)
    return Outcome(
        cluster=np.arange(size.size),
        treated=treated,
        exposed=None,
        count=size,
        total=size * mean,
        square=size * (mean**2 + 1),
        arm=treated,
        stratum=None if stratum is None else np.array(stratum),
        origin=origin,
    )


FOUR = outcome([2, 1, 2, 1], [2, 2, 5, 8], [0, 0, 1, 1])
"""Six users in four workspaces. Per user 6 − 2, per workspace 6.5 − 2."""


@pytest.mark.parametrize("origin", [0.0, 3.0, -1e6])
def test_per_user_and_per_workspace_by_hand(origin: float):
    four = outcome([2, 1, 2, 1], [2, 2, 5, 8], [0, 0, 1, 1], origin=origin)
    users, workspaces = least_squares(user_moments(four)), least_squares(cluster_mean_moments(four))
    assert users.theta[1] == pytest.approx(4, rel=1e-9)  # 1e6 costs six digits of sixteen, squared in the sums
    assert true_value(users, np.array([1.0, 0.0])) == pytest.approx(2, rel=1e-9)
    assert workspaces.theta[1] == pytest.approx(4.5, rel=1e-9)
    assert true_value(workspaces, np.array([1.0, 1.0])) == pytest.approx(6.5, rel=1e-9)


def test_weighted_means_by_hand():
    """s² = Σ n_g(ȳ_g − ȳ_arm)²/(K − 2) = (2·1 + 1·4)/2 = 3; SE² = 3·(1/3 + 1/3) = 2."""
    means = weighted_cluster_means(FOUR)
    assert (means.effect, means.control_mean, means.df) == (4.0, 2.0, 2.0)
    np.testing.assert_allclose(means.covariance, [[1, -1], [-1, 2]], rtol=1e-15)


def test_workspace_means_have_the_standard_error_of_welch():
    """CR2 on one row per workspace is s1²/k1 + s0²/k0 (Welch 1947); df by Satterthwaite as methods for two samples have it."""
    rng = np.random.default_rng(0)
    arm = [1] * 4 + [0] * 7
    o = outcome(rng.integers(1, 9, 11).tolist(), rng.normal(size=11).tolist(), arm)
    n, total, _ = o.per_cluster()
    means, on = total / n, np.array(arm, dtype=bool)
    white = whiten(least_squares(cluster_mean_moments(o)))
    welch = means[on].var(ddof=1) / 4 + means[~on].var(ddof=1) / 7
    assert covariance(white, "CR2")[1, 1] == pytest.approx(welch, rel=1e-12)
    df = 11**2 * 3 * 6 / (4**2 * 3 + 7**2 * 6)
    assert satterthwaite(white, np.array([0.0, 1.0])) == pytest.approx(df, rel=1e-12)


def test_equal_workspaces_make_all_three_the_same():
    o = outcome([5] * 6, [1, 2, 3, 4, 5, 6], [1, 0, 1, 0, 1, 0])
    per_user = least_squares(user_moments(o)).theta[1]
    assert per_user == pytest.approx(-1, rel=1e-14)
    assert least_squares(cluster_mean_moments(o)).theta[1] == pytest.approx(per_user, rel=1e-14)
    assert weighted_cluster_means(o).effect == pytest.approx(per_user, rel=1e-14)


# Two strata. A has 3 of 5 workspaces treated, means 0 and an effect of 1; B has 2 of 5, means 10 and an effect of 3.
SHARES = {
    "n": [10.0] * 10,
    "means": [1, 1, 1, 0, 0, 13, 13, 10, 10, 10],
    "arm": [1, 1, 1, 0, 0, 1, 1, 0, 0, 0],
    "stratum": [0] * 5 + [1] * 5,
}


def test_interacted_strata_undo_unequal_shares():
    """Means 29/5 and 30/5 differ by −0.2; the effect per user is (1 + 3)/2 = 2, half the users being in each stratum."""
    o = outcome(**SHARES)  # pyright: ignore[reportArgumentType]
    assert interacts(o)
    assert least_squares(user_moments(o)).theta[1] == pytest.approx(-0.2, rel=1e-13)
    assert least_squares(user_moments(o, strata=True)).theta[1] == pytest.approx(2.0, rel=1e-13)
    assert least_squares(cluster_mean_moments(o, strata=True)).theta[1] == pytest.approx(2.0, rel=1e-13)
    columns, names = stratum_columns(o, np.array(SHARES["n"]))
    assert names == ("stratum 2", "itt × stratum 2")
    assert columns[:, 0].sum() == pytest.approx(0, abs=1e-14)


def test_strata_of_other_sizes_weigh_by_their_users_or_workspaces():
    """Stratum A holds 50 users and B 150: per user (50·1 + 150·3)/200 = 2.5; per workspace still 2."""
    o = outcome(**{**SHARES, "n": [10.0] * 5 + [30.0] * 5})  # pyright: ignore[reportArgumentType]
    assert least_squares(user_moments(o, strata=True)).theta[1] == pytest.approx(2.5, rel=1e-13)
    assert least_squares(cluster_mean_moments(o, strata=True)).theta[1] == pytest.approx(2.0, rel=1e-13)


def test_strata_too_small_to_interact_are_added():
    """Pairs: additive indicators weight pair effects 1, 2, 6 by n1·n0/(n1 + n0) = 1, 1, 2: 15/4 (Lin 2013, section 3)."""
    o = outcome([2, 2, 2, 2, 4, 4], [1, 0, 7, 5, 16, 10], [1, 0, 1, 0, 1, 0], stratum=[0, 0, 1, 1, 2, 2])
    assert not interacts(o)
    assert contrasts(o)
    moments = user_moments(o, strata=True)
    assert moments.names == ("control mean", "itt", "stratum 2", "stratum 3")
    assert least_squares(moments).theta[1] == pytest.approx(15 / 4, rel=1e-13)


def test_strata_of_one_arm_leave_nothing_to_contrast():
    assert not contrasts(outcome([1] * 4, [1, 2, 3, 4], [1, 1, 0, 0], stratum=[0, 0, 1, 1]))
    assert contrasts(outcome([1] * 4, [1, 2, 3, 4], [1, 1, 0, 0], stratum=[0, 0, 0, 1]))
    assert not contrasts(FOUR)


def test_a_stratum_without_the_outcome_is_gone():
    o = replace(outcome(**SHARES), stratum=np.array([0] * 5 + [7] * 5))  # pyright: ignore[reportArgumentType]
    assert interacts(o)
    assert least_squares(user_moments(o, strata=True)).theta[1] == pytest.approx(2.0, rel=1e-13)
