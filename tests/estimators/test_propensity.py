"""The propensity against R's glm and scikit-learn, and what it does when there is no maximum."""

from __future__ import annotations

import numpy as np
import pytest

from honestlift.errors import DesignError
from honestlift.estimators.propensity import LEAST, auc, determining, expit, fit_like_scikit_learn, fit_propensity
from honestlift.estimators.stack import project
from honestlift.moments.patterns import patterns_of_rows
from optin_data import CATTANEO, cattaneo, fixtures, llm, llm_columns, llm_x


@pytest.mark.parametrize(("name", "patterns"), [("cattaneo2", cattaneo(*CATTANEO)), ("llm", llm())])
def test_maximum_likelihood_is_that_of_glm(name: str, patterns) -> None:
    fixture = fixtures()[f"{name}.propensity"]
    answer, tolerance = fixture["values"], fixture["rtol"]
    fit = fit_propensity(patterns)
    assert fit.status == "converged"
    assert fit.coefficients == pytest.approx(list(answer["coef"].values()), rel=tolerance)
    assert fit.loglik == pytest.approx(answer["loglik"], rel=tolerance)
    assert auc(fit.e, patterns.count) == pytest.approx(answer["auc"], rel=tolerance)
    for arm, key in ((1, "ps_range_treated"), (0, "ps_range_control")):
        inside = fit.e[patterns.count[:, arm] > 0]
        assert [inside.min(), inside.max()] == pytest.approx(answer[key], rel=tolerance)


def test_the_score_is_zero_at_the_maximum() -> None:
    patterns = llm()
    fit = fit_propensity(patterns)
    score = project(fit.design.matrix, patterns.count[:, 1] - patterns.count.sum(axis=1) * fit.e)
    assert np.abs(score).max() < 1e-9  # 50,000 summands of order one


def test_one_pattern_per_row_and_one_per_distinct_row_give_the_same_fit() -> None:
    rows, few = llm(), llm().collapsed()
    assert few.size < rows.size / 3
    assert fit_propensity(few).coefficients == pytest.approx(fit_propensity(rows).coefficients, rel=1e-11)


def test_the_l2_fit_is_the_one_that_scikit_learn_returns_early_stop_included() -> None:
    from sklearn.linear_model import LogisticRegression

    columns = llm_columns()
    peer = LogisticRegression().fit(llm_x(), columns["opt_in_agent_mode"])
    fit = fit_like_scikit_learn(llm(), ridge=1.0)
    assert fit.coefficients == pytest.approx([*peer.intercept_, *peer.coef_[0]], rel=1e-7)  # the same path of L-BFGS
    exact = LogisticRegression(solver="newton-cholesky", tol=1e-12).fit(llm_x(), columns["opt_in_agent_mode"])
    ours = fit_propensity(llm(), ridge=1.0)
    assert ours.coefficients == pytest.approx([*exact.intercept_, *exact.coef_[0]], rel=1e-7)


def test_units_of_a_covariate_do_not_matter() -> None:
    x = np.array(llm().x)
    columns = llm_columns()
    treated, y = columns["opt_in_agent_mode"] == 1, columns["task_completed"].astype(float)
    scaled = x * [1e6, 1.0, 1e-6] + [0.0, 1e6, 0.0]
    assert fit_propensity(patterns_of_rows(scaled, treated, y)).e == pytest.approx(fit_propensity(llm()).e, rel=1e-9)


def test_a_covariate_that_separates_is_told() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(400, 2))
    treated = x[:, 0] > 0.3
    patterns = patterns_of_rows(x, treated, rng.normal(size=400), names=("cause", "noise"))
    assert fit_propensity(patterns).status == "separated"
    assert determining(patterns) == ["cause"]
    together = patterns_of_rows(x, x.sum(axis=1) > 0, rng.normal(size=400))
    assert determining(together) == []
    assert fit_propensity(together).status == "separated"


def test_a_collinear_covariate_is_named() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, 300))
    patterns = patterns_of_rows(
        np.column_stack([a, b, 2 * a - b + 5]), rng.random(300) < 0.4, rng.normal(size=300), names=("a", "b", "both")
    )
    with pytest.raises(DesignError, match="The regressor 'both' is a linear combination of 'intercept', 'a', 'b'"):
        fit_propensity(patterns)


def test_expit_and_auc_at_their_ends() -> None:
    assert expit(np.array([-1e4, 0.0, 1e4])).tolist() == [
        LEAST,
        0.5,
        1 - 2.0**-53,
    ]  # never 0 or 1: their weights would be infinite
    assert auc(np.array([0.1, 0.9]), np.array([[3.0, 0.0], [0.0, 2.0]])) == 1.0
    assert auc(np.array([0.4]), np.array([[3.0, 2.0]])) == 0.5  # all tied
    # by hand: treated at 0.2 and 0.6, controls at 0.2 and 0.4: pairs won 0.5, 0, 1, 1 of 4
    assert auc(np.array([0.2, 0.4, 0.6]), np.array([[1.0, 1.0], [1.0, 0.0], [0.0, 1.0]])) == 0.625
