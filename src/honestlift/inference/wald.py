"""Tests of several contrasts at once, with clusters as units: Hotelling's T² approximated from the sums (HTZ)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import cast

import numpy as np
from numpy.typing import NDArray
from scipy.special import fdtrc

from honestlift.inference.sandwich import POWERS, Whitened, covariance, inverse_power

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class WaldTest:
    """A test that q contrasts are all zero.

    Attributes:
        f: the statistic, referred to F(q, df).
        contrasts: number q of contrasts.
        df: degrees of freedom of the denominator; NaN where there are too few clusters for q contrasts.
        p_value: NaN likewise.
    """

    f: float
    contrasts: int
    df: float
    p_value: float


def htz(white: Whitened, contrasts: Floats) -> WaldTest:
    """Are all contrasts zero? CR2 and an approximate Hotelling's T² (Pustejovsky & Tipton 2018, J. Bus. Econ. Stat. 36, section 3.2).

    Q = (Cβ)'(CVC')⁻¹(Cβ); D = Ω^-½ CVC' Ω^-½ with Ω the expectation of CVC' under rows that are independent and equally variable;
    η = q(q + 1) / ΣΣ Var(D_st); (η − q + 1)/(ηq)·Q is taken as F(q, η − q + 1). With one contrast η is Satterthwaite's df and F the t².

    Args:
        white: the whitened fit of k regressors in G clusters.
        contrasts: (q, k) rows C.

    Returns:
        The test; O(G k² q²), from the sums alone.
    """
    q = contrasts.shape[0]
    values, v = contrasts @ white.fit.theta, contrasts @ covariance(white, "CR2") @ contrasts.T
    diagonal, r = _moments(white, contrasts)
    omega = diagonal.sum(axis=0) - np.einsum("sgi,tgi->st", r, r)
    lengths, vectors = np.linalg.eigh(omega)
    if lengths.min() <= 1e-10 * lengths.max():
        return WaldTest(f=math.nan, contrasts=q, df=math.nan, p_value=math.nan)
    root = vectors / np.sqrt(lengths) @ vectors.T
    diagonal, r = np.einsum("as,gst,bt->gab", root, diagonal, root), np.einsum("as,sgi->agi", root, r)
    eta = q * (q + 1) / _variance(diagonal, r)
    free = eta - q + 1
    if not free > 0 or np.linalg.cond(v) > 1e12:
        return WaldTest(f=math.nan, contrasts=q, df=math.nan, p_value=math.nan)
    f = free / (eta * q) * float(values @ np.linalg.solve(v, values))
    return WaldTest(f=f, contrasts=q, df=float(free), p_value=float(cast("np.float64", fdtrc(q, free, f))))


def _moments(white: Whitened, contrasts: Floats) -> tuple[Floats, Floats]:
    """v_gs'v_gt, (G, q, q), and L'X_g'v_gs, (q, G, k), of the weights v_gs that CR2 gives cluster g's rows in contrast s."""
    inverse = inverse_power(white, POWERS["CR2"])
    d = np.einsum("gji,jl,sl->sgi", white.eigenvectors, white.loading.T, contrasts)
    e = d * inverse
    rotated = white.eigenvalues * e
    return np.einsum("sgi,tgi->gst", e, rotated), np.einsum("gij,sgj->sgi", white.eigenvectors, rotated)


def _variance(diagonal: Floats, r: Floats) -> float:
    """ΣΣ Var(D_st) = ΣΣ ΣΣ_gh K_ss(g,h) K_tt(g,h) + K_st(g,h) K_ts(g,h), K_st(g,h) = 1{g = h} v_gs'v_gt − r_gs'r_ht, normal rows."""
    q, total = r.shape[0], 0.0
    inner = np.einsum("sgi,tgi->gst", r, r)
    for s in range(q):
        for t in range(q):
            cross = np.einsum("gi,gj->ij", r[s], r[t])
            first = (
                diagonal[:, s, s] * diagonal[:, t, t] - diagonal[:, s, s] * inner[:, t, t] - diagonal[:, t, t] * inner[:, s, s]
            )
            second = diagonal[:, s, t] ** 2 - 2 * diagonal[:, s, t] * inner[:, s, t]
            total += float((first + second).sum() + (cross * cross).sum() + (cross * cross.T).sum())
    return total
