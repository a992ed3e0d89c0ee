"""Resamples and leave-one-out from sums per group: the one-scan bootstrap and the cluster jackknife of any stack of equations.

Each fit takes one Newton step from the full sample's solution, δ = (Σω J_g)⁻¹ (Σω s_g − pull), and each sum moves with it,
S → Σω(S_g + δ'∂S_g). Least squares is solved exactly by that step, a logit to first order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from honestlift.errors import HonestliftError
from honestlift.estimators.fit import solve_each, weighted_sums
from honestlift.estimators.stack import Linear, Nuisance, Stack
from honestlift.estimators.streamed import Assembled
from honestlift.inference.bootstrap import resample
from honestlift.moments.patterns import Patterns, tally

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class GroupSums:
    """What several stacks need of each of G groups, side by side in one array.

    Attributes:
        values: (G, m) the sums.
        fits: per fit: its first column, its number of coefficients, and its penalty and pull.
        means: per stack and arm: columns of numerator and denominator, and per fit that moves them the first column of their
            derivatives.
    """

    values: Floats
    fits: tuple[tuple[int, int, Floats, Floats], ...]
    means: tuple[tuple[tuple[int, int, tuple[tuple[int, int, int | None], ...]], ...], ...]


class _Columns:
    """Collects columns of sums per group; each fit once, however many stacks rest on it."""

    def __init__(self, patterns: Patterns, group: NDArray[np.int64], groups: int) -> None:
        self.patterns, self.group, self.groups = patterns, group, groups
        self.columns: list[Floats] = []
        self.fits: list[tuple[int, int, Floats, Floats]] = []
        self.places: dict[int, int] = {}
        self.held: list[Nuisance] = []

    def add(self, values: Floats) -> int:
        self.columns.append(tally(self.group, values, self.groups))
        return len(self.columns) - 1

    def along(self, design: Floats, weight: Floats) -> int:
        places = [self.add(design[:, j] * weight) for j in range(design.shape[1])]
        return places[0]

    def fit(self, nuisance: Nuisance) -> int:
        """The place of a fit among those collected; it is known by its residual, which no two fits share."""
        key = id(nuisance.residual.level)
        if key in self.places:
            return self.places[key]
        k = nuisance.design.shape[1]
        curvature = self.patterns.sum_over_rows(nuisance.curvature)
        first = len(self.columns)
        for i in range(k):
            for j in range(i, k):
                self.add(nuisance.design[:, i] * nuisance.design[:, j] * curvature)
        self.along(nuisance.design, self.linear(nuisance.residual))
        self.fits.append((first, k, nuisance.penalty, nuisance.pull))
        self.places[key] = len(self.fits) - 1
        self.held.append(nuisance)  # while it lives, no other fit can have its identity
        return self.places[key]

    def linear(self, e: Linear) -> Floats:
        return self.patterns.sum_over_rows(e.level, e.slope)


def group_sums(stacks: Iterable[Stack], patterns: Patterns, group: NDArray[np.int64], groups: int) -> GroupSums:
    """The sums of every stack in every group.

    Args:
        stacks: estimators, at their full-sample solutions; fits that several of them share are summed once.
        patterns: the rows.
        group: (P,) cluster or bucket of each pattern.
        groups: number G of them.
    """
    made = _Columns(patterns, group, groups)
    means: list[tuple[tuple[int, int, tuple[tuple[int, int, int | None], ...]], ...]] = []
    for stack in stacks:
        index = [made.fit(nuisance) for nuisance in stack.nuisances]
        pair: list[tuple[int, int, tuple[tuple[int, int, int | None], ...]]] = []
        for equation in stack.equations:
            top, bottom = made.add(made.linear(equation.numerator)), made.add(patterns.sum_over_rows(equation.denominator))
            moved: list[tuple[int, int, int | None]] = []
            for i, slope in equation.slopes:
                design = stack.nuisances[i].design
                first = made.along(design, made.linear(slope.numerator))
                below = None if slope.denominator is None else made.along(design, patterns.sum_over_rows(slope.denominator))
                moved.append((index[i], first, below))
            pair.append((top, bottom, tuple(moved)))
        means.append(tuple(pair))
    return GroupSums(values=np.column_stack(made.columns), fits=tuple(made.fits), means=tuple(means))


def assembled_sums(made: Assembled, groups: int) -> GroupSums:
    """The same from sums that the engine computed.

    Args:
        made: the sums of every fit and every estimator in every group.
        groups: number G of groups.
    """
    columns: list[Floats] = []

    def add(values: Floats) -> int:
        columns.append(np.broadcast_to(values, (groups,)))
        return len(columns) - 1

    def along(values: Floats) -> int:
        places = [add(values[:, j]) for j in range(values.shape[1])]
        return places[0]

    fits: list[tuple[int, int, Floats, Floats]] = []
    for fit in made.fits:
        k = fit.penalty.size
        places = [add(fit.information[:, i, j]) for i in range(k) for j in range(i, k)]
        along(fit.score)
        fits.append((places[0], k, fit.penalty, fit.pull))
    means: list[tuple[tuple[int, int, tuple[tuple[int, int, int | None], ...]], ...]] = []
    for stack in made.stacks.values():
        pair: list[tuple[int, int, tuple[tuple[int, int, int | None], ...]]] = []
        for mean in stack:
            top, bottom = add(mean.top), add(mean.bottom)
            moved = [(place, along(t), None if b is None else along(b)) for place, t, b in mean.moved]
            pair.append((top, bottom, tuple(moved)))
        means.append(tuple(pair))
    return GroupSums(values=np.column_stack(columns), fits=tuple(fits), means=tuple(means))


def means_of(sums: GroupSums, totals: Floats) -> Floats:
    """The two means of every stack from totals of the sums, (B, stacks, 2); NaN where a fit or a mean is undefined.

    Args:
        sums: where everything stands.
        totals: (B, m) the sums added up under B sets of weights.
    """
    steps = [_step(totals, *fit) for fit in sums.fits]
    made = np.empty((totals.shape[0], len(sums.means), 2))
    for s, pair in enumerate(sums.means):
        for a, (top, bottom, moved) in enumerate(pair):
            numerator, denominator = totals[:, top].copy(), totals[:, bottom].copy()
            for fit, first, below in moved:
                step = steps[fit]
                k = step.shape[1]
                numerator += np.einsum("bj,bj->b", step, totals[:, first : first + k])
                if below is not None:
                    denominator += np.einsum("bj,bj->b", step, totals[:, below : below + k])
            positive = denominator > 0
            made[:, s, a] = np.where(positive, numerator / np.where(positive, denominator, 1.0), np.nan)
    return made


def _step(totals: Floats, first: int, k: int, penalty: Floats, pull: Floats) -> Floats:
    upper = np.triu_indices(k)
    width = upper[0].size
    matrices = np.empty((totals.shape[0], k, k))
    matrices[:, upper[0], upper[1]] = totals[:, first : first + width]
    matrices[:, upper[1], upper[0]] = totals[:, first : first + width]
    matrices += np.diag(penalty)
    return solve_each(matrices, totals[:, first + width : first + width + k] - pull)[0]


def bucket_bootstrap(sums: GroupSums, draws: int, rng: np.random.Generator) -> Floats:
    """Means of every stack in resamples of the groups, (B, stacks, 2).

    Args:
        sums: of G groups.
        draws: number B of resamples; G groups are drawn with replacement in each.
        rng: source of randomness.
    """
    blocks = [means_of(sums, weighted_sums(w, sums.values)) for w in resample(sums.values.shape[0], draws, rng)]
    return np.concatenate(blocks)


def jackknife_covariance(sums: GroupSums) -> Floats:
    """Covariance of (mean under control, mean under treatment) of every stack by leaving out one cluster at a time.

    One (2, 2) matrix per stack.

    (G − 1)/G Σ_g (μ_(g) − μ)(μ_(g) − μ)', CV3 of MacKinnon, Nielsen & Webb (2023); NaN if a cluster cannot be spared.
    """
    total = sums.values.sum(axis=0)
    whole = means_of(sums, total[None])[0]
    apart = means_of(sums, total - sums.values) - whole
    g = sums.values.shape[0]
    return (g - 1) / g * np.einsum("gsa,gsb->sab", apart, apart)


def refit_bootstrap(
    estimate: Callable[[Patterns], Floats], patterns: Patterns, draws: int, rng: np.random.Generator
) -> tuple[Floats, int]:
    """Estimates in resamples of the groups, every fit run to convergence.

    Args:
        estimate: from patterns to (m,) estimates; a HonestliftError drops the resample.
        patterns: the rows, with groups.
        draws: number B of resamples.
        rng: source of randomness; the same draws as ``bucket_bootstrap``.

    Returns:
        (B', m) estimates, and how many resamples were dropped.
    """
    assert patterns.group is not None
    made: list[Floats] = []
    dropped = 0
    for block in resample(patterns.groups, draws, rng):
        for weights in block:
            try:
                with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
                    made.append(estimate(patterns.reweighted(weights[patterns.group])))
            except (HonestliftError, np.linalg.LinAlgError):
                dropped += 1
    return (np.stack(made) if made else np.empty((0, 0))), dropped
