"""Ties to other clusters as a ragged table: some users, and a range of them."""

from __future__ import annotations

import numpy as np
import pytest

from honestlift.moments.reach import Reach, rows_of

REACH = Reach(
    clusters=5,
    own=np.array([0, 0, 3, 4], dtype=np.int32),
    indptr=np.array([0, 2, 2, 3, 6]),
    partner=np.array([1, 2, 4, 0, 1, 3], dtype=np.int32),
    ties=np.array([1, 2, 3, 4, 5, 6], dtype=np.int32),
    weight=np.array([0.1, 0.2, 0.3, 0.4, 0.5, 0.6]),
    weighted=True,
)


def told(reach: Reach) -> list[tuple[int, dict[int, tuple[int, float]]]]:
    rows = [range(int(a), int(b)) for a, b in zip(reach.indptr[:-1], reach.indptr[1:], strict=True)]
    return [
        (int(own), {int(reach.partner[r]): (int(reach.ties[r]), float(reach.weight[r])) for r in row})
        for own, row in zip(reach.own, rows, strict=True)
    ]


def test_some_users_and_a_range_of_them():
    every = told(REACH)
    assert every == [(0, {1: (1, 0.1), 2: (2, 0.2)}), (0, {}), (3, {4: (3, 0.3)}), (4, {0: (4, 0.4), 1: (5, 0.5), 3: (6, 0.6)})]
    assert REACH.degree.tolist() == [2, 0, 1, 3]
    assert told(REACH.of(np.array([3, 1, 0, 3]))) == [every[3], every[1], every[0], every[3]]
    assert told(REACH.of(np.array([], dtype=np.int64))) == []
    for first in range(5):
        for end in range(first, 5):
            assert told(REACH.between(first, end)) == every[first:end]
    assert REACH.between(1, 3).weighted


def test_places_and_rows_of_members():
    places, rows = rows_of(REACH.indptr, np.array([2, 0]))
    assert (places.tolist(), rows.tolist()) == ([0, 1, 3], [2, 0, 1])


def test_nothing_changes_it():
    with pytest.raises(ValueError, match="read-only"):
        REACH.partner[0] = 3
