"""Nearest neighbours on one score by sorting and searching, with ties kept, on groups of rows with equal scores."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from honestlift.moments.patterns import Patterns, tally

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

TIE = 1e-12
"""Share of the score's range within which two distances are one: what rounding makes of equal scores stays a tie."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Scored:
    """Rows grouped by their score; the last axis of ``(U, 2)`` is control, treated.

    Attributes:
        score: (U,) distinct scores, ascending.
        place: (P,) index of each pattern's score.
        count, total, square: (U, 2) rows, sum and sum of squares of the outcome about its origin.
        tie: distance within which two neighbours are equally near.
    """

    score: Floats
    place: Integers
    count: Floats
    total: Floats
    square: Floats
    tie: float

    @property
    def means(self) -> Floats:
        """(U, 2) mean outcome about the origin; zero without rows."""
        return self.total / np.where(self.count > 0, self.count, 1.0)

    @property
    def within(self) -> Floats:
        """(U, 2) sum of squares of the outcome about its mean."""
        return np.maximum(self.square - self.total * self.means, 0.0)


def group_scores(patterns: Patterns, score: Floats) -> Scored:
    """Group the rows by a score, (P,), which is the same for equal covariates."""
    values, place = np.unique(score, return_inverse=True)
    place = place.ravel().astype(np.int64)

    def added(by: Floats) -> Floats:
        return np.column_stack([tally(place, by[:, a], values.size) for a in (0, 1)])

    return Scored(
        score=values,
        place=place,
        count=added(patterns.count),
        total=added(patterns.total),
        square=added(patterns.square),
        tie=TIE * float(np.ptp(values)) if values.size else 0.0,
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Pairs:
    """Which score groups of one arm are neighbours of which queries.

    Attributes:
        query: (L,) index of the query.
        match: (L,) index of the score group, into ``Scored.score``.
        queries: number Q of queries.
    """

    query: Integers
    match: Integers
    queries: int

    def add(self, values: Floats) -> Floats:
        """Σ over each query's matches of a value per score group, (Q,)."""
        return tally(self.query, values[self.match], self.queries)

    def spread(self, values: Floats, groups: int) -> Floats:
        """Σ over the queries that use each score group of a value per query, (U,)."""
        return tally(self.match, values[self.query], groups)


def nearest(scored: Scored, arm: int, queries: Floats, neighbours: int, caliper: float | None = None) -> Pairs:
    """The nearest rows of one arm to each query score, all that are as near as the last of them kept.

    Tie: |e_j − e_i| ≤ the M-th smallest distance + ``TIE`` × range. A query that is itself in this arm finds itself first.

    Args:
        scored: the rows by score.
        arm: 0 control, 1 treated.
        queries: (Q,) scores.
        neighbours: M.
        caliper: no match is further away than this; a query may then have none.
    """
    members = np.flatnonzero(scored.count[:, arm] > 0)
    scores, count = scored.score[members], scored.count[members, arm]
    reach = _reach(scores, count, queries, neighbours) + scored.tie
    if caliper is not None:
        reach = np.minimum(reach, caliper)
    low = np.searchsorted(scores, queries - reach, side="left")
    high = np.searchsorted(scores, queries + reach, side="right")
    length = np.maximum(high - low, 0)
    query = np.repeat(np.arange(queries.size), length)
    within = np.arange(query.size) - np.repeat(np.cumsum(length) - length, length)
    return Pairs(query=query, match=members[np.repeat(low, length) + within], queries=queries.size)


def _reach(scores: Floats, count: Floats, queries: Floats, neighbours: int) -> Floats:
    """Distance to the M-th nearest row of each query, or to the furthest if there are fewer."""
    right = np.searchsorted(scores, queries)
    left = right - 1
    found, reach = np.zeros(queries.size), np.zeros(queries.size)
    padded = np.concatenate([scores, [np.inf, -np.inf]])  # one past the end is infinitely far, and so is one before the start
    rows = np.concatenate([count, [0.0, 0.0]])
    open_ = np.arange(queries.size)
    while open_.size:
        q = queries[open_]
        below, above = q - padded[left[open_]], padded[right[open_]] - q
        lower = below <= above
        distance = np.where(lower, below, above)
        there = np.isfinite(distance)
        reach[open_[there]] = distance[there]
        found[open_] += rows[np.where(lower, left[open_], right[open_])]
        left[open_[lower & there]] -= 1
        right[open_[~lower & there]] += 1
        open_ = open_[there & (found[open_] < neighbours)]
    return reach
