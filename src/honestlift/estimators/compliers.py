"""The effect on those who use the feature because it was offered: two-stage least squares from sums per cluster."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from honestlift.errors import DesignError
from honestlift.estimators.fit import Fit, intercept_column, solve_normal

NAME = "itt"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ComplierFit:
    """Two-stage least squares with the arm as the instrument of use, as many instruments as regressors.

    Attributes:
        fit: coefficients, with the scores b_g − B_g β at them and the instruments' hessians A_g = Z_g'Z_g: whatever is a function of
            these (CR0 to CR3, Satterthwaite's df) is computed as for least squares.
        contrast: (k,) c̃ = A (ΣB)^-T c, the contrast of ``fit`` in the instruments' coordinates that belongs to the effect of use:
            c'(ΣB)^-1 R (Σ h_g h_g') R'(ΣB)^-T c = c̃'V c̃ with V the covariance of ``fit``.
        effect: the coefficient of use.
        use: least squares of use on the instruments, the first stage.
        outcome: least squares of the outcome on the instruments, the reduced form.
    """

    fit: Fit
    contrast: NDArray[np.float64]
    effect: float
    use: Fit
    outcome: Fit

    def __post_init__(self) -> None:
        self.contrast.setflags(write=False)


def complier_fit(outcome: Fit, use: NDArray[np.float64]) -> ComplierFit:
    """Replace the arm by use, and instrument use by the arm (Angrist, Imbens & Rubin 1996, J. Am. Stat. Assoc. 91).

    The effect is the ratio of the arm's effect on the outcome to its effect on use, both adjusted as ``outcome`` is: all its regressors
    are constant within a cluster, z_g, so that Z_g'u_g = z_g·Σu, and the first stage has the same instruments.

    Args:
        outcome: least squares of the outcome on intercept, arm and whatever else is constant within clusters.
        use: (G,) users who used the feature, per cluster, among those who have the outcome.

    Raises:
        DesignError: if the fit has no intercept, or use is the same in both arms.
    """
    column, arm = intercept_column(outcome), outcome.names.index(NAME)
    if column is None:
        raise DesignError.no_intercept()
    A, n = outcome.hessians, outcome.n
    regressors = np.divide(A[:, column], n[:, None], out=np.zeros_like(A[:, column]), where=n[:, None] > 0)  # z_g
    # about the overall share, which only moves the intercept and keeps digits where nearly all use it
    centred = use - n * (use.sum() / n.sum())
    crossed = regressors * centred[:, None]
    first = _on_instruments(outcome, crossed)
    reduced = outcome.scores + np.einsum("gij,j->gi", A, outcome.theta)  # b_g
    if not abs(first.theta[arm]) > 1e-12 * max(1.0, float(np.abs(first.theta).max())):
        raise DesignError.out_of_range("uptake", "equal in both arms", "more (or less) use in treated workspaces")
    B = A.copy()
    B[:, :, arm] = crossed
    total = B.sum(axis=0)
    theta = np.asarray(np.linalg.solve(total, reduced.sum(axis=0)), dtype=np.float64)
    pick = np.eye(len(outcome.names))[arm]
    solved = np.asarray(np.linalg.solve(total.T, pick), dtype=np.float64)
    return ComplierFit(
        fit=replace(outcome, theta=theta, scores=reduced - np.einsum("gij,j->gi", B, theta)),
        contrast=A.sum(axis=0) @ solved,
        effect=float(theta[arm]),
        use=first,
        outcome=outcome,
    )


def _on_instruments(like: Fit, b: NDArray[np.float64]) -> Fit:
    """Least squares of another outcome with cross-products b (G, k) on the same regressors."""
    theta = solve_normal(like.root, b.sum(axis=0))
    return replace(like, theta=theta, scores=b - np.einsum("gij,j->gi", like.hessians, theta), origin=0.0)
