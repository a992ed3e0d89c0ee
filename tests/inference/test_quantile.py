"""The difference of two quantiles: symmetric arms by hand, ties, and the p-value that goes with the interval."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from honestlift.estimators.quantile import Curve
from honestlift.inference.interval import t_quantile
from honestlift.inference.quantile import difference, stepwise_difference


def curve(clusters: list[list[float]]) -> Curve:
    values = np.unique(np.concatenate([np.array(c) for c in clusters]))
    up_to = np.array([[0.0, *(float((np.array(c) <= v).sum()) for v in values)] for c in clusters])
    return Curve.of(np.array([float(len(c)) for c in clusters]), up_to, values, values)


def arms(seed: int, shift: float, places: int = 3) -> tuple[tuple[Curve, Curve], tuple[float, float]]:
    rng = np.random.default_rng(seed)
    made = [curve([list(np.round(rng.normal(s, 1, 30), places)) for _ in range(10)]) for s in (0.0, shift)]
    at = [float(c.high[int(np.argmax(c.share[1:] >= 0.5))]) for c in made]
    return (made[0], made[1]), (at[0], at[1])


def test_the_ends_are_those_of_the_arms_joined() -> None:
    both, at = arms(1, 1.0)
    found = difference(both, at, 0.5, 18.0, 0.95)
    (l0, u0), (l1, u1) = (c.limits(0.5, t_quantile(18.0, 0.95)) for c in both)
    assert found.low == pytest.approx(at[1] - at[0] - math.hypot(at[1] - l1, u0 - at[0]))
    assert found.high == pytest.approx(at[1] - at[0] + math.hypot(u1 - at[1], at[0] - l0))


@given(st.integers(0, 3000), st.floats(-0.6, 0.6))
@settings(max_examples=25, deadline=None)
def test_zero_is_in_the_interval_exactly_when_p_is_above_alpha(seed: int, shift: float) -> None:
    both, at = arms(seed, shift)
    for test in (difference, stepwise_difference):
        found = test(both, at, 0.5, 18.0, 0.9)
        assert (found.low <= 0 <= found.high) == (found.p_value > 0.1 - 1e-9)


def test_among_ties_the_interval_is_wider_and_its_ends_are_differences_of_values() -> None:
    both, at = arms(3, 0.4, places=0)
    plain, steps = (test(both, at, 0.5, 18.0, 0.95) for test in (difference, stepwise_difference))
    assert steps.low <= plain.low
    assert steps.high >= plain.high
    assert steps.low == round(steps.low)


def test_no_difference_has_p_one_and_a_huge_one_p_zero() -> None:
    both, at = arms(2, 0.0)
    assert difference((both[0], both[0]), (at[0], at[0]), 0.5, 18.0, 0.95).p_value == 1
    far = curve([[1000.0 + v for v in range(20)] for _ in range(10)])
    near = curve([[float(v) for v in range(20)] for _ in range(10)])
    assert difference((near, far), (9.0, 1009.0), 0.5, 18.0, 0.95).p_value < 1e-6
