"""Weighting and doubly robust estimates against R's WeightIt and statsmodels, the published digits, and their laws."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from honestlift.errors import DesignError
from honestlift.estimators.doubly_robust import augmented, balanced, regression
from honestlift.estimators.entropy import balancing_fits
from honestlift.estimators.outcome import fit_outcome
from honestlift.estimators.outcome import given as given_model
from honestlift.estimators.propensity import fit_like_scikit_learn, fit_propensity, known
from honestlift.estimators.stack import Means, solve
from honestlift.estimators.tilt import ESTIMANDS, arm_weights
from honestlift.estimators.weighting import naive, weighted
from honestlift.inference.influence import clustered_covariance, covariance, effect_covariance, log_odds_ratio, log_ratio
from honestlift.moments.patterns import Patterns, patterns_of_rows
from optin_data import CATTANEO, cattaneo, fixtures, llm


def std_error(means: Means, patterns: Patterns) -> float:
    return math.sqrt(effect_covariance(covariance(means, patterns))[1, 1])


def outcome_models(patterns: Patterns, **options):
    return fit_outcome(patterns, 0, **options), fit_outcome(patterns, 1, **options)


@pytest.mark.parametrize(("name", "patterns"), [("cattaneo2", cattaneo(*CATTANEO)), ("llm", llm()), ("llm", llm().collapsed())])
def test_the_naive_difference_is_that_of_means(name: str, patterns: Patterns) -> None:
    fixture = fixtures()[f"{name}.naive"]
    answer, means = fixture["values"], solve(naive(patterns), patterns)
    assert patterns.rows == answer["n"]
    assert patterns.arms[1] == answer["n1"]
    assert means.effect == pytest.approx(answer["naive"], rel=fixture["rtol"])
    assert std_error(means, patterns) == pytest.approx(answer["naive_se_hc0"], rel=fixture["rtol"])


@pytest.mark.parametrize("estimand", ["ATE", "ATT", "ATC", "ATO"])
@pytest.mark.parametrize(("name", "patterns"), [("cattaneo2", cattaneo(*CATTANEO)), ("llm", llm()), ("llm", llm().collapsed())])
def test_weighting_is_that_of_weightit(name: str, patterns: Patterns, estimand) -> None:
    fixture = fixtures()[f"{name}.hajek.{estimand}"]
    answer, tolerance = fixture["values"], fixture["rtol"]
    means = solve(weighted(patterns, fit_propensity(patterns), estimand), patterns)
    assert means.effect == pytest.approx(answer["est"], rel=tolerance)
    assert std_error(means, patterns) == pytest.approx(answer["se"], rel=tolerance)
    assert means.control_mean == pytest.approx(answer["mu0"], rel=tolerance)
    assert math.sqrt(covariance(means, patterns)[0, 0]) == pytest.approx(answer["se0"], rel=tolerance)
    fixed = solve(weighted(patterns, known(fit_propensity(patterns).e), estimand), patterns)
    assert std_error(fixed, patterns) == pytest.approx(answer["se_hc0_weights_fixed"], rel=tolerance)


@pytest.mark.parametrize("estimand", ["ATE", "ATT", "ATO"])
def test_clusters_and_ratios_are_those_of_weightit(estimand) -> None:
    patterns = llm(by_workspace=True)
    means = solve(weighted(patterns, fit_propensity(patterns), estimand), patterns)
    answer = fixtures()["llm.cluster"]["values"][estimand]
    robust = effect_covariance(clustered_covariance(means, patterns, patterns.group, answer["G"]))
    assert math.sqrt(robust[1, 1]) == pytest.approx(answer["se_cr"], rel=fixtures()["llm.cluster"]["rtol"])
    v = covariance(means, patterns)
    for made, key in ((log_ratio(means, v), "llm.logRR"), (log_odds_ratio(means, v), "llm.logOR")):
        told = fixtures()[key]["values"][estimand]
        assert made == pytest.approx((told["est"], told["se"]), rel=fixtures()[key]["rtol"])


@pytest.mark.parametrize("estimand", ["ATE", "ATT"])
def test_entropy_balancing_is_that_of_weightit_and_the_covariate_balancing_score(estimand) -> None:
    patterns = llm()
    fixture, same = fixtures()[f"llm.ebal_{estimand}"], fixtures()[f"llm.cbps_{estimand}"]
    ours = solve(balanced(patterns, balancing_fits(patterns, estimand), estimand), patterns)
    assert ours.effect == pytest.approx(fixture["values"]["est"], rel=fixture["rtol"])
    assert ours.control_mean == pytest.approx(fixture["values"]["mu0"], rel=fixture["rtol"])
    # The just-identified CBPS is the same estimator, with the target's means taken for what they are: estimates.
    assert std_error(ours, patterns) == pytest.approx(same["values"]["se"], rel=same["rtol"])
    # WeightIt's own standard error for entropy balancing takes the target's means for known.
    fixed = solve(balanced(patterns, balancing_fits(patterns, estimand, fixed_target=True), estimand), patterns)
    if estimand == "ATT":
        assert std_error(fixed, patterns) == pytest.approx(fixture["values"]["se"], rel=fixture["rtol"])
    else:
        assert std_error(ours, patterns) == pytest.approx(fixture["values"]["se"], rel=fixture["rtol"])


@pytest.mark.parametrize(("method", "key"), [(regression, "ra"), (augmented, "aipw")])
def test_regression_and_augmented_weighting_are_those_of_statsmodels(method, key: str) -> None:
    fixture = fixtures()[f"statsmodels.logit_{key}_all"]
    answer, tolerance = fixture["values"], fixture["rtol"]
    patterns = cattaneo(*CATTANEO, "prenatal1_")
    score = fit_propensity(patterns, columns=range(5))
    means = solve(method(patterns, score, outcome_models(patterns, columns=[5, 0, 1, 3]), "ATE"), patterns)
    v = covariance(means, patterns)
    assert [means.effect, *(means.theta + means.origin)] == pytest.approx(answer["coef"], rel=tolerance)
    assert [std_error(means, patterns), *np.sqrt(np.diagonal(v))] == pytest.approx(answer["se"], rel=tolerance)


def test_the_published_digits() -> None:
    """The table of the opt-in tutorial: naive .2106, IPW ATE .0851 and ATT .0770 (L2 penalty); AIPW and regression .0847."""
    patterns = llm()
    score = fit_like_scikit_learn(patterns)
    models = outcome_models(patterns)
    made = [weighted(patterns, score, "ATE"), weighted(patterns, score, "ATT"), augmented(patterns, score, models, "ATE")]
    made += [regression(patterns, score, models, "ATE"), naive(patterns)]
    assert [round(solve(s, patterns).effect, 4) for s in made] == [0.0851, 0.0770, 0.0847, 0.0847, 0.2106]
    treated, control = score.e[patterns.count[:, 1] > 0], score.e[patterns.count[:, 0] > 0]
    assert [round(float(v), 3) for v in (treated.min(), treated.max(), control.min(), control.max())] == [
        0.114,
        0.675,
        0.114,
        0.673,
    ]


def test_the_four_cells_of_double_robustness() -> None:
    """Right or wrong propensity (constant .3) and outcome models (constant .5): .0847 and .0849 where one is right."""
    patterns = llm()
    right, models = fit_like_scikit_learn(patterns), outcome_models(patterns)
    wrong, flat = known(np.full(patterns.size, 0.3)), (given_model(patterns, 0, 0.5), given_model(patterns, 1, 0.5))

    def effect(score, outcomes) -> float:
        return round(solve(augmented(patterns, score, outcomes, "ATE"), patterns).effect, 4)

    assert effect(right, models) == 0.0847
    assert effect(wrong, models) == 0.0847
    assert effect(right, flat) == 0.0849
    assert round(solve(regression(patterns, right, flat, "ATE"), patterns).effect, 4) == 0.0
    both_wrong = solve(augmented(patterns, wrong, flat, "ATE"), patterns).effect
    assert both_wrong > 0.15  # nothing is right: the naive difference comes back


def test_overlap_weights_balance_the_means_to_the_last_digit() -> None:
    for patterns in (llm(), cattaneo(*CATTANEO)):
        weights = patterns.count * arm_weights(fit_propensity(patterns).e, "ATO")
        means = patterns.x.T @ weights / weights.sum(axis=0)
        spread = patterns.x.std(axis=0)
        assert np.abs((means[:, 1] - means[:, 0]) / spread).max() < 1e-10


@pytest.mark.parametrize("estimand", ESTIMANDS)
def test_influence_functions_are_the_derivative_of_the_estimate_by_a_row(estimand) -> None:
    """Counting one row 1 + h times moves the estimate by h·IF/n: for every method, on 300 rows, by central differences."""
    rng = np.random.default_rng(5)
    x = rng.normal(size=(300, 2))
    treated = rng.random(300) < 1 / (1 + np.exp(-x[:, 0] * 0.8))
    patterns = patterns_of_rows(x, treated, x @ [1.0, 0.5] + treated + rng.normal(size=300))

    def every(p: Patterns) -> list[Means]:
        score, models = fit_propensity(p), outcome_models(p)
        made = [weighted(p, score, estimand), augmented(p, score, models, estimand), regression(p, score, models, estimand)]
        if estimand in ("ATE", "ATT", "ATC"):
            made.append(balanced(p, balancing_fits(p, estimand), estimand))
        return [solve(s, p) for s in made]

    step = 1e-4
    whole = every(patterns)
    for row in (0, 17, 123):
        weights = np.ones(300)
        moved = []
        for sign in (1, -1):
            weights[row] = 1 + sign * step
            moved.append([m.effect for m in every(patterns.reweighted(weights))])
        arm = int(treated[row])
        for i, means in enumerate(whole):
            slope = (moved[0][i] - moved[1][i]) / (2 * step)
            y = patterns.total[row, arm]
            influence = (means.level + means.slope * y)[1, row, arm] - (means.level + means.slope * y)[0, row, arm]
            assert slope * 300 == pytest.approx(influence, rel=1e-4, abs=1e-4)  # the error of the difference quotient


@pytest.mark.parametrize("estimand", ESTIMANDS)
def test_a_known_constant_score_gives_the_naive_difference(estimand) -> None:
    patterns = cattaneo(*CATTANEO)
    flat = known(np.full(patterns.size, 0.25))
    assert solve(weighted(patterns, flat, estimand), patterns).effect == pytest.approx(
        solve(naive(patterns), patterns).effect, rel=1e-12
    )


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10_000), shift=st.floats(-1e6, 1e6), estimand=st.sampled_from(["ATE", "ATT", "ATC", "ATO", "ATM"]))
def test_laws(seed: int, shift: float, estimand) -> None:
    """A constant added to y changes nothing; swapping the arms turns the sign (and ATT into ATC); row order does not matter."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(200, 2))
    treated = rng.random(200) < 1 / (1 + np.exp(-x[:, 0]))
    y = x[:, 0] + treated + rng.normal(size=200)

    def effect(x, treated, y, estimand) -> float:
        p = patterns_of_rows(x, treated, y)
        return solve(augmented(p, fit_propensity(p), outcome_models(p), estimand), p).effect

    whole = effect(x, treated, y, estimand)
    assert effect(x, treated, y + shift, estimand) == pytest.approx(whole, abs=1e-9 * (1 + abs(shift) * 1e-3))
    other = {"ATT": "ATC", "ATC": "ATT"}.get(estimand, estimand)
    assert effect(x, ~treated, y, other) == pytest.approx(-whole, rel=1e-7, abs=1e-9)
    order = rng.permutation(200)
    assert effect(x[order], treated[order], y[order], estimand) == pytest.approx(whole, rel=1e-9, abs=1e-10)


def test_a_logistic_outcome_model_answers_as_statsmodels_does() -> None:
    import statsmodels.api as sm

    from optin_data import llm_columns, llm_x

    columns = llm_columns()
    treated = columns["opt_in_agent_mode"] == 1
    exog = sm.add_constant(llm_x())
    peer = sm.Logit(columns["task_completed"][treated].astype(float), exog[treated]).fit(disp=0, tol=1e-12)
    model = fit_outcome(llm(), 1, family="logistic")
    assert model.mean + llm().origin == pytest.approx(peer.predict(exog), rel=1e-8)


def test_what_cannot_be_balanced_or_modelled_is_refused() -> None:
    rng = np.random.default_rng(1)
    x = rng.normal(size=(400, 1))
    treated = rng.random(400) < 0.5
    x[treated] += 50  # no control is near
    patterns = patterns_of_rows(x, treated, rng.normal(size=400))
    with pytest.raises(DesignError, match="No weights on the control users reproduce the covariate means"):
        balancing_fits(patterns, "ATT")
    with pytest.raises(DesignError, match="ATE, ATT or ATC for entropy balancing"):
        balancing_fits(patterns, "ATO")
    with pytest.raises(DesignError, match="'linear' for an outcome outside 0 to 1"):
        fit_outcome(patterns, 0, family="logistic")
    with pytest.raises(DesignError, match="estimand is 'LATE'"):
        weighted(patterns, known(np.full(400, 0.5)), "LATE")


def test_patterns_hold_all_that_the_rows_say() -> None:
    """Means, influence functions and covariances from distinct covariate rows are those from the rows themselves."""
    rows = replace(cattaneo("mmarried_", "fbaby_"))
    few = rows.collapsed()
    assert few.size == 4
    for estimand in ESTIMANDS:
        a, b = (solve(weighted(p, fit_propensity(p), estimand), p) for p in (rows, few))
        assert a.effect == pytest.approx(b.effect, rel=1e-11)
        assert covariance(a, rows) == pytest.approx(covariance(b, few), rel=1e-9)
