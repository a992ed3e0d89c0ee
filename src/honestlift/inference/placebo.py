"""The placebo lab: re-draw the arms where there is no effect, and see how often each method announces one; all from sums."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri, stdtrit

from honestlift.design.assignment import Redraw, fixed_counts
from honestlift.inference.bootstrap import resample

WITHIN = 199
"""Draws of the wild bootstrap and of the pairs bootstrap in each re-drawn experiment, the same in all of them."""

BLOCK = 25_000
"""Arms (re-draws × clusters) held at one time: what is made of them stays in the processor's cache."""

ALONE = 1e-9
"""Share of its cell's users that other clusters must have; below, a cluster determines its cell's mean by itself."""

TIE = 1e-10
"""Relative difference below which two statistics are the same one."""

METHODS = (
    "naive_ols",
    "cluster_wls",
    "user_ols:cr1_normal",
    "user_ols",
    "user_ols:cv3",
    "user_ols:bootstrap",
    "user_ols:wild",
    "user_ols:randomization",
)
"""Codes of the methods that are tried, from naive to exact. The others of the plan's methods answer other questions."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FalseAlarms:
    """How often one method announces an effect that is not there.

    Attributes:
        method: its code.
        rate: share of the re-drawn experiments with p ≤ 1 − level.
        std_error: Monte Carlo standard error of the rate; zero where all assignments were gone through.
    """

    method: str
    rate: float
    std_error: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Trial:
    """An outcome that no feature moved, in clusters that can be randomized again.

    Attributes:
        n, total, square: (K,) users, sum and sum of squares of the outcome about an origin.
        strata: (K,) index of each cluster's stratum, 0 to S−1; all zero for complete randomization.
        treated: (S,) clusters that are treated in each stratum.
        adjusted: whether the effect is estimated within strata and weighted by their users (two clusters of each arm in all).
        rule: how the arms are drawn again, where it is more than so many in each stratum.
    """

    n: NDArray[np.float64]
    total: NDArray[np.float64]
    square: NDArray[np.float64]
    strata: NDArray[np.int64]
    treated: NDArray[np.int64]
    adjusted: bool = False
    rule: Redraw | None = None


def placebo_lab(
    trial: Trial, rng: np.random.Generator, *, level: float = 0.95, draws: int = 2_000
) -> tuple[tuple[FalseAlarms, ...], int]:
    """Share of re-drawn experiments without any effect in which each method rejects.

    Every re-draw is one experiment, analysed whole: users as if independent, workspace means weighted by size, CR1S with a normal
    quantile, CR2 with Satterthwaite df, CV3 with t(K − 1), the percentile pairs bootstrap and the WCR wild bootstrap (both with
    199 draws that all experiments share), and the randomization test, whose reference is the re-draws themselves.
    The naive and the size-weighted one are not adjusted for strata, nor is the randomization test's statistic, CR2's t.

    Args:
        trial: the outcome and the rule.
        rng: source of randomness.
        level: nominal coverage; a method that keeps its promise is wrong in 1 − level of the experiments.
        draws: number B of re-draws; all admissible assignments are taken instead when they are no more.

    Returns:
        One value per method, in the order of ``METHODS``, and the number of experiments. A method without a standard error, as in
        an arm of one cluster, does not reject.
    """
    rule = trial.rule or fixed_counts(trial.strata, trial.treated)
    blocks, enumerated = rule.blocks(rng, draws, block=BLOCK)
    weights = next(resample(trial.n.size, WITHIN, rng, block=WITHIN * trial.n.size))
    signs = np.where(rng.integers(0, 2, size=(WITHIN, trial.n.size)) == 1, 1.0, -1.0)
    parts = [_rejections(trial, arms.astype(np.bool_), weights, signs, level) for arms in blocks]
    rejected = np.concatenate([part[0] for part in parts], axis=1)
    against = np.sort(np.concatenate([part[1] for part in parts]))
    as_large = against.size - np.searchsorted(against, against * (1 - TIE), side="left")
    exact = as_large <= round((1 - level) * against.size, 9)
    rates = [*(float(r.mean()) for r in rejected), float(exact.mean())]
    size = 0 if enumerated else against.size
    alarms = tuple(
        FalseAlarms(method=name, rate=rate, std_error=math.sqrt(rate * (1 - rate) / size) if size else 0.0)
        for name, rate in zip(METHODS, rates, strict=True)
    )
    return alarms, against.size


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Cells:
    """One stratum of B re-drawn experiments, each of its two arms a cell with a mean of its own.

    Attributes:
        members: (M,) the stratum's clusters.
        share: weight of the stratum in the effect.
        arms: (B, M) whether the cluster is treated.
        users: (B, M) users of each cluster's own cell.
        mean: (B, M) mean of its own cell.
        sizes: (2, B) users of the control and of the treated cell.
        effect: (B,) difference of the two means.
    """

    members: NDArray[np.int64]
    share: float
    arms: NDArray[np.bool_]
    users: NDArray[np.float64]
    mean: NDArray[np.float64]
    sizes: NDArray[np.float64]
    effect: NDArray[np.float64]


def _cells(trial: Trial, arms: NDArray[np.bool_], *, adjusted: bool) -> Iterator[_Cells]:
    strata = trial.strata if adjusted else np.zeros_like(trial.strata)
    for stratum in range(int(strata.max()) + 1):
        members = np.flatnonzero(strata == stratum)
        n, total, inside = trial.n[members], trial.total[members], arms[:, members]
        treated = np.einsum("bg,mg->mb", inside.astype(np.float64), np.stack([n, total]))
        sizes = np.stack([n.sum() - treated[0], treated[0]])
        means = np.stack([total.sum() - treated[1], treated[1]]) / sizes
        yield _Cells(
            members=members,
            share=float(n.sum() / trial.n.sum()),
            arms=inside,
            users=np.where(inside, sizes[1, :, None], sizes[0, :, None]),
            mean=np.where(inside, means[1, :, None], means[0, :, None]),
            sizes=sizes,
            effect=means[1] - means[0],
        )


def _rejections(
    trial: Trial, arms: NDArray[np.bool_], weights: NDArray[np.float64], signs: NDArray[np.float64], level: float
) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    """Which of B experiments each method but the last rejects, (7, B), and the squared CR2 t of the last one, (B,)."""
    plain = next(_cells(trial, arms, adjusted=False))
    cells = list(_cells(trial, arms, adjusted=True)) if trial.adjusted else [plain]
    effect = sum((c.share * c.effect for c in cells), np.zeros(arms.shape[0]))
    spread = [_spread(trial, c) for c in cells]
    cr0, cr2, cr3 = (sum((s[i] for s in spread), np.zeros(arms.shape[0])) for i in range(3))
    a, b, c = (sum((s[i] for s in spread), np.zeros(arms.shape[0])) for i in (3, 4, 5))
    clusters, users, k = trial.n.size, trial.n.sum(), 2 * len(cells)
    normal, even = ndtri((1 + level) / 2), float(stdtrit(clusters - 1, (1 + level) / 2))
    df = np.divide(a**2, b + c, out=np.full(a.size, np.nan), where=b + c > 0)
    small = clusters / (clusters - 1) * (users - 1) / (users - k)
    tests = [
        _beyond(plain.effect, *_classical(trial, plain, level)),
        _beyond(plain.effect, *_size_weighted(trial, plain, level)),
        _beyond(effect, cr0 * small, normal),
        _beyond(effect, cr2, np.asarray(stdtrit(df, (1 + level) / 2), dtype=np.float64)),
        _beyond(effect, cr3 * (clusters - 1) / clusters, even),
        _percentile_rejects(trial, cells, weights, level),
        _wild_rejects(trial, cells, effect, cr0, signs, level),
    ]
    against = _spread(trial, plain)[1]
    return np.stack(tests), np.divide(plain.effect**2, against, out=np.full(a.size, np.inf), where=against > 0)


def _beyond(
    effect: NDArray[np.float64], variance: NDArray[np.float64], quantile: NDArray[np.float64] | float
) -> NDArray[np.bool_]:
    """Whether |t| exceeds the quantile; not where there is no standard error."""
    with np.errstate(invalid="ignore"):
        return (variance > 0) & (effect**2 > quantile**2 * variance)


def _spread(trial: Trial, c: _Cells) -> tuple[NDArray[np.float64], ...]:
    """CR0, CR2 and CR3 variances of a stratum's part of the effect, and its three parts of the Satterthwaite df, (B,) each.

    A cluster's block of I − H has one eigenvalue that is not 1, 1 − λ with λ = n_g/N_cell, and d_cell² = share²/N_cell, so that
    D_g = share² λ/(N_cell(1 − λ)): df = (ΣD(1 − λ))² / (ΣD²(1 − 2λ) + Σ_cells(Σ λD)²).
    """
    n, square = trial.n[c.members], c.share**2
    residual = trial.total[c.members] - n * c.mean
    e2 = residual**2
    left = c.users - n
    inverse = np.divide(1.0, left, out=np.zeros_like(left), where=left > ALONE * c.users)
    own = square / c.users
    scaled = own * inverse
    d = scaled * n
    part = n / c.users
    squares = e2 * inverse
    treated = np.where(c.arms, part * d, 0.0).sum(axis=1)
    return (
        np.einsum("bg,bg->b", e2, own / c.users),
        np.einsum("bg,bg->b", e2, scaled),
        square * np.einsum("bg,bg->b", squares, inverse),
        (d * (1 - part)).sum(axis=1),
        np.einsum("bg,bg->b", d * (1 - 2 * part), d),
        treated**2 + (np.einsum("bg,bg->b", part, d) - treated) ** 2,
    )


def _classical(trial: Trial, c: _Cells, level: float) -> tuple[NDArray[np.float64], float]:
    """Variance of the difference of user means as if users were independent, and its t quantile."""
    free = float(trial.n.sum()) - 2
    rss = float(trial.square.sum()) - np.einsum("bg,g->b", c.mean**2, trial.n)  # N·mean² of each arm, spread over its clusters
    return np.maximum(rss, 0.0) / free * (1 / c.sizes).sum(axis=0), float(stdtrit(free, (1 + level) / 2))


def _size_weighted(trial: Trial, c: _Cells, level: float) -> tuple[NDArray[np.float64], float]:
    """The same of workspace means weighted by size, with t(K − 2)."""
    free = trial.n.size - 2
    within = np.einsum("bg,g->b", (trial.total / trial.n - c.mean) ** 2, trial.n)
    return within / free * (1 / c.sizes).sum(axis=0), float(stdtrit(free, (1 + level) / 2))


def _percentile_rejects(trial: Trial, cells: list[_Cells], weights: NDArray[np.float64], level: float) -> NDArray[np.bool_]:
    """Whether the percentile interval of the pairs bootstrap leaves out zero; resamples without one arm are left out."""
    effect = np.zeros((weights.shape[0], cells[0].arms.shape[0]))
    for c in cells:
        drawn = weights[:, c.members]
        one = np.einsum("wg,bg->wb", drawn, np.where(c.arms, trial.n[c.members], 0.0))
        sums = np.einsum("wg,bg->wb", drawn, np.where(c.arms, trial.total[c.members], 0.0))
        n, total = (np.einsum("wg,g->w", drawn, x[c.members])[:, None] for x in (trial.n, trial.total))
        with np.errstate(invalid="ignore", divide="ignore"):
            effect += c.share * (sums / one - (total - sums) / (n - one))
    defined = np.isfinite(effect)
    quantile = np.quantile if defined.all() else np.nanquantile
    low, high = quantile(np.where(defined, effect, np.nan), [(1 - level) / 2, (1 + level) / 2], axis=0)
    return (low > 0) | (high < 0)


def _wild_rejects(
    trial: Trial,
    cells: list[_Cells],
    effect: NDArray[np.float64],
    cr0: NDArray[np.float64],
    signs: NDArray[np.float64],
    level: float,
) -> NDArray[np.bool_]:
    """Whether the WCR wild bootstrap has p ≤ 1 − level for an effect of zero; see ``wild`` for the same with any regressors.

    The restricted mean of a cell is its mean less ±(share/N_cell)·effect/Σ share²/N_cell.
    """
    spread = sum((c.share**2 * (1 / c.sizes).sum(axis=0) for c in cells), np.zeros(effect.size))
    top, bottom = np.zeros((2, signs.shape[0], effect.size))
    for c in cells:
        n, drawn = trial.n[c.members], signs[:, c.members]
        shift = np.where(c.arms, 1.0, -1.0) * c.share * (effect / spread)[:, None] / c.users
        score = trial.total[c.members] - n * (c.mean - shift)
        for arm, size, sign in ((c.arms, c.sizes[1], 1), (~c.arms, c.sizes[0], -1)):
            inside = np.where(arm, score, 0.0)
            sums = np.einsum("wg,bg->wb", drawn, inside)
            own = np.einsum("bg,bg->b", inside, inside)
            crossed = np.einsum("wg,bg->wb", drawn, inside * n)
            pull = sums / size
            squares = np.einsum("bg,g->b", arm.astype(np.float64), n**2)
            top += sign * c.share * pull
            bottom += c.share**2 * (own - (2 * crossed - pull * squares) * pull) / size**2
    as_large = top**2 * cr0 >= effect**2 * np.maximum(bottom, 0.0) * (1 - 2 * TIE)
    return (1 + as_large.sum(axis=0)) / (signs.shape[0] + 1) <= round(1 - level, 12)
