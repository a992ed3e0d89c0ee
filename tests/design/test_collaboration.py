"""A graph as arrays: each tie once, no tie to oneself, and shapes that do not fit."""

from __future__ import annotations

import numpy as np
import pytest

import honestlift as hl

HOMES = np.array([0, 0, 1, 1])


def graph(source: list[int], target: list[int], weight: list[float] | None = None) -> hl.Collaboration:
    return hl.Collaboration(
        workspace=HOMES, source=np.array(source), target=np.array(target), weight=None if weight is None else np.array(weight)
    )


def test_ties_of_a_pair_add_up_whatever_their_direction():
    i, j, w = graph([0, 1, 2, 3], [1, 0, 3, 3], [1.0, 2.0, 5.0, 9.0]).ties
    assert (i.tolist(), j.tolist(), w.tolist()) == ([0, 2], [1, 3], [3.0, 5.0])


def test_a_graph_without_ties_has_none():
    assert [part.size for part in graph([], []).ties] == [0, 0, 0]


@pytest.mark.parametrize(
    ("source", "target", "weight"),
    [([0], [4], None), ([-1], [0], None), ([0, 1], [1], None), ([0], [1], [0.0]), ([0], [1], [np.nan])],
)
def test_what_does_not_fit_is_refused(source: list[int], target: list[int], weight: list[float] | None):
    with pytest.raises(hl.HonestliftError):
        graph(source, target, weight)


@pytest.mark.parametrize("homes", [[0, 2, 2], [1, 1], []])
def test_workspaces_are_numbered_without_gaps(homes: list[int]):
    with pytest.raises(hl.HonestliftError, match="workspace"):
        hl.Collaboration(workspace=np.array(homes, dtype=np.int64), source=np.array([0]), target=np.array([0]))
