"""Matching as the study asks for it: with ties or in pairs, within a caliper, exact on chosen covariates."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from honestlift.design.opt_in import OptInStudy
from honestlift.errors import DesignError
from honestlift.estimators.matching import Matched, match
from honestlift.estimators.pairs import Paired, match_within, pair
from honestlift.estimators.propensity import Propensity, expit, newton
from honestlift.estimators.stack import predict
from honestlift.estimators.tilt import Estimand
from honestlift.inference.abadie_imbens import estimated_score_variance, known_score_variance
from honestlift.inference.bootstrap import resample
from honestlift.moments.patterns import Patterns, tally

Floats = NDArray[np.float64]

MOST_POINTS = 300_000
"""Distinct covariate rows above which the score counts as known in the variance: raw neighbours take too long."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MatchedAnswer:
    """A matching estimate of one estimand.

    Attributes:
        estimand: ATE, ATT or ATC.
        effect, std_error: the estimate and its Abadie–Imbens standard error.
        control_mean: mean under control, about the origin.
        matched, unmatched: target users with and without a match.
        how: in words.
        paired: the pairs, without replacement.
    """

    estimand: Estimand
    effect: float
    std_error: float
    control_mean: float
    matched: float
    unmatched: float
    how: str
    paired: Paired | None = None


def matching_answers(patterns: Patterns, propensity: Propensity, study: OptInStudy) -> list[MatchedAnswer]:
    """One answer for each estimand of the study that matching defines.

    Args:
        patterns: one pattern per distinct covariate row.
        propensity: fitted to them.
        study: says how to match.
    """
    wanted = study.matching
    made: list[MatchedAnswer] = []
    for estimand in study.design.estimands:
        if estimand not in ("ATE", "ATT", "ATC"):
            continue
        try:
            if not wanted.replacement:
                made += [_pairs(patterns, propensity, study)] if estimand == "ATT" else []
            elif wanted.exact:
                made.append(_exact(patterns, propensity, estimand, study))
            else:
                made.append(_ties(patterns, propensity, estimand, study))
        except DesignError:
            continue  # nobody has a match within the caliper or the stratum
    return made


def _ties(patterns: Patterns, propensity: Propensity, estimand: Estimand, study: OptInStudy) -> MatchedAnswer:
    wanted = study.matching
    matched = match(patterns, propensity.e, estimand, neighbours=wanted.neighbours, caliper=wanted.caliper)
    estimated = wanted.caliper is None and study.propensity.penalty == "none" and patterns.size <= MOST_POINTS
    variance = estimated_score_variance(matched, patterns, propensity) if estimated else known_score_variance(matched)
    how = f"{_neighbours(wanted.neighbours)} by propensity, ties kept" + _within(wanted.caliper)
    how += "" if estimated else "; score taken as known"
    return _answer(matched, variance, how)


def _exact(patterns: Patterns, propensity: Propensity, estimand: Estimand, study: OptInStudy) -> MatchedAnswer:
    wanted = study.matching
    columns = [j for j, c in enumerate(patterns.covariates) if c in wanted.exact]
    _, stratum = np.unique(patterns.x[:, columns], axis=0, return_inverse=True)
    parts = match_within(patterns, propensity.e, estimand, stratum.ravel(), neighbours=wanted.neighbours, caliper=wanted.caliper)
    rows = sum(p.rows for p in parts)
    effect = sum(p.rows * p.effect for p in parts) / rows
    variance = sum((p.rows / rows) ** 2 * known_score_variance(p) + p.rows * (p.effect - effect) ** 2 / rows**2 for p in parts)
    target = patterns.arms[1] if estimand == "ATT" else patterns.arms[0] if estimand == "ATC" else patterns.rows
    how = f"{_neighbours(wanted.neighbours)} by propensity within equal {', '.join(wanted.exact)}, ties kept"
    return MatchedAnswer(
        estimand=estimand,
        effect=effect,
        std_error=math.sqrt(max(variance, 0.0)),
        control_mean=sum(p.rows * p.control_mean for p in parts) / rows,
        matched=rows,
        unmatched=target - rows,
        how=how + _within(wanted.caliper) + "; score taken as known",
    )


def _pairs(patterns: Patterns, propensity: Propensity, study: OptInStudy) -> MatchedAnswer:
    made = pair(patterns, propensity.e, caliper=study.matching.caliper)
    return MatchedAnswer(
        estimand="ATT",
        effect=made.effect,
        std_error=made.std_error,
        control_mean=made.control_mean,
        matched=made.pairs,
        unmatched=made.unmatched,
        how="pairs without replacement, highest propensity first" + _within(study.matching.caliper),
        paired=made,
    )


def grid_answers(fine: Patterns, steps: int, study: OptInStudy) -> list[MatchedAnswer]:
    """Matching with replacement on a score that is rounded to a grid; a grid half as fine shows what the rounding does.

    Args:
        fine: one pattern per score, which is its only column.
        steps: how many scores the fine grid tells apart.
        study: says how to match, with replacement and without exact covariates.
    """
    coarse = replace(fine, x=np.floor(fine.x * (steps / 2) + 0.5) / (steps / 2)).collapsed()
    made: list[MatchedAnswer] = []
    for estimand in study.design.estimands:
        if estimand not in ("ATE", "ATT", "ATC"):
            continue
        try:
            matched, other = (_on_grid(grid, estimand, study) for grid in (fine, coarse))
        except DesignError:
            continue  # nobody has a match within the caliper
        how = f"{_neighbours(study.matching.neighbours)} by propensity on a grid of {steps:,} scores, ties kept"
        how += _within(study.matching.caliper)
        how += f"; a grid half as fine moves it by {abs(matched.effect - other.effect):.1g}; score taken as known"
        made.append(_answer(matched, known_score_variance(matched), how))
    return made


def _on_grid(grid: Patterns, estimand: Estimand, study: OptInStudy) -> Matched:
    wanted = study.matching
    return match(grid, np.ascontiguousarray(grid.x[:, 0]), estimand, neighbours=wanted.neighbours, caliper=wanted.caliper)


def _answer(matched: Matched, variance: float, how: str) -> MatchedAnswer:
    return MatchedAnswer(
        estimand=matched.estimand,
        effect=matched.effect,
        std_error=math.sqrt(max(variance, 0.0)),
        control_mean=matched.control_mean,
        matched=matched.rows,
        unmatched=matched.unmatched,
        how=how,
    )


def _neighbours(m: int) -> str:
    return "nearest neighbour" if m == 1 else f"{m} nearest neighbours"


def _within(caliper: float | None) -> str:
    return "" if caliper is None else f", within {caliper:g}"


def matching_bootstrap(
    patterns: Patterns, start: Propensity, estimands: Sequence[Estimand], study: OptInStudy, rng: np.random.Generator
) -> Floats:
    """The bootstrap that people use and that is not valid (Abadie & Imbens 2008, Econometrica 76): (B, estimands).

    Args:
        patterns: the users with groups, trimmed as the estimates are.
        start: a propensity fitted to them.
        estimands: which effects.
        study: replicates and how to match.
        rng: source of randomness.
    """
    assert patterns.group is not None
    assert start.design is not None
    place, one = patterns.places()
    distinct, matrix = patterns.collapsed(), np.asfortranarray(start.design.matrix[one])
    made: list[list[float]] = []
    for block in resample(patterns.groups, study.bootstrap, rng):
        for weights in block:
            each = weights[patterns.group]
            sums = [
                np.column_stack([tally(place, each * values[:, arm], one.size) for arm in (0, 1)])
                for values in (patterns.count, patterns.total, patterns.square)
            ]
            part = replace(distinct, count=sums[0], total=sums[1], square=sums[2])
            beta, _, settled = newton(matrix, part.count, start.penalty, start.beta)
            if settled:
                e = expit(predict(matrix, beta))
                made.append([match(part, e, a, neighbours=study.matching.neighbours).effect for a in estimands])
    return np.array(made).reshape(-1, len(estimands))
