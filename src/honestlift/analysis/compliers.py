"""Availability randomized, use chosen: the effect on compliers beside the effect of the arm, and the first stage behind it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from honestlift.analysis.estimates import Answer
from honestlift.analysis.reading import Reading
from honestlift.analysis.sheet import beside
from honestlift.design.metric import Mean
from honestlift.design.study import Study
from honestlift.errors import DesignError
from honestlift.estimators.compliers import ComplierFit, complier_fit
from honestlift.inference.compliers import FirstStage, anderson_rubin, complier_interval, first_stage
from honestlift.inference.sandwich import Kind
from honestlift.moments.spec import Sum
from honestlift.result import Estimate, Interval, Relative, Table

ROWS: dict[str, Kind] = {"iv_2sls": "CR2", "iv_2sls:cr0": "CR0", "iv_2sls:cr1": "CR1S"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Uptake:
    """The arm's effect on use, among the users who have the metric.

    Attributes:
        metric: the metric's label.
        treated, control: share of the users of each arm who used the feature.
        stage: the first stage; None where use is the same in both arms.
    """

    metric: str
    treated: float
    control: float
    stage: FirstStage | None


def with_compliers(answer: Answer, reading: Reading, study: Study) -> tuple[Answer, Uptake | None]:
    """The answer with the effect on compliers of a mean, where use is logged and is not the metric itself; and the first stage."""
    uptake = study.design.uptake
    if uptake is None or not isinstance(answer.metric, Mean) or uptake == answer.metric.column:
        return answer, None
    n, use = _use(reading, answer.metric.column, uptake)
    arm = answer.outcome.arm
    shares = [float(use[arm == treated].sum() / n[arm == treated].sum()) for treated in (True, False)]
    try:
        fit = complier_fit(answer.headline_fit.fit, use)
    except DesignError:
        return answer, Uptake(metric=answer.metric.label, treated=shares[0], control=shares[1], stage=None)
    base = next(e for e in answer.estimates if e.headline)
    stage = Uptake(metric=answer.metric.label, treated=shares[0], control=shares[1], stage=first_stage(fit))
    return replace(answer, estimates=(*answer.estimates, *_rows(fit, base, study))), stage


def _use(reading: Reading, column: str, uptake: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Users who have the outcome, and those of them who used the feature, per cluster of that outcome."""
    cells = reading.cells
    count = cells.moments.sums[Sum((), (column,))]
    used = cells.moments.sums[Sum.of(uptake, present=(column,))] + cells.moments.origin[uptake] * count
    n, use = (np.bincount(cells.cluster, values, cells.arm.size).astype(np.float64) for values in (count, used))
    return n[n > 0], np.round(use[n > 0], 6)


def _rows(fit: ComplierFit, base: Estimate, study: Study) -> list[Estimate]:
    found = {method: complier_interval(fit, kind, study.level) for method, kind in ROWS.items()}
    found["iv_2sls:anderson_rubin"] = anderson_rubin(fit, study.level)
    return [_row(base, method, fit.effect, interval) for method, interval in found.items()]


def _row(base: Estimate, method: str, effect: float, interval: Interval) -> Estimate:
    """A row of the compliers; no share of a mean, as the mean of the compliers in the control arm is another one."""
    return replace(
        beside(base, method, effect, interval, Relative(estimate=None, conf_low=None, conf_high=None)), estimand="cace"
    )


def uptake_table(stages: Sequence[Uptake]) -> Table:
    """Use by arm, and the arm's effect on it, per metric."""
    columns = ("metric", "use_treated", "use_control", "effect_on_use", "std_error", "df", "f")
    rows: list[tuple[object, ...]] = []
    for s in stages:
        found = (
            (s.stage.effect, s.stage.std_error, s.stage.df, s.stage.f) if s.stage else (s.treated - s.control, None, None, None)
        )
        rows.append((s.metric, s.treated, s.control, *found))
    return Table(columns=columns, rows=tuple(rows))
