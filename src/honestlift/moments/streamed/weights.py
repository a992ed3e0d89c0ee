"""The rows of an opt-in study in their engine, and the weights of their fits as formulas with bounds."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import narwhals as nw
import numpy as np
from numpy.typing import NDArray

from honestlift.moments.scan import Frame

Floats = NDArray[np.float64]
Range = tuple[float, float]
Ranges = tuple[Range, Range]

FARTHEST = 230.0
"""Linear predictors are cut here before they are exponentiated; a fit that wants to go there has no maximum."""

SLACK = 1e-9
"""What rounding may add to a range, relative to it, before a bound could fail."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Rows:
    """The rows of a study in their engine.

    Attributes:
        frame: columns ``t`` (1.0 opted in), ``y`` (about its origin), ``z1`` … (about their origins, in units near their spread),
            and ``g`` where there are groups.
        bound: (k,) the greatest size of each design column; 1 for the intercept.
        outcome: the greatest size of the outcome about its origin.
        count: rows; 0 where it is not known yet.
        most: there are no more rows.
        largest: no group has more.
        grouped: whether sums come by group.
        groups: there are no more groups; 1 where there are none.
    """

    frame: Frame
    bound: Floats
    outcome: float
    count: int
    most: int
    largest: int
    grouped: bool
    groups: int = 1

    @property
    def limit(self) -> int:
        """No sum has more summands."""
        return self.largest if self.grouped else self.most

    @property
    def columns(self) -> int:
        """Number k of design columns, with the intercept."""
        return self.bound.size

    def ungrouped(self) -> Rows:
        """The same rows in one group."""
        return replace(self, grouped=False, groups=1)

    def of_arm(self, arm: int) -> Rows:
        """The rows of one arm; how many there are is not known yet."""
        return replace(self, frame=self.frame.filter(nw.col("t") == float(arm)), count=0)

    def between(self, beta: Floats, low: float, high: float) -> Rows:
        """The rows whose logit with these coefficients lies in a range; how many there are is not known yet."""
        staged = self.frame.with_columns(predictor(beta).alias("trim"))
        return replace(self, frame=staged.filter((nw.col("trim") >= low) & (nw.col("trim") <= high)), count=0)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Model:
    """The fits that weights and factors follow from, as coefficients of the design columns.

    Attributes:
        propensity: (k,) of the logit of opting in.
        outcomes: (k,) of the linear outcome model of the others, and of those who opted in.
        balance: (k,) each, of the logarithm of the balancing weights.
        ranges: the range of each predictor, ``eta``, ``b0``, ``b1``, …, over the rows of the others, and of those who opted in.
    """

    propensity: Floats
    outcomes: tuple[Floats, Floats] | None = None
    balance: tuple[Floats, ...] = ()
    ranges: Mapping[str, Ranges] = field(default_factory=dict[str, Ranges])

    @property
    def predictors(self) -> dict[str, Floats]:
        """Every predictor whose range matters, by name."""
        return {"eta": self.propensity, **{f"b{j}": beta for j, beta in enumerate(self.balance)}}


Operand = Any
"""An expression of the engine, or an array in this process: what a formula is written in."""


@dataclass(frozen=True, slots=True)
class Scores:
    """What weights are made of: the choice t, the propensity e, f = 1 − e, and ``low``, 1.0 where e is below a half, else 0."""

    t: Operand
    e: Operand
    f: Operand
    low: Operand


WEIGHTS: dict[str, Callable[[Scores], Operand]] = {
    "one": lambda _: 1.0,
    "residual": lambda s: s.t - s.e,
    "e": lambda s: s.e,
    "f": lambda s: s.f,
    "v": lambda s: s.e * s.f,
    "odds": lambda s: s.e / s.f,
    "odds_not": lambda s: s.f / s.e,
    "tilted": lambda s: s.e * s.f * (s.f - s.e),
    "low": lambda s: s.low,
    "high": lambda s: 1.0 - s.low,
    "e_low": lambda s: s.e * s.low,
    "f_high": lambda s: s.f * (1.0 - s.low),
    "v_low": lambda s: s.e * s.f * s.low,
    "v_high": lambda s: s.e * s.f * (1.0 - s.low),
    "odds_low": lambda s: s.e / s.f * s.low,
    "odds_not_high": lambda s: s.f / s.e * (1.0 - s.low),
}
"""Weights as functions of the propensity."""

COLUMNS = Scores(nw.col("t"), nw.col("e"), nw.col("f"), (nw.col("e") < 0.5).cast(nw.Int32).cast(nw.Float64))


def predictor(beta: Floats, column: Callable[[str], Operand] = nw.col, constant: Callable[[float], Operand] = nw.lit) -> Operand:
    """β_0 + Σ β_j z_j."""
    return sum((float(b) * column(f"z{j}") for j, b in enumerate(beta[1:], start=1)), start=constant(float(beta[0])))


def moved(rows: Rows, found: Ranges, step: Floats) -> Ranges:
    """The ranges of a predictor whose coefficients have moved by a step."""
    by = float(np.sum(np.abs(step) * rows.bound))
    return wider(found[0], by), wider(found[1], by)


def wider(found: Range, by: float) -> Range:
    """A range that is wider by so much at either end, and by what rounding could take."""
    by += SLACK * (1.0 + max(abs(found[0]), abs(found[1])))
    return found[0] - by, found[1] + by


def weight_bound(name: str, model: Model, arm: int) -> float:
    """The greatest size of a weight among the rows of an arm (−1 both), given the ranges of the predictors."""

    def reach(predictor: str, *, low: bool = False) -> float:
        found = model.ranges[predictor] if arm < 0 else (model.ranges[predictor][arm],)
        end = max(-r[0] for r in found) if low else max(r[1] for r in found)
        return math.exp(min(end, FARTHEST))

    if name.startswith("exp"):
        return reach(f"b{name.removeprefix('exp')}")
    if name in ("odds", "odds_low"):
        return min(reach("eta"), 1.0 if name == "odds_low" else math.inf)
    if name in ("odds_not", "odds_not_high"):
        return min(reach("eta", low=True), 1.0 if name == "odds_not_high" else math.inf)
    return 1.0


def factor_bound(rows: Rows, name: str, arm: int, model: Model) -> float:
    """The greatest size of a factor."""
    if name in ("", "y", "yy"):
        return rows.outcome ** len(name)
    assert model.outcomes is not None
    predicted = [float(np.sum(np.abs(beta) * rows.bound)) for beta in model.outcomes]
    return rows.outcome + predicted[max(arm, 0)] if name == "r" else predicted[int(name[1])]
