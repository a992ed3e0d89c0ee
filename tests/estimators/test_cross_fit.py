"""Cross-fitted learners: they recover what a logit misses, see nothing of their own fold, and are told when they are certain."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.tree import DecisionTreeClassifier

import honestlift as hl
from honestlift.errors import DesignError
from honestlift.estimators.cross_fit import cross_fit
from honestlift.moments.patterns import patterns_of_rows


def test_each_fold_is_predicted_by_a_learner_that_never_saw_it() -> None:
    rng = np.random.default_rng(0)
    x, fold = rng.normal(size=(600, 2)), rng.integers(0, 3, 600)
    treated, y = rng.random(600) < 0.4, rng.normal(size=600)
    patterns = patterns_of_rows(x, treated, y)
    score, outcomes = cross_fit(patterns, fold, 3, LogisticRegression(), LinearRegression())
    for f in range(3):
        rest, inside = fold != f, fold == f
        peer = LogisticRegression().fit(x[rest], treated[rest])
        assert score.e[inside] == pytest.approx(peer.predict_proba(x[inside])[:, 1], rel=1e-3)  # two stops of L-BFGS
        arm = LinearRegression().fit(x[rest & treated], y[rest & treated])
        assert outcomes[1].mean[inside] + patterns.origin == pytest.approx(arm.predict(x[inside]), rel=1e-8)
    assert score.nuisance is None  # counts as known: first terms only


def bent(n: int, seed: int) -> dict[str, np.ndarray]:
    """Choice and outcome go with x squared: a logit and a line in x see nothing of it. Truth 0.3."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=n)
    chosen = rng.random(n) < 1 / (1 + np.exp(1.5 - x**2))
    return {"id": np.arange(n), "x": x.round(2), "t": chosen.astype(int), "y": x**2 + 0.3 * chosen + rng.normal(size=n)}


def test_flexible_learners_find_the_truth_that_lines_miss() -> None:
    import pandas as pd

    design = hl.OptInDesign(unit="id", treatment="t", estimands=("ATT",))
    learners = hl.Learners(
        classifier=HistGradientBoostingClassifier(max_depth=3, random_state=0),
        regressor=HistGradientBoostingRegressor(max_depth=3, random_state=0),
        folds=3,
    )
    made = hl.analyze(pd.DataFrame(bent(20_000, 1)), design, [hl.Mean("y")], covariates=["x"], bootstrap=0, learners=learners)
    flexible, lines = made.find("aipw:cross_fitted", "ATT"), made.find("aipw", "ATT")
    assert flexible.conf_low <= 0.3 <= flexible.conf_high
    assert lines.conf_low > 0.3
    assert lines.headline
    assert flexible.adjustment == "HistGradientBoostingClassifier and HistGradientBoostingRegressor, 3 folds"


def test_a_learner_that_is_certain_is_refused_not_clipped() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(200, 1))
    patterns = patterns_of_rows(x, rng.random(200) < 0.5, rng.normal(size=200))
    with pytest.raises(DesignError, match="nothing is clipped"):
        cross_fit(patterns, np.arange(200) % 2, 2, DecisionTreeClassifier(random_state=0), LinearRegression())
    with pytest.raises(DesignError, match="folds is 1"):
        hl.Learners(classifier=LogisticRegression(), regressor=LinearRegression(), folds=1)
