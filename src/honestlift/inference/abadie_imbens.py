"""Standard errors of matching estimates: Abadie & Imbens (2006) for a known score, (2016) for an estimated one."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from honestlift.estimators.matching import Matched
from honestlift.estimators.neighbours import Pairs, Scored, nearest
from honestlift.estimators.propensity import Propensity
from honestlift.estimators.stack import cross, project
from honestlift.moments.patterns import Patterns, tally

Floats = NDArray[np.float64]

SAME_DISTANCE = 1e-12
"""Relative difference below which two Euclidean distances are one."""

MANY = 10_000
"""Queries from which it pays to start threads for them."""


def known_score_variance(matched: Matched) -> float:
    """Variance for a known score (Abadie & Imbens 2006, theorems 6 and 7; two neighbours of the own arm for σ²).

    ATE: [Σ(d − τ)² + Σ(K² + 2K − K2)σ²]/N²; ATT: [Σ_t(d − τ)² + Σ_c(K² − K2)σ²]/N1², σ² the variance (divisor m − 1) of the
    outcome over a row's two nearest rows of its own arm, itself one of them, ties kept.
    """
    scored, made = matched.scored, matched.squares
    for arm in (0, 1):
        members = np.flatnonzero(scored.count[:, arm] > 0)
        k, k2 = matched.uses[members, arm], matched.uses2[members, arm]
        factor = k**2 - k2 + (2 * k if matched.estimand == "ATE" else 0.0)
        if factor.any():
            pairs = nearest(scored, arm, scored.score[members], 2)
            made += float(np.sum(scored.count[members, arm] * factor * _variance(scored, pairs, arm)))
    return made / matched.rows**2


def _variance(scored: Scored, pairs: Pairs, arm: int) -> Floats:
    n, mean = pairs.add(scored.count[:, arm]), pairs.add(scored.total[:, arm])
    mean = mean / n
    apart = scored.count[:, arm][pairs.match] * (scored.means[:, arm][pairs.match] - mean[pairs.query]) ** 2
    squares = pairs.add(scored.within[:, arm]) + tally(pairs.query, apart, pairs.queries)
    return squares / np.maximum(n - 1, 1.0)


def estimated_score_variance(matched: Matched, patterns: Patterns, propensity: Propensity) -> float:
    """Variance when the score is an estimated logit (Abadie & Imbens 2016, Econometrica 84, theorems 1 and 2).

    ATE: V − c'I⁻¹c/N. ATT: V − c'I⁻¹c/N + g'I⁻¹g/N. I is the logit's information per row.

    Args:
        matched: a match on this score, with replacement, without caliper.
        patterns: the rows, one pattern per distinct covariate row.
        propensity: their fitted logit.
    """
    assert propensity.design is not None
    x, n = propensity.design.matrix, patterns.rows
    variance = propensity.e * (1 - propensity.e)
    information = cross(x, patterns.count.sum(axis=1) * variance) / n
    made = known_score_variance(matched)
    if matched.estimand == "ATE":
        c = _average_of_covariances(matched, patterns, x) / n
        return made - float(c @ np.linalg.solve(information, c)) / n
    c = _treated_direction(matched, patterns, x, propensity.e) / matched.rows
    g = _gradient(matched, patterns, x, propensity.e) / matched.rows
    return made - float(c @ np.linalg.solve(information, c)) / n + float(g @ np.linalg.solve(information, g)) / n


def _two_nearest(scored: Scored) -> tuple[Pairs, Pairs]:
    """The two nearest rows of the control and of the treated arm to each score, ties kept."""
    return nearest(scored, 0, scored.score, 2), nearest(scored, 1, scored.score, 2)


def _covariances(scored: Scored, patterns: Patterns, x: Floats, arm: int, pairs: Pairs) -> Floats:
    """(U, k) covariance (divisor m − 1) of x and Y over the two nearest rows of an arm to each score."""
    u = scored.score.size
    n, y = pairs.add(scored.count[:, arm]), pairs.add(scored.total[:, arm])
    made = np.empty((u, x.shape[1]))
    for j in range(x.shape[1]):
        sums = tally(scored.place, x[:, j] * patterns.count[:, arm], u)
        products = tally(scored.place, x[:, j] * patterns.total[:, arm], u)
        made[:, j] = (pairs.add(products) - pairs.add(sums) * y / n) / np.maximum(n - 1, 1.0)
    return made


def _average_of_covariances(matched: Matched, patterns: Patterns, x: Floats) -> Floats:
    """Σ over rows of (cov_1/e + cov_0/(1 − e))·e(1 − e), (k,)."""
    scored = matched.scored
    e, rows = scored.score[:, None], scored.count.sum(axis=1)[:, None]
    cov0, cov1 = (_covariances(scored, patterns, x, arm, pairs) for arm, pairs in enumerate(_two_nearest(scored)))
    return np.sum(rows * (cov1 * (1 - e) + cov0 * e), axis=0)


def _treated_direction(matched: Matched, patterns: Patterns, x: Floats, e: Floats) -> Floats:
    """Σ[x f(ỹ1 − ỹ0 − τ) + (cov_1 + e/(1 − e)·cov_0) f], (k,), f = e(1 − e); mirrored for the ATC.

    ỹ_a is the mean outcome of the two nearest rows of arm a, the row itself left out.
    """
    scored = matched.scored
    f = e * (1 - e)
    difference = np.zeros(patterns.size)
    two = _two_nearest(scored)
    for arm, across in enumerate(two):
        sign = 1.0 if arm else -1.0
        mean = (across.add(scored.total[:, arm]) / across.add(scored.count[:, arm]))[scored.place]
        difference += sign * patterns.count[:, 1 - arm] * mean
        own = nearest(scored, arm, scored.score, 3)  # the row itself, and two more
        n, y = own.add(scored.count[:, arm])[scored.place], own.add(scored.total[:, arm])[scored.place]
        difference += sign * (patterns.count[:, arm] * y - patterns.total[:, arm]) / np.maximum(n - 1, 1.0)
    difference -= matched.effect * patterns.count.sum(axis=1)
    s, rows = scored.score[:, None], scored.count.sum(axis=1)[:, None]
    cov0, cov1 = (_covariances(scored, patterns, x, arm, pairs) for arm, pairs in enumerate(two))
    weighted = cov1 * s * (1 - s) + cov0 * s**2 if matched.estimand == "ATT" else cov1 * (1 - s) ** 2 + cov0 * s * (1 - s)
    # the share of a row in the target moves with e for the ATT, against it for the ATC
    towards = 1.0 if matched.estimand == "ATT" else -1.0
    return towards * project(x, f * difference) + np.sum(rows * weighted, axis=0)


def _gradient(matched: Matched, patterns: Patterns, x: Floats, e: Floats) -> Floats:
    """Σ x f(δ_i − τ), (k,), δ_i the effect by one nearest neighbour on the raw covariates, Euclidean, ties kept."""
    moved = np.zeros(patterns.size)
    for arm in (0, 1):
        sign = 1.0 if arm else -1.0
        there = np.flatnonzero(patterns.count[:, arm] > 0)
        partner = _euclidean_means(patterns, patterns.x[there], 1 - arm)
        moved[there] += sign * (patterns.total[there, arm] - patterns.count[there, arm] * partner)
    moved -= matched.effect * patterns.count.sum(axis=1)
    towards = 1.0 if matched.estimand == "ATT" else -1.0
    return towards * project(x, e * (1 - e) * moved)


def _euclidean_means(patterns: Patterns, queries: Floats, arm: int) -> Floats:
    """Mean outcome of the nearest rows of an arm on the raw covariates, all ties kept, (Q,)."""
    from scipy.spatial import cKDTree

    members = np.flatnonzero(patterns.count[:, arm] > 0)
    points = np.ascontiguousarray(patterns.x[members])
    tree = cKDTree(points)
    asked, most = np.ascontiguousarray(queries), min(4, members.size)
    found: Any = tree.query(asked, k=most, workers=-1 if asked.shape[0] > MANY else 1)
    distance = np.asarray(found[0], dtype=np.float64).reshape(-1, most)
    index = np.asarray(found[1], dtype=np.int64).reshape(-1, most)
    slack = distance[:, :1] * (1 + SAME_DISTANCE)
    near = distance <= slack
    n, y = patterns.count[members, arm], patterns.total[members, arm]
    made = np.sum(near * y[index], axis=1) / np.sum(near * n[index], axis=1)
    if most < members.size:
        for i in np.flatnonzero(near.all(axis=1)):  # more ties than were fetched
            tied = np.asarray(tree.query_ball_point(asked[i], slack[i, 0]), dtype=np.int64)  # pyright: ignore[reportUnknownMemberType,reportUnknownArgumentType]
            made[i] = float(np.sum(y[tied]) / np.sum(n[tied]))
    return made
