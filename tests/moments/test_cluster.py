"""Tests of cross-products per cluster: cells against rows, one by one."""

from __future__ import annotations

import numpy as np
import pytest

from honestlift.moments.cluster import cluster_moments

CLUSTER = np.array([0, 0, 2])
X = np.array([[1.0, 0.0], [1.0, 1.0], [1.0, 2.0]])
OUTCOMES = [[1.0, 2.0], [4.0], [8.0, 16.0, 32.0]]


def made():
    count, total, square = (np.array([sum(v**p for v in cell) for cell in OUTCOMES]) for p in (0, 1, 2))
    return cluster_moments(("intercept", "x"), CLUSTER, X, count, total, square, clusters=3, origin=0.5)


def test_agrees_with_rows_by_hand():
    m = made()
    for g in range(3):
        rows = np.array([X[i] for i in range(3) for _ in OUTCOMES[i] if CLUSTER[i] == g]).reshape(-1, 2)
        y = np.array([v for i in range(3) for v in OUTCOMES[i] if CLUSTER[i] == g])
        assert m.A[g].tolist() == (rows.T @ rows).tolist()
        assert m.b[g].tolist() == (rows.T @ y).tolist()
        assert (m.c[g], m.n[g]) == (y @ y, y.size)
    assert (m.names, m.origin, m.clusters) == (("intercept", "x"), 0.5, 3)


def test_a_cluster_without_cells_is_zero():
    m = made()
    assert not m.A[1].any()
    assert (m.b[1].any(), m.c[1], m.n[1]) == (False, 0.0, 0.0)


def test_cannot_be_overwritten():
    m = made()
    for array in (m.A, m.b, m.c, m.n):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 1
