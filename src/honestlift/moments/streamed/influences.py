"""The influence of a row of an opt-in study on a potential mean, as a formula in columns and weights."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from honestlift.moments.streamed.weights import (
    Model,
    Operand,
    Rows,
    factor_bound,
    weight_bound,
)

Floats = NDArray[np.float64]
Mix = Mapping[str, float]


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


def weights_of(one: Influence) -> list[str]:
    """Weights that the expression stands on."""
    made = [*one.weight, *(name for mix in one.share or () for name in mix)]
    made += ["residual"] if one.score is not None else []
    return made + ([f"exp{one.balance[0]}"] if one.balance else [])


def directions_of(one: Influence) -> dict[str, Floats]:
    """Its directions by the names that ``of_row`` gives the lines along them."""
    made: dict[str, Floats] = {}
    if one.score is not None:
        made["ve"] = one.score
    if one.outcome is not None:
        made["vm"] = one.outcome
    if one.balance is not None:
        made["vb"] = one.balance[2]
    return made


def _mixture(mix: Mix, weight: Callable[[str], Operand]) -> Operand:
    parts = [w if c == 1.0 else c * w for name, c in mix.items() for w in (weight(name),)]
    return sum(parts[1:], start=parts[0])


def of_row(one: Influence, arm: int, place: str, column: Callable[[str], Operand], weight: Callable[[str], Operand]) -> Operand:
    """The influence of a row of an arm, in columns and weights; the lines along its directions end in ``place``."""
    own, y, made = arm == one.arm, column("y"), -one.constant
    level = column(f"m{one.arm}") if one.modelled else one.mean
    if one.share is not None and one.share[arm]:
        made = made + _mixture(one.share[arm], weight) * (level - one.mean)
    if own and one.weight:
        made = made + _mixture(one.weight, weight) * (y - level)
    if one.score is not None:
        made = made + weight("residual") * column(f"ve{place}")
    if own and one.outcome is not None:
        made = made + (y - column(f"m{one.arm}")) * column(f"vm{place}")
    if one.balance is not None:
        j, share, _ = one.balance
        made = made + (share[arm] - weight(f"exp{j}") if own else share[arm]) * column(f"vb{place}")
    return made / one.size


def influence_bound(rows: Rows, one: Influence, arm: int, model: Model) -> float:
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
