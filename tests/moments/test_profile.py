"""Tests of what the first scan learns: origins that noise cannot move, bounds that hold, and a magnitude that is none too large."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from honestlift.moments.profile import ColumnProfile, Profile


def of(values: np.ndarray) -> ColumnProfile:
    return ColumnProfile(
        count=values.size,
        missing=0,
        infinite=0,
        low=float(values.min()),
        high=float(values.max()),
        mean=float(values.mean()),
        spread=float(values.std()),
    )


def test_origin_lies_within_an_eighth_of_a_spread_of_the_mean_and_is_a_short_number():
    column = of(np.random.default_rng(1).normal(17.3, 2.2, 1000))
    assert abs(column.origin - column.mean) < column.spread / 8
    assert column.origin * 64 == int(column.origin * 64)


@given(st.lists(st.integers(-10_000, 10_000), min_size=2, max_size=60).filter(lambda v: min(v) < max(v)), st.integers(0, 4))
def test_the_last_bits_of_mean_and_spread_do_not_move_the_origin_of_data_with_few_decimals(values, decimals):
    """A parallel sum of 20 million rows is off by some 1e-13; ten times that must not cross a point where the rounding flips."""
    column = of(np.array(values) / 10.0**decimals)
    for wobble in (1 - 1e-12, 1 + 1e-12):
        other = ColumnProfile(
            count=column.count,
            missing=0,
            infinite=0,
            low=column.low,
            high=column.high,
            mean=column.mean * wobble,
            spread=column.spread * wobble,
        )
        assert other.origin == column.origin


@pytest.mark.parametrize(
    "values",
    [
        np.random.default_rng(1).normal(5, 1, 1000),
        np.exp(np.random.default_rng(2).normal(0, 4, 1000)),
        (np.arange(1000) < 3).astype(float),
        1e9 + np.random.default_rng(3).normal(0, 1, 1000),
    ],
)
def test_bound_and_magnitude_enclose_the_distances(values):
    column = of(values)
    distance = np.abs(values - column.origin)
    assert distance.max() <= column.bound
    assert 0 < column.magnitude <= distance.mean()


def test_constant_and_empty_columns_have_an_origin():
    constant = of(np.full(5, 3.25))
    assert (constant.origin, constant.bound, constant.magnitude) == (3.25, 0.0, 0.0)
    empty = ColumnProfile(count=0, missing=4, infinite=0, low=math.nan, high=math.nan, mean=math.nan, spread=math.nan)
    assert (empty.origin, empty.bound, empty.magnitude) == (0.0, 0.0, 0.0)


def test_incomplete_names_the_columns_with_missing_values():
    whole = of(np.arange(3.0))
    gaps = ColumnProfile(count=2, missing=1, infinite=0, low=0.0, high=1.0, mean=0.5, spread=0.5)
    seen = Profile(rows=3, cells=1, largest_cell=3, typical_cell=3.0, columns={"a": whole, "b": gaps})
    assert seen.incomplete == {"b"}
