"""Tests of the grids: no bit is lost within the bound, and the error stays under what was predicted."""

from __future__ import annotations

import math
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from honestlift.moments.exact import TOLERANCE, grid


def split(e: float, high: float, low: float | None) -> tuple[float, float]:
    first = (e + high) - high if high else e
    return first, 0.0 if low is None else ((e - first) + low) - low


bounds = st.floats(1e-140, 1e290) | st.sampled_from([1.0, 2.0, 0.5, 3.0, 2.0**-1000, 2.0**900])


@given(bound=bounds, rows=st.integers(1, 400), shares=st.lists(st.floats(-1, 1), min_size=1, max_size=400), data=st.data())
@settings(max_examples=300, deadline=None)
def test_adding_in_any_order_is_exact(bound, rows, shares, data):
    values = ([share * bound for share in shares] + [bound, -bound, bound])[: max(rows, 1)]
    g = grid(bound, len(values), 0.0, 1.0)
    parts = [split(v, g.high, g.low) for v in values]
    order = data.draw(st.permutations(parts))
    for level in (0, 1):
        running = 0.0
        for part in order:
            running += part[level]
        assert Fraction(running) == sum(Fraction(part[level]) for part in parts)


@pytest.mark.parametrize("rows", [1, 2, 3, 4, 5, 1000, 2**20, 20_000_000])
@pytest.mark.parametrize("bound", [1.0, math.nextafter(1.0, 2.0), math.nextafter(1.0, 0.0), 2.0, 3.7e-5, 1e200])
def test_the_largest_possible_sum_fits_a_double(bound, rows):
    """Every partial sum is a multiple of the unit; it is exact while it is no more than 2^53 of them."""
    g = grid(bound, rows, 0.0, 1.0)
    assert g.low is not None
    for constant, most in ((g.high, bound), (g.low, math.ulp(g.high) / 2)):
        unit = Fraction(math.ulp(constant))
        largest = Fraction((most + constant) - constant)
        assert largest * rows <= 2**53 * unit
        # e + constant must stay in the constant's binade, or e would be rounded to a coarser or finer unit than the sums allow
        assert math.frexp(constant + most)[1] in (math.frexp(constant)[1], math.frexp(constant)[1] + 1)
        assert math.frexp(constant - most)[1] == math.frexp(constant)[1]


def test_the_grid_is_no_coarser_than_it_must_be():
    """Doubling the unit's fineness would overflow: within a factor 4 of the least possible unit."""
    g = grid(1.0, 1000, 1.0, 1000)
    assert 1000 / 2**53 <= math.ulp(g.high) <= 4 * 1000 / 2**53


def test_one_grid_where_its_error_is_predicted_to_be_small_and_two_elsewhere():
    assert grid(5.0, 1000, 1.0, 1000).low is None
    assert grid(1e6, 1000, 1.0, 1000).low is not None
    assert grid(5.0, 1000, 0.0, 1000).low is not None
    unit = math.ulp(grid(5.0, 1000, 1.0, 1000).high)
    limit = unit / math.sqrt(12 * 50) / TOLERANCE
    assert grid(5.0, 1000, limit * 1.001, 50).low is None
    assert grid(5.0, 1000, limit * 0.999, 50).low is not None


@pytest.mark.parametrize("bound", [0.0, 5e-324, 1e-320, 1e-310, 2.0**-1022, 1e-300])
def test_next_to_zero_nothing_is_lost(bound):
    g = grid(bound, 1000, 0.0, 1.0)
    assert math.isfinite(g.high)
    first, rest = split(bound, g.high, g.low)
    assert first + rest == bound
