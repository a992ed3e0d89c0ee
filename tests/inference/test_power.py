"""Power of cluster studies: published numbers, the closed form by hand, the test in closed form against the kernel, and simulation."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.special import stdtrit
from scipy.stats import nct

import honestlift as hl
from honestlift.design.assignment import fixed_counts
from honestlift.estimators.fit import least_squares
from honestlift.inference.power import clusters_needed, formula, t_power
from honestlift.inference.sandwich import covariance, satterthwaite, whiten
from honestlift.inference.simulated_power import Arms, difference_test, redrawn_power, simulate_power
from honestlift.moments.cluster import cluster_moments

SD = math.sqrt(0.18)  # the published scenario: workspaces N(5, .3²), noise N(0, .3²)


def published(clusters: int, r2: float = 0.0) -> hl.Variation:
    return hl.Variation.of(clusters=clusters, mean_size=1000, icc=0.5, sd=SD, r2_between=r2, covariates=int(r2 > 0))


def complete(clusters: int, treated: int) -> Arms:
    redraw = fixed_counts(np.zeros(clusters, dtype=np.int64), np.array([treated]))
    return lambda rng, draws: np.asarray(redraw(rng, draws), dtype=np.bool_)


@pytest.mark.parametrize(("clusters", "mde"), [(50, 0.243), (20, 0.398), (10, 0.606)])
def test_smallest_effects_of_the_published_scenario(clusters: int, mde: float):
    assert round(formula(published(clusters)).mde(), 3) == mde


def test_spillover_between_workspaces_of_the_published_scenario():
    assert round(100 * formula(published(50)).power(0.20)) == 64
    assert clusters_needed(published(50), 0.20) == 74


@pytest.mark.parametrize(("r2", "clusters"), [(0.5, 38), (0.8, 18), (0.9, 10)])
def test_covariates_are_worth_dozens_of_workspaces(r2: float, clusters: int):
    assert clusters_needed(published(50, r2), 0.20) == clusters


def test_more_users_per_workspace_hardly_help():
    more = hl.Variation.of(clusters=50, mean_size=100_000, icc=0.5, sd=SD)
    assert formula(more).mde() > 0.998 * formula(published(50)).mde()


def test_closed_form_by_hand_on_six_workspaces():
    v = hl.Variation(sizes=(10, 10, 20, 20, 30, 30), icc=0.2, sd=3.0, r2_between=0.5, r2_within=0.1, covariates=1)
    n = np.array(v.sizes)
    between, within = 9 * 0.2 * 0.5, 9 * 0.8 * 0.9
    by_user = between * (1 + n.var() / 400) + within / 20
    found = formula(v, share=1 / 3)  # two of six treated
    assert found.std_error == pytest.approx(math.sqrt(by_user / (1 / 3 * 2 / 3 * 6)))
    assert found.df == pytest.approx(
        36 * 1 * 3 / (4 * 1 + 16 * 3) - 1
    )  # Satterthwaite's for arms of two and four, less one covariate
    assert not found.trusted
    per_workspace = formula(v, share=1 / 3, estimand="itt_cluster")
    assert per_workspace.std_error == pytest.approx(math.sqrt((between + within * (1 / n).mean()) / (4 / 3)))
    quantiles = float(stdtrit(found.df, 0.95) + stdtrit(found.df, 0.9))
    assert found.mde(0.9, 0.9) == pytest.approx(quantiles * found.std_error)


def test_equal_sizes_make_both_estimands_one():
    v = published(20)
    assert formula(v).std_error == pytest.approx(formula(v, estimand="itt_cluster").std_error)


@pytest.mark.parametrize("shift", [0.0, 0.5, -2.0, 3.5, 20.0])
@pytest.mark.parametrize("df", [2.0, 7.5, 48.0])
def test_power_of_a_noncentral_t(shift: float, df: float):
    critical = float(stdtrit(df, 0.975))
    wanted = nct.sf(critical, df, abs(shift)) + (nct.cdf(-critical, df, abs(shift)) if abs(shift) < 5 else 0.0) if shift else 0.05
    assert float(t_power(np.array(shift), df, 0.95)) == pytest.approx(wanted, abs=1e-9)


def test_power_far_away_is_certain_and_grows():
    values = [float(t_power(np.array(x), 48.0, 0.95)) for x in (0, 1, 2, 4, 8, 30, 37, 38, 100, 1e6)]
    assert np.all(np.diff(values) >= -1e-12)
    assert values[-1] == pytest.approx(1)


def test_difference_of_means_is_the_kernels_to_the_last_digit():
    rng = np.random.default_rng(5)
    n = np.array([3.0, 8, 40, 5, 5, 12, 30, 7])
    arms = np.array([[1, 1, 0, 0, 0, 1, 0, 0], [1, 0, 1, 0, 1, 0, 1, 0]], dtype=np.bool_)
    for weights in (n, np.ones(8)):
        means = rng.standard_normal((2, 8))
        found = difference_test(weights, means, arms)
        for b in range(2):
            x = np.stack([np.ones(8), arms[b].astype(float)], axis=1)
            total = weights * means[b]
            sums = cluster_moments(("one", "arm"), np.arange(8), x, weights, total, total * means[b], clusters=8)
            white = whiten(least_squares(sums))
            assert found[0][b] == pytest.approx(white.fit.theta[1], rel=1e-12)
            assert found[1][b] == pytest.approx(math.sqrt(covariance(white)[1, 1]), rel=1e-12)
            assert found[2][b] == pytest.approx(satterthwaite(white, np.array([0.0, 1.0])), rel=1e-10)


@pytest.mark.parametrize("cv", [0.0, 0.3, 0.6])
@pytest.mark.parametrize(("clusters", "treated"), [(20, 10), (50, 10), (50, 25)])
@pytest.mark.parametrize("icc", [0.02, 0.5])
def test_formula_holds_where_it_says_so(cv: float, clusters: int, treated: int, icc: float):
    v = hl.Variation.of(clusters=clusters, mean_size=300, icc=icc, sd=1.0, size_cv=cv)
    share = treated / clusters
    closed = formula(v, share=share)
    assert closed.trusted
    effect = closed.mde()
    drawn = simulate_power(v, complete(clusters, treated), np.random.default_rng(3), draws=6_000)
    assert abs(drawn.power(effect) - 0.8) < 0.03
    assert abs(drawn.power(effect / 2) - closed.power(effect / 2)) < 0.03
    assert drawn.power(0.0) == pytest.approx(0.05, abs=0.015)


def test_formula_is_flagged_outside_and_does_not_hold_there():
    v = hl.Variation.of(clusters=20, mean_size=1000, icc=0.5, sd=SD, size_cv=1.5)
    closed = formula(v)
    drawn = simulate_power(v, complete(20, 10), np.random.default_rng(1), draws=8_000)
    assert not closed.trusted
    assert drawn.power(closed.mde()) > 0.82
    assert redrawn_power(v, complete(20, 10)(np.random.default_rng(2), 2_000), closed.mde()) < 0.79
    assert not formula(published(50), share=0.1).trusted


def test_redrawn_power_is_the_formulas_where_all_are_alike():
    arms = complete(20, 10)(np.random.default_rng(2), 50)
    closed = formula(published(20))
    assert redrawn_power(published(20), arms, 0.3) == pytest.approx(closed.power(0.3), abs=1e-9)
    assert redrawn_power(published(20), arms, 0.3, estimand="itt_cluster") == pytest.approx(closed.power(0.3), abs=1e-9)


def test_one_set_of_draws_tells_the_power_of_every_effect():
    v = hl.Variation.of(clusters=12, mean_size=30, icc=0.1, sd=1.0, size_cv=0.8)
    drawn = simulate_power(v, complete(12, 6), np.random.default_rng(8), draws=500)
    rng = np.random.default_rng(8)
    arms = complete(12, 6)(rng, 500)
    means = rng.standard_normal(arms.shape) * np.sqrt(v.between + v.within / v.n)
    for effect in (0.0, 0.2, 0.7):
        rejected: list[NDArray[np.bool_]] = []
        for sign in (1, -1):
            difference, error, df = difference_test(v.n, sign * means + effect * arms, arms)
            rejected.append(np.abs(difference) > stdtrit(df, 0.975) * error)
        assert drawn.power(effect) == pytest.approx(np.mean(rejected), abs=1e-12)
        assert drawn.power(-effect) == drawn.power(effect)
    assert drawn.power(drawn.mde()) >= 0.8 > drawn.power(drawn.mde() * 0.97)


def test_needed_workspaces_are_the_fewest():
    v = hl.Variation.of(clusters=30, mean_size=50, icc=0.1, sd=1.0, size_cv=0.4)
    for share, step in ((0.5, 2), (0.3, 10), (0.25, 4)):
        found = clusters_needed(v, 0.3, share=share)
        assert found is not None
        assert found % step == 0
        assert formula(v.with_clusters(found), share=share).mde() <= 0.3
        assert formula(v.with_clusters(found - step), share=share).mde() > 0.3
    assert clusters_needed(v, 1e-9) is None
    assert clusters_needed(v, 0.0) is None


def test_covariates_must_leave_a_degree_of_freedom():
    with pytest.raises(hl.HonestliftError, match="degree of freedom"):
        formula(hl.Variation.of(clusters=6, mean_size=10, icc=0.1, sd=1.0, covariates=4))


@pytest.mark.parametrize("share", [0.0, 1.0, 0.05, float("nan")])
def test_arms_need_two_workspaces(share: float):
    with pytest.raises(hl.HonestliftError, match="share"):
        formula(published(10), share=share)
