"""Regression adjustment, augmented weighting, and entropy balancing, each as a stack of estimating equations."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from honestlift.errors import DesignError
from honestlift.estimators.outcome import OutcomeModel
from honestlift.estimators.propensity import Propensity
from honestlift.estimators.stack import Equation, Linear, Nuisance, Slope, Stack
from honestlift.estimators.tilt import Estimand, in_arm, tilt
from honestlift.moments.patterns import Patterns

Floats = NDArray[np.float64]
Outcomes = tuple[OutcomeModel, OutcomeModel]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Target:
    """Whose mean is asked for: a share of each pattern and arm in the target population, and how it moves with the propensity.

    Attributes:
        share: (P, 2) 1 for the ATE, T for the ATT, 1 − T for the ATC, else the tilt h(e).
        moved: (P, 2) derivative of the share by the logit's linear predictor; None where there is none.
    """

    share: Floats
    moved: Floats | None


def target(patterns: Patterns, propensity: Propensity, estimand: Estimand) -> Target:
    """The target population of an estimand."""
    if estimand in ("ATT", "ATC"):
        return Target(share=in_arm(patterns.size, 1 if estimand == "ATT" else 0), moved=None)
    if estimand == "ATE":
        return Target(share=np.ones((patterns.size, 2)), moved=None)
    made = tilt(propensity.e, estimand)
    variance = propensity.e * (1 - propensity.e)
    return Target(share=_both(made.h), moved=_both(made.dh * variance))


def _both(values: Floats) -> Floats:
    return np.broadcast_to(values[:, None], (values.size, 2))


def _fits(propensity: Propensity | None, outcomes: Outcomes) -> tuple[tuple[Nuisance, ...], int | None, dict[int, int]]:
    """The estimated fits, with the place of the propensity and of each arm's outcome model among them."""
    fits: list[Nuisance] = []
    score = propensity.nuisance if propensity else None
    place = None
    if score is not None:
        place = 0
        fits.append(score)
    places: dict[int, int] = {}
    for model in outcomes:
        if model.nuisance is not None:
            places[model.arm] = len(fits)
            fits.append(model.nuisance)
    return tuple(fits), place, places


def regression(patterns: Patterns, propensity: Propensity, outcomes: Outcomes, estimand: Estimand) -> Stack:
    """G-computation (Robins 1986): both arms' outcome models averaged over the target population.

    Args:
        patterns: the rows.
        propensity: used for the ATO and the ATM only, whose population it defines.
        outcomes: models of the control and of the treated arm.
        estimand: whose effect.
    """
    wanted = target(patterns, propensity, estimand)
    fits, score, places = _fits(propensity if wanted.moved is not None else None, outcomes)
    equations: list[Equation] = []
    for arm, model in enumerate(outcomes):
        slopes: list[tuple[int, Slope]] = []
        mean = model.mean[:, None]
        if score is not None and wanted.moved is not None:
            slopes.append((score, Slope(numerator=Linear(level=wanted.moved * mean), denominator=wanted.moved)))
        if arm in places:
            slopes.append((places[arm], Slope(numerator=Linear(level=wanted.share * model.slope[:, None]))))
        numerator = Linear(level=wanted.share * mean)
        equations.append(Equation(numerator=numerator, denominator=wanted.share, slopes=tuple(slopes)))
    return Stack(nuisances=fits, equations=(equations[0], equations[1]))


def augmented(patterns: Patterns, propensity: Propensity, outcomes: Outcomes, estimand: Estimand) -> Stack:
    """Augmented inverse probability weighting: right if either the propensity or the outcome models are.

    N_a = q·m_a + 1{T = a} w_a(e)(Y − m_a), D = q with q the target's share: Robins, Rotnitzky & Zhao (1994) for the ATE,
    Hahn (1998) for the ATT, Mao, Li & Greene (2019) for the ATO and ATM.

    Args:
        patterns: the rows.
        propensity: fitted or known.
        outcomes: models of the control and of the treated arm, fitted or given.
        estimand: whose effect.
    """
    wanted, made = target(patterns, propensity, estimand), tilt(propensity.e, estimand)
    variance = (propensity.e * (1 - propensity.e))[:, None]
    fits, score, places = _fits(propensity, outcomes)
    equations: list[Equation] = []
    for arm, (model, (w, dw)) in enumerate(zip(outcomes, ((made.w0, made.dw0), (made.w1, made.dw1)), strict=True)):
        inside, mean = in_arm(patterns.size, arm), model.mean[:, None]
        weight = inside * w[:, None]
        slopes: list[tuple[int, Slope]] = []
        if score is not None:
            moved = inside * dw[:, None] * variance
            level = -moved * mean if wanted.moved is None else wanted.moved * mean - moved * mean
            slopes.append((score, Slope(numerator=Linear(level=level, slope=moved), denominator=wanted.moved)))
        if arm in places:
            slopes.append((places[arm], Slope(numerator=Linear(level=(wanted.share - weight) * model.slope[:, None]))))
        numerator = Linear(level=(wanted.share - weight) * mean, slope=weight)
        equations.append(Equation(numerator=numerator, denominator=wanted.share, slopes=tuple(slopes)))
    return Stack(nuisances=fits, equations=(equations[0], equations[1]))


def balanced(patterns: Patterns, weights: tuple[Nuisance | None, Nuisance | None], estimand: Estimand) -> Stack:
    """Means under entropy-balancing weights (Hainmueller 2012); an arm that is its own target keeps its plain mean.

    Args:
        patterns: the rows.
        weights: the balancing fit of the control and of the treated arm, see ``balance_arm``; None where the arm is the target.
        estimand: ATE, ATT or ATC.

    Raises:
        DesignError: for another estimand, whose target balancing does not define.
    """
    if estimand not in ("ATE", "ATT", "ATC"):
        raise DesignError.out_of_range("estimand", estimand, "ATE, ATT or ATC for entropy balancing")
    fits: list[Nuisance] = []
    equations: list[Equation] = []
    for arm, fit in enumerate(weights):
        inside = in_arm(patterns.size, arm)
        if fit is None:
            equations.append(Equation(numerator=Linear(level=inside * 0, slope=inside), denominator=inside))
            continue
        slope = Slope(numerator=Linear(level=inside * 0, slope=fit.curvature), denominator=fit.curvature)
        numerator = Linear(level=inside * 0, slope=fit.curvature)
        equations.append(Equation(numerator=numerator, denominator=fit.curvature, slopes=((len(fits), slope),)))
        fits.append(fit)
    return Stack(nuisances=tuple(fits), equations=(equations[0], equations[1]))
