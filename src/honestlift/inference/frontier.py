"""Which unit to randomize: what leaks out of each, what it biases, and what it costs in precision."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln, stdtrit

from honestlift.design.assignment import arm_sizes, draw
from honestlift.design.collaboration import Collaboration
from honestlift.design.variation import Variation
from honestlift.inference.power import FEWEST_ARM, MOST_CV, satterthwaite_df
from honestlift.inference.simulated_power import difference_test

DRAWS = 1_000
"""Studies that are simulated for a unit whose clusters are few or unequal."""

MOST_DRAWN = 5_000
"""Clusters above which none are drawn, and degrees of freedom are those of as many equal ones."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Ties:
    """A collaboration with its ties once, seen from both ends, for many ways to part the users.

    Attributes:
        graph: the collaboration.
    """

    graph: Collaboration

    @cached_property
    def ends(self) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
        """(2T,) user, partner and weight: each tie from both its ends."""
        i, j, w = self.graph.ties
        return np.concatenate([i, j]), np.concatenate([j, i]), np.concatenate([w, w])

    @cached_property
    def strength(self) -> NDArray[np.float64]:
        """(N,) weight of all ties of each user."""
        user, _, weight = self.ends
        return np.bincount(user, weight, self.graph.users).astype(np.float64)


@dataclass(frozen=True, slots=True, kw_only=True)
class Leak:
    """What leaks when the clusters of one way to part the users are randomized.

    Attributes:
        leakage: share of the weight of all ties that joins users of different clusters.
        connected: share of the users who have ties at all.
        outside: mean share of a user's tie weight that goes to other clusters; 0 for a user without ties.
        fraction: expected treated share of a control user's ties.
        fraction_treated: expected treated share of a treated user's ties.
        exposed: expected share of control users with at least one treated partner.
    """

    leakage: float
    connected: float
    outside: float
    fraction: float
    fraction_treated: float
    exposed: float

    def seen(self, ratio: float) -> float:
        """The part of the effect of launching that the difference between arms is expected to show.

        A user gains ``1`` from the own treatment and ``ratio`` times the treated share of the ties: launching gives 1 + ratio·c with c
        the share of connected users, the arms differ by 1 + ratio·(E f|treated − E f|control).
        """
        return (1 + ratio * (self.fraction_treated - self.fraction)) / (1 + ratio * self.connected)


def leak(ties: Ties, partition: NDArray[np.int64], share: float = 0.5) -> Leak:
    """What leaks under complete randomization of the clusters of a partition: exact expectations over the assignments, no draw.

    Args:
        ties: the collaboration.
        partition: (N,) index of each user's cluster, 0 to C−1.
        share: share of the clusters that is treated.
    """
    user, partner, weight = ties.ends
    across = partition[user] != partition[partner]
    clusters = int(partition.max()) + 1
    treated = int(arm_sizes([clusters], share)[0])
    out = np.bincount(user[across], weight[across], ties.graph.users)
    strength = ties.strength
    tied = strength > 0
    outside = np.where(tied, out / np.where(tied, strength, 1.0), 0.0)
    connected, mean_out = float(tied.mean()), float(outside.mean())
    others = max(clusters - 1, 1)
    pairs = np.unique(user[across] * np.int64(clusters) + partition[partner[across]])
    partners = np.bincount(pairs // clusters, minlength=ties.graph.users)
    total = float(strength.sum())
    return Leak(
        leakage=float(weight[across].sum() / total) if total > 0 else 0.0,
        connected=connected,
        outside=mean_out,
        fraction=mean_out * treated / others,
        fraction_treated=connected - mean_out + mean_out * (treated - 1) / others,
        exposed=float(1 - _none_treated(clusters - 1, treated, partners).mean()),
    )


def _none_treated(others: int, treated: int, partners: NDArray[np.int64]) -> NDArray[np.float64]:
    """(N,) chance that none of s partner clusters is treated, given the own one is a control: C(K−1−s, k)/C(K−1, k)."""
    free = others - partners
    possible = free >= treated
    free = np.where(possible, free, treated).astype(np.float64)
    logs = gammaln(free + 1) - gammaln(free - treated + 1) - gammaln(others + 1) + gammaln(others - treated + 1)
    return np.where(possible, np.exp(logs), 0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Precision:
    """What randomizing the clusters of a partition costs.

    Attributes:
        clusters: number C of clusters.
        size_cv: coefficient of variation of their sizes.
        std_error: of the difference between arms, in the unit of the outcome.
        mde: smallest difference that is announced with the target power.
        simulated: whether the test itself was simulated, clusters being few or unequal.
    """

    clusters: int
    size_cv: float
    std_error: float
    mde: float
    simulated: bool


def precision(
    graph: Collaboration,
    partition: NDArray[np.int64],
    variation: Variation,
    rng: np.random.Generator,
    *,
    share: float = 0.5,
    target: float = 0.8,
    level: float = 0.95,
) -> Precision:
    """Standard error and MDE of the difference between arms, when clusters cut across workspaces or hold several.

    Users vary by workspace (τ²) and about it (σ²_W). With n_cg users of workspace g in cluster c, m_cg = n_cg − n_c·n_g/N:
    V = C/(C−1) · Σ_c [τ²·Σ_g m_cg² + σ²_W·n_c(1 − n_c/N)] / (N²·p(1−p)), linearized, complete randomization.

    Args:
        graph: users and their workspaces.
        partition: (N,) cluster of each user.
        variation: τ² and σ²_W, what covariates explain taken off; its sizes are not used.
        rng: source of randomness, for units that are simulated.
        share: share of the clusters that is treated.
        target: power wanted.
        level: of the test.
    """
    n = np.bincount(partition).astype(np.float64)
    clusters, users = n.size, float(graph.users)
    treated = int(arm_sizes([clusters], share)[0])
    pairs, count = np.unique(partition * np.int64(graph.workspaces) + graph.workspace, return_counts=True)
    cluster, workspace = pairs // graph.workspaces, pairs % graph.workspaces
    size = np.bincount(graph.workspace).astype(np.float64)
    own = np.bincount(cluster, count.astype(np.float64) ** 2, clusters)
    cross = np.bincount(cluster, count * size[workspace], clusters)
    squares = own - 2 * n / users * cross + (n / users) ** 2 * float((size**2).sum())
    within = n * (1 - n / users)
    p = treated / clusters
    total = variation.between * float(squares.sum()) + variation.within * float(within.sum())
    error = math.sqrt(max(total, 0.0) * clusters / (clusters - 1) / (users**2 * p * (1 - p)))
    cv = float(n.std() / n.mean())
    df = satterthwaite_df(treated, clusters - treated) - variation.covariates
    if min(treated, clusters - treated) >= FEWEST_ARM and (cv <= MOST_CV or clusters > MOST_DRAWN) and df >= 1:
        quantiles = float(stdtrit(df, (1 + level) / 2) + stdtrit(df, target))
        return Precision(clusters=clusters, size_cv=cv, std_error=error, mde=quantiles * error, simulated=False)
    arms = draw(np.zeros(clusters, dtype=np.int64), np.array([treated]), rng, DRAWS)
    shared = rng.standard_normal((DRAWS, size.size)) * math.sqrt(variation.between)
    sums = np.zeros((clusters, DRAWS))
    np.add.at(sums, cluster, (shared[:, workspace] * count).T)
    means = sums.T / n + rng.standard_normal(arms.shape) * np.sqrt(variation.within / n)
    difference, errors, free = difference_test(n, means, arms)
    needed = stdtrit(np.maximum(free - variation.covariates, 1.0), (1 + level) / 2) * errors
    both = np.concatenate([needed - difference, needed + difference])
    spread = float(difference.std())
    return Precision(
        clusters=clusters, size_cv=cv, std_error=spread, mde=max(float(np.quantile(both, target)), 0.0), simulated=True
    )
