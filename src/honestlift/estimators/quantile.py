"""Quantiles of an arm by cluster: the distribution function near the quantile, and the linearized outcome whose mean is the quantile."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from honestlift.moments.cells import Outcome
from honestlift.moments.ranks import Binned

Floats = NDArray[np.float64]

LONE = 1e-9
"""Share of an arm left over by a cluster below which the cluster is the arm."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Curve:
    """The distribution function of one arm at m values of the outcome, cluster by cluster.

    Attributes:
        size: (G,) users per cluster of the arm.
        up_to: (G, m + 1) users up to each value, those below the first value in front.
        low, high: (m,) least and greatest value among the users that a step adds; equal where it is a single value.
        share: (m + 1,) F: share of the arm's users up to there.
        error: (m + 1,) standard errors of F, CR2 by cluster.
    """

    size: Floats
    up_to: Floats
    low: Floats
    high: Floats
    share: Floats
    error: Floats

    @classmethod
    def of(cls, size: Floats, up_to: Floats, low: Floats, high: Floats) -> Curve:
        """With shares and errors: CR2 of a mean over clusters of unequal size, Σ(C_g − n_g F)²/(1 − n_g/N)/N²."""
        users = size.sum()
        share = up_to.sum(axis=0) / users
        left = 1 - size / users
        weight = np.where(left > LONE, 1 / np.maximum(left, LONE), 0.0)
        residual = up_to - size[:, None] * share
        error = np.sqrt(np.einsum("g,gj,gj->j", weight, residual, residual)) / users
        return cls(size=size, up_to=up_to, low=low, high=high, share=share, error=error)

    def at(self, value: float) -> int:
        """The place in ``share`` of the step that ends at a value."""
        return int(np.searchsorted(self.high, value)) + 1

    def limits(self, q: float, t: float) -> tuple[float, float]:
        """The values v that no test of F(v) = q rejects: first with F(v) + t·SE ≥ q, last with F(v−) − t·SE ≤ q.

        Woodruff (1952, JASA 47) inverted at every value (Francisco & Fuller 1991, Annals of Statistics 19), so that ties need nothing
        of their own. A step of several values counts as a whole. An end is infinite where the curve does not reach it, or where it
        would be the very least (greatest) value without being a point mass.
        """
        up, down = self.share + t * self.error >= q, self.share - t * self.error <= q
        first = int(np.argmax(up[1:])) if up[1:].any() else self.low.size - 1
        last = int(np.flatnonzero(down[:-1])[-1]) if down[:-1].any() else 0
        lower, upper = float(self.low[first]), float(self.high[last])
        mass, error = self.share[1], self.error[1]
        if first == 0 and (up[0] if self.share[0] > 0 else mass <= t * error):
            lower = -np.inf
        mass, error = 1 - self.share[-2], self.error[-2]
        if last == self.high.size - 1 and (down[-1] if self.share[-1] < 1 else mass <= t * error):
            upper = np.inf
        return lower, upper

    def quantiles(self, q: float, weights: Floats) -> Floats:
        """(B,) the quantile in resamples, from how often each cluster is drawn, (B, G); NaN where none is; to a step."""
        users = np.einsum("bg,g->b", weights, self.size)
        counts = np.einsum("bg,gj->bj", weights, self.up_to)
        reached = counts >= (q * users * (1 - 1e-12))[:, None]
        place = np.where(reached.any(axis=1), np.argmax(reached, axis=1), self.high.size)
        found = self.high[np.clip(place - 1, 0, self.high.size - 1)]
        return np.where(users > 0, found, np.nan)


def curves(seen: Binned, outcome: Outcome, place_of: Mapping[object, int]) -> tuple[Curve, Curve]:
    """The curves of the control and the treated arm.

    Args:
        seen: rows per cluster (its only key) and bin.
        outcome: the outcome's clusters, their arms and users.
        place_of: each cluster's name to its place in the outcome.
    """
    place = np.array([place_of[name] for name in seen.keys[0].labels], dtype=np.int64)[seen.keys[0].codes]
    size = outcome.per_cluster()[0]
    made: list[Curve] = []
    for arm in (False, True):
        mine = np.flatnonzero(outcome.arm[place] == arm)
        steps, step = np.unique(seen.place[mine], return_inverse=True)
        members = np.flatnonzero(outcome.arm == arm)
        rank = np.zeros(outcome.clusters, dtype=np.int64)
        rank[members] = np.arange(members.size)
        counts = np.zeros((members.size, steps.size))
        np.add.at(counts, (rank[place[mine]], step), seen.rows[mine])
        low, high = np.full(steps.size, np.inf), np.full(steps.size, -np.inf)
        np.minimum.at(low, step, seen.low[mine])
        np.maximum.at(high, step, seen.high[mine])
        up_to = np.concatenate([np.zeros((members.size, 1)), np.cumsum(counts, axis=1)], axis=1)
        made.append(Curve.of(size[members], up_to, low, high))
    return made[0], made[1]


def linearized(outcome: Outcome, arms: tuple[Curve, Curve], at: tuple[float, float], slopes: tuple[float, float]) -> Outcome:
    """A user's part u = Q_a + (F_a − 1{y ≤ Q_a})·slope_a in the quantile Q_a of the own arm, slope = 1 / density there.

    The means of u by arm are the quantiles exactly, and CR2 on u is the delta method of quantiles with clusters (Deng, Knoblich & Lu
    2018, KDD, sections 4.3 and 5).

    Args:
        outcome: the outcome's clusters, their arms, strata and users.
        arms: the curves of the control and the treated arm.
        at: their quantiles.
        slopes: one over their densities there.
    """
    n, count = outcome.per_cluster()[0], np.zeros(outcome.clusters)
    total, square = np.zeros(outcome.clusters), np.zeros(outcome.clusters)
    for arm, (curve, value, slope) in enumerate(zip(arms, at, slopes, strict=True)):
        mine = outcome.arm == bool(arm)
        j = curve.at(value)
        inside, share, away = curve.up_to[:, j], float(curve.share[j]), value - at[0]
        low, high = away + (share - 1) * slope, away + share * slope
        count[mine] = inside
        total[mine] = inside * low + (n[mine] - inside) * high
        square[mine] = inside * low**2 + (n[mine] - inside) * high**2
    return replace(
        outcome,
        cluster=np.arange(outcome.clusters, dtype=np.int64),
        treated=outcome.arm,
        exposed=None,
        count=n,
        total=total,
        square=square,
        origin=at[0],
    )
