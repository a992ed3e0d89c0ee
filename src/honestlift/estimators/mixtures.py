"""The weights of every estimand as mixtures of named functions of the propensity, for sums that the engine computes."""

from __future__ import annotations

from dataclasses import dataclass

from honestlift.estimators.tilt import Estimand
from honestlift.moments.streamed.influences import Mix


@dataclass(frozen=True, slots=True, kw_only=True)
class Mixture:
    """An estimand's weights as mixtures of named functions of the propensity; see ``tilt`` for the formulas and their source.

    Attributes:
        weight, moved: W and its derivative, in the arm of the others and of those who opted in.
        share, share_moved: q and its derivative, for rows of each arm.
    """

    weight: tuple[Mix, Mix]
    moved: tuple[Mix, Mix]
    share: tuple[Mix, Mix]
    share_moved: tuple[Mix, Mix] = ({}, {})


ONE: Mix = {"one": 1.0}
MIXTURES: dict[Estimand, Mixture] = {
    "ATE": Mixture(
        weight=({"one": 1.0, "odds": 1.0}, {"one": 1.0, "odds_not": 1.0}),
        moved=({"odds": 1.0}, {"odds_not": -1.0}),
        share=(ONE, ONE),
    ),
    "ATT": Mixture(weight=({"odds": 1.0}, ONE), moved=({"odds": 1.0}, {}), share=({}, ONE)),
    "ATC": Mixture(weight=(ONE, {"odds_not": 1.0}), moved=({}, {"odds_not": -1.0}), share=(ONE, {})),
    "ATO": Mixture(
        weight=({"e": 1.0}, {"f": 1.0}),
        moved=({"v": 1.0}, {"v": -1.0}),
        share=({"v": 1.0}, {"v": 1.0}),
        share_moved=({"tilted": 1.0}, {"tilted": 1.0}),
    ),
    "ATM": Mixture(
        weight=({"odds_low": 1.0, "high": 1.0}, {"low": 1.0, "odds_not_high": 1.0}),
        moved=({"odds_low": 1.0}, {"odds_not_high": -1.0}),
        share=({"e_low": 1.0, "f_high": 1.0}, {"e_low": 1.0, "f_high": 1.0}),
        share_moved=({"v_low": 1.0, "v_high": -1.0}, {"v_low": 1.0, "v_high": -1.0}),
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Balancing:
    """Weights ω = exp(z'λ) on one arm that reproduce the design's means in a target (see ``entropy.py``).

    Attributes:
        arm: the arm that is weighted.
        share: of each arm's rows in the target.
    """

    arm: int
    share: tuple[float, float]


TARGETS: dict[Estimand, tuple[Balancing | None, Balancing | None]] = {
    "ATE": (Balancing(arm=0, share=(1.0, 1.0)), Balancing(arm=1, share=(1.0, 1.0))),
    "ATT": (Balancing(arm=0, share=(0.0, 1.0)), None),
    "ATC": (None, Balancing(arm=1, share=(1.0, 0.0))),
}
"""The balancing weights of each estimand that balancing defines; None where the arm is its own target."""
