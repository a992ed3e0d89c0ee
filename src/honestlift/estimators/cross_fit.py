"""Flexible scores: any classifier and regressor with the interface of scikit-learn, cross-fitted on folds of users."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from honestlift.errors import DesignError
from honestlift.estimators.outcome import OutcomeModel
from honestlift.estimators.propensity import Propensity, known
from honestlift.moments.patterns import Patterns

Floats = NDArray[np.float64]

EDGE = 1e-6
"""Predicted propensities nearer to 0 or 1 than this are an error: such a learner has found who is certain to choose."""


class Classifier(Protocol):
    """What a classifier must do; ``classes_`` are 0 and 1."""

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Any: ...
    def predict_proba(self, X: Any) -> Any: ...


class Regressor(Protocol):
    """What a regressor must do."""

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Any: ...
    def predict(self, X: Any) -> Any: ...


def cross_fit(
    patterns: Patterns, fold: NDArray[np.int64], folds: int, classifier: Classifier, regressor: Regressor
) -> tuple[Propensity, tuple[OutcomeModel, OutcomeModel]]:
    """Propensity and outcome models, predicted by learners that never saw the fold (Chernozhukov et al. 2018).

    Rows with equal covariates are one row with a weight, so that learners must take ``sample_weight``. Each fit is a deep copy.
    The scores count as known in standard errors: their errors are of second order in an augmented estimate.

    Args:
        patterns: the users, with the fold constant in each pattern.
        fold: (P,) fold of each pattern, 0 to folds − 1; users go to folds by a hash of their id.
        folds: number of folds.
        classifier: of opting in.
        regressor: of the outcome, fitted in each arm.

    Raises:
        DesignError: if there are fewer than two folds, a fold's complement lacks an arm, or a propensity is 0 or 1.
    """
    if folds < 2:
        raise DesignError.out_of_range("folds", folds, "at least 2")
    e, means = np.empty(patterns.size), np.empty((patterns.size, 2))
    for f in range(folds):
        inside = fold == f
        rest = patterns.kept(~inside)
        if not inside.any():
            continue
        if min(rest.arms) == 0:
            raise DesignError.out_of_range("folds", folds, "so few that every fold leaves both arms outside it")
        x = np.ascontiguousarray(patterns.x[inside])
        e[inside] = _probability(classifier, rest, x)
        for arm in (0, 1):
            means[inside, arm] = _prediction(regressor, rest, arm, x)
    there = patterns.count.sum(axis=1) > 0
    if float(np.min(e[there])) < EDGE or float(np.max(e[there])) > 1 - EDGE:
        raise DesignError.certain_propensity(EDGE)
    ones = np.ones(patterns.size)
    control, treated = (OutcomeModel(arm=a, mean=means[:, a], slope=ones, nuisance=None) for a in (0, 1))
    return known(e), (control, treated)


def _probability(classifier: Classifier, rest: Patterns, x: Floats) -> Floats:
    learner = copy.deepcopy(classifier)
    both = np.concatenate([rest.x, rest.x])
    weight = np.concatenate([rest.count[:, 0], rest.count[:, 1]])
    chosen = np.repeat([0, 1], rest.size)
    used = weight > 0
    learner.fit(both[used], chosen[used], sample_weight=weight[used])
    return np.asarray(learner.predict_proba(x), dtype=np.float64)[:, 1]


def _prediction(regressor: Regressor, rest: Patterns, arm: int, x: Floats) -> Floats:
    learner = copy.deepcopy(regressor)
    used = rest.count[:, arm] > 0
    learner.fit(np.ascontiguousarray(rest.x[used]), rest.means()[used, arm], sample_weight=rest.count[used, arm])
    return np.asarray(learner.predict(x), dtype=np.float64)


def folds_of(groups: Sequence[int] | NDArray[np.int64], folds: int) -> NDArray[np.int64]:
    """The fold of each hash bucket (or cluster)."""
    return np.asarray(groups, dtype=np.int64) % folds
