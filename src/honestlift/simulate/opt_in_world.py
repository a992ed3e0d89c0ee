"""Worlds in which users choose a feature by themselves: low adoption, no overlap, and a cause that nobody measured."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from honestlift.errors import DesignError
from honestlift.simulate.world import World

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class OptInWorld:
    """Users whose activity moves both their choice and their outcome.

    Choice: logit P(opt in) = intercept + pull·(activity + √k·hidden), the intercept set to reach the adoption.
    Outcome: 1 + effect·opt_in + push·(activity + √k·hidden) + 0.1·tenure + N(0, 1); or 0/1 with 0.5 in place of the 1 as its
    probability, clipped to [0.01, 0.99].

    Attributes:
        users: rows.
        adoption: expected share that opts in.
        effect: true effect of opting in, the same for everyone.
        pull: how much one standard deviation of activity moves the logit of the choice.
        push: how much it moves the outcome.
        hidden: k, the strength of an unmeasured cause in multiples of that of activity, as shares of variance; 0 for none.
        blind: draw a group (share) that can never opt in, with activity far below the others': no overlap for the ATE.
        binary: whether the outcome is 0/1.
        workspaces: number of workspaces; 0 for none. Each moves its users' outcomes by N(0, spread²).
        spread: standard deviation of the workspaces' effects.

    Raises:
        DesignError: if a number is out of range.
    """

    users: int = 20_000
    adoption: float = 0.2
    effect: float = 0.1
    pull: float = 1.0
    push: float = 0.3
    hidden: float = 0.0
    blind: float = 0.0
    binary: bool = False
    workspaces: int = 0
    spread: float = 0.1

    def __post_init__(self) -> None:
        if not (math.isfinite(self.hidden) and self.hidden >= 0):
            raise DesignError.out_of_range("hidden", self.hidden, "a multiple from 0 up")
        if self.users < 100:
            raise DesignError.out_of_range("users", self.users, "a whole number from 100 up")
        for name, value in (("adoption", self.adoption), ("blind", self.blind)):
            if not 0 <= value < 1 or (name == "adoption" and value == 0):
                raise DesignError.out_of_range(name, value, "a share between 0 and 1")

    def draw(self, seed: int) -> World:
        """Draw the users.

        Args:
            seed: start of the generator.

        Returns:
            ``user_id``, ``activity``, ``tenure`` (unrelated to the choice, moves the outcome a little), ``opt_in``, ``outcome``,
            ``outcome_before`` (moved by activity and the hidden cause, not by the choice) and, where there are any,
            ``workspace_id``; the truth per estimand.
        """
        rng = np.random.default_rng(seed)
        n = self.users
        activity, tenure, hidden = (rng.normal(size=n) for _ in range(3))
        blind = rng.random(n) < self.blind
        activity = np.where(blind, activity - 12.0, activity)
        eta = self.pull * (activity + self.hidden**0.5 * hidden)
        intercept = _intercept(eta[~blind], self.adoption)
        chosen = (rng.random(n) < 1 / (1 + np.exp(-(intercept + eta)))) & ~blind
        before = self.push * (activity + self.hidden**0.5 * hidden) + 0.1 * tenure
        columns = {"user_id": np.arange(n), "activity": activity, "tenure": tenure, "opt_in": chosen.astype(np.int64)}
        if self.workspaces:
            workspace = rng.integers(0, self.workspaces, n)
            before = before + rng.normal(0.0, self.spread, self.workspaces)[workspace]
            columns["workspace_id"] = workspace
        columns["outcome"] = self._outcome(before + self.effect * chosen, rng)
        columns["outcome_before"] = before + rng.normal(0.0, 1.0, n)
        truth: dict[str, float] = dict.fromkeys(("ATE", "ATT", "ATC", "ATO", "ATM"), self.effect)
        return World(table=pa.Table.from_pydict(columns), truth=truth)

    def _outcome(self, mean: Floats, rng: np.random.Generator) -> Floats:
        if self.binary:
            return (rng.random(mean.size) < np.clip(0.5 + mean, 0.01, 0.99)).astype(np.float64)
        return 1.0 + mean + rng.normal(0.0, 1.0, mean.size)


def low_adoption(users: int = 200_000) -> OptInWorld:
    """One user in a hundred opts in, and the effect is +0.04: the ATT can be had, the naive difference is thrice it.

    Clipping propensities at 0.05 would return nearly the naive number.
    """
    return OptInWorld(users=users, adoption=0.01, effect=0.04, pull=1.2, push=0.1)


def no_overlap(users: int = 20_000) -> OptInWorld:
    """Half of the users can never opt in: the effect on everyone is beyond the data, that on those who opted in is +0.2."""
    return OptInWorld(users=users, adoption=0.3, effect=0.2, blind=0.5)


def hidden_cause(users: int = 50_000, times: float = 2.0) -> OptInWorld:
    """No effect at all, and a cause that nobody measured, ``times`` as strong as the strongest covariate: every interval misses."""
    return OptInWorld(users=users, adoption=0.3, effect=0.0, hidden=times, pull=0.4, push=0.2)


def _intercept(eta: Floats, adoption: float) -> float:
    """The intercept at which the mean probability is the adoption, by bisection."""
    low, high = -60.0, 60.0
    for _ in range(80):
        middle = (low + high) / 2
        low, high = (middle, high) if float(np.mean(1 / (1 + np.exp(-(middle + eta))))) < adoption else (low, middle)
    return (low + high) / 2
