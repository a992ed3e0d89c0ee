"""Rows by score: the same table in any order and however it is filled."""

from __future__ import annotations

import numpy as np
import pytest

from honestlift.errors import SourceError
from honestlift.moments.streamed import scores
from honestlift.moments.streamed.scores import ScoreTable

RNG = np.random.default_rng(3)
N = 1_000
E, Y, ARM = RNG.random(N), RNG.normal(size=N), RNG.integers(0, 2, N)


def table(order: np.ndarray, block: int) -> ScoreTable:
    made = ScoreTable(float(np.abs(Y).max()), N, 50)
    for start in range(0, N, block):
        rows = order[start : start + block]
        for arm in (0, 1):
            inside = rows[ARM[rows] == arm]
            made.add(arm, E[inside], Y[inside])
    return made


def test_no_bit_depends_on_the_order_or_on_when_the_table_is_filled(monkeypatch: pytest.MonkeyPatch) -> None:
    first = table(np.arange(N), 1_000).patterns()
    monkeypatch.setattr(scores, "HELD", 64)
    second = table(RNG.permutation(N), 50).patterns()
    for name in ("x", "count", "total", "square"):
        assert np.array_equal(getattr(first, name), getattr(second, name))


def test_both_ends_of_the_grid_are_scores() -> None:
    made = ScoreTable(1.0, 4, 4)
    made.add(0, np.array([0.0, 1.0, 0.124, 0.126]), np.array([1.0, -1.0, 0.5, 0.25]))
    found = made.patterns()
    assert found.x[:, 0].tolist() == [0.0, 0.25, 1.0]
    assert found.count[:, 0].tolist() == [2.0, 1.0, 1.0]
    assert found.total[:, 0].tolist() == [1.5, 0.25, -1.0]
    assert found.square[:, 0].tolist() == [1.25, 0.0625, 1.0]


def test_more_rows_than_there_were_are_an_error() -> None:
    with pytest.raises(SourceError, match="changed"):
        ScoreTable(1.0, 2, 4).add(0, np.array([0.1, 0.2, 0.3]), np.zeros(3))
