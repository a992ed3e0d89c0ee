"""Weighting by the propensity: Hájek means of both arms for every estimand, and the naive difference."""

from __future__ import annotations

from honestlift.estimators.propensity import Propensity
from honestlift.estimators.stack import Equation, Linear, Slope, Stack
from honestlift.estimators.tilt import Estimand, in_arm, tilt
from honestlift.moments.patterns import Patterns


def naive(patterns: Patterns) -> Stack:
    """Mean of those who opted in and of those who did not, as if nobody had chosen."""
    arms = [in_arm(patterns.size, a) for a in (0, 1)]
    control, treated = (Equation(numerator=Linear(level=arm * 0, slope=arm), denominator=arm) for arm in arms)
    return Stack(nuisances=(), equations=(control, treated))


def weighted(patterns: Patterns, propensity: Propensity, estimand: Estimand) -> Stack:
    """Hájek (1971) means μ_a = ΣW_a Y / ΣW_a with W_1 = T·w1(e), W_0 = (1 − T)·w0(e), stacked on the logit's score.

    Equal to R's WeightIt 1.4.0 with ``vcov = "asympt"``.

    Args:
        patterns: the rows.
        propensity: their propensity; its uncertainty travels with the estimate unless it is known.
        estimand: whose effect.
    """
    made = tilt(propensity.e, estimand)
    variance = (propensity.e * (1 - propensity.e))[:, None]
    fit = propensity.nuisance
    equations: list[Equation] = []
    for arm, (w, dw) in enumerate(((made.w0, made.dw0), (made.w1, made.dw1))):
        inside = in_arm(patterns.size, arm)
        weight, moved = inside * w[:, None], inside * dw[:, None] * variance
        slopes = ((0, Slope(numerator=Linear(level=inside * 0, slope=moved), denominator=moved)),) if fit else ()
        equations.append(Equation(numerator=Linear(level=inside * 0, slope=weight), denominator=weight, slopes=slopes))
    return Stack(nuisances=(fit,) if fit else (), equations=(equations[0], equations[1]))
