"""Sums of products of influence functions over the rows of an opt-in study, computed by the engine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import narwhals as nw
import numpy as np
from numpy.typing import NDArray

from honestlift.errors import SourceError
from honestlift.moments.exact import grid
from honestlift.moments.expressions import levels, rounded
from honestlift.moments.scan import collect
from honestlift.moments.weights import (
    SLACK,
    WEIGHTS,
    Model,
    Rows,
    factor_bound,
    predictor,
    staged,
    weight_bound,
    weight_expression,
)

Floats = NDArray[np.float64]
Mix = Mapping[str, float]

MOST_STACKS = 8
"""Estimators in one query; more are split over several."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Influence:
    """The influence of a row on a potential mean, [S·(m − μ) + A·W·(y − m) + Σ_fits residual·z'v − constant] / size.

    A is 1 in the mean's own arm and 0 in the other. Without a model m is μ, and S does not matter.

    Attributes:
        arm: the mean's own arm.
        weight: W as a mixture of ``WEIGHTS`` and balancing weights.
        share: S in each arm, a mixture of ``WEIGHTS``; None where the mean is a ratio of weighted sums.
        modelled: whether an outcome model m predicts the mean.
        mean: μ, about the outcome's origin.
        size: mean of the denominator.
        score: v of the propensity; None where it does not matter.
        outcome: v of the own arm's outcome model; None where it does not matter.
        balance: which balancing weights, the share of each arm in their target, and v; None without.
        constant: what an early stop or a penalty of the propensity leaves.
    """

    arm: int
    weight: Mix
    share: tuple[Mix, Mix] | None
    modelled: bool
    mean: float
    size: float
    score: Floats | None = None
    outcome: Floats | None = None
    balance: tuple[int, tuple[float, float], Floats] | None = None
    constant: float = 0.0

    def directions(self) -> list[Floats]:
        """Every v: of the propensity, the outcome model, the balancing weights, as far as there are any."""
        found = (self.score, self.outcome, self.balance[2] if self.balance else None)
        return [v for v in found if v is not None]


def covariances(rows: Rows, pairs: Sequence[tuple[Influence, Influence]], model: Model) -> list[Floats]:
    """Σ IF IF' of each pair of means, (2, 2) each, rows independent.

    Args:
        rows: the rows.
        pairs: influences on the mean under control and under treatment.
        model: the fits.

    Raises:
        SourceError: if the engine fails.
    """
    made = [np.zeros((2, 2)) for _ in pairs]
    for arm in (0, 1):
        inside = rows.of_arm(arm)
        for first in range(0, len(pairs), MOST_STACKS):
            for i, v in enumerate(_query(inside, arm, pairs[first : first + MOST_STACKS], model), start=first):
                made[i] += v
    if not all(np.isfinite(v).all() for v in made):
        raise SourceError.engine("a sum of finite numbers is not finite")
    return made


def _query(rows: Rows, arm: int, pairs: Sequence[tuple[Influence, Influence]], model: Model) -> list[Floats]:
    """The sums over the rows of one arm."""
    each = [one for pair in pairs for one in pair]
    modelled = any(one.modelled or one.outcome is not None for one in each)
    frame = staged(rows, [name for one in each for name in _weights(one)], ["m0"] if modelled else [], model)
    lines: dict[str, Floats] = {}
    for p, pair in enumerate(pairs):
        for a, one in enumerate(pair):
            lines |= {f"{name}{p}{a}": v for name, v in _directions(one).items() if name != "vm" or a == arm}
    frame = frame.with_columns(*[predictor(v).alias(name) for name, v in lines.items()]) if lines else frame
    places = [(one, f"{p}{a}") for p, pair in enumerate(pairs) for a, one in enumerate(pair)]
    frame = frame.select(*[_expression(one, arm, place).alias(f"f{place}") for one, place in places])
    summands: list[nw.Expr] = []
    sums: list[str] = []
    for p, pair in enumerate(pairs):
        size = [_bound(rows, one, arm, model) for one in pair]
        for a, b in ((0, 0), (0, 1), (1, 1)):
            g = grid(size[a] * size[b] * (1 + SLACK), rows.most, 0.0, 1.0)
            parts = rounded(nw.col(f"f{p}{a}") * nw.col(f"f{p}{b}"), g)
            summands += [part.alias(f"s{p}{a}{b}{level}") for level, part in parts.items()]
            sums += [f"s{p}{a}{b}{level}" for level in levels(g)]
    row = collect(frame.select(*summands).select(*[nw.col(s).sum() for s in sums])).to_pylist()[0]
    made: list[Floats] = []
    for p in range(len(pairs)):
        v00, v01, v11 = (float(row[f"s{p}{ab}h"] or 0.0) + float(row.get(f"s{p}{ab}l") or 0.0) for ab in ("00", "01", "11"))
        made.append(np.array([[v00, v01], [v01, v11]]))
    return made


def _weights(one: Influence) -> list[str]:
    """Weights that the expression stands on."""
    made = [*one.weight, *(name for mix in one.share or () for name in mix)]
    made += ["residual"] if one.score is not None else []
    return made + ([f"exp{one.balance[0]}"] if one.balance else [])


def _directions(one: Influence) -> dict[str, Floats]:
    made: dict[str, Floats] = {}
    if one.score is not None:
        made["ve"] = one.score
    if one.outcome is not None:
        made["vm"] = one.outcome
    if one.balance is not None:
        made["vb"] = one.balance[2]
    return made


def _mixture(mix: Mix) -> nw.Expr:
    parts = [w if c == 1.0 else c * w for name, c in mix.items() for w in (weight_expression(name),)]
    return sum(parts[1:], start=parts[0])


def _expression(one: Influence, arm: int, place: str) -> nw.Expr:
    """The influence of a row of an arm."""
    own, y, made = arm == one.arm, nw.col("y"), nw.lit(-one.constant)
    level = nw.col(f"m{one.arm}") if one.modelled else nw.lit(one.mean)
    if one.share is not None and one.share[arm]:
        made = made + _mixture(one.share[arm]) * (level - one.mean)
    if own and one.weight:
        made = made + _mixture(one.weight) * (y - level)
    if one.score is not None:
        made = made + WEIGHTS["residual"] * nw.col(f"ve{place}")
    if own and one.outcome is not None:
        made = made + (y - nw.col(f"m{one.arm}")) * nw.col(f"vm{place}")
    if one.balance is not None:
        j, share, _ = one.balance
        made = made + (share[arm] - nw.col(f"exp{j}") if own else nw.lit(share[arm])) * nw.col(f"vb{place}")
    return made / one.size


def _bound(rows: Rows, one: Influence, arm: int, model: Model) -> float:
    """No influence of a row of an arm is larger."""
    level = factor_bound(rows, f"m{one.arm}", one.arm, model) if one.modelled else abs(one.mean)

    def mixture(mix: Mix) -> float:
        return sum(abs(coefficient) * weight_bound(name, model, arm) for name, coefficient in mix.items())

    def along(v: Floats) -> float:
        return float(np.sum(np.abs(v) * rows.bound))

    own = arm == one.arm
    made = abs(one.constant) + (mixture(one.weight) * (rows.outcome + level) if own else 0.0)
    if one.share is not None:
        made += mixture(one.share[arm]) * (level + abs(one.mean))
    made += along(one.score) if one.score is not None else 0.0
    made += (rows.outcome + level) * along(one.outcome) if one.outcome is not None else 0.0
    if one.balance is not None:
        made += (1.0 + (weight_bound(f"exp{one.balance[0]}", model, arm) if own else 0.0)) * along(one.balance[2])
    return made / abs(one.size)
