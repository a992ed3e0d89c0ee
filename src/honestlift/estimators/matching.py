"""Matching on the propensity: nearest neighbours with all ties, or pairs without replacement; never by the order of the rows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from honestlift.errors import DesignError
from honestlift.estimators.neighbours import Scored, group_scores, nearest
from honestlift.estimators.tilt import Estimand
from honestlift.moments.patterns import Patterns

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Matched:
    """A matching estimate with what its variance needs. Axes ``(U, 2)``: score group × (control, treated).

    Attributes:
        estimand: ATE, ATT or ATC.
        effect: mean difference between each target row and the mean of its matches.
        control_mean: mean outcome under control in the target, about the origin.
        rows: target rows that have a match.
        unmatched: target rows without one (caliper, exact).
        squares: Σ(d_i − effect)² over the target rows.
        uses, uses2: (U, 2) K = Σ1/m_i and Σ1/m_i² over the target rows i that use a row of this group; m_i counts their matches.
        scored: the rows by score.
    """

    estimand: Estimand
    effect: float
    control_mean: float
    rows: float
    unmatched: float
    squares: float
    uses: Floats
    uses2: Floats
    scored: Scored


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Side:
    """One arm's rows as targets, (U,) each.

    Attributes:
        matched: mean outcome of the matches of a row, about the origin.
        found: whether a row has a match.
        uses, uses2: Σ1/m_i and Σ1/m_i² by which a row of the other arm is used.
    """

    matched: Floats
    found: NDArray[np.bool_]
    uses: Floats
    uses2: Floats


def match(patterns: Patterns, score: Floats, estimand: Estimand, *, neighbours: int = 1, caliper: float | None = None) -> Matched:
    """Nearest-neighbour matching with replacement, all ties kept and averaged (Abadie & Imbens 2006, Econometrica 74).

    Args:
        patterns: the rows.
        score: (P,) what is matched on; the same for equal covariates.
        estimand: ATT (a match for every opted-in user), ATC or ATE (both).
        neighbours: M matches per row, and all that are as near as the last.
        caliper: rows without a match within this distance are left out; None for no limit.

    Raises:
        DesignError: for another estimand, fewer than one neighbour, or when no row has a match.
    """
    if estimand not in ("ATE", "ATT", "ATC"):
        raise DesignError.out_of_range("estimand", estimand, "ATE, ATT or ATC for matching")
    if neighbours < 1:
        raise DesignError.out_of_range("neighbours", neighbours, "at least 1")
    scored = group_scores(patterns, score)
    targets = {"ATE": (0, 1), "ATT": (1,), "ATC": (0,)}[estimand]
    sides = {arm: match_side(scored, arm, neighbours, caliper) for arm in targets}
    return assemble(scored, estimand, sides)


def match_side(scored: Scored, arm: int, neighbours: int, caliper: float | None) -> Side:
    """Match every row of an arm to rows of the other."""
    other = 1 - arm
    members = np.flatnonzero(scored.count[:, arm] > 0)
    pairs = nearest(scored, other, scored.score[members], neighbours, caliper)
    size = pairs.add(scored.count[:, other])
    safe = np.where(size > 0, size, 1.0)
    rows = scored.count[members, arm]
    matched, found = np.zeros(scored.score.size), np.zeros(scored.score.size, dtype=np.bool_)
    matched[members], found[members] = pairs.add(scored.total[:, other]) / safe, size > 0
    return Side(
        matched=matched,
        found=found,
        uses=pairs.spread(rows / safe, scored.score.size),
        uses2=pairs.spread(rows / safe**2, scored.score.size),
    )


def assemble(scored: Scored, estimand: Estimand, sides: dict[int, Side]) -> Matched:
    """The estimate from the matched means of one or both arms.

    Raises:
        DesignError: when no row has a match.
    """
    u = scored.score.size
    uses, uses2 = np.zeros((u, 2)), np.zeros((u, 2))
    rows = unmatched = gained = control = 0.0
    for arm, side in sides.items():
        n = np.where(side.found, scored.count[:, arm], 0.0)
        sign = 1.0 if arm else -1.0
        own = np.where(side.found, scored.total[:, arm], 0.0)
        gained += sign * float(np.sum(own - n * side.matched))
        control += float(np.sum(n * side.matched if arm else own))
        rows += float(n.sum())
        unmatched += float(scored.count[:, arm].sum() - n.sum())
        uses[:, 1 - arm], uses2[:, 1 - arm] = side.uses, side.uses2
    if rows == 0:
        raise DesignError.out_of_range("caliper", "too narrow for any match", "one within which some user has a match")
    effect = gained / rows
    squares = 0.0
    for arm, side in sides.items():
        n = np.where(side.found, scored.count[:, arm], 0.0)
        d = (1.0 if arm else -1.0) * (scored.means[:, arm] - side.matched)
        squares += float(np.sum(n * (d - effect) ** 2) + np.sum(np.where(side.found, scored.within[:, arm], 0.0)))
    return Matched(
        estimand=estimand,
        effect=effect,
        control_mean=control / rows,
        rows=rows,
        unmatched=unmatched,
        squares=squares,
        uses=uses,
        uses2=uses2,
        scored=scored,
    )
