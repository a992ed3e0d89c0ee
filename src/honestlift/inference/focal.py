"""Exact tests of interference: do outcomes go with the arms of other clusters, more than re-drawn arms let them?

The focal test (Athey, Eckles & Imbens 2018, Journal of the American Statistical Association 113) holds the arms of some clusters, the
focal ones, and re-draws the others' from the rule given these. If no user of a focal cluster is moved by the arms of other clusters, their
outcomes are the same in every re-draw: any statistic of them is then exact. Ours is the slope of the outcomes on the treated fraction of
ties to other clusters, both centred within the own arm.

With P (U × K) the users' shares of ties, and f = Pz the fractions under arms z, the slope is made of Σ yf, Σ f² and the sums of f within
each arm. They follow from sums per cluster, Σ y·P, Σ P by own cluster and P'P, whatever the number of users; where clusters are so many
that P'P would hold more than P, from P itself.

What was known before the treatment may be taken off the outcomes first, by least squares of the focal users' outcomes beside their own
arm: nothing of that changes in a re-draw, so that the test stays exact, and sees more.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, diags_array

from honestlift.design.assignment.held import holding
from honestlift.design.assignment.redraw import Redraw

CELLS = 4_000_000
"""Rows × assignments held at one time."""

TIED = 1e-9
"""Share of the observed slope by which a re-drawn one may be smaller from rounding alone, and still count as equal."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExposureTest:
    """What an exact test of exposure found.

    Attributes:
        slope: change of the outcome from none to all of the ties elsewhere treated, within the own arm; NaN where no fraction varies.
        p_value: two-sided, the share of assignments whose slope is at least as far from zero; NaN with the slope.
        smallest_p: the smallest p-value that the test could have given.
        spread: standard deviation of the re-drawn slopes: what the test could see is two or three of it.
        draws: re-drawn assignments, or all that there are.
        enumerated: whether all were gone through.
        clusters: focal clusters; all of them in the placebo test.
        users: users of these with an outcome and a tie to another cluster.
    """

    slope: float
    p_value: float
    smallest_p: float
    spread: float
    draws: int
    enumerated: bool
    clusters: int
    users: int


def focal_test(
    y: NDArray[np.float64],
    own: NDArray[np.int64],
    ties: csr_array,
    arms: NDArray[np.bool_],
    redraw: Redraw,
    rng: np.random.Generator,
    *,
    share: float = 0.5,
    draws: int = 2000,
    before: NDArray[np.float64] | None = None,
) -> ExposureTest:
    """Does any user's outcome depend on the arms of other clusters? Exact, whatever the outcomes and the graph.

    Args:
        y: (U,) outcome of each user; users without one (NaN) are left out.
        own: (U,) index of the user's own cluster, 0 to K−1.
        ties: (U, K) weight of the user's ties to each *other* cluster.
        arms: (K,) whether the cluster is treated.
        redraw: the rule by which the arms came about, of these clusters in this order.
        rng: source of randomness, for the focal clusters and the re-draws.
        share: share of the clusters that are focal.
        draws: re-drawn assignments, where there are more to go through.
        before: (U, q) what was known of the users before the treatment, which is taken off their outcomes.

    Raises:
        ValueError: if a user has ties to the own cluster, or shapes do not fit.
        AssignmentError: if the rule could not have given these arms.
    """
    focal = focal_clusters(redraw, share, rng)
    left = y if before is None else _left(y, np.column_stack([arms[own].astype(np.float64), before]), focal[own] & np.isfinite(y))
    sums = _Sums.of(left, own, ties, arms.size, focal)
    return _test(sums, arms, holding(redraw, focal, arms), rng, draws, int(focal.sum()))


def _left(y: NDArray[np.float64], known: NDArray[np.float64], kept: NDArray[np.bool_]) -> NDArray[np.float64]:
    """(U,) outcomes without what goes, among the users who are kept, with columns that no re-draw changes, (U, q)."""
    if not kept.any():
        return y
    x = known - known[kept].mean(axis=0)
    spread = np.sqrt(np.einsum("ij,ij->j", x[kept], x[kept]))
    x = x / np.where(spread > 0, spread, 1.0)
    gram, cross = np.einsum("ij,ik->jk", x[kept], x[kept]), np.einsum("ij,i->j", x[kept], y[kept] - y[kept].mean())
    slopes = np.einsum("jk,k->j", np.asarray(np.linalg.pinv(gram, rcond=1e-10, hermitian=True), dtype=np.float64), cross)
    return y - np.einsum("ij,j->i", x, slopes)


def focal_clusters(redraw: Redraw, share: float, rng: np.random.Generator) -> NDArray[np.bool_]:
    """(K,) the focal clusters, drawn without a look at outcomes; a pair is focal as a whole, since one of it gives away the other."""
    strata = redraw.strata if redraw.chosen is None else redraw.strata[redraw.chosen]
    size = np.bincount(strata, minlength=redraw.counts.shape[0])
    pair = (size == 2) & (redraw.counts == 1).all(axis=1)
    group = np.where(pair[strata], -1 - strata, np.arange(strata.size))
    names, group = np.unique(group, return_inverse=True)
    order = rng.permutation(names.size)
    members = np.cumsum(np.bincount(group)[order])
    wanted = min(max(round(share * strata.size), 1), strata.size)
    taken = order[: int(np.searchsorted(members, wanted)) + 1]
    return np.isin(group, taken)


def placebo_exposure_test(
    before: NDArray[np.float64],
    own: NDArray[np.int64],
    ties: csr_array,
    arms: NDArray[np.bool_],
    redraw: Redraw,
    rng: np.random.Generator,
    *,
    draws: int = 2000,
) -> ExposureTest:
    """Does exposure go with an outcome from before the treatment, which no arm can have moved? All arms are re-drawn.

    A small p-value says that ties or arms are not what the record says (ties logged after the launch, a rule that was not followed), or
    that the draw was an unlucky one; see ``focal_test`` for the arguments.
    """
    sums = _Sums.of(before, own, ties, arms.size, np.ones(arms.size, dtype=np.bool_))
    return _test(sums, arms, redraw, rng, draws, arms.size)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Sums:
    """What the slope of any assignment is made of, of the users that are looked at.

    Attributes:
        count, total: (K,) users and sum of outcomes by own cluster.
        along: (K,) Σ y·P.
        reach: (R, K) Σ P by own cluster, or P.
        own: (R,) cluster of each row.
        gram: (K, K) P'P; None where rows are users.
    """

    count: NDArray[np.float64]
    total: NDArray[np.float64]
    along: NDArray[np.float64]
    reach: csr_array
    own: NDArray[np.int64]
    gram: csr_array | None

    @classmethod
    def of(
        cls, y: NDArray[np.float64], own: NDArray[np.int64], ties: csr_array, clusters: int, looked_at: NDArray[np.bool_]
    ) -> _Sums:
        if ties.shape != (y.size, clusters) or own.shape != y.shape:
            raise ValueError(f"Ties of shape {ties.shape} do not fit {y.size} users and {clusters} clusters.")
        weight = np.asarray(ties.sum(axis=1), dtype=np.float64).ravel()
        kept = np.flatnonzero(looked_at[own] & np.isfinite(y) & (weight > 0))
        part = diags_array(1.0 / weight[kept]).tocsr() @ ties[kept].astype(np.float64)
        at = own[kept]
        if part[np.arange(kept.size), at].sum() != 0:
            raise ValueError("A user has ties to the own cluster. Expected ties to other clusters alone.")
        centred = y[kept] - (y[kept].mean() if kept.size else 0.0)
        total = np.bincount(at, centred, clusters).astype(np.float64)
        along = np.bincount(part.indices, np.repeat(centred, np.diff(part.indptr)) * part.data, clusters).astype(np.float64)
        reach, rows, gram = csr_array(part), at, None
        pairs = min(float(clusters) ** 2, float((np.diff(part.indptr).astype(np.float64) ** 2).sum()))
        if pairs <= part.nnz + kept.size:  # P'P holds no more than that
            member = csr_array((np.ones(kept.size), (at, np.arange(kept.size))), shape=(clusters, kept.size))
            reach, rows, gram = csr_array(member @ part), np.arange(clusters), csr_array(part.T @ part)
        count = np.bincount(at, minlength=clusters).astype(np.float64)
        return cls(count=count, total=total, along=along, reach=reach, own=rows, gram=gram)

    def slopes(self, arms: NDArray[np.bool_]) -> NDArray[np.float64]:
        """(B,) slope of each assignment (B, K); 0 where no fraction varies within an arm."""
        step = max(1, CELLS // max(self.own.size, 1))
        return np.concatenate([self._some(arms[i : i + step]) for i in range(0, max(arms.shape[0], 1), step)])

    def _some(self, arms: NDArray[np.bool_]) -> NDArray[np.float64]:
        z = np.ascontiguousarray(arms.T, dtype=np.float64)
        reached, top = self.reach @ z, np.einsum("k,kb->b", self.along, z)
        bottom = np.einsum("rb,rb->b", reached, reached) if self.gram is None else np.einsum("kb,kb->b", z, self.gram @ z)
        whole = bottom.copy()
        for inside, here in ((z, z[self.own]), (1.0 - z, 1.0 - z[self.own])):
            n = np.einsum("k,kb->b", self.count, inside)
            y, f = np.einsum("k,kb->b", self.total, inside), np.einsum("rb,rb->b", reached, here)
            n = np.where(n > 0, n, 1.0)
            top -= y * f / n
            bottom -= f * f / n
        varies = bottom > 1e-9 * np.maximum(whole, 1e-300)
        return np.where(varies, top / np.where(varies, bottom, 1.0), 0.0)


def _test(
    sums: _Sums, arms: NDArray[np.bool_], redraw: Redraw, rng: np.random.Generator, draws: int, clusters: int
) -> ExposureTest:
    users = int(sums.count.sum())
    actual = float(sums.slopes(arms[None, :])[0])
    blocks, enumerated = redraw.blocks(rng, draws)
    found = np.concatenate([sums.slopes(np.asarray(block).astype(np.bool_)) for block in blocks])
    far = int((np.abs(found) >= abs(actual) * (1 - TIED)).sum())
    p = far / found.size if enumerated else (far + 1) / (found.size + 1)
    nothing = users == 0 or not np.abs(found).max(initial=abs(actual)) > 0
    return ExposureTest(
        slope=float("nan") if nothing else actual,
        p_value=float("nan") if nothing else p,
        smallest_p=redraw.smallest_p(draws),
        spread=float(found.std()),
        draws=int(found.size),
        enumerated=enumerated,
        clusters=clusters,
        users=users,
    )
