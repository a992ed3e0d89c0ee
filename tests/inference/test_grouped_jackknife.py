"""The jackknife within groups: of a mean it is the textbook's standard error, and its covariance has that on the diagonal."""

from __future__ import annotations

import numpy as np
import pytest

from honestlift.inference.grouped_jackknife import grouped_covariance, grouped_jackknife


def test_of_a_difference_of_means_it_is_welchs():
    rng = np.random.default_rng(1)
    group = np.repeat([0, 1], [5, 9])
    y = rng.normal(0, 1 + group, group.size)

    def difference(kept: np.ndarray) -> float:
        return y[kept & (group == 1)].mean() - y[kept & (group == 0)].mean()

    without = np.array([[difference(np.arange(14) != k)] for k in range(14)])
    error, df = grouped_jackknife(without, group)
    v = np.array([y[group == g].var(ddof=1) / (group == g).sum() for g in (0, 1)])
    assert error[0] == pytest.approx(np.sqrt(v.sum()))
    assert df[0] == pytest.approx(v.sum() ** 2 / (v[0] ** 2 / 4 + v[1] ** 2 / 8))
    assert grouped_covariance(without, group)[0, 0] == pytest.approx(error[0] ** 2)


def test_a_group_of_one_adds_nothing():
    without = np.array([[1.0], [2.0], [9.0]])
    assert grouped_jackknife(without, np.array([0, 0, 1]))[0] == pytest.approx(np.sqrt(0.5 * 0.5))
    assert grouped_covariance(without, np.array([0, 0, 1])) == pytest.approx(np.array([[0.25]]))
