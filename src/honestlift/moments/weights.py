"""The rows of an opt-in study in their engine, and the weights of their fits as expressions with bounds."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import narwhals as nw
import numpy as np
from numpy.typing import NDArray

from honestlift.moments.scan import Frame, collect

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
    """

    frame: Frame
    bound: Floats
    outcome: float
    count: int
    most: int
    largest: int
    grouped: bool

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
        return replace(self, grouped=False)

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


E, F = nw.col("e"), nw.col("f")
LOW = (E < 0.5).cast(nw.Int32).cast(nw.Float64)
WEIGHTS: dict[str, nw.Expr] = {
    "one": nw.lit(1.0),
    "residual": nw.col("t") - E,
    "e": E,
    "f": F,
    "v": E * F,
    "odds": E / F,
    "odds_not": F / E,
    "tilted": E * F * (F - E),
    "low": LOW,
    "high": 1.0 - LOW,
    "e_low": E * LOW,
    "f_high": F * (1.0 - LOW),
    "v_low": E * F * LOW,
    "v_high": E * F * (1.0 - LOW),
    "odds_low": E / F * LOW,
    "odds_not_high": F / E * (1.0 - LOW),
}
"""Weights as functions of the propensity e and f = 1 − e."""


def predictor(beta: Floats) -> nw.Expr:
    """β_0 + Σ β_j z_j."""
    return sum((float(b) * nw.col(f"z{j}") for j, b in enumerate(beta[1:], start=1)), start=nw.lit(float(beta[0])))


def ranges(rows: Rows, predictors: Mapping[str, Floats]) -> dict[str, Ranges]:
    """Least and greatest value of each linear predictor over the rows of either arm; an arm without rows has the range 0 to 0."""
    found = [_ranges(rows.of_arm(arm), predictors) for arm in (0, 1)]
    return {name: (found[0][name], found[1][name]) for name in predictors}


def _ranges(rows: Rows, predictors: Mapping[str, Floats]) -> dict[str, Range]:
    staged = rows.frame.select(*[predictor(beta).alias(name) for name, beta in predictors.items()])
    ends = [
        f(nw.col(name)).alias(f"{name}{end}") for name in predictors for end, f in (("low", nw.Expr.min), ("high", nw.Expr.max))
    ]
    row: dict[str, Any] = collect(staged.select(*ends)).to_pylist()[0]
    return {name: _wider((float(row[f"{name}low"] or 0.0), float(row[f"{name}high"] or 0.0)), 0.0) for name in predictors}


def moved(rows: Rows, found: Ranges, step: Floats) -> Ranges:
    """The ranges of a predictor whose coefficients have moved by a step."""
    by = float(np.sum(np.abs(step) * rows.bound))
    return _wider(found[0], by), _wider(found[1], by)


def _wider(found: Range, by: float) -> Range:
    by += SLACK * (1.0 + max(abs(found[0]), abs(found[1])))
    return found[0] - by, found[1] + by


def staged(rows: Rows, weights: Iterable[str], factors: Iterable[str], model: Model) -> Frame:
    """The frame with the columns that weights and factors need, a stage at a time so that each is computed once."""
    weights, factors = set(weights), set(factors)
    balancing = sorted(int(w.removeprefix("exp")) for w in weights if w.startswith("exp"))
    linear: dict[str, Floats] = {f"b{j}": model.balance[j] for j in balancing}
    if weights - {"one"} - {f"exp{j}" for j in balancing}:
        linear["eta"] = model.propensity
    if factors & {"r", "m0", "m1"}:
        assert model.outcomes is not None
        linear |= {"m0": model.outcomes[0], "m1": model.outcomes[1]}
    frame = rows.frame.with_columns(*[predictor(b).alias(n) for n, b in linear.items()]) if linear else rows.frame
    made = [nw.col(f"b{j}").clip(-FARTHEST, FARTHEST).exp().alias(f"exp{j}") for j in balancing]
    if "eta" in linear:
        made.append((-(nw.col("eta").abs())).clip(lower_bound=-FARTHEST).exp().alias("q"))
    frame = frame.with_columns(*made) if made else frame
    return _with_scores(frame) if "eta" in linear else frame


def _with_scores(frame: Frame) -> Frame:
    """The propensity e and f = 1 − e, neither by a subtraction that could lose its digits."""
    q, up = nw.col("q"), nw.col("eta") >= 0
    near, far = 1.0 / (1.0 + q), q / (1.0 + q)
    return frame.with_columns(nw.when(up).then(near).otherwise(far).alias("e"), nw.when(up).then(far).otherwise(near).alias("f"))


def weight_expression(name: str) -> nw.Expr:
    """A weight in terms of the staged columns."""
    return nw.col(name) if name.startswith("exp") else WEIGHTS[name]


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
