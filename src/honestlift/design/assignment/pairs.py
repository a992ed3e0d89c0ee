"""Pairs of clusters that are alike, before one of each is treated."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

LARGEST = 1_000
"""Clusters up to which every distance is looked at; more are halved along their widest covariate first."""

NOTICEABLE = 1e-12
"""Gain of a swap, relative to the largest distance, below which it is rounding."""


def matched_pairs(z: NDArray[np.float64]) -> NDArray[np.int64]:
    """Pair the clusters so that the two of a pair lie close together.

    The closest two first, then the closest two of the rest, and so on; then partners are exchanged between pairs as long as that
    brings the sum of distances down, the best exchange first. Greedy pairs are near the optimum, and exchanging removes what
    greed leaves over for the last ones (Greevy, Lu, Silber & Rosenbaum 2004, Biostatistics 5; for clusters Imai, King & Nall
    2009, Statistical Science 24, who match on size above all). Ties go to the clusters that stand first.

    Args:
        z: (K, q) whitened covariates: distances between rows are Mahalanobis distances.

    Returns:
        (K,) number of each cluster's pair, from 0, in the order of the first members; of an odd number one cluster has no partner.
    """
    partner = np.full(z.shape[0], -1, dtype=np.int64)
    lonely: list[int] = []
    for members in _parts(z, np.arange(z.shape[0], dtype=np.int64)):
        lonely += _pair(z, members, partner)
    pair, number = np.full(z.shape[0], -1, dtype=np.int64), 0
    for i in range(z.shape[0]):
        if pair[i] < 0:
            pair[i] = number
            if partner[i] >= 0:
                pair[partner[i]] = number
            number += 1
    return pair


def _parts(z: NDArray[np.float64], members: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    """The clusters in parts of at most ``LARGEST``, all but one of them of an even number."""
    if members.size <= LARGEST:
        return [members]
    inside = z[members]
    widest = int(np.argmax(inside.max(axis=0) - inside.min(axis=0)))
    ordered = members[np.argsort(inside[:, widest], kind="stable")]
    half = members.size // 4 * 2
    return [*_parts(z, np.sort(ordered[:half])), *_parts(z, np.sort(ordered[half:]))]


def _pair(z: NDArray[np.float64], members: NDArray[np.int64], partner: NDArray[np.int64]) -> list[int]:
    """Write the partners of some clusters; the one that is left over, if there is one."""
    inside = z[members]
    distance = np.sqrt(((inside[:, None, :] - inside[None, :, :]) ** 2).sum(axis=2))
    first, second = np.triu_indices(members.size, 1)
    free = np.ones(members.size, dtype=np.bool_)
    pairs: list[tuple[int, int]] = []
    for at in np.argsort(distance[first, second], kind="stable").tolist():
        i, j = int(first[at]), int(second[at])
        if free[i] and free[j]:
            free[i] = free[j] = False
            pairs.append((i, j))
    a, b = _exchanged(distance, np.array(pairs, dtype=np.int64).reshape(-1, 2))
    partner[members[a]], partner[members[b]] = members[b], members[a]
    return members[free].tolist()


def _exchanged(distance: NDArray[np.float64], pairs: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Both members of each pair after the exchanges."""
    a, b = pairs[:, 0].copy(), pairs[:, 1].copy()
    smallest = NOTICEABLE * float(distance.max(initial=0.0))
    while a.size > 1:
        own = distance[a, b]
        crossed = distance[np.ix_(a, b)]
        both = np.stack([distance[np.ix_(a, a)] + distance[np.ix_(b, b)], crossed + crossed.T])
        gain = own[:, None] + own[None, :] - both
        gain[:, np.arange(a.size), np.arange(a.size)] = 0.0
        how, i, j = (int(x) for x in np.unravel_index(int(np.argmax(gain)), gain.shape))
        if gain[how, i, j] <= smallest:
            break
        if how == 0:  # a with a, b with b
            b[i], a[j] = a[j], b[i]
        else:  # partners exchanged
            b[i], b[j] = b[j], b[i]
    return a, b
