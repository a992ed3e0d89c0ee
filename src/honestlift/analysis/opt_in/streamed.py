"""What is estimated of one metric when the engine sums all rows: the same estimators, standard errors and resamples."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from honestlift.analysis.opt_in.fits import Basis, Fits, Point
from honestlift.analysis.opt_in.gathering import GRID, Sums, matches, sums_of
from honestlift.analysis.opt_in.matching import MatchedAnswer, grid_answers, matching_answers
from honestlift.analysis.opt_in.streaming import Streaming
from honestlift.diagnostics.sensitivity import Regression, regression_of
from honestlift.estimators.influences import influences
from honestlift.estimators.outcome import evaluated_outcome
from honestlift.estimators.streamed import Assembled, Key, products_of
from honestlift.estimators.tilt import Estimand
from honestlift.inference.influence import effect_covariance, streamed_clustered_covariance
from honestlift.inference.replicate import GroupSums, assembled_sums, jackknife_covariance, means_of
from honestlift.moments.patterns import Patterns
from honestlift.moments.streamed.terms import Term, Totals

Floats = NDArray[np.float64]


def streamed_basis(
    stream: Streaming, column: str, *, only: Estimand | None = None
) -> tuple[Basis, GroupSums | None, list[MatchedAnswer]]:
    """Everything that is estimated of one outcome.

    Args:
        stream: the rows.
        column: the outcome.
        only: one estimand, without matching, where nothing else is wanted.

    Returns:
        The estimates; the sums per group that resamples rest on, None without groups; the matching estimates.
    """
    n = float(stream.exact(column).ones.rows.sum())
    looked = sums_of(stream, column, only)
    found = looked.found.totals
    order = _order(found) if stream.clustered else np.arange(found.rows.size)
    made = looked.assembly.assemble(lambda term: found.values[term][order]).defined()
    sums = assembled_sums(made, order.size)
    points = _points(stream, made, sums, looked, stream.origin(column))
    basis = Basis(
        fits=_on_sample(stream, column),
        points=points,
        df=order.size - 1.0 if stream.clustered else math.inf,
        users=int(n),
        clusters=order.size if stream.clustered else 0,
        binary=_binary(stream, column),
        regression=_regression(stream, column, n),
    )
    return basis, sums if stream.grouped else None, [] if only else _matched(stream, looked.found.scores, column)


def _points(stream: Streaming, made: Assembled, sums: GroupSums, looked: Sums, origin: float) -> dict[Key, Point]:
    """Every estimator's means, one Newton step on from where the sums were taken, and their covariances."""
    n = float(looked.rows.count)
    theta = means_of(sums, sums.values.sum(axis=0, keepdims=True))[0]
    pairs = {key: influences(made, stack, theta[i], n) for i, (key, stack) in enumerate(made.stacks.items())}
    if stream.clustered:
        covariance = list(jackknife_covariance(sums))
        variants = [streamed_clustered_covariance(made, made.stacks[key], pair, n) for key, pair in pairs.items()]
    else:
        covariance = [v / n**2 for v in looked.covariances(list(pairs.values()))]
        variants = None
    return {
        key: Point(
            effect=float(theta[i, 1] - theta[i, 0]),
            control_mean=float(theta[i, 0]) + origin,
            covariance=effect_covariance(covariance[i]),
            variant=None if variants is None or key[0] == "naive" else effect_covariance(variants[i]),
        )
        for i, key in enumerate(pairs)
    }


def _order(found: Totals) -> NDArray[np.int64]:
    """The clusters by their rows, treated rows and sums, ties by name, so that no name moves a number."""
    treated, *sums = (found.values[Term(a, "one", f, 0, 0, True)] for a, f in ((1, ""), (0, "y"), (1, "y")))
    return np.lexsort([np.arange(found.rows.size), *reversed(sums), treated, found.rows])


def _on_sample(stream: Streaming, column: str) -> Fits:
    """The fits to all rows, on sampled users."""
    exact, patterns = stream.exact(column), stream.patterns(column)
    propensity = stream.on_sample(patterns, exact)
    assert propensity.design is not None
    control, treated = (
        evaluated_outcome(arm, propensity.design, stream.converted(exact, beta)) for arm, beta in enumerate(exact.outcomes)
    )
    return Fits(patterns=patterns, propensity=propensity, outcomes=(control, treated))


def _binary(stream: Streaming, column: str) -> bool:
    """Whether every outcome is 0 or 1: between them, and its squares add up to what it adds up to itself."""
    seen, ones = stream.profiles[column], stream.exact(column).ones.values
    if seen.low < 0 or seen.high > 1:
        return False
    n, y, yy = (sum(float(ones[Term(a, "one", f, 0, 0, True)].sum()) for a in (0, 1)) for f in ("", "y", "yy"))
    o = seen.origin
    return abs((yy + 2 * o * y + o**2 * n) - (y + o * n)) <= 1e-9 * max(1.0, n)


def _regression(stream: Streaming, column: str, n: float) -> Regression:
    """Least squares of the outcome on the choice and the covariates, over all rows."""
    ones, k = stream.exact(column).ones.values, stream.design.bound.size
    both = [products_of(lambda term: ones[term], arm, k) for arm in (0, 1)]
    with_y = np.array([[float(ones[Term(a, "one", "y", 0, i, True)].sum()) for i in range(k)] for a in (0, 1)])
    made = np.zeros((k + 2, k + 2))
    made[:k, :k] = both[0] + both[1]
    made[:k, k] = made[k, :k] = both[1][0]
    made[k, k] = both[1][0, 0]
    made[:k, k + 1] = made[k + 1, :k] = with_y.sum(axis=0)
    made[k, k + 1] = made[k + 1, k] = with_y[1, 0]
    made[k + 1, k + 1] = sum(float(ones[Term(a, "one", "yy", 0, 0, True)].sum()) for a in (0, 1))
    return regression_of(made, stream.design.names, tuple(c.covariate for c in stream.design.columns), n)


def _matched(stream: Streaming, scores: Patterns | None, column: str) -> list[MatchedAnswer]:
    """Matching by scores on a grid. Pairs without replacement and exact covariates need users: there an even sample is matched."""
    if scores is not None:
        return grid_answers(scores, GRID, stream.study)
    if not matches(stream):
        return []
    exact, sample = stream.exact(column), replace(stream.even(column), group=None, groups=0)
    flat = sample.collapsed()
    answers = matching_answers(flat, stream.on_sample(flat, exact), stream.study)
    return [replace(a, how=f"{a.how}; on a sample of {int(flat.rows):,} users") for a in answers]
