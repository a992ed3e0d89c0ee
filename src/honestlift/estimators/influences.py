"""The influence functions of every opt-in estimator, from sums over the rows, and the features that all of them are linear in."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from honestlift.estimators.stack import solve_square
from honestlift.estimators.streamed import Assembled, Assembly, MeanSums
from honestlift.moments.streamed.features import Feature, features_of
from honestlift.moments.streamed.influences import Influence

Floats = NDArray[np.float64]


def features_in(assembly: Assembly) -> tuple[list[Feature], list[Feature]]:
    """What the influences of every estimator are linear in, for the rows of either arm."""
    k = assembly.columns
    dry = assembly.assemble(lambda _: np.ones(1))
    unit = replace(dry, fits=tuple(replace(f, information=np.eye(k)[None], penalty=np.zeros(k)) for f in dry.fits))
    ones = [replace(mean, bottom=np.ones(1), moved=_everywhere(mean, k)) for pair in dry.stacks.values() for mean in pair]
    each = [_influence(unit, mean, arm, 1.0, 1.0) for mean, arm in zip(ones, (0, 1) * len(dry.stacks), strict=False)]
    both = [dict.fromkeys(feature for one in each for feature in features_of(one, arm)) for arm in (0, 1)]
    return list(both[0]), list(both[1])


def _everywhere(mean: MeanSums, k: int) -> tuple[tuple[int, Floats, None], ...]:
    """The same fits, as if the mean moved with each of their coefficients."""
    return tuple((place, np.ones((1, k)), None) for place, _, _ in mean.moved)


def influences(made: Assembled, stack: tuple[MeanSums, MeanSums], means: Floats, rows: float) -> tuple[Influence, Influence]:
    """The influence functions of both means of an estimator, from its totals; see ``stack.solve``.

    Args:
        made: all sums.
        stack: the estimator's.
        means: (2,) its means, about the outcome's origin.
        rows: number n of rows.
    """
    control, treated = (_influence(made, mean, arm, float(means[arm]), rows) for arm, mean in enumerate(stack))
    return control, treated


def _influence(made: Assembled, mean: MeanSums, arm: int, mu: float, rows: float) -> Influence:
    bottom = float(mean.bottom.sum())
    found: dict[str, Floats] = {}
    constant, balance = 0.0, None
    for place, top, below in mean.moved:
        fit = made.fits[place]
        gradient = top.sum(axis=0) - (0.0 if below is None else mu * below.sum(axis=0))
        v = solve_square(fit.information.sum(axis=0) + np.diag(fit.penalty), gradient)
        constant += float(fit.pull @ v) / rows
        if place == 0:
            found["score"] = v
        elif place < 3:
            found["outcome"] = v
        else:
            assert mean.balance is not None
            balance = (*mean.balance, v)
    return Influence(
        arm=arm,
        weight=mean.weight,
        share=mean.share,
        modelled=mean.modelled,
        mean=mu,
        size=bottom / rows,
        score=found.get("score"),
        outcome=found.get("outcome"),
        balance=balance,
        constant=constant,
    )
