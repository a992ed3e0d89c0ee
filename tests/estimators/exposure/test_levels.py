"""Who is reached: each rule by its words, one assignment and many, and shares that rounding must not decide."""

from __future__ import annotations

import numpy as np
import pytest

from estimators.exposure.graphs import exposed_by_hand, reach_of
from honestlift.estimators.exposure.levels import fraction, reached
from honestlift.moments.reach import Reach

REACH = reach_of(4, [0, 0, 1, 3], [{1: 1.0, 2: 3.0}, {}, {0: 2.0, 2: 2.0, 3: 1.0}, {0: 1.0}])
ARMS = np.array([False, True, False, True])


def some_graph(users: int, clusters: int, *, weighted: bool) -> Reach:
    rng = np.random.default_rng(3)
    own = rng.integers(0, clusters, users)
    partners = [[int(g) for g in rng.permutation(clusters) if g != own[i]][: rng.integers(0, clusters)] for i in range(users)]
    ties = [{g: float(rng.choice([0.1, 0.2, 0.3])) if weighted else float(rng.integers(1, 5)) for g in some} for some in partners]
    return reach_of(clusters, own, ties, weighted=weighted)


def test_rules_by_hand():
    assert reached(REACH, ARMS, "any", 1).tolist() == [True, False, True, False]
    assert reached(REACH, ARMS, "fraction", 1).tolist() == [True, False, True, False]
    assert reached(REACH, ARMS, "count", 2).tolist() == [False, False, False, False]
    assert reached(REACH, ~ARMS, "count", 3).tolist() == [True, False, True, False]
    assert reached(REACH, ARMS, "share", 0.25).tolist() == [True, False, False, False]
    assert reached(REACH, ARMS, "share", 0.2).tolist() == [True, False, True, False]
    np.testing.assert_allclose(fraction(REACH, ARMS), [0.25, 0.0, 0.2, 0.0])
    assert fraction(REACH, np.ones(4, dtype=np.bool_)).tolist() == [1.0, 0.0, 1.0, 1.0]


@pytest.mark.parametrize("weight", [0.1, 0.7, 1e-9, 1e300, 1 / 3])
def test_a_share_is_not_decided_by_rounding(weight: float):
    """Three ties of ten are .3 of them, whichever they are and whatever they weigh; two are not."""
    ten = reach_of(11, [0], [dict.fromkeys(range(1, 11), weight)], weighted=True)
    draws = np.zeros((120, 11), dtype=np.bool_)
    picks = [np.random.default_rng(i).permutation(10)[: 3 - i % 2] + 1 for i in range(120)]
    for row, pick in zip(draws, picks, strict=True):
        row[pick] = True
    assert reached(ten, draws, "share", 0.3)[:, 0].tolist() == [i % 2 == 0 for i in range(120)]


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(
    ("kind", "least"), [("any", 1.0), ("count", 1.0), ("count", 4.0), ("share", 0.25), ("share", 0.5), ("share", 1.0)]
)
def test_many_assignments_are_each_as_one(kind: str, least: float, weighted: bool):
    reach = some_graph(60, 9, weighted=weighted)
    draws = np.random.default_rng(1).random((130, 9)) < 0.4
    many = reached(reach, draws, kind, least)  # type: ignore[arg-type]
    assert many.shape == (130, 60)
    for arms, row in zip(draws[:20], many[:20], strict=True):
        np.testing.assert_array_equal(reached(reach, arms, kind, least), row)  # type: ignore[arg-type]
        assert row.tolist() == [exposed_by_hand(reach, i, arms, kind, least) for i in range(60)]
    np.testing.assert_array_equal(many[128], reached(reach, draws[128], kind, least))  # type: ignore[arg-type]


def test_nobody_and_no_ties():
    alone = reach_of(3, [0, 1], [{}, {}])
    for kind, least in (("any", 1.0), ("count", 1.0), ("share", 0.1)):
        assert not reached(alone, np.ones((3, 3), dtype=np.bool_), kind, least).any()  # type: ignore[arg-type]
    assert reached(reach_of(3, [], []), np.ones((2, 3), dtype=np.bool_), "any", 1).shape == (2, 0)
    assert fraction(alone, np.ones(3, dtype=np.bool_)).tolist() == [0.0, 0.0]
