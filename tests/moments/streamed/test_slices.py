"""Products of matrices that are exact in any order, against rational arithmetic."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from honestlift.moments.streamed.slices import BITS, HALF, MOST_ROWS, MOST_SQUARED, SLICES, Products, Squares, cut, exponent

RNG = np.random.default_rng(5)


def added(left: np.ndarray, right: np.ndarray, block: int, order: np.ndarray) -> np.ndarray:
    """The products of two sets of factors, a block of rows at a time, the rows in some order."""
    ends = [np.array([exponent(float(b)) for b in np.abs(side).max(axis=1)]) for side in (left, right)]
    products = Products(ends[0], ends[1])
    for start in range(0, order.size, block):
        rows = order[start : start + block]
        sides = [
            cut(side[:, rows].copy(), e, np.empty((SLICES, side.shape[0], rows.size)))
            for side, e in zip((left, right), ends, strict=True)
        ]
        assert products.add(sides[0], sides[1], np.zeros(1, dtype=np.int64))
    return products.totals()[0]


@pytest.mark.parametrize("scale", [1.0, 1e-300, 1e140])
def test_sums_are_right_to_the_last_bits_of_their_bounds(scale: float) -> None:
    left, right = RNG.normal(size=(3, 500)) * np.array([[scale], [1.0], [1e-3]]), RNG.normal(size=(2, 500))
    made = added(left, right, 100, np.arange(500))
    for i in range(3):
        for j in range(2):
            exact = sum(Fraction(a) * Fraction(b) for a, b in zip(left[i], right[j], strict=True))
            size = np.abs(left[i]).max() * np.abs(right[j]).max()
            # slices of orders that are left out: at most 4 · 2^(−3·19) of the bound a row, and one rounding at the end
            assert abs(made[i, j] - float(exact)) <= 500 * 4 * 2.0 ** (-SLICES * BITS) * size + abs(float(exact)) * 2**-52


def test_no_order_and_no_block_moves_a_bit() -> None:
    left, right = RNG.standard_cauchy(size=(4, 3000)), RNG.normal(size=(3, 3000)) * 1e5
    roads = [added(left, right, block, order) for block in (3000, 7) for order in (np.arange(3000), RNG.permutation(3000))]
    assert all(np.array_equal(roads[0], other) for other in roads[1:])


def test_the_fullest_block_there_can_be_is_exact() -> None:
    """Every factor at its bound, every slice as large as slices get."""
    worst = np.full((1, MOST_ROWS), 1.0 - 2.0**-53)
    assert added(worst, worst, MOST_ROWS, np.arange(MOST_ROWS))[0, 0] == float(MOST_ROWS * Fraction(1.0 - 2.0**-53) ** 2)
    half = np.full((1, MOST_ROWS), (0.5 - 2.0**-BITS) * (1 + 2.0**-BITS))
    exact = MOST_ROWS * Fraction(float(half[0, 0])) ** 2
    assert added(half, half, MOST_ROWS, np.arange(MOST_ROWS))[0, 0] == pytest.approx(float(exact), rel=2**-50)


def test_groups_are_kept_apart() -> None:
    products = Products(np.array([1]), np.array([1]), groups=3)
    rows = np.arange(1.0, 7.0)[None] / 8
    sides = [cut(rows.copy(), np.array([1]), np.empty((SLICES, 1, 6))) for _ in range(2)]
    assert products.add(sides[0], sides[1], np.array([2, 0, 0]))
    assert products.totals()[:, 0, 0].tolist() == [(9 + 16 + 25 + 36) / 64, 0.0, (1 + 4) / 64]


def test_what_is_not_finite_is_told() -> None:
    products = Products(np.array([1]), np.array([1]))
    bad = cut(np.array([[1.0, np.nan]]), np.array([1]), np.empty((SLICES, 1, 2)))
    assert not products.add(bad, bad, np.array([0]))


@pytest.mark.parametrize(("bound", "least"), [(1.0, 1), (0.0, 0), (3.0, 2), (0.25, -1)])
def test_exponents_are_above_their_bounds(bound: float, least: int) -> None:
    assert exponent(bound) == least
    assert 2.0 ** exponent(bound) > bound


def squared(factors: np.ndarray, block: int, order: np.ndarray) -> Squares:
    """The products of every two of some factors, a block of rows at a time, the rows in some order."""
    sums = Squares(np.array([exponent(float(b)) for b in np.abs(factors).max(axis=1)]))
    for start in range(0, order.size, block):
        rows = order[start : start + block]
        assert sums.add(cut(factors[:, rows].copy(), sums.ends, np.empty((2, factors.shape[0], rows.size)), HALF))
    return sums


@pytest.mark.parametrize("scale", [1.0, 1e-140, 1e140])
def test_squares_are_those_of_factors_rounded_once(scale: float) -> None:
    factors = RNG.normal(size=(3, 500)) * np.array([[scale], [1.0], [1e-3]])
    made = squared(factors, 100, np.arange(500)).totals()
    units = np.ldexp(1.0, [exponent(float(b)) - 2 * HALF for b in np.abs(factors).max(axis=1)])[:, None]
    rounded = np.rint(factors / units) * units
    exact = [[float(sum(Fraction(a) * Fraction(b) for a, b in zip(one, two, strict=True))) for two in rounded] for one in rounded]
    sizes = np.abs(factors).max(axis=1)
    # one rounding where whole numbers become doubles, of three orders
    assert np.abs(made - np.array(exact)).max() <= 500 * 2.0**-52 * np.outer(sizes, sizes).max()
    assert np.array_equal(made, made.T)


def test_squares_do_not_depend_on_order_or_on_blocks_up_to_the_largest() -> None:
    factors = RNG.uniform(-1, 1, size=(4, MOST_SQUARED))
    factors[0] = np.sign(factors[0])  # at the bound in every row
    whole = squared(factors, MOST_SQUARED, np.arange(MOST_SQUARED)).totals()
    assert np.array_equal(whole, squared(factors, 777, RNG.permutation(MOST_SQUARED)).totals())
    assert whole[0, 0] == MOST_SQUARED


def test_squares_of_what_is_not_finite_are_not_added() -> None:
    sums = Squares(np.array([0]))
    assert not sums.add(np.array([[[np.inf]], [[np.inf]]]))
    assert sums.totals()[0, 0] == 0.0
