"""The pairs cluster bootstrap: whole clusters drawn with replacement, as weights on the table of sums."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from honestlift.estimators.fit import solve_each, weighted_sums
from honestlift.moments.cluster import ClusterMoments

BLOCK = 2_000_000
"""Weights (draws × clusters) held at one time: 16 MB."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Replicates:
    """Coefficients of the resamples.

    Attributes:
        theta: (B, k) coefficients about the outcome's origin, in the order of the draws, without those that were dropped.
        dropped: draws that were dropped because a coefficient was undefined, e.g. with one arm only.
    """

    theta: NDArray[np.float64]
    dropped: int

    def __post_init__(self) -> None:
        self.theta.setflags(write=False)


def resample(clusters: int, draws: int, rng: np.random.Generator, *, block: int = BLOCK) -> Iterator[NDArray[np.float64]]:
    """How often each cluster is drawn, in blocks of resamples.

    The draws are ``rng.integers(0, G)``, G of them per resample: they do not depend on the size of the blocks, and are those of a
    loop over ``rng.choice(names, G)`` for names in the order of the clusters.

    Args:
        clusters: number G of clusters.
        draws: number B of resamples.
        rng: source of randomness.
        block: most weights in a block.

    Yields:
        (b, G) counts; the b of all blocks add up to B, and each row adds up to G.
    """
    step = max(1, block // max(1, clusters))
    for start in range(0, draws, step):
        rows = min(step, draws - start)
        picked = rng.integers(0, clusters, size=(rows, clusters))
        picked += np.arange(rows)[:, None] * clusters
        yield np.bincount(picked.ravel(), minlength=rows * clusters).reshape(rows, clusters).astype(np.float64)


def replicate(moments: ClusterMoments, weights: NDArray[np.float64]) -> Replicates:
    """Least squares in each resample: A* = Σ w_g A_g, b* = Σ w_g b_g, theta* = A*^-1 b*.

    Args:
        moments: cross-products of k regressors in each of G clusters.
        weights: (B, G) weight of each cluster in each resample.
    """
    return _replicate(len(moments.names), _flat(moments), weights)


def _flat(moments: ClusterMoments) -> NDArray[np.float64]:
    """(m, G) what a resample adds up of each cluster: the upper triangle of A, then b."""
    upper = np.triu_indices(len(moments.names))
    return np.concatenate([moments.A[:, upper[0], upper[1]].T, moments.b.T])


def _replicate(k: int, values: NDArray[np.float64], weights: NDArray[np.float64]) -> Replicates:
    upper, flat = np.triu_indices(k), weighted_sums(weights, values.T)
    matrices = np.empty((weights.shape[0], k, k))
    matrices[:, upper[0], upper[1]] = flat[:, :-k]
    matrices[:, upper[1], upper[0]] = flat[:, :-k]
    theta, regular = solve_each(matrices, flat[:, -k:])
    return Replicates(theta=theta[regular], dropped=int(np.count_nonzero(~regular)))


def pairs_bootstrap(
    tables: Sequence[ClusterMoments], draws: int, rng: np.random.Generator, *, block: int = BLOCK
) -> tuple[Replicates, ...]:
    """Pairs cluster bootstrap of one or several fits on the same resamples of the same clusters.

    Args:
        tables: sums of each metric or estimator, all with the same G clusters in the same order.
        draws: number B of resamples.
        rng: source of randomness.
        block: most weights held at one time; it changes the memory used, not the draws.

    Returns:
        The replicates of each table.
    """
    parts: list[list[Replicates]] = [[] for _ in tables]
    values = [_flat(moments) for moments in tables]
    for weights in resample(tables[0].clusters if tables else 0, draws, rng, block=block):
        for held, moments, each in zip(parts, tables, values, strict=True):
            held.append(_replicate(len(moments.names), each, weights))
    return tuple(
        Replicates(
            theta=np.concatenate([np.empty((0, len(moments.names))), *(part.theta for part in held)]),
            dropped=sum(part.dropped for part in held),
        )
        for held, moments in zip(parts, tables, strict=True)
    )
