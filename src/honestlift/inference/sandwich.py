"""Cluster-robust covariances, their degrees of freedom, and what the clusters say about both: leverage, G*, ICC."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from honestlift.errors import DesignError
from honestlift.estimators.fit import Fit, intercept_column, loading, solve_normal

Kind = Literal["iid", "CR0", "CR1", "CR1S", "CR2", "CR3", "CV3"]

POWERS: dict[str, float] = {"CR0": 0.0, "CR1": 0.0, "CR1S": 0.0, "CR2": 0.5, "CR3": 1.0, "CV3": 1.0}
"""Power p in h_g = (I − P_g)^-p z_g of each kind of covariance."""

SMALLEST_EIGENVALUE = 1e-9
"""Eigenvalues of I − P_g below this are zero: the cluster determines a coefficient by itself (Moore–Penrose inverse)."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Whitened:
    """A fit in coordinates in which ΣA_g is the identity. Made once, it serves every covariance and df.

    With A = R R', L = R^-T and P_g = L'A_g L, ΣP_g = I, and X_g'f(H_gg) = L^-T f(P_g) L'X_g' for every function f,
    where H_gg = X_g A^-1 X_g' is the block of the hat matrix: hence no kind of covariance needs the rows.

    Attributes:
        fit: the fit.
        loading: (k, k) L.
        eigenvalues: (G, k) of P_g, from 0 to 1.
        eigenvectors: (G, k, k) of P_g, in columns.
        scores: (G, k) L's_g in the eigenvectors of P_g.
    """

    fit: Fit
    loading: NDArray[np.float64]
    eigenvalues: NDArray[np.float64]
    eigenvectors: NDArray[np.float64]
    scores: NDArray[np.float64]

    def __post_init__(self) -> None:
        for array in (self.loading, self.eigenvalues, self.eigenvectors, self.scores):
            array.setflags(write=False)


def whiten(fit: Fit) -> Whitened:
    """The fit with its eigendecompositions, O(G k³), to be handed to the other functions of this module."""
    whole = loading(fit.root)
    projections = np.einsum("ji,gjk->gik", whole, fit.hessians) @ whole
    values, vectors = np.linalg.eigh(projections)
    rotated = np.einsum("gji,gj->gi", vectors, np.einsum("gi,ij->gj", fit.scores, whole))
    return Whitened(fit=fit, loading=whole, eigenvalues=values, eigenvectors=vectors, scores=rotated)


def adjusted_scores(fit: Fit | Whitened, power: float) -> NDArray[np.float64]:
    """h_g = (I − P_g)^-power L's_g, (G, k); the jackknife's theta_(g) − theta is −L h_g with power 1."""
    white = _white(fit)
    return np.einsum("gij,gj->gi", white.eigenvectors, inverse_power(white, power) * white.scores)


def covariance(fit: Fit | Whitened, kind: Kind = "CR2") -> NDArray[np.float64]:
    """Covariance of the coefficients.

    - ``iid``: classical, s²(X'X)^-1 with s² = rss/(N − k): rows as if independent.
    - ``CR0``: Liang & Zeger (1986), Biometrika 73.  ``CR1``: times G/(G−1).  ``CR1S``: times (N−1)/(N−k) too, as in Stata.
    - ``CR2``: Bell & McCaffrey (2002), Survey Methodology 28: unbiased when rows are independent and equally variable.
    - ``CR3``: as clubSandwich has it.  ``CV3``: times (G−1)/G: the jackknife about the estimate (MacKinnon, Nielsen & Webb 2023).

    With analytic weights (rows scaled by the root of their weight) this is the covariance of the scaled rows; CR2 then differs by
    some tenths of a percent from clubSandwich's for a weighted fit.

    Args:
        fit: the fit, or the same whitened.
        kind: which covariance.

    Returns:
        (k, k), in the order of the regressors; NaN where there are too few clusters or rows for the factor.

    Raises:
        DesignError: if the kind is unknown.
    """
    plain = fit.fit if isinstance(fit, Whitened) else fit
    if kind == "iid":
        free = plain.rows - len(plain.names)
        whole = loading(plain.root)
        return whole @ whole.T * (plain.rss / free if free > 0 else np.nan)
    if kind not in POWERS:
        raise DesignError.out_of_range("covariance", kind, f"one of iid, {', '.join(POWERS)}")
    if POWERS[kind] == 0:  # no eigenvectors needed
        whole = loading(plain.root)
        spread = np.einsum("gi,ij->gj", plain.scores, whole)
    else:
        white = _white(fit)
        whole, spread = white.loading, adjusted_scores(white, POWERS[kind])
    return whole @ np.einsum("gi,gj->ij", spread, spread) @ whole.T * _factor(plain, kind)


def satterthwaite(fit: Fit | Whitened, contrast: NDArray[np.float64], kind: Kind = "CR2") -> float:
    """Degrees of freedom of the t statistic of a contrast, under rows that are independent and equally variable.

    Bell & McCaffrey (2002); Imbens & Kolesár (2016), Review of Economics and Statistics 98; in O(G k²), from sums alone.

    Args:
        fit: the fit, or the same whitened.
        contrast: (k,) weights of the coefficients.
        kind: a cluster-robust covariance; CR2 unless told.

    Returns:
        The df; NaN where the variance of the estimated variance is zero.

    Raises:
        DesignError: if the kind is unknown or ``iid``.
    """
    if kind not in POWERS:
        raise DesignError.out_of_range("covariance", kind, f"one of {', '.join(POWERS)}")
    white = _white(fit)
    inverse = inverse_power(white, POWERS[kind])
    e = np.einsum("gji,j->gi", white.eigenvectors, white.loading.T @ contrast) * inverse  # in the eigenvectors of P_g
    rotated = white.eigenvalues * e
    diagonal = (e * rotated).sum(axis=1)
    r = np.einsum("gij,gj->gi", white.eigenvectors, rotated)
    squared = (r * r).sum(axis=1)
    cross = np.einsum("gi,gj->ij", r, r)
    variance = (diagonal**2).sum() - 2 * (diagonal * squared).sum() + (cross * cross).sum()
    return float((diagonal.sum() - squared.sum()) ** 2 / variance) if variance > 0 else float("nan")


def leverage(fit: Fit | Whitened) -> NDArray[np.float64]:
    """Leverage of each cluster, (G,): the trace of its block of the hat matrix. The leverages sum to k."""
    return _white(fit).eigenvalues.sum(axis=1)


def effective_clusters(
    fit: Fit | Whitened, contrast: NDArray[np.float64], rho: float, totals: NDArray[np.float64] | None = None
) -> float:
    """Effective number of clusters G* for a contrast (Carter, Schnepel & Steigerwald 2017, Rev. Econ. Stat. 99, eq. 7).

    Args:
        fit: the fit, or the same whitened.
        contrast: (k,) weights of the coefficients.
        rho: correlation of rows within a cluster that is assumed, 0 to 1.
        totals: (G, k) sums of the regressors per cluster, 1'X_g; taken from the intercept's row of A_g when left out.

    Returns:
        G*, at most G; NaN where no cluster contributes (rho = 1 with cluster fixed effects).

    Raises:
        DesignError: if rho is not 0, there is no intercept, and the totals are left out.
    """
    plain = fit.fit if isinstance(fit, Whitened) else fit
    used = plain.n > 0
    m = solve_normal(plain.root, contrast)
    gamma = (1 - rho) * np.einsum("gij,i,j->g", plain.hessians, m, m)
    if rho != 0:
        column = intercept_column(plain)
        if totals is None and column is None:
            raise DesignError.no_intercept()
        sums = plain.hessians[:, column] if totals is None else totals
        gamma = gamma + rho * np.einsum("gi,i->g", sums, m) ** 2
    gamma = gamma[used]
    mean = gamma.mean()
    return float(gamma.size / (1 + ((gamma / mean - 1) ** 2).mean())) if mean > 0 else float("nan")


@dataclass(frozen=True, slots=True, kw_only=True)
class Intraclass:
    """How alike the rows of a cluster are, within arms, by one-way analysis of variance.

    Attributes:
        rho: intraclass correlation, between / total.
        between: variance τ² between clusters, in the squared unit of the outcome, never below zero.
        within: variance within clusters.
        total: between + within.
        design_effect: factor by which clustering multiplies the variance of a mean over rows.
    """

    rho: float
    between: float
    within: float
    total: float
    design_effect: float


def intraclass(
    n: NDArray[np.float64], total: NDArray[np.float64], square: NDArray[np.float64], arm: NDArray[np.int64]
) -> Intraclass:
    """Intraclass correlation within arms (Donner & Klar 2000, Design and Analysis of Cluster Randomization Trials, ch. 1).

    Args:
        n: (G,) rows per cluster.
        total: (G,) sum of the outcome about an origin.
        square: (G,) sum of its squares about the same origin.
        arm: (G,) index of each cluster's arm, 0 to J−1.

    Returns:
        The variances; NaN where there is one row per cluster, or one cluster per arm.
    """
    used = n > 0
    n, total, square, arm = n[used], total[used], square[used], arm[used]
    arms = int(np.unique(arm).size)
    rows = np.bincount(arm, n)
    sums = np.bincount(arm, total)
    mean = np.divide(sums, rows, out=np.zeros_like(sums), where=rows > 0)
    free_within, free_between = float(n.sum()) - n.size, n.size - arms
    if free_within <= 0 or free_between <= 0:
        return Intraclass(rho=np.nan, between=np.nan, within=np.nan, total=np.nan, design_effect=np.nan)
    within = max(0.0, float((square - total**2 / n).sum())) / free_within
    msb = float((n * (total / n - mean[arm]) ** 2).sum()) / free_between
    size = (float(n.sum()) - float((n**2 / rows[arm]).sum())) / free_between
    between = max(0.0, (msb - within) / size)
    variance = between + within
    rho = between / variance if variance > 0 else np.nan
    effect = 1 + (float((n**2).sum() / n.sum()) - 1) * rho
    return Intraclass(rho=rho, between=between, within=within, total=variance, design_effect=effect)


def _white(fit: Fit | Whitened) -> Whitened:
    return fit if isinstance(fit, Whitened) else whiten(fit)


def inverse_power(white: Whitened, power: float) -> NDArray[np.float64]:
    """(1 − λ)^-power of every eigenvalue, (G, k); zero where 1 − λ is zero."""
    left = 1 - white.eigenvalues
    regular = left >= SMALLEST_EIGENVALUE
    return np.where(regular, np.where(regular, left, 1.0) ** -power, 0.0)


def _factor(fit: Fit, kind: Kind) -> float:
    """The factor for few clusters and few rows that a kind carries."""
    groups, rows, k = fit.clusters, fit.rows, len(fit.names)
    if kind == "CV3":
        return (groups - 1) / groups
    if kind not in ("CR1", "CR1S"):
        return 1.0
    if groups < 2 or rows <= k:
        return float("nan")
    return groups / (groups - 1) * ((rows - 1) / (rows - k) if kind == "CR1S" else 1.0)
