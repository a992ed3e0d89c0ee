"""The randomization test with covariates: the adjusted headline's own t in every re-draw, from sums alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from honestlift.design.assignment import Redraw
from honestlift.estimators.fit import SMALLEST_PIVOT
from honestlift.inference.randomization import Redraws, collected
from honestlift.inference.sandwich import SMALLEST_EIGENVALUE

Floats = NDArray[np.float64]

BLOCK = 20_000
"""Arms (draws × clusters) held at one time: what is made of them stays in the processor's cache."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Regression:
    """A weighted regression of cluster means on the arm and on what was known before, whatever the arms.

    The regressors are 1, D, ``fixed`` and ``varying``·D. As none of them varies within a cluster, least squares over users is
    least squares over cluster means weighted by users, and a cluster's block of the hat matrix has the one eigenvalue
    λ_g = w_g x_g'M x_g: CR2's variance of the coefficient of D is Σ (x_g'Mc)² w_g² e_g²/(1 − λ_g).

    Attributes:
        weight: (K,) users of each cluster; one where the clusters count alike.
        mean: (K,) mean of the outcome about an origin.
        fixed: (K, m) regressors that the arms do not touch.
        varying: (K, v) regressors that are multiplied with the arm.
    """

    weight: Floats
    mean: Floats
    fixed: Floats
    varying: Floats

    def __post_init__(self) -> None:
        for array in (self.weight, self.mean, self.fixed, self.varying):
            array.setflags(write=False)


def adjusted_redraws(
    regression: Regression, treated: NDArray[np.bool_], rule: Redraw, rng: np.random.Generator, *, draws: int = 9_999
) -> Redraws:
    """Re-draw the arms by the design's rule, and take the CR2 t of the adjusted effect in each re-draw.

    What the arms do not touch is projected out once (Frisch & Waugh 1933); the rest is a small system in each re-draw. Exact for a
    constant effect; for an average effect asymptotically, as the statistic is studentized (Zhao & Ding 2021, Journal of
    Econometrics 225). Which covariates are used, and whether they are interacted, is held as it is in the actual arms.

    Args:
        regression: the regression.
        treated: (K,) the actual arms.
        rule: how the arms are drawn again, of the same clusters in the same order.
        rng: source of randomness; not used when the assignments are enumerated.
        draws: number B of re-draws; all admissible assignments are taken instead when they are no more.

    Returns:
        The re-draws, of which ``randomization_p_value`` and ``randomization_interval`` are functions. A re-draw whose regressors are
        collinear is left out.
    """
    basis = _orthonormal(regression)
    columns = 1 + regression.varying.shape[1]
    blocks, enumerated = rule.blocks(rng, draws, block=max(1, BLOCK // columns))
    parts = [_five_numbers(arms.astype(np.bool_), regression, basis, treated) for arms in blocks]
    actual_n, actual_d = _five_numbers(treated[None, :], regression, basis, treated)
    error = float(np.sqrt(actual_d[0, 0])) if actual_d.size else np.nan
    estimate = float(actual_n[0, 0]) if actual_n.size else np.nan
    return collected(parts, estimate, error, rule, draws, enumerated=enumerated)


def _orthonormal(regression: Regression) -> Floats:
    """The intercept and the fixed regressors as columns (K, m) that are orthonormal under the weights; combinations are left out."""
    root = np.sqrt(regression.weight)
    kept: list[Floats] = []
    for raw in (np.ones(root.size), *regression.fixed.T):
        column = root * raw
        whole = float(np.einsum("k,k->", column, column))
        for _ in range(2):  # twice is enough (Kahan, in Parlett 1980)
            for known in kept:
                column = column - known * float(np.einsum("k,k->", known, column))
        left = float(np.einsum("k,k->", column, column))
        if left > SMALLEST_PIVOT * whole:
            kept.append(column / np.sqrt(left))
    return np.stack(kept, axis=1)


def _five_numbers(
    arms: NDArray[np.bool_], regression: Regression, basis: Floats, treated: NDArray[np.bool_]
) -> tuple[Floats, Floats]:
    """Numerator (B, 2) and denominator (B, 3) of t*² from re-drawn arms (B, K); rows scaled by the root of their weight.

    Under a constant effect r cluster g has the mean ȳ_g − r·D_g without treatment: effect and residuals are linear in r.
    """
    root, on = np.sqrt(regression.weight), arms.astype(np.float64)
    moving = np.concatenate([on[:, :, None], on[:, :, None] * regression.varying], axis=2) * root[:, None]
    left = moving - np.einsum("km,bmu->bku", basis, np.einsum("km,bku->bmu", basis, moving))
    inverse, regular = invert_each(np.einsum("bku,bkw->buw", left, left), np.einsum("bku,bku->bu", moving, moving))
    pull = np.einsum("bu,bku->bk", inverse[:, 0], left)
    hat = np.einsum("km,km->k", basis, basis) + np.einsum("bku,bku->bk", left, np.einsum("buw,bkw->bku", inverse, left))
    free = 1 - hat
    scale = np.divide(pull**2, free, out=np.zeros_like(free), where=free > SMALLEST_EIGENVALUE)
    effects: list[Floats] = []
    residuals: list[Floats] = []
    for target in (root * regression.mean, root * treated):
        known = target - np.einsum("km,m->k", basis, np.einsum("km,k->m", basis, target))
        slope = np.einsum("buw,bw->bu", inverse, np.einsum("bku,k->bu", left, known))
        effects.append(slope[:, 0])
        residuals.append(known - np.einsum("bku,bu->bk", left, slope))
    e, q = residuals
    numerator = np.stack([effects[0], -effects[1]], axis=1)
    denominator = np.stack(
        [np.einsum("bk,bk->b", scale * e, e), -2 * np.einsum("bk,bk->b", scale * e, q), np.einsum("bk,bk->b", scale * q, q)],
        axis=1,
    )
    return numerator[regular], denominator[regular]


def invert_each(matrices: Floats, sizes: Floats) -> tuple[Floats, NDArray[np.bool_]]:
    """Invert many small symmetric positive definite matrices, and say which of them are singular.

    Gauss–Jordan elimination on matrices scaled to a unit diagonal, one column of all matrices at a time.

    Args:
        matrices: (B, u, u).
        sizes: (B, u) sums of squares of the columns before others were projected out of them.

    Returns:
        (B, u, u) inverses, zero where singular, and (B,) true where what is left of each column is more than rounding.
    """
    u = matrices.shape[1]
    diagonal = np.diagonal(matrices, axis1=1, axis2=2)
    floor = SMALLEST_PIVOT * np.where(sizes > 0, sizes, 1.0)
    regular: NDArray[np.bool_] = np.asarray((diagonal > floor).all(axis=1))
    scale = np.sqrt(np.where(regular[:, None], diagonal, 1.0))
    work = np.where(regular[:, None, None], matrices / (scale[:, :, None] * scale[:, None, :]), np.eye(u))
    work = np.concatenate([work, np.broadcast_to(np.eye(u), work.shape)], axis=2)
    for j in range(u):
        regular = np.logical_and(regular, work[:, j, j] > SMALLEST_PIVOT)
        work[:, j] /= np.where(regular, work[:, j, j], 1.0)[:, None]
        rest = [i for i in range(u) if i != j]
        work[:, rest] -= work[:, rest, j, None] * work[:, None, j]
    inverse = work[:, :, u:] / (scale[:, :, None] * scale[:, None, :])
    return np.where(regular[:, None, None], inverse, 0.0), regular
