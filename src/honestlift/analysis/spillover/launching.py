"""The effect of launching on one metric, everyone on against everyone off, by every estimator of the contract."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from honestlift.analysis.estimates import Answer
from honestlift.analysis.sheet import Sheet, linear_row, settled
from honestlift.analysis.spillover.adjusting import ADDED, counted
from honestlift.estimators.exposure import launch
from honestlift.estimators.exposure.known import Known
from honestlift.estimators.exposure.people import Floats, People
from honestlift.estimators.fit import least_squares, true_value
from honestlift.inference.interval import relative, t_interval
from honestlift.inference.sandwich import Whitened, covariance, satterthwaite, whiten
from honestlift.result import Estimate

Bools = NDArray[np.bool_]


def launching(
    people: People, answer: Answer, valid: Bools, y: Floats, before: Known | None, sheet: Sheet, *, headline: bool
) -> list[Estimate]:
    """The difference of the arms, users surrounded by their own arm, and the line; each without covariates first, where there are some.

    Args:
        people: the users.
        answer: the metric, with the effects of its arms.
        valid: (U,) who has the outcome.
        y: (U,) the outcome about its origin.
        before: what was known of the users before the treatment.
        sheet: what the rows have in common.
        headline: whether the plan asks for this effect.
    """
    origin = answer.outcome.origin
    rows = _arms(answer)
    line = launch.linear_moments(people, valid, y, origin, before)
    kept = launch.surrounded(people, valid)
    forms = [("", y, "none", "inverse probability")]
    if before is not None and line is not None:
        left = before.left(y, valid, least_squares(line))
        forms = [(":unadjusted", *forms[0][1:]), ("", left, "covariates, additive", f"inverse probability{ADDED}")]
    if launch.both_arms(people, kept):
        for method, weighted in (("surrounded", False), ("surrounded_hajek", True)):
            for suffix, outcome, *how in forms:
                moments = launch.surrounded_moments(people, kept, outcome, origin, weighted=weighted)
                own, named = counted(sheet, moments), method + suffix
                white = whiten(least_squares(moments))
                rows.append(linear_row(white, "contrast", named, "gate", "CR2", own, adjustment=how[int(weighted)]))
    if line is not None:
        names = () if before is None else before.names
        plain = line.of([name for name in line.names if name not in names])
        for suffix, moments, told in [(":unadjusted", plain, ""), ("", line, ADDED)] if names else [("", line, "")]:
            found = _line(people, whiten(least_squares(moments)), counted(sheet, moments))
            own = headline and not suffix and found.df is not None
            rows.append(replace(found, method=found.method + suffix, adjustment=f"degree{told}", headline=own))
    return rows


def _arms(answer: Answer) -> list[Estimate]:
    """The effect per user, taken for that of a launch."""
    found = [(m, answer.find(f"user_ols{m}", "itt_user")) for m in (":unadjusted", "")]
    return [replace(e, estimand="gate", method=f"difference_in_means{m}", headline=False) for m, e in found if e is not None]


def _line(people: People, white: Whitened, sheet: Sheet) -> Estimate:
    """The effect of launching, extrapolated along the fraction."""
    pick, mean = launch.launched(people, white.fit.names), np.eye(len(white.fit.names))[0]
    effect, control = (settled(v, sheet.smallest) for v in (float(pick @ white.fit.theta), true_value(white.fit, mean)))
    both = np.stack([mean, pick])
    v = both @ covariance(white, "CR2") @ both.T
    df = satterthwaite(white, pick)
    interval = t_interval(effect, math.sqrt(max(float(v[1, 1]), 0.0)), df, sheet.level)
    share = relative(effect, control, v, df, sheet.level)
    return sheet.row("linear_in_fraction", "gate", effect, interval, share)
