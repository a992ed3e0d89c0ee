"""The worlds of opt_in_coverage.py: users who choose by tier and activity, drawn straight into sums, with the truth per estimand."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from honestlift.estimators.propensity import expit, fit_propensity
from honestlift.estimators.tilt import ESTIMANDS, tilt
from honestlift.moments.patterns import Patterns, patterns_of_rows

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Tail = Literal["binary", "heavy"]

NAMES = ("activity", "tier = medium", "tier = heavy")
TIERS = np.array([0.55, 0.30, 0.15])
BUCKETS = 1024
SHIFT, PROBABILITY_NOISE, HEAVY_NOISE = 0.3, 0.04, 0.25
"""Standard deviations between workspaces: of the logit of choosing, of a 0/1 outcome's probability, of a heavy-tailed outcome."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CoverageWorld:
    """Users of three tiers with a standard normal activity; both models of the choice and of the outcome are right.

    Choice: logit P = −1.5 + 0.9·activity + (0, 0.5, 1) by tier (+ the workspace's shift). A fourth of the users opt in.
    Mean outcome: m = 0.30 + 0.05·activity + (0, 0.05, 0.10), moved by 0.08 + 0.01·activity + (0, 0.02, 0.04) for those who opt in.
    Binary: 0/1 with that probability (+ the workspace's). Heavy: 5·m + (log-normal(0, 1) noise, mean 0, standard deviation 1).

    Attributes:
        users: rows.
        workspaces: number of workspaces, each with a shift of its users' choices and another of their outcomes; 0 for none.
        tail: 0/1 or heavy-tailed (skewness 6) outcomes.
        step: to what activity is rounded: to halves from −3 to 3 (users collapse to 39 patterns), or to 0.01 (nearly continuous).
    """

    users: int
    workspaces: int
    tail: Tail
    step: float = 0.5

    def draw(self, rng: np.random.Generator) -> Rows:
        """Draw the users."""
        n, g = self.users, self.workspaces
        tier = np.searchsorted(TIERS.cumsum()[:-1], rng.random(n)).astype(np.int64)
        activity = rng.standard_normal(n)
        activity = np.rint(activity / self.step) * self.step
        activity = np.clip(activity, -3, 3) if self.step == 0.5 else activity
        group = rng.integers(0, g or BUCKETS, n)
        shift, noise = np.zeros(n), np.zeros(n)
        if g:
            shift = SHIFT * rng.standard_normal(g)[group]
            noise = (PROBABILITY_NOISE if self.tail == "binary" else HEAVY_NOISE) * rng.standard_normal(g)[group]
        treated = rng.random(n) < expit(_eta(activity, tier) + shift)
        mean = _control(activity, tier) + treated * _effect(activity, tier)
        if self.tail == "binary":
            y = (rng.random(n) < mean + noise).astype(np.float64)
        else:
            y = 5 * mean + noise + (np.exp(rng.standard_normal(n)) - np.exp(0.5)) / np.sqrt((np.e - 1) * np.e)
        return Rows(activity=activity, tier=tier, treated=treated, y=y, group=group)

    def truth(self) -> dict[str, float]:
        """The effect of every estimand: over the cells, or over a fine grid of activity, at the logit's population limit."""
        activity, mass = _grid(self.step)
        tier = np.repeat(np.arange(3), activity.size)
        activity, share = np.tile(activity, 3), np.outer(TIERS, mass).ravel()
        nodes, weights = np.polynomial.hermite_e.hermegauss(31 if self.workspaces else 1)
        eta = _eta(activity, tier)[:, None] + (SHIFT if self.workspaces else 0.0) * nodes
        e = np.sum(expit(eta) * weights, axis=1) / weights.sum()
        count = share[:, None] * np.column_stack([1 - e, e])
        zero = np.zeros_like(count)
        users = Patterns(names=NAMES, x=_columns(activity, tier), count=count, total=zero, square=zero)
        fitted, effect = fit_propensity(users).e, _effect(activity, tier) * (1.0 if self.tail == "binary" else 5.0)
        own = {"ATT": count[:, 1], "ATC": count[:, 0]}
        weight = {a: own[a] if a in own else share * tilt(fitted, a).h for a in ESTIMANDS}
        return {a: float(np.sum(w * effect) / np.sum(w)) for a, w in weight.items()}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Rows:
    """Users of one world. Activity, tier (0 to 2), choice, outcome, and workspace (or bucket of the bootstrap), (n,) each."""

    activity: Floats
    tier: Integers
    treated: NDArray[np.bool_]
    y: Floats
    group: Integers

    def patterns(self) -> Patterns:
        """One pattern per distinct covariate row."""
        return patterns_of_rows(_columns(self.activity, self.tier), self.treated, self.y, names=NAMES).collapsed()

    def cells(self, groups: int) -> Cells:
        """The users in cells, where activity is rounded to halves."""
        levels, _ = _grid(0.5)
        cell = self.tier * levels.size + np.rint(2 * self.activity + 6).astype(np.int64)
        size, origin = 3 * levels.size, float(self.y.mean())
        y = self.y - origin
        slot = 2 * (self.group * size + cell) + self.treated
        shape = (groups, size, 2)
        count, total = (np.bincount(slot, by, groups * size * 2).reshape(shape) for by in (np.ones_like(y), y))
        square = np.bincount(2 * cell + self.treated, y * y, size * 2).reshape(size, 2)
        x = _columns(np.tile(levels, 3), np.repeat(np.arange(3), levels.size))
        return Cells(x=x, count=count, total=total, square=square, origin=origin)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Cells:
    """Users of one world in D cells and G groups.

    Attributes:
        x: (D, 3) covariate columns.
        count, total: (G, D, 2) users and sum of the outcome about the origin; the last axis is control, treated.
        square: (D, 2) sum of its squares.
        origin: what was taken off.
    """

    x: Floats
    count: Floats
    total: Floats
    square: Floats
    origin: float

    @property
    def groups(self) -> int:
        """Number G."""
        return self.count.shape[0]

    def by_group(self) -> Floats:
        """(G, 4D) controls, opted-in users, and their totals, cell by cell."""
        parts = [self.count[:, :, 0], self.count[:, :, 1], self.total[:, :, 0], self.total[:, :, 1]]
        return np.concatenate(parts, axis=1)


def _grid(step: float) -> tuple[Floats, Floats]:
    """Values of activity and their probabilities."""
    from scipy.stats import norm

    if step == 0.5:
        ends = np.concatenate([[-np.inf], np.arange(-2.75, 3, 0.5), [np.inf]])
        return np.arange(-3, 3.25, 0.5), np.diff(norm.cdf(ends))
    values = np.arange(-800, 801) * step
    return values, norm.pdf(values) / norm.pdf(values).sum()


def _eta(activity: Floats, tier: Integers) -> Floats:
    return -1.5 + 0.9 * activity + np.array([0.0, 0.5, 1.0])[tier]


def _control(activity: Floats, tier: Integers) -> Floats:
    return 0.30 + 0.05 * activity + np.array([0.0, 0.05, 0.10])[tier]


def _effect(activity: Floats, tier: Integers) -> Floats:
    return 0.08 + 0.01 * activity + np.array([0.0, 0.02, 0.04])[tier]


def _columns(activity: Floats, tier: Integers) -> Floats:
    return np.asfortranarray(np.column_stack([activity, tier == 1, tier == 2]), dtype=np.float64)
