"""How many clusters each arm has, in all and in each stratum."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def arm_sizes(sizes: Sequence[int], share: float) -> NDArray[np.int64]:
    """Treated clusters in each stratum, so that the total is the rounded share of all clusters.

    Args:
        sizes: clusters per stratum, (S,).
        share: share of the clusters that is treated.

    Returns:
        (S,) counts: each stratum's share rounded down, and the rest to the largest remainders, earlier strata first.
    """
    counts = np.asarray(sizes, dtype=np.int64)
    exact = share * counts
    treated = np.floor(exact + 1e-9).astype(np.int64)
    short = int(np.floor(share * counts.sum() + 0.5)) - int(treated.sum())
    order = np.argsort(-np.round(exact - treated, 9), kind="stable")
    treated[order[:short]] += 1
    return treated


def arm_counts(sizes: Sequence[int], shares: Sequence[float]) -> NDArray[np.int64]:
    """Clusters of each arm in each stratum.

    With two arms they are those of ``arm_sizes``. With more, the totals are rounded one after the other, so that arms 1 to j have the
    rounded share of all clusters together; then each arm in turn is spread over what is left in the strata, as ``arm_sizes`` does.

    Args:
        sizes: clusters per stratum, (S,).
        shares: share of each arm, (A,), adding up to 1; the first is the control arm, which keeps what is left.

    Returns:
        (S, A) counts; no arm's total is off its share by a whole cluster.
    """
    left = np.asarray(sizes, dtype=np.int64)
    counts = np.zeros((left.size, len(shares)), dtype=np.int64)
    if len(shares) == 2:
        counts[:, 1] = arm_sizes(sizes, shares[1])
    else:
        ends = np.floor(np.cumsum([0.0, *shares[1:]]) * left.sum() + 0.5 + 1e-9).astype(np.int64)
        for arm, total in enumerate(np.diff(ends).tolist(), start=1):
            counts[:, arm] = arm_sizes(
                (left - counts.sum(axis=1)).tolist(), total / max(int((left - counts.sum(axis=1)).sum()), 1)
            )
    counts[:, 0] = left - counts.sum(axis=1)
    return counts
