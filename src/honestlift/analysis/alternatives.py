"""Beside the headline when workspaces are few: tests that do not lean on a t distribution, and whether they agree with it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from honestlift.design.study import Study
from honestlift.inference.randomization import randomization_interval, redraws
from honestlift.inference.sandwich import Whitened
from honestlift.inference.wild import wild_draws, wild_interval
from honestlift.moments.cells import Outcome
from honestlift.result import Interval

FEW = 30
"""Workspaces up to which these tests are run; with more the t distribution is close."""

FEWEST = 10
"""Workspaces below which the wild bootstrap restricts its scores as usual; from there on without the cluster itself (WCR-S)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Alternative:
    """Another test of the headline's hypothesis, with its interval.

    Attributes:
        variant: suffix of the method code.
        estimate: what the interval is about; the randomization test's is not adjusted for strata or covariates.
        interval: the interval and the p-value.
        smallest_p: smallest p-value that the test can give.
        adjusted: whether the estimate is the headline's own.
    """

    variant: str
    estimate: float
    interval: Interval
    smallest_p: float
    adjusted: bool


def alternatives(white: Whitened, outcome: Outcome, study: Study) -> tuple[Alternative, ...]:
    """The wild bootstrap and the randomization test of the effect per user, where workspaces are few; else nothing.

    Both are enumerated when their draws are no more than 9,999, and seeded otherwise. The randomization test re-draws the arms with
    the actual number of treated workspaces, within strata if the plan names them.
    """
    if outcome.clusters > FEW:
        return ()
    pick = white.fit.contrast("itt")
    scores = "WCR" if outcome.clusters < FEWEST else "WCR-S"
    wild = wild_draws(white.fit, pick, np.random.default_rng(study.seed), scores=scores)
    n, total, _ = outcome.per_cluster()
    drawn = redraws(n, total, outcome.arm, np.random.default_rng(study.seed), strata=outcome.stratum)
    return (
        Alternative(
            variant="wild",
            estimate=wild.estimate,
            interval=wild_interval(wild, study.level),
            smallest_p=wild.smallest_p,
            adjusted=True,
        ),
        Alternative(
            variant="randomization",
            estimate=drawn.estimate,
            interval=randomization_interval(drawn, study.level),
            smallest_p=drawn.smallest_p,
            adjusted=len(white.fit.names) == 2,
        ),
    )
