"""The five estimands as tilts of the population, and the weights that each gives to opted-in and other users."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from honestlift.errors import DesignError

Floats = NDArray[np.float64]
Estimand = Literal["ATE", "ATT", "ATC", "ATO", "ATM"]
ESTIMANDS: tuple[Estimand, ...] = get_args(Estimand)

KINK = 1e-6
"""Distance of a propensity from one half within which a matching weight is not differentiable."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Tilt:
    """Weights as functions of the propensity e, (P,) each, with their derivatives by e.

    After Li, Morgan & Zaslavsky (2018), "Balancing Covariates via Propensity Score Weighting", JASA 113, table 1; ATM after Li &
    Greene (2013).

    Attributes:
        h, dh: share of each pattern in the target population, up to a factor.
        w1, dw1: weight h/e of an opted-in user.
        w0, dw0: weight h/(1 − e) of another user.
    """

    h: Floats
    dh: Floats
    w1: Floats
    dw1: Floats
    w0: Floats
    dw0: Floats


def tilt(e: Floats, estimand: Estimand) -> Tilt:
    """The weights of an estimand. No propensity is clipped.

    Args:
        e: (P,) propensity.
        estimand: ATE (everyone), ATT (those who opted in), ATC (those who did not), ATO (those who could have gone either way) or
            ATM (those who have a match).

    Raises:
        DesignError: if the estimand is unknown.
    """
    one, zero, f = np.ones_like(e), np.zeros_like(e), 1 - e
    odds, d_odds = e / f, 1 / f**2
    odds_not, d_odds_not = f / e, -1 / e**2
    if estimand == "ATE":
        return Tilt(h=one, dh=zero, w1=1 / e, dw1=-1 / e**2, w0=1 / f, dw0=1 / f**2)
    if estimand == "ATT":
        return Tilt(h=e, dh=one, w1=one, dw1=zero, w0=odds, dw0=d_odds)
    if estimand == "ATC":
        return Tilt(h=f, dh=-one, w1=odds_not, dw1=d_odds_not, w0=one, dw0=zero)
    if estimand == "ATO":
        return Tilt(h=e * f, dh=f - e, w1=f, dw1=-one, w0=e, dw0=one)
    if estimand == "ATM":
        low = e < 0.5
        return Tilt(
            h=np.where(low, e, f),
            dh=np.where(low, one, -one),
            w1=np.where(low, one, odds_not),
            dw1=np.where(low, zero, d_odds_not),
            w0=np.where(low, odds, one),
            dw0=np.where(low, d_odds, zero),
        )
    raise DesignError.out_of_range("estimand", estimand, f"one of {', '.join(ESTIMANDS)}")


def arm_weights(e: Floats, estimand: Estimand) -> Floats:
    """(P, 2) weight of a control and of a treated row of each pattern."""
    made = tilt(e, estimand)
    return np.column_stack([made.w0, made.w1])


def in_arm(size: int, arm: int) -> Floats:
    """(P, 2) one in an arm (0 control, 1 treated), zero in the other."""
    made = np.zeros((size, 2))
    made[:, arm] = 1.0
    return made
