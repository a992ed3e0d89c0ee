"""Pairs without replacement, and matching within the values of chosen covariates; the order of the rows plays no part."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from honestlift.errors import DesignError
from honestlift.estimators.matching import Matched, match
from honestlift.estimators.neighbours import Scored, group_scores
from honestlift.estimators.tilt import Estimand
from honestlift.moments.patterns import Patterns

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Paired:
    """Pairs of one treated and one control row, each row used at most once, counted by score group.

    Rows of equal score are alike: where only some of them are used, each is used with the same probability, so that the numbers
    are expectations over the draw among ties and need no draw.

    Attributes:
        effect: mean difference within pairs.
        std_error: √Σ(d − effect)² / pairs.
        control_mean: mean of the paired controls, about the origin.
        pairs: number of pairs.
        unmatched: treated rows without a pair.
        treated, control: (L,) score groups that are paired.
        count: (L,) how many pairs.
        scored: the rows by score.
    """

    effect: float
    std_error: float
    control_mean: float
    pairs: float
    unmatched: float
    treated: NDArray[np.int64]
    control: NDArray[np.int64]
    count: Floats
    scored: Scored

    def discordant(self, origin: float) -> tuple[float, float]:
        """Expected pairs of a 0/1 outcome in which only the treated, and in which only the control, is 1.

        Args:
            origin: what was taken off every outcome.
        """
        treated = self.scored.means[self.treated, 1] + origin
        control = self.scored.means[self.control, 0] + origin
        return float(np.sum(self.count * treated * (1 - control))), float(np.sum(self.count * control * (1 - treated)))


def pair(patterns: Patterns, score: Floats, *, caliper: float | None = None) -> Paired:
    """Greedy nearest-neighbour pairs without replacement: highest score first, each with the nearest control that is left.

    Two controls that are equally near: the one with the lower score.

    Args:
        patterns: the rows.
        score: (P,) what is matched on.
        caliper: no pair is further apart than this.

    Raises:
        DesignError: if no pair is within the caliper.
    """
    scored = group_scores(patterns, score)
    links = _greedy(scored, np.inf if caliper is None else caliper)
    if not links:
        raise DesignError.out_of_range("caliper", caliper, "one within which some user has a match")
    treated, control = (np.array([link[i] for link in links], dtype=np.int64) for i in (0, 1))
    count = np.array([link[2] for link in links], dtype=np.float64)
    pairs = float(count.sum())
    d = scored.means[treated, 1] - scored.means[control, 0]
    effect = float(np.sum(count * d)) / pairs
    spread = scored.within / np.where(scored.count > 0, scored.count, 1.0)
    squares = float(np.sum(count * ((d - effect) ** 2 + spread[treated, 1] + spread[control, 0])))
    return Paired(
        effect=effect,
        std_error=np.sqrt(squares) / pairs,
        control_mean=float(np.sum(count * scored.means[control, 0])) / pairs,
        pairs=pairs,
        unmatched=float(scored.count[:, 1].sum()) - pairs,
        treated=treated,
        control=control,
        count=count,
        scored=scored,
    )


def _greedy(scored: Scored, caliper: float) -> list[tuple[int, int, float]]:
    """Links (treated group, control group, pairs), by walking outwards over controls that are left."""
    score = [float(v) for v in scored.score]
    free = [float(v) for v in scored.count[:, 0]]
    size = len(score)
    below, above = list(range(size)), list(range(size + 1))  # nearest group at or below / at or above with controls left

    def find(parent: list[int], i: int, step: int) -> int:
        path: list[int] = []
        while 0 <= i < size and not free[i] > 0:
            path.append(i)
            i = parent[i] if parent[i] != i else i + step
        for j in path:
            parent[j] = i
        return i

    links: list[tuple[int, int, float]] = []
    for i in (int(v) for v in np.flatnonzero(scored.count[:, 1] > 0)[::-1]):
        wanted = float(scored.count[i, 1])
        while wanted > 0:
            low, high = find(below, i, -1), find(above, i, 1)
            near_low = score[i] - score[low] if low >= 0 else math.inf
            near_high = score[high] - score[i] if high < size else math.inf
            j, distance = (low, near_low) if near_low <= near_high + scored.tie else (high, near_high)
            if not distance <= caliper:
                break
            taken = min(wanted, free[j])
            links.append((i, j, taken))
            free[j] -= taken
            wanted -= taken
    return links


def match_within(
    patterns: Patterns,
    score: Floats,
    estimand: Estimand,
    stratum: NDArray[np.int64],
    *,
    neighbours: int = 1,
    caliper: float | None = None,
) -> list[Matched]:
    """Matching with replacement within strata (exact matching on what defines them); one answer per stratum with both arms.

    Args:
        patterns: the rows.
        score: (P,) what is matched on within strata.
        estimand: ATE, ATT or ATC.
        stratum: (P,) index of each pattern's stratum.
        neighbours: M.
        caliper: as in ``match``.
    """
    made: list[Matched] = []
    for s in np.unique(stratum):
        inside = stratum == s
        part = patterns.kept(inside)
        if min(part.arms) > 0:
            made.append(match(part, score[inside], estimand, neighbours=neighbours, caliper=caliper))
    if not made:
        raise DesignError.out_of_range("exact", "strata with one arm each", "covariates of which some value occurs in both arms")
    return made
