"""How the choice of an opt-in study is modelled, and users matched."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal, get_args

from honestlift.errors import DesignError

Penalty = Literal["none", "l2"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Propensity:
    """How the probability of opting in is modelled: a logit on the covariates.

    Attributes:
        penalty: ``none`` for maximum likelihood; ``l2`` for the fit that scikit-learn's LogisticRegression(C) returns by default.
        C: inverse strength of the penalty on the summed loss.

    Raises:
        DesignError: if a value is out of range.

    Example:
        >>> hl.Propensity(penalty="l2", C=1)
        Propensity(penalty='l2', C=1)
    """

    penalty: Penalty = "none"
    C: float = 1.0

    def __post_init__(self) -> None:
        if self.penalty not in get_args(Penalty):
            raise DesignError.out_of_range("penalty", self.penalty, "'none' or 'l2'")
        if not (math.isfinite(self.C) and self.C > 0):
            raise DesignError.out_of_range("C", self.C, "a positive number")


@dataclass(frozen=True, slots=True, kw_only=True)
class Matching:
    """How users are matched on the propensity.

    Attributes:
        neighbours: matches per user; all that are as near as the last are kept.
        caliper: no match is further away in the propensity than this; None for no limit.
        replacement: whether a user may be the match of several.
        exact: covariates on which matches must agree.
        bootstrap: show the bootstrap interval too, though it is not valid for matching (Abadie & Imbens 2008).

    Raises:
        DesignError: if a value is out of range.

    Example:
        >>> hl.Matching(neighbours=3, caliper=0.05).replacement
        True
    """

    neighbours: int = 1
    caliper: float | None = None
    replacement: bool = True
    exact: tuple[str, ...] = ()
    bootstrap: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "exact", tuple(self.exact))
        if self.neighbours < 1:
            raise DesignError.out_of_range("neighbours", self.neighbours, "at least 1")
        if self.caliper is not None and not 0 < self.caliper < 1:
            raise DesignError.out_of_range("caliper", self.caliper, "a difference of propensities between 0 and 1")
        if not self.replacement and self.neighbours > 1:
            raise DesignError.out_of_range("neighbours", self.neighbours, "1 without replacement")
        if not self.replacement and self.exact:
            raise DesignError.out_of_range("exact", list(self.exact), "no exact covariates without replacement")


@dataclass(frozen=True, slots=True, kw_only=True)
class Learners:
    """Learners with the interface of scikit-learn, for doubly robust estimates beside those of the logit.

    Attributes:
        classifier: of opting in; has ``fit(X, y, sample_weight)`` and ``predict_proba(X)``.
        regressor: of the outcome in each arm; has ``fit(X, y, sample_weight)`` and ``predict(X)``.
        folds: users are predicted by learners that never saw their fold; folds go by the hashed id (or cluster).

    Raises:
        DesignError: if a learner lacks a method, or there are fewer than two folds.

    Example:
        >>> from sklearn.linear_model import LinearRegression, LogisticRegression
        >>> hl.Learners(classifier=LogisticRegression(), regressor=LinearRegression()).folds
        5
    """

    classifier: Any
    regressor: Any
    folds: int = 5

    def __post_init__(self) -> None:
        for name, learner, needed in (
            ("classifier", self.classifier, ("fit", "predict_proba")),
            ("regressor", self.regressor, ("fit", "predict")),
        ):
            if not all(callable(getattr(learner, method, None)) for method in needed):
                raise DesignError.out_of_range(name, type(learner).__name__, f"a learner with {' and '.join(needed)}")
        if not 2 <= self.folds <= 1024:
            raise DesignError.out_of_range("folds", self.folds, "from 2 to 1,024")
