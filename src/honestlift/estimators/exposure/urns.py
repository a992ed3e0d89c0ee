"""A rule of assignment as urns: clusters that are drawn together, and how many of them are treated."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from honestlift.design.assignment import Redraw


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Urns:
    """Strata that are drawn independently: of each a fixed number of clusters, or each cluster by a coin.

    Urns of the same content are of one kind: they give the same probabilities. One cluster of an urn is a coin of the urn's share,
    whatever its numbers.

    Attributes:
        urn: (K,) the stratum of each cluster that is told.
        kind: (S,) the kind of each stratum.
        alone: (S,) the kind of coin that one cluster of the stratum is.
        size: (T,) clusters in an urn of a kind; 0 for coins.
        treated: (T,) treated ones among them.
        share: (T,) chance of one cluster to be treated.
    """

    urn: NDArray[np.int64]
    kind: NDArray[np.int64]
    alone: NDArray[np.int64]
    size: NDArray[np.int64]
    treated: NDArray[np.int64]
    share: NDArray[np.float64]

    @property
    def coin(self) -> NDArray[np.bool_]:
        """(T,) whether the clusters of a kind have a coin each."""
        return self.size == 0

    @property
    def own(self) -> NDArray[np.float64]:
        """(K,) chance of each cluster to be treated."""
        return self.share[self.kind[self.urn]]


def urns_of(redraw: Redraw) -> Urns:
    """The strata of a rule with two arms; its criterion of balance, if it has one, is left aside.

    Raises:
        ValueError: if the rule has more than two arms.
    """
    if len(redraw.arms) != 2:
        raise ValueError(f"The rule has {len(redraw.arms)} arms. Expected two: name the two that are compared.")
    strata = redraw.counts.shape[0]
    coins = redraw.counts[:, 0] < 0
    size = np.where(coins, 0, np.bincount(redraw.strata, minlength=strata)).astype(np.int64)
    treated = np.where(coins, 0, redraw.counts[:, 1])
    share = np.where(coins, redraw.shares[1], treated / np.maximum(size, 1))
    alone = np.stack([np.zeros(strata), np.zeros(strata), share], axis=1)
    rows: NDArray[np.float64] = np.concatenate([np.stack([size.astype(np.float64), treated, share], axis=1), alone])
    table, index = np.unique(rows, axis=0, return_inverse=True)
    index = index.ravel()
    return Urns(
        urn=redraw.strata if redraw.chosen is None else redraw.strata[redraw.chosen],
        kind=index[:strata],
        alone=index[strata:],
        size=table[:, 0].astype(np.int64),
        treated=table[:, 1].astype(np.int64),
        share=table[:, 2],
    )
