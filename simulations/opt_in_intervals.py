"""Every interval of many simulated opt-in studies at once: the product's own equations, on the cells of all worlds side by side.

Each cell of each world is a pattern; every fit is solved for all worlds together, and the product's stacks of estimating equations, its
sums per group and its one-step means do the rest. A test holds the result to what the product says of the same users' rows.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from honestlift.analysis.opt_in.fits import BALANCED, Key
from honestlift.estimators.doubly_robust import augmented, balanced, regression
from honestlift.estimators.matching import match
from honestlift.estimators.propensity import fit_propensity
from honestlift.estimators.stack import Stack
from honestlift.estimators.tilt import ESTIMANDS
from honestlift.estimators.weighting import naive, weighted
from honestlift.inference.abadie_imbens import estimated_score_variance
from honestlift.inference.bootstrap import resample
from honestlift.inference.interval import percentile_interval, t_interval, t_quantile
from honestlift.inference.replicate import GroupSums, group_sums, means_of
from honestlift.moments.patterns import Patterns
from simulations.opt_in_fits import WorldFits, fit_worlds, matrices, refitted
from simulations.opt_in_worlds import Cells

Floats = NDArray[np.float64]
Found = dict[Key, Floats]
"""Method and estimand to the ends of the interval in each world, (W, 2); NaN where it was not drawn."""

LEVEL, DRAWS = 0.95, 499


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Solved:
    """All worlds solved.

    Attributes:
        fits: propensity, outcome models and balancing weights.
        keys, stacks: the estimators.
        sums: where every sum stands.
        values: (W, 4D, m) the sums of each number of the cells.
        theta: (W, S, 2) both means of every estimator.
    """

    fits: WorldFits
    keys: tuple[Key, ...]
    stacks: tuple[Stack, ...]
    sums: GroupSums
    values: Floats
    theta: Floats

    @property
    def effects(self) -> Floats:
        """(W, S)."""
        return self.theta[:, :, 1] - self.theta[:, :, 0]


def intervals(worlds: Sequence[Cells], *, clustered: bool, rngs: Sequence[np.random.Generator | None] = ()) -> Found:
    """Every interval that weighting, regression and their mixtures offer.

    Args:
        worlds: W worlds of the same cells.
        clustered: whether their groups are workspaces; else they are buckets of users, for the bootstrap alone.
        rngs: what draws each world's bootstrap; None, or none given, for no bootstrap.
    """
    tables = np.stack([w.by_group() for w in worlds])
    solved = _solve(worlds, tables.sum(axis=1))
    influence = _influence(solved)
    found: Found = {}
    if clustered:
        found |= _ends(solved, "", _jackknife(solved, tables), tables.shape[1] - 1.0)
        found |= _ends(solved, ":cr1", _by_workspace(influence, tables), tables.shape[1] - 1.0)
    else:
        found |= _ends(solved, "", _independent(influence, worlds), math.inf)
    for w, rng in enumerate(rngs):
        for key, ends in _bootstrap(solved, w, tables[w], rng).items() if rng is not None else ():
            found.setdefault(key, np.full((len(worlds), 2), np.nan))[w] = ends
    return found


def matching_intervals(patterns: Patterns) -> Found:
    """One nearest neighbour on the estimated score with its Abadie–Imbens standard error, of one world."""
    score = fit_propensity(patterns)
    found: Found = {}
    for estimand in BALANCED:
        made = match(patterns, score.e, estimand)
        ends = t_interval(made.effect, math.sqrt(max(estimated_score_variance(made, patterns, score), 0.0)), math.inf, LEVEL)
        found["matching_nn", estimand] = np.array([[ends.low, ends.high]])
    return found


def _solve(worlds: Sequence[Cells], totals: Floats) -> _Solved:
    """Fit every world and sum up every estimator's equations, number by number: (4D) numbers of W worlds are W·4D groups."""
    fits = fit_worlds(worlds[0].x, totals)
    stacks = dict[Key, Stack]()
    p, score, outcomes = fits.patterns, fits.propensity, fits.outcomes
    for estimand in ESTIMANDS:
        stacks["naive", estimand] = naive(p)
        stacks["regression", estimand] = regression(p, score, outcomes, estimand)
        stacks["ipw", estimand] = weighted(p, score, estimand)
        stacks["aipw", estimand] = augmented(p, score, outcomes, estimand)
        if estimand in BALANCED:
            stacks["entropy", estimand] = balanced(p, fits.balancing[estimand], estimand)
    sums = group_sums(stacks.values(), p, np.arange(p.size), p.size)
    values = sums.values.reshape(len(worlds), -1, sums.values.shape[1])
    theta = means_of(sums, values.sum(axis=1))
    return _Solved(fits=fits, keys=tuple(stacks), stacks=tuple(stacks.values()), sums=sums, values=values, theta=theta)


def _influence(solved: _Solved) -> Floats:
    """(S, W, 4D) influence on each effect of one more user, and of one more unit of outcome, of each cell and arm.

    As ``stack.solve`` has it: [N − μD + Σ residual·design'v] / mean(D), v = J⁻¹(Σ∂N − μ Σ∂D), world by world.
    """
    w, four, _ = solved.values.shape
    d, totals = four // 4, solved.values.sum(axis=1)
    users = solved.fits.users
    inverse = [np.linalg.inv(matrices(totals, first, k)) for first, k, _, _ in solved.sums.fits]
    made = np.zeros((len(solved.stacks), w, four))

    def cells(values: Floats) -> Floats:
        return values.reshape(w, 4, d, 2)[:, 0]

    for s, stack in enumerate(solved.stacks):
        for a, (equation, (_, bottom, moved)) in enumerate(zip(stack.equations, solved.sums.means[s], strict=True)):
            mu = solved.theta[:, s, a]
            level = cells(equation.numerator.level) - mu[:, None, None] * cells(equation.denominator)
            slope = np.zeros_like(level) if equation.numerator.slope is None else np.array(cells(equation.numerator.slope))
            for (fit, first, below), (index, _) in zip(moved, equation.slopes, strict=True):
                k = solved.sums.fits[fit][1]
                gradient = totals[:, first : first + k] - (0 if below is None else mu[:, None] * totals[:, below : below + k])
                along = (np.einsum("wij,wj->wi", inverse[fit], gradient) @ solved.fits.design.T)[:, :, None]
                residual = stack.nuisances[index].residual
                level = level + cells(residual.level) * along
                slope = slope if residual.slope is None else slope + cells(residual.slope) * along
            both = np.concatenate([level[:, :, 0], level[:, :, 1], slope[:, :, 0], slope[:, :, 1]], axis=1)
            made[s] += (1.0 if a else -1.0) * both * (users / totals[:, bottom])[:, None]
    return made


def _independent(influence: Floats, worlds: Sequence[Cells]) -> Floats:
    """(W, S) variance of the effects, users independent."""
    s, w, four = influence.shape
    parts = influence.reshape(s, w, 4, four // 4)
    level, slope = parts[:, :, :2], parts[:, :, 2:]
    count, total = (np.stack([getattr(c, name).sum(axis=0).T for c in worlds]) for name in ("count", "total"))
    mean = total / np.where(count > 0, count, 1.0)
    within = np.stack([c.square.T for c in worlds]) - total * mean
    made = np.sum(count * (level + slope * mean) ** 2 + slope**2 * within, axis=(2, 3))
    return (made / count.sum(axis=(1, 2)) ** 2).T


def _by_workspace(influence: Floats, tables: Floats) -> Floats:
    """(W, S) variance with users dependent within workspaces, times G/(G − 1)."""
    g = tables.shape[1]
    sums = np.einsum("wgp,swp->swg", tables, influence, optimize=True)
    users = tables[:, :, : tables.shape[2] // 2].sum(axis=(1, 2))
    return (g / (g - 1) * np.sum(sums**2, axis=2) / users**2).T


def _jackknife(solved: _Solved, tables: Floats) -> Floats:
    """(W, S) variance by leaving out one workspace at a time, as ``jackknife_covariance`` has it."""
    w, g, _ = tables.shape
    share = _share(tables, tables.sum(axis=1)[:, None])
    left = solved.values.sum(axis=1)[:, None] - share @ solved.values
    theta = means_of(solved.sums, left.reshape(w * g, -1)).reshape(w, g, -1, 2)
    apart = theta[..., 1] - theta[..., 0] - solved.effects[:, None]
    return (g - 1) / g * np.sum(apart**2, axis=1)


def _share(drawn: Floats, there: Floats) -> Floats:
    """What was drawn of every number, as a multiple of what is there."""
    whole = np.broadcast_to(there, drawn.shape)
    return np.divide(drawn, whole, out=np.zeros_like(drawn), where=whole != 0)


def _ends(solved: _Solved, suffix: str, variance: Floats, df: float) -> Found:
    half = t_quantile(df, LEVEL) * np.sqrt(np.maximum(variance, 0.0))
    ends = np.stack([solved.effects - half, solved.effects + half], axis=2)
    return {(m + suffix, e): ends[:, i] for i, (m, e) in enumerate(solved.keys) if not (suffix and m == "naive")}


def _bootstrap(solved: _Solved, world: int, table: Floats, rng: np.random.Generator) -> dict[Key, tuple[float, float]]:
    """Percentile intervals of one world: every estimator by one Newton step, weighting and doubly robust by a whole fit too."""
    drawn = np.concatenate([w @ table for w in resample(table.shape[0], DRAWS, rng)])
    theta = means_of(solved.sums, _share(drawn, table.sum(axis=0)) @ solved.values[world])
    plain = dict(zip(solved.keys, solved.effects[world], strict=True))
    effects = {
        (f"{m}:bootstrap, one step", e): theta[:, i, 1] - theta[:, i, 0] for i, (m, e) in enumerate(solved.keys) if m != "naive"
    }
    again = refitted(solved.fits.design, solved.fits.beta[world], drawn)
    effects |= {(f"{m}:bootstrap, refitted", e): values for (m, e), values in again.items()}
    made: dict[Key, tuple[float, float]] = {}
    for (name, e), values in effects.items():
        ends = percentile_interval(values[np.isfinite(values)], LEVEL, float(plain[name.partition(":")[0], e]))
        made[name, e] = ends.low, ends.high
    return made
