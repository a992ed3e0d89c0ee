"""Where the fits to all rows start: where those to a sample of them have ended."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from honestlift.errors import DesignError
from honestlift.estimators.design import Design
from honestlift.estimators.entropy import balancing_coefficients
from honestlift.estimators.mixtures import TARGETS, Balancing
from honestlift.estimators.propensity import fit_propensity
from honestlift.estimators.tilt import Estimand
from honestlift.moments.covariates import DesignColumns
from honestlift.moments.patterns import Patterns
from honestlift.moments.streamed.weights import Model

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Start:
    """Where the fits start.

    Attributes:
        model: they.
        balance: the balancing weights that exist, in their order.
        steps: the steps that the propensity took.
    """

    model: Model
    balance: tuple[Balancing, ...]
    steps: int


def start_of(sample: Patterns, columns: DesignColumns, estimands: Sequence[Estimand], counts: Sequence[float]) -> Start:
    """The propensity and the balancing weights of a sample, in the design of all rows.

    Args:
        sample: some users, unweighted.
        columns: the design of all rows.
        estimands: whose balancing weights are wanted.
        counts: all users without and with the feature.
    """
    k = columns.bound.size
    design = Design(
        names=columns.names,
        matrix=np.asfortranarray(np.column_stack([np.ones(sample.size), (sample.x - columns.origin) / columns.scale])),
        centre=columns.origin,
        scale=columns.scale,
    )
    arms = np.array(counts)
    beta, steps = np.zeros(k), 0
    beta[0] = math.log(arms[1] / arms[0])
    weighted = replace(sample, count=sample.count * (arms / np.maximum(sample.count.sum(axis=0), 1.0)))
    try:
        made = fit_propensity(weighted, design=design, ridge=None)
        beta, steps = (made.beta, made.steps) if made.status == "converged" else (beta, 0)
    except (DesignError, np.linalg.LinAlgError):
        pass  # a rare category that the sample lacks: start from the overall rate
    wanted = [t for e in estimands if e in TARGETS for t in TARGETS[e] if t is not None]
    balance: list[tuple[Balancing, Floats]] = []
    for b in dict.fromkeys(wanted):
        share = np.broadcast_to(np.array(b.share), (sample.size, 2))
        try:
            balance.append((b, balancing_coefficients(weighted, design, b.arm, share)))
        except (DesignError, np.linalg.LinAlgError):
            continue  # out of reach in the sample: the overlap check says so
    model = Model(propensity=beta, balance=tuple(v for _, v in balance))
    return Start(model=model, balance=tuple(b for b, _ in balance), steps=steps)
