"""Does the headline's method keep its promise on the study's own data, where there is no effect?"""

from __future__ import annotations

from collections.abc import Mapping

from honestlift.report.lab import sentence
from honestlift.result import Check

HEADLINE = "user_ols"

TOO_OFTEN = 2.0
"""False alarms, in multiples of those promised, beyond which (by two Monte Carlo standard errors) the method is doubted."""


def placebo_lab(
    rates: Mapping[str, float], std_error: float, *, outcome: str, basis: str, redraws: int, level: float, adjusted: bool = False
) -> Check:
    """How often the headline's method announced an effect in re-drawn experiments without any.

    Args:
        rates: share of the re-draws in which each method rejects, by its code.
        std_error: Monte Carlo standard error of the headline's.
        outcome: the column that was analysed.
        basis: ``pre_period`` or ``control_group``.
        redraws: number of re-drawn assignments.
        level: nominal coverage.
        adjusted: whether the headline has covariates, which the lab does not use.
    """
    often = rates[HEADLINE] - 2 * std_error > TOO_OFTEN * (1 - level)
    remedy = (
        "The re-drawn assignments themselves keep the promise on any data: decide by the randomization test." if often else ""
    )
    return Check(
        code="placebo_lab",
        level="caution" if often else "ok",
        statement=sentence(rates, outcome=outcome, basis=basis, redraws=redraws, adjusted=adjusted),
        remedy=remedy,
        evidence={**rates, "std_error": std_error, "redraws": redraws},
    )
