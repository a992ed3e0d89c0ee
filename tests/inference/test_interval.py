"""Intervals: known quantiles, duality with the test, Fieller's theorem, percentile ends, inversion."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from honestlift.inference.interval import inverted_interval, percentile_interval, relative, t_interval, t_quantile

FINITE = st.floats(-50, 50)


@pytest.mark.parametrize(
    ("df", "level", "quantile"),
    [(1, 0.95, 12.7062), (4, 0.95, 2.7764), (10, 0.99, 3.1693), (30, 0.9, 1.6973), (math.inf, 0.95, 1.959964)],
)
def test_quantiles_of_printed_tables(df: float, level: float, quantile: float):
    """NIST/SEMATECH e-Handbook of Statistical Methods, tables 1.3.6.7.1 and 1.3.6.7.2."""
    assert t_quantile(df, level) == pytest.approx(quantile, abs=6e-5)  # printed to 3 or more decimals


def test_one_df_in_closed_form():
    """With one degree of freedom t is Cauchy: p = 1 − (2/π) arctan|t|, quantile tan(π(level)/2)."""
    got = t_interval(3.0, 2.0, 1.0, 0.8)
    assert got.p_value == pytest.approx(1 - 2 / math.pi * math.atan(1.5), rel=1e-12)
    assert got.high == pytest.approx(3 + 2 * math.tan(math.pi * 0.4), rel=1e-12)
    assert got.low == pytest.approx(3 - 2 * math.tan(math.pi * 0.4), rel=1e-12)
    assert (got.std_error, got.df, got.level) == (2.0, 1.0, 0.8)


@given(FINITE, st.floats(0.01, 50), st.floats(0.5, 500), st.sampled_from([0.8, 0.9, 0.95, 0.99]))
@settings(max_examples=60, deadline=None)
def test_the_interval_holds_zero_when_the_test_does_not_reject_it(estimate: float, error: float, df: float, level: float):
    got = t_interval(estimate, error, df, level)
    if abs(got.p_value - (1 - level)) > 1e-9:
        assert (got.low <= 0 <= got.high) == (got.p_value > 1 - level)
    edge = t_interval(got.high - estimate, error, df, level)
    assert edge.p_value == pytest.approx(1 - level, rel=1e-8)


def test_what_cannot_be_said_is_nan():
    exact = t_interval(2.0, 0.0, 5.0, 0.95)
    assert (exact.low, exact.high, exact.p_value) == (2.0, 2.0, 0.0)
    assert math.isnan(t_interval(0.0, 0.0, 5.0, 0.95).p_value)
    for error, df in [(math.nan, 5.0), (1.0, math.nan), (1.0, 0.0)]:
        got = t_interval(2.0, error, df, 0.95)
        assert math.isnan(got.p_value)
        assert math.isnan(got.low)
        assert math.isnan(got.high)


def test_tiny_p_values_do_not_round_to_zero():
    assert t_interval(30.0, 1.0, math.inf, 0.95).p_value == pytest.approx(9.8134e-198, rel=1e-4)  # erfc(30/√2), DLMF 7.12.1


def test_percentile_interval_by_hand():
    """0..100: the 2.5 % and 97.5 % quantiles with linear interpolation are 2.5 and 97.5; sd² = (101² − 1)/12 · 101/100."""
    replicates = np.random.default_rng(0).permutation(101).astype(np.float64)
    got = percentile_interval(replicates, 0.95, 50.0)
    assert (got.low, got.high) == pytest.approx((2.5, 97.5), rel=1e-12)
    assert got.std_error == pytest.approx(math.sqrt(850 * 101 / 100), rel=1e-12)
    assert math.isnan(got.df)
    assert math.isnan(got.p_value)


@pytest.mark.parametrize(("replicates", "estimate"), [([], 1.0), ([1.0], 1.0), ([1.0, 2.0], math.nan)])
def test_percentile_interval_without_replicates_or_estimate_is_nan(replicates: list[float], estimate: float):
    got = percentile_interval(np.array(replicates), 0.95, estimate)
    assert math.isnan(got.low)
    assert math.isnan(got.std_error)


@given(FINITE, st.floats(1, 50), st.sampled_from([-1, 1]), st.floats(0.01, 3), st.floats(0.01, 3), st.floats(-0.95, 0.95))
@settings(max_examples=80, deadline=None)
def test_fieller_ends_solve_its_equation(effect: float, size: float, sign: int, a: float, b: float, rho: float):
    """At both ends |effect − r·mean| = q·SE(effect − r·mean), and inside it is smaller (Fieller 1954)."""
    mean, q = sign * size, t_quantile(12, 0.95)
    v = np.array([[a * a, rho * a * b], [rho * a * b, b * b]])
    got = relative(effect, mean, v, 12, 0.95)
    assert got.estimate == pytest.approx(effect / mean)

    def excess(r: float) -> float:
        return (effect - r * mean) ** 2 - q**2 * float(np.array([-r, 1]) @ v @ np.array([-r, 1]))

    if abs(mean) <= q * a:
        assert got.conf_low is None
        assert got.conf_high is None
        return
    assert got.conf_low is not None
    assert got.conf_high is not None
    assert got.conf_low <= got.estimate <= got.conf_high
    for end in (got.conf_low, got.conf_high):
        scale = (effect - end * mean) ** 2 + q**2 * (b + abs(end) * a) ** 2
        assert excess(end) == pytest.approx(0, abs=1e-9 * scale)
    assert excess((got.conf_low + got.conf_high) / 2) < 0


def test_fieller_becomes_the_delta_method_when_the_mean_is_precise():
    mean, effect, a, b = 20.0, 3.0, 1e-3, 0.4
    v = np.array([[a * a, -a * a], [-a * a, b * b]])
    got = relative(effect, mean, v, math.inf, 0.95)
    r = effect / mean
    delta = math.sqrt(b * b + 2 * r * a * a + r * r * a * a) / mean
    assert got.conf_low == pytest.approx(r - 1.959964 * delta, rel=1e-5)  # the difference is of order (a q / mean)² = 1e-8
    assert got.conf_high == pytest.approx(r + 1.959964 * delta, rel=1e-5)
    known = relative(effect, mean, np.array([[0, 0], [0, b * b]]), math.inf, 0.95)
    assert known.conf_high == pytest.approx((effect + 1.959963984540054 * b) / mean, rel=1e-12)


def test_a_negative_control_mean_turns_the_interval_round():
    v = np.array([[0.04, -0.04], [-0.04, 0.09]])
    up, down = relative(2.0, 10.0, v, 9, 0.95), relative(-2.0, -10.0, v, 9, 0.95)
    assert (down.estimate, down.conf_low, down.conf_high) == pytest.approx((up.estimate, up.conf_low, up.conf_high))
    v[0, 1] = v[1, 0] = 0.04
    turned = relative(2.0, -10.0, v, 9, 0.95)
    assert turned.estimate == pytest.approx(-0.2)
    assert turned.conf_low is not None
    assert turned.conf_high is not None
    assert (-turned.conf_high, -turned.conf_low) == pytest.approx((up.conf_low, up.conf_high))


def test_relative_without_a_control_mean():
    v = np.eye(2)
    assert relative(1.0, 0.0, v, 9, 0.95).estimate is None
    assert relative(1.0, 0.0, v, 9, 0.95).conf_low is None
    unbounded = relative(1.0, 1.0, v, 9, 0.95)
    assert (unbounded.estimate, unbounded.conf_low, unbounded.conf_high) == (1.0, None, None)
    assert relative(1.0, 100.0, v, math.nan, 0.95).conf_low is None
    assert relative(math.nan, 100.0, v, 9, 0.95).estimate is None


@given(st.floats(-1e3, 1e3), st.floats(1e-3, 1e3), st.floats(1, 60))
@settings(max_examples=40, deadline=None)
def test_inverting_the_t_test_gives_the_t_interval(estimate: float, error: float, df: float):
    expected = t_interval(estimate, error, df, 0.95)
    low, high = inverted_interval(lambda r: t_interval(estimate - r, error, df, 0.95).p_value, estimate, error, 0.95)
    assert low == pytest.approx(expected.low, abs=1e-9 * (error * 20 + abs(estimate)))
    assert high == pytest.approx(expected.high, abs=1e-9 * (error * 20 + abs(estimate)))


def test_inversion_has_infinite_ends_where_nothing_is_rejected():
    assert inverted_interval(lambda _: 0.0625, 1.0, 0.5, 0.95) == (-math.inf, math.inf)
    assert inverted_interval(lambda r: 1.0 if r >= 1 else 0.01, 1.0, 0.5, 0.95)[1] == math.inf
    assert inverted_interval(lambda _: 1.0, 1.0, 0.0, 0.95) == (1.0, 1.0)


def test_a_p_value_equal_to_alpha_rejects():
    """p(r) > α stays in: .1 at a level of .9 is out, though 1 − .9 in binary is a little below .1."""
    low, high = inverted_interval(lambda r: 1.0 if abs(r) <= 2 else 0.1, 0.0, 1.0, 0.9)
    assert (low, high) == pytest.approx((-2, 2), abs=1e-9)
