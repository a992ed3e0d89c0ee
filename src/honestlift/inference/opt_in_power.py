"""Power of an opt-in study before it runs: what users are worth once selection is undone, given adoption and strength of selection."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from honestlift.errors import DesignError

Target = Literal["ATE", "ATT", "ATO"]

NODES = 4_001
"""Points at which the law of the score is laid out, evenly in the standard normal from −10 to 10: exact to rounding."""

FEWEST = 50
"""Effective users of an arm below which the normal approximation, and the study, do not hold."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Users who choose: how many, which share opts in, and how strongly the covariates tell who does.

    The logit of opting in is normal with standard deviation ``strength`` over users, its mean such that ``adoption`` is the share
    that opts in.

    Attributes:
        users: number n of users.
        adoption: share that opts in.
        strength: standard deviation of the logit; 0 is choice at random, 1 moderate (AUC about 0.74), 2 strong (AUC about 0.87).
        sd: standard deviation of the outcome among users alike in all covariates.

    Raises:
        DesignError: if a number is out of range.

    Example:
        >>> hl.Selection(users=50_000, adoption=0.2, strength=1.0, sd=1.0).users
        50000
    """

    users: int
    adoption: float
    strength: float = 1.0
    sd: float = 1.0

    def __post_init__(self) -> None:
        if self.users < 20:
            raise DesignError.out_of_range("users", self.users, "at least 20 users")
        if not 0 < self.adoption < 1:
            raise DesignError.out_of_range("adoption", self.adoption, "a share between 0 and 1")
        if not (math.isfinite(self.strength) and 0 <= self.strength <= 5):
            raise DesignError.out_of_range("strength", self.strength, "a standard deviation from 0 to 5")
        if not (math.isfinite(self.sd) and self.sd > 0):
            raise DesignError.out_of_range("sd", self.sd, "a number above 0")


@dataclass(frozen=True, slots=True, kw_only=True)
class OptInPower:
    """What a study of users who choose can see.

    Attributes:
        estimand: ``ATE``, ``ATT`` or ``ATO``.
        std_error: of the effect, in the unit of the outcome.
        opted, others: users that those who opted in, and the others, are worth after weighting.
        trusted: whether each arm is worth at least 50 users.
    """

    estimand: Target
    std_error: float
    opted: float
    others: float
    trusted: bool

    def power(self, effect: float, level: float = 0.95) -> float:
        """Chance that the two-sided test announces a true effect."""
        shift, critical = abs(effect) / self.std_error, float(ndtri((1 + level) / 2))
        return float(ndtr(shift - critical) + ndtr(-shift - critical))

    def mde(self, target: float = 0.8, level: float = 0.95) -> float:
        """Smallest effect that is announced with this chance."""
        return float(ndtri((1 + level) / 2) + ndtri(target)) * self.std_error


def opt_in_power(selection: Selection, estimand: Target) -> OptInPower:
    """Standard error of the doubly robust estimate, from the law of the propensity e.

    With tilt h (ATE 1, ATT e, ATO e(1−e); Li, Morgan & Zaslavsky 2018) and residual variance σ² the semiparametric bound of Hahn
    (1998, Econometrica 66) for an effect that all share is σ²/n · E[h²/e + h²/(1−e)]/E[h]²: each arm counts as
    n·E[h]²/E[h²/e] users who opted in, n·E[h]²/E[h²/(1−e)] who did not.

    Args:
        selection: users, adoption, strength of the selection, residual spread.
        estimand: for whom the effect is asked.

    Raises:
        DesignError: if the estimand is another one.
    """
    if estimand not in get_args(Target):
        raise DesignError.out_of_range("estimand", estimand, "ATE, ATT or ATO")
    e, mass = propensities(selection)
    h = {"ATE": np.ones_like(e), "ATT": e, "ATO": e * (1 - e)}[estimand]
    mean = float(mass @ h) ** 2
    opted, others = (selection.users * mean / float(mass @ (h * h / arm)) for arm in (e, 1 - e))
    return OptInPower(
        estimand=estimand,
        std_error=selection.sd * math.sqrt(1 / opted + 1 / others),
        opted=opted,
        others=others,
        trusted=min(opted, others) >= FEWEST,
    )


@lru_cache(maxsize=64)
def propensities(selection: Selection) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Propensities over the users and the share of the users at each, (NODES,) each."""
    z = np.linspace(-10, 10, NODES)
    mass = np.exp(-z * z / 2)
    mass /= mass.sum()
    low, high = -60.0, 60.0
    for _ in range(70):
        middle = (low + high) / 2
        if float(mass @ _expit(middle + selection.strength * z)) < selection.adoption:
            low = middle
        else:
            high = middle
    return _expit((low + high) / 2 + selection.strength * z), mass


def separation(selection: Selection) -> float:
    """Chance that a user who opted in has a higher propensity than one who did not (AUC), by which strength is known from a model."""
    e, mass = propensities(selection)
    opted, others = mass * e, mass * (1 - e)
    below = np.cumsum(others) - others / 2
    return float(opted @ below) / (float(opted.sum()) * float(others.sum()))


def users_needed(
    selection: Selection, effect: float, estimand: Target, *, target: float = 0.8, level: float = 0.95
) -> int | None:
    """Fewest users for which the MDE is no larger than an effect; None for no effect."""
    if effect == 0:
        return None
    return math.ceil(selection.users * (opt_in_power(selection, estimand).mde(target, level) / abs(effect)) ** 2 - 1e-9)


def _expit(x: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(x >= 0, 1 / (1 + np.exp(-np.abs(x))), np.exp(-np.abs(x)) / (1 + np.exp(-np.abs(x))))
