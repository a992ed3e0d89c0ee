"""Every effect of a two-stage design for one metric, the naive difference of users beside them."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from honestlift.analysis.estimates import ROUNDING
from honestlift.analysis.saturation.reading import Reading
from honestlift.analysis.sheet import Sheet, settled
from honestlift.design.assignment.rule import saturation_name
from honestlift.design.metric import Mean
from honestlift.design.study import Study
from honestlift.errors import TwoStageError
from honestlift.estimators.saturation import Effect, TwoStage, effects
from honestlift.inference.interval import relative, t_interval
from honestlift.result import Estimate

ORDER = ("direct", "indirect", "total", "overall")
"""Kinds of effects as they are told, after the headline."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Answer:
    """A metric, its sums and its estimates."""

    metric: Mean
    data: TwoStage
    estimates: tuple[Estimate, ...]

    @property
    def headline(self) -> Estimate:
        """The overall effect of the highest saturation against the lowest."""
        return next(e for e in self.estimates if e.headline)


def code_of(effect: Effect) -> str:
    """``direct:0.5``, ``overall:0.75-0.25``: the estimand with its saturations."""
    high, low = saturation_name(effect.high), saturation_name(effect.low)
    return f"direct:{high}" if effect.kind == "direct" else f"{effect.kind}:{high}-{low}"


def estimate_two_stage(metric: Mean, reading: Reading, study: Study) -> Answer:
    """All effects that the saturations define; the headline is what the highest does against the lowest, over all users."""
    data, origin = reading.outcome(metric.column), reading.origin[metric.column]
    square = reading.sums[metric.column][2]
    users = float(data.count.sum())
    smallest = ROUNDING * math.sqrt(float(square.sum()) / users)
    sheet = Sheet(metric=metric.label, level=study.level, units=int(users), clusters=data.saturation.size, smallest=smallest)
    found = effects(data)
    last = [e for e in found if e.kind == "overall"]
    if not last:
        raise TwoStageError.no_outcome(metric.column)
    headline = max(last, key=lambda e: e.high - e.low)
    rows = [_naive(data, square.sum(axis=0), origin, code_of(headline), sheet)]
    found.sort(key=lambda e: (e is not headline, ORDER.index(e.kind), e.low, e.high))
    rows += [_row(e, origin, sheet, headline=e is headline) for e in found]
    return Answer(metric=metric, data=data, estimates=tuple(rows))


def _row(e: Effect, origin: float, sheet: Sheet, *, headline: bool) -> Estimate:
    effect, mean = settled(e.estimate, sheet.smallest), settled(e.mean + origin, sheet.smallest)
    error = settled(e.std_error, sheet.smallest)
    interval = t_interval(effect, error, e.df, sheet.level)
    share = relative(effect, mean, np.array(e.variance), e.df, sheet.level)
    return sheet.row("two_stage", code_of(e), effect, interval, share, headline=headline)


def _naive(data: TwoStage, square: np.ndarray, origin: float, estimand: str, sheet: Sheet) -> Estimate:
    """Treated minus control users of all workspaces, as if they were independent."""
    n, total = data.count.sum(axis=0), data.total.sum(axis=0)
    means = total / np.where(n > 0, n, 1.0)
    freedom = max(float(n.sum()) - 2.0, 1.0)
    spread = float(np.maximum(square - n * means**2, 0.0).sum()) / freedom
    a, b = (spread / float(k) if k > 0 else math.nan for k in n)
    effect, mean = settled(float(means[1] - means[0]), sheet.smallest), settled(float(means[0]) + origin, sheet.smallest)
    interval = t_interval(effect, settled(math.sqrt(a + b), sheet.smallest), freedom, sheet.level)
    share = relative(effect, mean, np.array([[a, -a], [-a, a + b]]), freedom, sheet.level)
    return sheet.row("naive_ols", estimand, effect, interval, share)
