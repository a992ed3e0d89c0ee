"""Bounds on the direct effect: by hand, collapse, laws, and worlds of known reach in which they hold the truth."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from honestlift.estimators.attenuation import direct_bounds


def test_by_hand():
    """The published process: .80 and .20 (a ratio of .25) with 21.75 % of controls reached give arms .7565 apart."""
    found = direct_bounds(0.7565, 0.5, 1.0, 0.25, 0.2175)
    assert found is not None
    assert found.shown == pytest.approx(0.945625)
    assert found.low == 0.7565
    assert found.high == pytest.approx(0.8)
    assert (found.conf_low, found.conf_high) == (0.5, pytest.approx(1.0 / 0.945625))


def test_harm_is_a_larger_harm_and_a_negative_ratio_a_smaller_effect():
    harm = direct_bounds(-1.0, -1.5, -0.5, 0.5, 1.0)
    assert harm is not None
    assert (harm.low, harm.high, harm.conf_low, harm.conf_high) == (-2.0, -1.0, -3.0, -0.5)
    rivals = direct_bounds(1.0, -0.5, 2.5, -1.0, 1.0)
    assert rivals is not None
    assert (rivals.low, rivals.high, rivals.conf_low, rivals.conf_high) == (0.5, 1.0, -0.5, 2.5)


@given(st.floats(-5, 5), st.floats(0, 3), st.floats(-2, 2), st.floats(0, 1))
def test_laws(effect: float, half: float, ratio: float, share: float):
    """No reach or no ratio bounds to the contrast itself; bounds hold the contrast, its interval theirs; the sign stays."""
    for r, e in ((0.0, share), (ratio, 0.0)):
        same = direct_bounds(effect, effect - half, effect + half, r, e)
        assert same is not None
        assert (same.low, same.high, same.conf_low, same.conf_high) == (effect, effect, effect - half, effect + half)
    found = direct_bounds(effect, effect - half, effect + half, ratio, share)
    if found is None:
        assert ratio * share >= 1 - 1e-9
        return
    assert found.low <= effect <= found.high
    assert found.conf_low <= min(found.low, effect - half)
    assert found.conf_high >= max(found.high, effect + half)
    assert not found.low < 0 < found.high


def test_no_bound_where_the_contrast_could_show_nothing():
    assert direct_bounds(1.0, 0.5, 1.5, 1.0, 1.0) is None
    assert direct_bounds(1.0, 0.5, 1.5, 2.0, 0.5) is None


@pytest.mark.parametrize("reached", [0.0, 0.3, 0.6])
@pytest.mark.parametrize("ratio", [-0.5, 0.25, 1.0])
def test_bounds_hold_the_truth_however_much_treated_users_are_reached(ratio: float, reached: float):
    """Arms made without noise: 60 % of controls reached, of treated users none, some, or as many."""
    rng, users, direct = np.random.default_rng(0), 10_000, 0.8
    of_control = rng.permutation(users) < 0.6 * users
    of_treated = rng.permutation(users) < reached * users
    arms = float((direct + ratio * direct * of_treated).mean() - (ratio * direct * of_control).mean())
    found = direct_bounds(arms, arms, arms, ratio, 0.6)
    assert found is not None
    assert found.low - 1e-12 <= direct <= found.high + 1e-12
