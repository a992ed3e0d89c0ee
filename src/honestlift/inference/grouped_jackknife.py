"""The jackknife of clusters that were sampled in groups: one cluster at a time is left out, spread counted within its group."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def grouped_jackknife(without: NDArray[np.float64], group: NDArray[np.int64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Standard errors and Satterthwaite degrees of freedom.

    Args:
        without: (K, P) P estimates without each of K clusters.
        group: (K,) the cluster's group, of two clusters or more; a group of one adds nothing.

    Returns:
        (P,) standard errors, √Σ_g (K_g − 1)/K_g Σ_k (θ₍ₖ₎ − mean)², and (P,) degrees of freedom, (Σ v_g)² / Σ v_g²/(K_g − 1).

    Source:
        Rust & Rao (1996), Statistical Methods in Medical Research 5, the stratified jackknife (JKn).
    """
    parts: list[NDArray[np.float64]] = []
    sizes: list[int] = []
    for g in np.unique(group):
        own = without[group == g]
        if len(own) > 1:
            parts.append((len(own) - 1) / len(own) * ((own - own.mean(axis=0)) ** 2).sum(axis=0))
            sizes.append(len(own))
    v, k = np.array(parts), np.array(sizes, dtype=np.float64)[:, None]
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.sqrt(v.sum(axis=0)), v.sum(axis=0) ** 2 / (v**2 / (k - 1)).sum(axis=0)


def grouped_covariance(without: NDArray[np.float64], group: NDArray[np.int64]) -> NDArray[np.float64]:
    """(P, P) covariance of P estimates, Σ_g (K_g − 1)/K_g Σ_k (θ₍ₖ₎ − mean)(θ₍ₖ₎ − mean)ᵀ; arguments as above."""
    made = np.zeros((without.shape[1], without.shape[1]))
    for g in np.unique(group):
        own = without[group == g]
        centred = own - own.mean(axis=0)
        made += (len(own) - 1) / len(own) * (centred.T @ centred)
    return made
